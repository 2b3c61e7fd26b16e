"""Fills by probabilistic PCA."""

import numpy as np
import pytest

from sklearn_ae._imputers.linear import LinearFill, ranks


@pytest.mark.parametrize("n_rows", [2, 3, 50])
@pytest.mark.parametrize("n_columns", [0, 1, 2, 7, 500])
def test_ranks_are_below_both_sizes_and_begin_with_the_mean(n_rows, n_columns):
    found = ranks(n_rows, n_columns)
    assert found[0] == 0
    assert (np.diff(found) > 0).all()
    assert found[-1] <= max(min(n_rows - 2, n_columns - 1), 0)


def test_no_axes_fill_in_the_mean(rng):
    X = rng.normal(size=(30, 3))
    X[::3, 1] = np.nan
    fill = LinearFill(0).fit(X, rng)
    np.testing.assert_allclose(fill.fill(X)[::3, 1], np.nanmean(X[:, 1]))


def test_axes_fill_in_linear_columns(rng):
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6))
    missing = rng.uniform(size=X.shape) < 0.1
    holed = np.where(missing, np.nan, X)
    fill = LinearFill(2).fit(holed, rng)
    assert fill.rank_ == 2
    np.testing.assert_allclose(fill.fill(holed), X, atol=0.2 * X.std())
