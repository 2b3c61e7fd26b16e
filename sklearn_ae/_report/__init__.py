"""A fitted autoencoder in words.

May import `_arrays`, and `_comparison` for all that is computed: estimators are known
by their methods and attributes alone.
Others may import `summary`, in `sklearn_ae/__init__.py` alone.
"""
