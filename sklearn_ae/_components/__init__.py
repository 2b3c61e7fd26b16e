"""What the columns of a code are: their axes, order and number.

May import `_fitting`, `_inference`, `_modules`, `_training`, `_utils` and `_version`.
`_estimators` may import from it.
"""
