"""Tables as they are given, of numbers or not: checked, and told apart by rows."""

import zlib

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from sklearn_ae._arrays import as_numpy
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._validation import check_rows

# Numbers that float32 tells apart.
DISTINCT = 2**24


def read(detector, X, *, takes_any_columns, reset):
    """Return X to be handed on, and X as it was checked.

    Parameters
    ----------
    detector : estimator
        Takes over X's number of features and their names, with `reset`.
    X : array-like or frame of shape (n_rows, n_features)
    takes_any_columns : bool
        Whether what X is handed on to reads frames by itself, as pipelines do; else X
        must be numeric.
    reset : bool

    Returns
    -------
    X, checked : array-like, frame or SparseRows of shape (n_rows, n_features)
    """
    X = as_numpy(X)
    if takes_any_columns and hasattr(X, "columns"):
        validate_data(detector, X, skip_check_array=True, reset=reset)
        return X, X
    return _indexable(X), check_rows(detector, X, reset=reset)


def _indexable(X):
    """Return X so that some of its rows can be taken."""
    if issparse(X):
        return X.tocsr()
    return X if hasattr(X, "columns") else np.asarray(X)


def numbers(checked):
    """Return float32 numbers for the values of a table, the same for equal ones."""
    if isinstance(checked, SparseRows):
        fill = np.zeros(checked.shape[1], dtype=np.float32)
        return SparseRows(checked.matrix.astype(np.float32), fill)
    values = np.asarray(checked)
    if values.dtype.kind in "biuf":
        with np.errstate(over="ignore"):
            return values.astype(np.float32)
    return np.column_stack([_numbers_of(column) for column in values.T])


def _numbers_of(column):
    words, which = np.unique(column.astype(str), return_inverse=True)
    # The same in every process, as Python's own hashes are not.
    codes = [zlib.crc32(word.encode()) % DISTINCT for word in words.tolist()]
    return np.array(codes, dtype=np.float32)[which]
