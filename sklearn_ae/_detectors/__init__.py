"""What tells odd rows from usual ones by the scores of an estimator.

May import `_estimators` and the rooms below it, but neither `displays` nor torch.
Others may import the class, in `sklearn_ae/__init__.py` alone.
"""
