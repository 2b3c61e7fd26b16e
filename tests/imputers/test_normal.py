"""Columns as normal scores."""

import numpy as np

from sklearn_ae._imputers.normal import NormalFill, NormalScores


def test_scores_are_normal_and_lead_back(rng):
    X = np.exp(2 * rng.normal(size=(400, 3)))
    X[::7, 1] = np.nan
    normal = NormalScores(X)
    scores = normal.scores(X)
    np.testing.assert_array_equal(np.isnan(scores), np.isnan(X))
    np.testing.assert_allclose(np.nanmean(scores, axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.nanstd(scores, axis=0), 1, atol=0.05)
    np.testing.assert_allclose(normal.values(scores), X, rtol=1e-9)
    far = normal.values(np.full((1, 3), 99.0))
    np.testing.assert_array_equal(far[0], np.nanmax(X, axis=0))


def test_products_are_lines(rng):
    factors = rng.normal(size=(400, 2))
    X = np.exp(np.column_stack([factors, factors.sum(axis=1)]))
    holed = X.copy()
    holed[::10, 2] = np.nan
    filled = NormalFill(2).fit(holed, rng).fill(holed)
    np.testing.assert_array_equal(filled[~np.isnan(holed)], X[~np.isnan(holed)])
    error = np.log(filled[::10, 2]) - np.log(X[::10, 2])
    assert np.sqrt(np.mean(error**2)) < 0.3


def test_columns_of_equal_values(rng):
    X = np.column_stack([np.ones(20), rng.normal(size=(20, 2))])
    X[3, :2] = np.nan
    assert NormalFill(2).fit(X, rng).fill(X)[3, 0] == 1
