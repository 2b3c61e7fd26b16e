"""Export: fitted estimators as graphs that run without this package.

What only an extra brings, onnx and skl2onnx, is imported in the functions that need it.

May import `_estimators` and all below it. Users import the functions by
`sklearn_ae/export.py`; nothing else may import from here.
"""
