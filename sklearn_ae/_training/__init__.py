"""From rows to trained weights: the skorch net, its steps and its callbacks.

May import `_optim`, `_rows` and the helpers beside it alone: it gets a callable that
builds the module. `_fitting` and `_estimators` may import from it; skorch is known
nowhere else.
"""
