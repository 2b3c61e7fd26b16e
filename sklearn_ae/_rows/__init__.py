"""Rows that nobody needs as one dense array: of sparse tables, and of large ones.

May import none of our rooms. `_validation` makes sparse rows of what users give, `_pca`
stored ones; whoever fits, trains or predicts may import from it.
"""
