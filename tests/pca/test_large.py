"""The PCA of large tables is that of copies of them."""

from dataclasses import astuple

import numpy as np
import pytest

from sklearn_ae._pca import observed
from sklearn_ae._pca.start import fit_start
from sklearn_ae._rows import stored
from sklearn_ae._rows.stored import StoredRows


@pytest.fixture(params=[(1500, 40), (60, 1100), (1100, 1050)])
def table(request, rng):
    n_rows, n_features = request.param
    codes = rng.normal(size=(n_rows, 4)) * [5, 4, 3, 2]
    X = codes @ rng.normal(size=(4, n_features)) + rng.normal(size=request.param)
    return 7e3 * (X + 10)


def start(X, weights, n_components=3):
    return fit_start(X, n_components, "pca", np.random.RandomState(0), weights)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("missing", [0.0, 0.05])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_that_of_a_copy(table, monkeypatch, rng, dtype, missing, is_weighted):
    table[rng.uniform(size=table.shape) < missing] = np.nan
    X = table.astype(dtype)
    weights = rng.randint(1, 4, len(X)).astype(float) if is_weighted else None
    of_copy, _ = start(X, weights)
    monkeypatch.setattr(stored, "LARGE", 1)
    monkeypatch.setattr(stored, "BLOCK", 2**14)
    ours, rows = start(X, weights)
    assert isinstance(rows, StoredRows)
    assert ours.is_incomplete == (missing > 0)
    for value, expected in zip(astuple(ours), astuple(of_copy), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-4 * scale)


@pytest.mark.parametrize("missing", [0.0, 0.05])
def test_no_more_than_blocks_are_in_memory(table, monkeypatch, rng, missing):
    """Whether complete or not, of many columns or few."""
    table[rng.uniform(size=table.shape) < missing] = np.nan
    monkeypatch.setattr(stored, "LARGE", 1)
    monkeypatch.setattr(stored, "BLOCK", 2**14)
    monkeypatch.setattr(observed, "MOST_DOUBLES", 2**17)
    largest = []
    dense = StoredRows.__array__

    def watched(self, dtype=None, copy=None):
        largest.append(self.size)
        return dense(self, dtype, copy)

    monkeypatch.setattr(StoredRows, "__array__", watched)
    start(table, None)
    assert 0 < max(largest) <= 2**14


@pytest.mark.parametrize("n_components", [40, 45])
def test_as_many_components_as_columns_are_found(monkeypatch, rng, n_components):
    X = rng.normal(size=(500, 40)) * np.linspace(1, 2, 40)
    X[rng.uniform(size=X.shape) < 0.01] = np.nan
    monkeypatch.setattr(stored, "LARGE", 1)
    ours, _ = start(X, None, n_components)
    assert ours.components.shape == (n_components, 40)
    assert np.isfinite(ours.components).all()
