"""Rows of a large dense table, which stays where it is: in memory or on a disk."""

import numpy as np

from sklearn_ae._rows.lazy import LazyRows

# Numbers from which a table is not copied as a whole, and those of a block.
LARGE, BLOCK = 2**24, 2**21


class StoredRows(LazyRows):
    """Rows of a table less a mean, as float32 where they are looked at.

    Parameters
    ----------
    table : ndarray or memmap of shape (n_all_rows, n_features)
        Never modified.
    mean : ndarray of shape (n_features,)
        In whose dtype it is subtracted.
    chosen : ndarray of int or None, default=None
        Which rows of the table they are; None is all.
    is_incomplete : bool, default=False
        Whether the table misses values.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, table, mean, chosen=None, is_incomplete=False):
        self.table = table
        self.mean = mean
        self.chosen = chosen
        self.is_incomplete = is_incomplete

    @property
    def shape(self):
        n_rows = len(self.table if self.chosen is None else self.chosen)
        return n_rows, self.table.shape[1]

    def __getitem__(self, index):
        if not isinstance(index, slice):
            index = np.asarray(index)
        table, chosen = self.table, index
        if self.chosen is not None:
            chosen = self.chosen[index]
        elif isinstance(index, slice):
            table, chosen = table[index], None
        elif index.dtype == bool:
            chosen = np.flatnonzero(index)
        return StoredRows(table, self.mean, chosen, self.is_incomplete)

    def __array__(self, dtype=None, copy=None):
        table = self.table if self.chosen is None else _taken(self.table, self.chosen)
        centred = np.empty(table.shape, dtype=np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            # Into the array: there is no copy in double precision.
            np.subtract(
                table,
                self.mean,
                out=centred,
                dtype=self.mean.dtype,
                casting="same_kind",
            )
        return centred if dtype is None else centred.astype(dtype, copy=False)

    def blocks(self):
        """Yield the rows, some at a time, as dense arrays of a bounded size."""
        for rows in block_slices(self):
            yield np.asarray(self[rows])


def _taken(table, chosen):
    """Return some rows of a table, in the order that its values are stored in."""
    to_next_row, to_next_column = np.abs(table.strides)
    if to_next_row >= to_next_column:
        return table[chosen]
    return table.T.take(chosen, axis=1).T


def is_large(X):
    """Whether a copy of a table would be a burden."""
    return isinstance(X, np.ndarray) and X.size >= LARGE


def block_slices(rows):
    """Yield slices of so many rows as a block has."""
    n_rows = max(1, BLOCK // rows.shape[1])
    for start in range(0, len(rows), n_rows):
        yield slice(start, start + n_rows)


def slices_of(X):
    """Yield slices of a table's rows: of a large one some at a time, else all."""
    yield from block_slices(X) if is_large(X) else (slice(len(X)),)


def floating_dtype(X):
    """Return the dtype that a table is computed with: its own, or one that holds it.

    Whole numbers are float32 where that is exact.
    """
    if X.dtype.kind in "iub":
        exact = X.size == 0 or max(abs(int(X.min())), abs(int(X.max()))) <= 2**24
        return np.dtype(np.float32 if exact else np.float64)
    if X.dtype == np.float16:
        return np.dtype(np.float32)
    return np.dtype(np.float64) if X.dtype.itemsize > 8 else X.dtype


def in_floats(X):
    """Return a table in the dtype that it is computed with, itself if that is its own.

    Large tables of whole numbers are not for this, but for `StoredRows`.
    """
    return X.astype(floating_dtype(X), copy=False)
