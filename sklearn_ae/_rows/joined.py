"""Rows of which several processes have some each, as one table."""

import numpy as np

from sklearn_ae._rows.lazy import LazyRows


class JoinedRows(LazyRows):
    """The rows of all ranks, those of the first above those of the next.

    Indexing is local: each rank keeps its own of the chosen rows. ``np.asarray`` gives
    every rank all of them, and all ranks have to call it; whoever does says how many
    at a time.

    Parameters
    ----------
    local : ndarray or StoredRows of shape (n_local, n_features)
        The rows that this process has.
    places : ndarray of shape (n_local,), int
        Where they are among all rows, ascending.
    n_rows : int
        Number of all rows.
    ranks : Ranks
        Who has the others.
    """

    def __init__(self, local, places, n_rows, ranks):
        self.local = local
        self.places = places
        self.n_rows = n_rows
        self.ranks = ranks
        #: They as a tensor where batches are made of them, once there is one.
        self.resident = None

    @property
    def shape(self):
        return self.n_rows, self.local.shape[1]

    @property
    def dtype(self):
        return self.local.dtype

    def __getitem__(self, index):
        if isinstance(index, slice):
            chosen = np.arange(*index.indices(self.n_rows))
        else:
            chosen = np.asarray(index)
            chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        here, positions = self.found(chosen)
        return JoinedRows(self.local[positions], here, len(chosen), self.ranks)

    def found(self, chosen):
        """Return which of the chosen rows are here, and where among those that are.

        Parameters
        ----------
        chosen : ndarray of shape (n_chosen,), int
            Indices of rows.

        Returns
        -------
        here : ndarray of int
            Ascending indices into `chosen`.
        positions : ndarray of int
            Indices into `local`.
        """
        positions = np.searchsorted(self.places, chosen)
        is_here = positions < len(self.places)
        is_here[is_here] = self.places[positions[is_here]] == chosen[is_here]
        here = np.flatnonzero(is_here)
        return here, positions[here]

    def gathered(self, values):
        """Return values of the rows that are here together with those of the others.

        Parameters
        ----------
        values : ndarray of shape (n_local, ...)

        Returns
        -------
        values : ndarray of shape (n_rows, ...)
        """
        # Zeros but for its own: then the sum is exact.
        everywhere = np.zeros((self.n_rows, *values.shape[1:]), dtype=values.dtype)
        everywhere[self.places] = values
        return self.ranks.all_sum(everywhere)

    def __array__(self, dtype=None, copy=None):
        rows = self.gathered(np.asarray(self.local))
        return rows if dtype is None else rows.astype(dtype, copy=False)

    def with_local(self, local):
        """Return other rows in the places of these."""
        return JoinedRows(local, self.places, self.n_rows, self.ranks)


def own_rows(rows):
    """Return the rows that this process has."""
    return rows.local if isinstance(rows, JoinedRows) else rows


def summed(rows, *sums):
    """Return sums over the rows that this process has as sums over all of them."""
    if not isinstance(rows, JoinedRows):
        return sums
    return tuple(rows.ranks.all_sum(np.asarray(each)) for each in sums)
