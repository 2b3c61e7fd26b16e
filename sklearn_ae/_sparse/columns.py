"""What is told of a table's columns; that of sparse ones from what is stored."""

import numpy as np

from sklearn_ae._sparse.rows import SparseRows


def lowest(X):
    """Return the lowest value of each column; NaN does not count."""
    if isinstance(X, SparseRows):
        return X.matrix.min(axis=0).toarray().ravel()
    return np.fmin.reduce(X)


def highest(X):
    """Return the highest value of each column; NaN does not count."""
    if isinstance(X, SparseRows):
        return X.matrix.max(axis=0).toarray().ravel()
    return np.fmax.reduce(X)


def n_equal(X, value):
    """Return how many values of a table equal one."""
    if isinstance(X, SparseRows):
        n_stored = np.count_nonzero(X.matrix.data == value)
        return n_stored + (X.size - X.matrix.nnz) * (value == 0)
    return np.count_nonzero(value == X)


def column_sums(X):
    """Return the column sums of sparse rows, in double precision.

    Parameters
    ----------
    X : SparseRows
        Whose values that are not stored are zero.
    """
    return _sums(X, X.matrix.data)


def squared_distances(X, mean, unit):
    """Return each column's sum of squared distances to a mean, over a unit squared.

    Parameters
    ----------
    X : SparseRows
        Whose values that are not stored are zero.
    mean : ndarray of shape (n_features,)
    unit : float
    """
    mean = np.asarray(mean, dtype=np.float64)
    indices = X.matrix.indices
    distances = (X.matrix.data - mean[indices]) / unit
    n_zeros = len(X) - np.bincount(indices, minlength=X.shape[1])
    return _sums(X, np.square(distances)) + n_zeros * np.square(mean / unit)


def _sums(X, values):
    return np.bincount(X.matrix.indices, weights=values, minlength=X.shape[1])
