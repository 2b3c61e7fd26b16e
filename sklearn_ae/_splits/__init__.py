"""Which rows a fit holds out: at random, by group, the last ones, or given apart.

May import `_training`, `_weights`, `_utils`, `_validation` and `model_selection`.
`_fitting` may import from it.
"""
