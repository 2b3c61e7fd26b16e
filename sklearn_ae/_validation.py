"""Checks of what methods are given."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_array, validate_data


def _as_floating(X):
    """Return X as float32 or float64: whole numbers as float32 where that is exact."""
    if X.dtype.kind in "iub":
        exact = X.size == 0 or max(abs(int(X.min())), abs(int(X.max()))) <= 2**24
        return X.astype(np.float32 if exact else np.float64)
    if X.dtype == np.float16:
        return X.astype(np.float32)
    if X.dtype.itemsize > 8:
        return X.astype(np.float64)
    return X.astype(X.dtype.newbyteorder("="), copy=False)


def check_rows(estimator, X, *, reset):
    """Return X as a 2-D array of float32 or float64, with NaN for what is missing.

    With `reset` the estimator takes over X's number of features and their names, and
    at least two rows are needed, with some value in each column; without it both must
    match those of ``fit``.
    """
    n_dimensions = getattr(X, "ndim", 2)
    if n_dimensions > 2:
        raise ValueError(
            f"X has {n_dimensions} dimensions, but {type(estimator).__name__} needs 2; "
            "flatten each image to a row with X.reshape(len(X), -1) and give its shape "
            "to networks.Conv(image_shape=...)."
        )
    X = validate_data(
        estimator,
        X,
        dtype="numeric",
        reset=reset,
        ensure_min_samples=1 + reset,
        ensure_all_finite="allow-nan",
    )
    X = _as_floating(X)
    if reset:
        empty = np.flatnonzero(np.isnan(X).all(axis=0))
        if len(empty):
            raise ValueError(
                f"X has no value in column {empty[0]}, of which "
                f"{type(estimator).__name__} can then learn nothing; leave the column "
                "out."
            )
    return X


def check_codes(estimator, X):
    """Return X as a finite array of codes, as wide as the estimator's are."""
    X = check_array(X, input_name="X", estimator=estimator)
    if X.shape[1] != estimator.n_components_:
        raise ValueError(
            f"X has {X.shape[1]} columns, but inverse_transform of "
            f"{type(estimator).__name__} expects codes of {estimator.n_components_} "
            "columns."
        )
    return X


def check_count(value, name, method):
    """Raise ValueError unless an argument of a method is a positive int."""
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(
            f"The '{name}' parameter of {method} must be an int in the range [1, inf). "
            f"Got {value!r} instead."
        )
