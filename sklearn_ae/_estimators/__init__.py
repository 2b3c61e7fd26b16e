"""What users call: the two estimators, over the verbs that they share.

May import `_fitting` and all below it, but neither `displays` nor skorch.
Others may import the two classes, in `sklearn_ae/__init__.py` alone.
"""
