"""Normal scores of columns, and the grids that their values lie on."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from sklearn_ae._tables.scores import Grid, NormalScores

COLUMNS = {
    "heavy tails": lambda rng: rng.standard_t(df=1, size=2000),
    "skewed": lambda rng: np.exp(3 * rng.normal(size=2000)),
    "whole": lambda rng: rng.randint(0, 50, 2000).astype(float),
    "one value": lambda rng: np.full(30, 7.0),
    "two values": lambda rng: np.repeat([1.0, 4.0], 20),
    "two rows": lambda rng: np.array([1.0, 4.0]),
}


@pytest.fixture(params=COLUMNS)
def values(request, rng):
    return COLUMNS[request.param](rng)


def test_scores_rise_with_values(values):
    scores = NormalScores(values)
    some = np.sort(np.concatenate([values, values + 0.3, values * 1e6, [-1e9]]))
    assert (np.diff(scores.forward(some)) >= 0).all()
    assert np.isfinite(scores.forward(some)).all()


@pytest.mark.parametrize("name", ["heavy tails", "skewed"])
def test_scores_are_standard_normal(rng, name):
    z = NormalScores(COLUMNS[name](rng)).forward(COLUMNS[name](rng))
    shares = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(norm.cdf(np.quantile(z, shares)), shares, atol=0.05)


def test_values_come_back(values):
    scores = NormalScores(values)
    back = scores.back(scores.forward(scores.knots_))
    np.testing.assert_allclose(back, scores.knots_, rtol=1e-9)


def test_draws_have_the_values_shares(rng):
    """A value with a share of the rows has it among draws, and none is between."""
    values = np.where(rng.uniform(size=3000) < 0.6, 0.0, np.exp(rng.normal(size=3000)))
    drawn = NormalScores(values).back(rng.normal(size=20_000))
    assert abs((drawn == 0).mean() - (values == 0).mean()) < 0.015
    assert drawn.min() == 0
    assert drawn.max() <= values.max()


def test_round_numbers_are_drawn_as_often_as_they_are_there(rng):
    """Also those that are no knot, of a column that has many other values."""
    values = rng.uniform(0, 1000, size=3000)
    is_round = rng.uniform(size=3000) < 0.3
    values[is_round] = np.rint(values[is_round] / 20) * 20
    drawn = NormalScores(values).back(rng.normal(size=20_000))
    assert abs((drawn % 20 == 0).mean() - is_round.mean()) < 0.03


def test_values_of_single_rows_are_not_drawn_again(rng):
    values = rng.gamma(2.0, size=500)
    drawn = NormalScores(values).back(rng.normal(size=2000))
    inside = drawn[(drawn > values.min()) & (drawn < values.max())]
    assert not np.isin(inside, values).any()


def test_a_value_far_out_keeps_its_distance(values):
    scores = NormalScores(values)
    far = values.max() + np.array([1.0, 10.0, 100.0]) * max(np.ptp(values), 1)
    assert (np.diff(scores.forward(far)) > 0).all()


def test_log_slope_makes_a_density_in_the_column_s_units(rng):
    values = rng.gamma(2.0, 50.0, size=600)
    scores = NormalScores(values)

    def density(x):
        z = scores.forward(np.array([x]))
        return (norm.pdf(z) * np.exp(scores.log_slope(np.array([x]))))[0]

    knots = scores.knots_
    ends = [knots[0] - 300, *knots, knots[-1] + 3000]
    total = sum(quad(density, *pair)[0] for pair in pairwise(ends))
    assert total == pytest.approx(1, abs=1e-3)


def test_gaps_have_no_score_and_cost_nothing():
    scores = NormalScores(np.arange(30.0))
    assert np.isnan(scores.forward(np.array([np.nan])))[0]
    assert scores.log_slope(np.array([np.nan]))[0] == 0


@pytest.mark.parametrize(
    ("step", "start"),
    [
        *((step, start) for step in (1, 25, 0.05, 1e-6) for start in (0, 3, -7.5)),
        *((86_400e9, start) for start in (0, 86_400e9 * 18_000)),  # days in ns
        (0.25, 1e10),
    ],
)
def test_the_coarsest_grid_is_found(rng, step, start):
    values = start + step * rng.randint(0, 300, 100)
    if step < 0.1:
        values = np.round(values, 6)
    grid = Grid(values)
    np.testing.assert_array_equal(grid.nearest(values), values)
    moved = values + 0.3 * step * rng.uniform(-1, 1, size=100)
    np.testing.assert_array_equal(grid.nearest(moved), values)


@pytest.mark.parametrize(
    "values", [[np.pi, np.e, 1.0], [1e300, 1.0], [5.0, 5.0], [1e10 / 3, 1]]
)
def test_what_lies_on_no_grid_stays(values):
    values = np.array(values)
    np.testing.assert_array_equal(Grid(values).nearest(values + 0.1), values + 0.1)
