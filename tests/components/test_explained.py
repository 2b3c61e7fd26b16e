"""Shares of variance by number of columns, and how many are enough."""

import numpy as np
import pytest

from sklearn_ae._components.explained import (
    ExplainedVarianceCurve,
    elbow,
    explained_variance_curve,
    fewest_columns,
)


def curve_of(shares):
    shares = np.asarray(shares, dtype=float)
    return ExplainedVarianceCurve(
        n_components=np.arange(1, len(shares) + 1),
        explained=shares,
        standard_error=np.zeros_like(shares),
        pca_explained=shares,
        n_rows=10,
        held_out=True,
    )


def curve_of_variances(variances):
    return curve_of(np.cumsum(variances) / np.sum(variances))


def test_a_share_is_one_minus_errors_over_distances(rng):
    squares = rng.uniform(size=(50, 4))
    of_pca = squares[:, [0, 3, 2, 1]]
    curve = explained_variance_curve(squares, of_pca, held_out=True)
    sums = squares.sum(axis=0)
    np.testing.assert_allclose(curve.explained, 1 - sums[1:] / sums[0])
    np.testing.assert_allclose(curve.pca_explained, 1 - sums[:0:-1] / sums[0])
    np.testing.assert_array_equal(curve.n_components, [1, 2, 3])
    assert curve.n_rows == 50


def test_the_standard_error_is_that_of_other_draws(rng):
    draws = np.concatenate(
        [rng.exponential(size=(200, 1000, 1)), rng.uniform(size=(200, 1000, 1))], 2
    )
    curves = [explained_variance_curve(draw, draw, held_out=True) for draw in draws]
    spread = np.std([curve.explained[0] for curve in curves])
    told = np.mean([curve.standard_error[0] for curve in curves])
    assert told == pytest.approx(spread, rel=0.15)


def test_rows_at_the_mean_are_explained_where_they_are_given_back():
    squares = np.zeros((5, 3))
    without_pca = np.full_like(squares, np.nan)
    curve = explained_variance_curve(squares, without_pca, held_out=True)
    np.testing.assert_array_equal(curve.explained, 1.0)
    assert np.isnan(curve.pca_explained).all()
    assert fewest_columns(curve, 0.5) == 1
    wrong = squares.copy()
    wrong[:, 1] = 1.0
    curve = explained_variance_curve(wrong, squares, held_out=True)
    np.testing.assert_array_equal(curve.explained, [0.0, 1.0])
    assert fewest_columns(curve, 0.5) == 2


def test_increments_are_never_negative_and_add_up():
    curve = curve_of([-0.1, 0.4, 0.3, 0.7])
    np.testing.assert_allclose(curve.increments, [0.0, 0.4, 0.0, 0.3])
    assert curve.increments.sum() == pytest.approx(curve.reached[-1])


@pytest.mark.parametrize(
    ("share", "expected"), [(0.1, 1), (0.5, 1), (0.51, 2), (0.8, 3), (0.95, 4)]
)
def test_as_few_columns_as_reach_a_share_or_all_of_them(share, expected):
    assert fewest_columns(curve_of([0.5, 0.7, 0.8, 0.9]), share) == expected


@pytest.mark.parametrize("n_factors", [1, 2, 5, 10])
@pytest.mark.parametrize("noise", [0.01, 0.1])
def test_the_elbow_is_where_factors_end(n_factors, noise, rng):
    variances = np.full(30, noise) * rng.uniform(0.9, 1.1, size=30)
    variances[:n_factors] += np.linspace(5, 1, n_factors)
    curve = curve_of_variances(np.sort(variances)[::-1])
    assert elbow(curve, n_directions=30) == n_factors


def test_an_elbow_may_be_the_last_column_that_was_trained():
    # A curve through a sheet in space explains much of it; a sheet, nearly all.
    assert elbow(curve_of([0.86, 0.98]), n_directions=3) == 2
