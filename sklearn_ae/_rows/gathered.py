"""Rows that several calls were given, kept until there are enough of them."""

from dataclasses import dataclass

import numpy as np

from sklearn_ae._rows.sparse import SparseRows


@dataclass(frozen=True)
class GatheredRows:
    """Copies of the rows of some weight that calls were given, and their weights.

    Attributes
    ----------
    rows : ndarray or SparseRows of shape (n_rows, n_features)
        Sparse if those of all calls were.
    weights : ndarray of shape (n_rows,)
        As they were given, so that those of all calls are on one scale.
    """

    rows: np.ndarray | SparseRows
    weights: np.ndarray

    @classmethod
    def of(cls, X, weights):
        """Return the rows of one call.

        Parameters
        ----------
        X : ndarray or SparseRows of shape (n_all_rows, n_features)
        weights : ndarray of shape (n_all_rows,)
        """
        kept = np.flatnonzero(weights)
        return cls(X[kept], weights[kept])

    def followed_by(self, others):
        """Return these rows and behind them those of a later call."""
        rows, more = self.rows, others.rows
        if isinstance(rows, SparseRows) and isinstance(more, SparseRows):
            rows = rows.followed_by(more)
        else:
            rows = np.concatenate([np.asarray(rows), np.asarray(more)])
        return GatheredRows(rows, np.concatenate([self.weights, others.weights]))
