"""What the columns of a code are: their order, what each explains, how many there are.

May import `_fitting`, `_inference`, `_modules`, `_training` and `_utils`; imported by
`_estimators`.
"""
