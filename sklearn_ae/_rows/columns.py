"""What is told of a table's columns; that of sparse ones from what is stored."""

import numpy as np

from sklearn_ae._rows.joined import JoinedRows, own_rows, summed
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._rows.stored import floating_dtype, in_floats, slices_of


def blocks_of(X):
    """Yield the rows of this process, of sparse or large tables some at a time.

    As floats.
    """
    X = own_rows(X)
    if isinstance(X, SparseRows):
        yield from X.blocks()
        return
    dtype = floating_dtype(X)
    for rows in slices_of(X):
        yield X[rows].astype(dtype, copy=False)


def lowest(X):
    """Return the lowest value of each column; NaN does not count."""
    if isinstance(X, JoinedRows):
        return X.ranks.all_min(lowest(X.local))
    if isinstance(X, SparseRows):
        return X.matrix.min(axis=0).toarray().ravel()
    return in_floats(np.fmin.reduce(X))


def highest(X):
    """Return the highest value of each column; NaN does not count."""
    if isinstance(X, JoinedRows):
        return X.ranks.all_max(highest(X.local))
    if isinstance(X, SparseRows):
        return X.matrix.max(axis=0).toarray().ravel()
    return in_floats(np.fmax.reduce(X))


def n_equal(X, value):
    """Return how many values of a table equal one."""
    if isinstance(X, SparseRows):
        n_stored = np.count_nonzero(X.matrix.data == value)
        return n_stored + (X.size - X.matrix.nnz) * (value == 0)
    own = own_rows(X)
    count = sum(np.count_nonzero(value == own[rows]) for rows in slices_of(own))
    return int(summed(X, count)[0])


def column_sums(X, weights=None):
    """Return the column sums of sparse rows, in double precision.

    Parameters
    ----------
    X : SparseRows
        Whose values that are not stored are zero.
    weights : ndarray of shape (n_rows,) or None, default=None
        Weights of the rows.
    """
    return _sums(X, X.matrix.data, weights)


def squared_distances(X, mean, unit, weights=None):
    """Return each column's sum of squared distances to a mean, over a unit squared.

    Parameters
    ----------
    X : SparseRows
        Whose values that are not stored are zero.
    mean : ndarray of shape (n_features,)
    unit : float
    weights : ndarray of shape (n_rows,) or None, default=None
        Weights of the rows.
    """
    mean = np.asarray(mean, dtype=np.float64)
    distances = (X.matrix.data - mean[X.matrix.indices]) / unit
    n_rows = len(X) if weights is None else weights.sum()
    n_zeros = n_rows - _sums(X, np.ones(X.matrix.nnz), weights)
    squares = _sums(X, np.square(distances), weights)
    return squares + n_zeros * np.square(mean / unit)


def _sums(X, values, weights):
    if weights is not None:
        values = values * np.repeat(weights, np.diff(X.matrix.indptr))
    return np.bincount(X.matrix.indices, weights=values, minlength=X.shape[1])
