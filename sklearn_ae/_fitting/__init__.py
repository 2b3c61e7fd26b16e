"""How an estimator is fitted: the start, the held-out rows, and whether PCA is kept.

May import `_training`, `_modules`, the components and the helpers beside it.
`_estimators` may import from it: its classes are what the estimators inherit.
"""
