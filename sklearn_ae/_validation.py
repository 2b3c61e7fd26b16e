"""Checks of what methods are given."""

from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_array, validate_data

from sklearn_ae._arrays import as_numpy, keep_kind
from sklearn_ae._frames import (
    check_columns,
    nan_for_na,
    nan_for_nat,
    telling_the_column,
)
from sklearn_ae._rows.columns import highest
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._rows.stored import in_floats, is_large

# Taken as they are; what else can be read as numbers becomes float64, as for PCA.
FLOATS = [np.float64, np.float32, np.float16, np.longdouble]
WHOLE = [np.bool_, *(np.dtype(code).type for code in np.typecodes["AllInteger"])]


def check_rows(estimator, X, *, reset, fewest=2):
    """Return X as a 2-D array of float32 or float64, with NaN for what is missing.

    Large tables of whole numbers stay what they are, for there is no copy of them.

    What scikit-learn reads as numbers is taken: nullable, Arrow-backed and polars
    columns, objects that are numbers, dates or durations alone; and arrays of other
    libraries, on any device. Sparse X becomes `SparseRows`, of finite values.

    With `reset` the estimator takes over X's number of features and their names, and
    what kind of array it is; at least `fewest` rows are needed, with some value in each
    column. Without it number and names must match those of ``fit``.
    """
    n_dimensions = getattr(X, "ndim", 2)
    if n_dimensions > 2:
        raise ValueError(
            f"X has {n_dimensions} dimensions, but {type(estimator).__name__} needs 2; "
            "flatten each image to a row with X.reshape(len(X), -1) and give its shape "
            "to networks.Conv(image_shape=...)."
        )
    if reset:
        keep_kind(estimator, X)
    X = as_numpy(X)
    check_columns(X)
    given = nan_for_na(X)
    with telling_the_column(X):
        X = validate_data(
            estimator,
            given,
            accept_sparse="csr",
            dtype=FLOATS + WHOLE,
            reset=reset,
            ensure_min_samples=fewest if reset else 1,
            ensure_all_finite="allow-nan",
        )
    if issparse(X):
        return _sparse_rows(X, type(estimator).__name__)
    if not (is_large(X) and X.dtype.kind in "iub"):
        X = nan_for_nat(in_floats(X), given)
    if reset:
        refuse_empty_columns(estimator, X)
    return X


def refuse_empty_columns(estimator, X):
    """Raise ValueError where a column has no value."""
    empty = np.flatnonzero(np.isnan(highest(X)))
    if len(empty):
        names = getattr(estimator, "feature_names_in_", range(X.shape[1]))
        raise ValueError(
            f"X has no value in column {names[empty[0]]!r}, of which "
            f"{type(estimator).__name__} can then learn nothing; leave the column "
            "out."
        )


def _sparse_rows(X, owner):
    """Return the rows of a CSR matrix or array."""
    missing = np.isnan(X.data)
    if missing.any():
        column = X.indices[missing.argmax()]
        raise ValueError(
            f"X is sparse and has NaN in column {column}, but {owner} takes missing "
            "values in dense rows alone; use X.toarray()."
        )
    return SparseRows.of(X, in_floats(X.data))


def check_codes(estimator, X, widths, remedy=""):
    """Return X as a finite array of codes, with one of the numbers of columns.

    `remedy` ends the sentence where it has another.
    """
    X = as_numpy(X)
    check_columns(X)
    with telling_the_column(X):
        X = check_array(
            nan_for_na(X),
            dtype=[np.float64, np.float32],
            input_name="X",
            estimator=estimator,
        )
    if X.shape[1] not in widths:
        fewest = f"{widths[0]} to " if len(widths) > 1 else ""
        raise ValueError(
            f"X has {X.shape[1]} columns, but inverse_transform of "
            f"{type(estimator).__name__} expects codes of {fewest}{widths[-1]} columns"
            f"{remedy}."
        )
    return X


def check_count(value, name, method):
    """Raise ValueError unless an argument of a method is a positive int."""
    if not isinstance(value, Integral) or value is True or value < 1:
        raise ValueError(
            f"The '{name}' parameter of {method} must be an int in the range [1, inf). "
            f"Got {value!r} instead."
        )
