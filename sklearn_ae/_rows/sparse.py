"""Rows of a sparse table, which become dense where they are looked at."""

import numpy as np
from scipy.sparse import csr_array, vstack

from sklearn_ae._rows.lazy import LazyRows

# Numbers up to which a table is dense as a whole, where it has to be: those of a block.
MOST_TOGETHER = 2**21


class SparseRows(LazyRows):
    """Rows of which one value in each column, mostly zero, is not stored.

    Indexing copies no more than is stored of the selected rows.

    Parameters
    ----------
    matrix : csr_array of shape (n_rows, n_features)
        The stored values, with sorted indices and none twice; never modified.
    fill : ndarray of shape (n_features,) or None, default=None
        The values that are not stored; None is zero.
    """

    def __init__(self, matrix, fill=None):
        self.matrix = matrix
        self.fill = fill

    @classmethod
    def of(cls, X, values):
        """Return the rows of a CSR matrix or array with these stored values.

        The arrays of X are shared, or copied where they are not in canonical order.
        """
        matrix = csr_array((values, X.indices, X.indptr), shape=X.shape, copy=False)
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        return cls(matrix)

    @property
    def shape(self):
        return self.matrix.shape

    @property
    def dtype(self):
        return self.matrix.dtype

    def __getitem__(self, index):
        if not isinstance(index, slice):
            index = np.asarray(index)
            is_mask = index.dtype == bool
            index = np.flatnonzero(index) if is_mask else index.astype(np.intp)
        return SparseRows(self.matrix[index], self.fill)

    def __array__(self, dtype=None, copy=None):
        matrix = self.matrix
        if self.fill is None:
            dense = matrix.toarray()
        else:
            dense = np.empty(self.shape, self.dtype)
            dense[:] = self.fill
            row = np.repeat(np.arange(len(self)), np.diff(matrix.indptr))
            dense[row, matrix.indices] = matrix.data
        return dense if dtype is None else dense.astype(dtype, copy=False)

    def followed_by(self, others):
        """Return these rows and then others, of which the same is not stored."""
        return SparseRows(vstack([self.matrix, others.matrix], "csr"), self.fill)

    def blocks(self):
        """Yield the rows, some at a time, as dense arrays of a bounded size."""
        n_rows = max(1, MOST_TOGETHER // self.shape[1])
        for start in range(0, len(self), n_rows):
            yield np.asarray(self[start : start + n_rows])

    def columns(self):
        """Yield the columns, one at a time, as dense arrays."""
        by_column = self.matrix.tocsc()
        fill = np.zeros(self.shape[1]) if self.fill is None else self.fill
        for column, value in enumerate(fill):
            stored = slice(*by_column.indptr[column : column + 2])
            values = np.full(len(self), value, dtype=self.dtype)
            values[by_column.indices[stored]] = by_column.data[stored]
            yield values

    def mapped(self, function):
        """Return rows of new values.

        Parameters
        ----------
        function : callable
            From values and their columns to as many new values.
        """
        matrix = self.matrix
        fill = np.zeros(self.shape[1], self.dtype) if self.fill is None else self.fill
        # Not without a shape: empty columns are columns.
        values = function(matrix.data, matrix.indices)
        return SparseRows(
            csr_array((values, matrix.indices, matrix.indptr), shape=self.shape),
            function(fill, np.arange(self.shape[1])),
        )
