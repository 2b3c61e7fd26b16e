"""Rows of a sparse table: what NumPy would have of dense ones."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_ae._rows import sparse as module
from sklearn_ae._rows.sparse import SparseRows


@pytest.fixture(params=[np.int32, np.int64], ids=["32 bits", "64 bits"])
def matrix(request):
    """Rows of which one is empty, with an explicit zero and an empty column."""
    dense = np.array([[0.0, 2, 0, 0], [0, 0, 0, 0], [1, 0, 0, -3], [0, 5, 0, 7]])
    matrix = sparse.csr_array(dense)
    matrix.data[0] = 0.0
    matrix.indices = matrix.indices.astype(request.param)
    matrix.indptr = matrix.indptr.astype(request.param)
    return matrix


def shifted(values, columns):
    return values - np.array([1.0, 2.0, 3.0, 0.0])[columns]


INDICES = [
    slice(1, 3),
    slice(None, None, 2),
    slice(0, 0),
    np.array([3, 0, 0]),
    np.array([], dtype=int),
]


@pytest.mark.parametrize("is_shifted", [False, True])
@pytest.mark.parametrize("index", INDICES, ids=str)
def test_selected_rows_are_those_of_the_dense_table(matrix, is_shifted, index):
    rows, dense = SparseRows(matrix), matrix.toarray()
    if is_shifted:
        rows, dense = rows.mapped(shifted), shifted(dense, np.arange(4))
    expected = dense[index]
    chosen = rows[index]
    np.testing.assert_array_equal(chosen, expected)
    assert (chosen.shape, len(chosen), chosen.size) == (
        expected.shape,
        len(expected),
        expected.size,
    )
    assert np.asarray(chosen).dtype == chosen.dtype
    assert np.asarray(chosen, dtype=np.float32).dtype == np.float32


def test_no_rows_may_be_an_empty_list(matrix):
    assert SparseRows(matrix)[[]].shape == (0, 4)


def test_columns_are_those_of_the_dense_table(matrix):
    for rows in (SparseRows(matrix), SparseRows(matrix).mapped(shifted)):
        np.testing.assert_array_equal(np.transpose(list(rows.columns())), rows)


def test_new_values_leave_the_rows_as_they_were(matrix):
    before = matrix.toarray()
    rows = SparseRows(matrix)
    rows.mapped(shifted)
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize("most", [1, 9, 100])
def test_blocks_are_bounded_and_are_all_rows(matrix, monkeypatch, most):
    monkeypatch.setattr(module, "MOST_TOGETHER", most)
    blocks = list(SparseRows(matrix).blocks())
    assert all(block.size <= max(most, 4) for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), matrix.toarray())
