"""Rows that several calls were given."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_ae._rows.gathered import GatheredRows
from sklearn_ae._rows.sparse import SparseRows


def dense(X):
    return X


def stored(X):
    return SparseRows(sparse.csr_array(X))


@pytest.mark.parametrize("first", [dense, stored])
@pytest.mark.parametrize("second", [dense, stored])
def test_rows_of_no_weight_are_left_out(rng, first, second):
    X, weights = rng.normal(size=(10, 3)), np.array([0, 1, 2, 0, 1, 3, 0.5, 1, 0, 1])
    gathered = GatheredRows.of(first(X[:6]), weights[:6])
    gathered = gathered.followed_by(GatheredRows.of(second(X[6:]), weights[6:]))
    np.testing.assert_array_equal(np.asarray(gathered.rows), X[weights > 0])
    np.testing.assert_array_equal(gathered.weights, weights[weights > 0])
    assert isinstance(gathered.rows, SparseRows) == (first is second is stored)


def test_they_are_copies(rng):
    X = rng.normal(size=(4, 3))
    assert not np.shares_memory(GatheredRows.of(X, np.ones(4)).rows, X)
