"""From rows to trained weights: the skorch net, its steps and its callbacks.

May import `_optim` and `_utils` alone: it gets a callable that builds the module.
`_fitting` and `_estimators` may import from it; skorch is known nowhere else.
"""
