"""What the columns of a code are: their axes, order and number.

May import `_inference`, `_modules`, `_utils` and `_validation`.
`_estimators` may import from it.
"""
