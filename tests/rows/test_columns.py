"""What is told of columns, of sparse rows as of dense ones."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_ae._rows.columns import (
    column_sums,
    highest,
    lowest,
    n_equal,
    squared_distances,
)
from sklearn_ae._rows.sparse import SparseRows

DENSE = np.array([[0.0, 2, 0, 4], [-1, 0, 0, 3], [1, 3, 0, 3], [0, 5, 0, 7]])


@pytest.fixture(params=[np.float32, np.float64])
def rows(request):
    matrix = sparse.csr_array(DENSE.astype(request.param))
    # Stored, and zero all the same.
    matrix.data[0] = 0.0
    return SparseRows(matrix)


def test_they_are_those_of_the_dense_rows(rows):
    dense = np.asarray(rows)
    for function in (lowest, highest):
        found = function(rows)
        np.testing.assert_array_equal(found, function(dense))
        assert found.dtype == rows.dtype
    for value in (0.0, 3.0, 11.0):
        assert n_equal(rows, value) == n_equal(dense, value)
    np.testing.assert_array_equal(column_sums(rows), dense.sum(axis=0))


def test_squared_distances_count_what_is_not_stored(rows):
    mean, unit = np.array([0.5, 2.0, 1.0, -1.0]), 4.0
    expected = np.square((np.asarray(rows) - mean) / unit).sum(axis=0)
    np.testing.assert_allclose(squared_distances(rows, mean, unit), expected)


def test_missing_values_of_dense_rows_do_not_count():
    dense = np.array([[np.nan, 1.0], [2.0, 3.0]])
    np.testing.assert_array_equal(lowest(dense), [2, 1])
    np.testing.assert_array_equal(highest(dense), [2, 3])
    assert n_equal(dense, 3.0) == 1
