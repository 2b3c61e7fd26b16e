"""Columns as normal scores: by their ranks, so that products and tails become lines."""

import numpy as np
from scipy.special import ndtri

from sklearn_ae._imputers.linear import LinearFill


class NormalScores:
    """A map of each column to normal scores, and back.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Rows with NaN; each column has a value.
    """

    def __init__(self, X):
        self.knots = [_knots(column[~np.isnan(column)]) for column in X.T]

    def scores(self, X):
        """Return the scores of rows, with NaN where they have it."""
        # `interp` gives NaN for NaN.
        columns = zip(X.T, self.knots, strict=True)
        return np.stack([np.interp(x, *knots) for x, knots in columns], axis=1)

    def values(self, scores):
        """Return the rows of scores."""
        columns = zip(scores.T, self.knots, strict=True)
        values = [np.interp(z, at, values) for z, (values, at) in columns]
        return np.stack(values, axis=1)


def _knots(values):
    """Return the distinct values, and the normal score of each."""
    distinct, counts = np.unique(values, return_counts=True)
    until = np.cumsum(counts)
    return distinct, ndtri((until - counts / 2) / until[-1])


class NormalFill:
    """Probabilistic PCA of normal scores: a Gaussian copula.

    Parameters
    ----------
    n_axes : int

    Attributes
    ----------
    rank_ : int
        Number of axes along which there is variance.
    """

    def __init__(self, n_axes):
        self.n_axes = n_axes

    def fit(self, X, rng):
        """Fit scores and axes; each column of X has a value."""
        self._normal = NormalScores(X)
        self._linear = LinearFill(self.n_axes).fit(self._normal.scores(X), rng)
        self.rank_ = self._linear.rank_
        return self

    def fill(self, X):
        """Return rows with missing values at the medians of what is possible."""
        scores = self._linear.fill(self._normal.scores(X))
        return np.where(np.isnan(X), self._normal.values(scores), X)
