"""Fitted estimators in files that others read: our own format and ONNX.

Users import from `sklearn_ae`. May import every room that a fit goes through and all
components; nothing may import from it but `sklearn_ae`'s `__init__`. What an optional
extra brings is imported where it is used.
"""
