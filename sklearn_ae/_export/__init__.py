"""Fitted estimators in files that others read: files that cannot run code, and ONNX.

What only an extra brings, onnx and skl2onnx, is imported in the functions that need it.

May import every room that a fit goes through, and all components. Users import `save`
and `load` from `sklearn_ae`, and the rest by `sklearn_ae/export.py`; nothing else may
import from here.
"""
