"""A fitted autoencoder in words.

May import `_arrays`, and `displays` for what rows are compared with: estimators are
known by their methods and attributes alone.
Others may import `summary`, in `sklearn_ae/__init__.py` alone.
"""
