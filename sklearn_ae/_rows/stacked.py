"""Rows of two tables, one after the other, of which neither is copied."""

import numpy as np

from sklearn_ae._rows.lazy import LazyRows
from sklearn_ae._rows.stored import block_slices


class StackedRows(LazyRows):
    """Rows of one table and then those of another, each centred and float32.

    Parameters
    ----------
    first, second : StoredRows or ndarray of as many columns
    chosen : ndarray of int or None, default=None
        Which of them they are; None is all.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, first, second, chosen=None):
        self.first = first
        self.second = second
        n_rows = len(first) + len(second)
        self.chosen = np.arange(n_rows) if chosen is None else chosen

    @property
    def shape(self):
        return len(self.chosen), self.first.shape[1]

    @property
    def is_incomplete(self):
        return any(
            part.is_incomplete
            if isinstance(part, LazyRows)
            else bool(np.isnan(part).any())
            for part in (self.first, self.second)
        )

    def __getitem__(self, index):
        """Return some rows; of a single table they are that table's."""
        chosen = self.chosen[index if isinstance(index, slice) else np.asarray(index)]
        is_second = chosen >= len(self.first)
        if not is_second.any():
            return self.first[chosen]
        if is_second.all():
            return self.second[chosen - len(self.first)]
        return StackedRows(self.first, self.second, chosen)

    def __array__(self, dtype=None, copy=None):
        dense = np.empty(self.shape, dtype=np.float32)
        is_second = self.chosen >= len(self.first)
        dense[~is_second] = self.first[self.chosen[~is_second]]
        dense[is_second] = self.second[self.chosen[is_second] - len(self.first)]
        return dense if dtype is None else dense.astype(dtype, copy=False)

    def blocks(self):
        """Yield the rows, some at a time, as dense arrays of a bounded size."""
        for rows in block_slices(self):
            yield np.asarray(self[rows])
