"""Tables of mixed columns, as they are, around a VAE of numbers: in, out and scored.

May import `_estimators`, `_fitting`, `likelihoods` and what checks arguments, but
neither torch nor pandas or polars.
Others may import the estimator, in `sklearn_ae/__init__.py` alone.
"""
