"""Sparse tables: rows that become dense a block at a time, their columns, their PCA.

May import none of our rooms. `_validation` makes the rows of what users give; whoever
fits, trains or predicts may import from it.
"""
