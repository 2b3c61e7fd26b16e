"""Checks of what methods are given."""

import sys
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_array, validate_data

from sklearn_ae._sparse.rows import SparseRows

# Taken as they are; what else can be read as numbers becomes float64, as for PCA.
FLOATS = [np.float64, np.float32, np.float16, np.longdouble]
WHOLE = [np.bool_, *(np.dtype(code).type for code in np.typecodes["AllInteger"])]


def _as_floating(X):
    """Return X as float32 or float64: whole numbers as float32 where that is exact."""
    if X.dtype.kind in "iub":
        exact = X.size == 0 or max(abs(int(X.min())), abs(int(X.max()))) <= 2**24
        return X.astype(np.float32 if exact else np.float64)
    if X.dtype == np.float16:
        return X.astype(np.float32)
    return X.astype(np.float64) if X.dtype.itemsize > 8 else X


def _dtypes(X):
    """Return the dtypes of an array, or of each column of a frame."""
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        return list(X.dtypes)
    return [X.dtype] if hasattr(X, "dtype") else []


def _kinds(X):
    return [getattr(dtype, "kind", None) for dtype in _dtypes(X)]


def _nan_for_na(X):
    """Return X with NaN for the pandas.NA that numpy cannot read.

    That is those among objects, and among Arrow's whole numbers before pandas 3.
    """
    # Without pandas there is none.
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return X
    arrow = [isinstance(dtype, pandas.ArrowDtype) for dtype in _dtypes(X)]
    unread = [
        kind == "O" or (is_arrow and kind in ("i", "u", "b"))
        for kind, is_arrow in zip(_kinds(X), arrow, strict=True)
    ]
    if not any(unread):
        return X
    missing = pandas.isna(X)
    if not np.any(missing):
        return X
    if isinstance(X, pandas.DataFrame):
        return X.astype(object).mask(missing, np.nan)
    return np.where(missing, np.nan, X)


def _check_dates(X):
    """Raise TypeError for dates or durations unless X has nothing else.

    Alone they are numbers: of days, seconds or what their unit is.
    """
    kinds = _kinds(X)
    timed = [kind in ("M", "m") for kind in kinds]
    plain = all(isinstance(dtype, np.dtype) for dtype in _dtypes(X))
    if any(timed) and not (plain and len(set(kinds)) == 1):
        column = timed.index(True)
        raise TypeError(
            f"X has dates or durations ({_dtypes(X)[column]}) in column "
            f"{X.columns[column]!r}; turn them into numbers, for instance of days."
        )


def _nan_for_nat(X, given):
    """Put NaN where dates or durations were missing: as a float that is a number."""
    if set(_kinds(given)) & {"M", "m"}:
        X[np.isnat(np.asarray(given))] = np.nan
    return X


def check_rows(estimator, X, *, reset):
    """Return X as a 2-D array of float32 or float64, with NaN for what is missing.

    What scikit-learn reads as numbers is taken: nullable, Arrow-backed and polars
    columns, objects that are numbers, dates or durations alone. Sparse X becomes
    `SparseRows`, of finite values.

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
    _check_dates(X)
    given = _nan_for_na(X)
    X = validate_data(
        estimator,
        given,
        accept_sparse="csr",
        dtype=FLOATS + WHOLE,
        reset=reset,
        ensure_min_samples=1 + reset,
        ensure_all_finite="allow-nan",
    )
    if issparse(X):
        return _sparse_rows(X, type(estimator).__name__)
    X = _nan_for_nat(_as_floating(X), given)
    if reset:
        check_columns(estimator, X)
    return X


def check_columns(estimator, X):
    """Raise ValueError where a column has no value."""
    empty = np.flatnonzero(np.isnan(X).all(axis=0))
    if len(empty):
        raise ValueError(
            f"X has no value in column {empty[0]}, of which "
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
    return SparseRows.of(X, _as_floating(X.data))


def check_codes(estimator, X, widths, remedy=""):
    """Return X as a finite array of codes, with one of the numbers of columns.

    `remedy` ends the sentence where it has another.
    """
    X = check_array(
        X, dtype=[np.float64, np.float32], input_name="X", estimator=estimator
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
