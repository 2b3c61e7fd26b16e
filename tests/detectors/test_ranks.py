"""Ranks: p-values of new rows, and thresholds that agree with them."""

import numpy as np
import pytest

from sklearn_ae._detectors.ranks import Ranks


@pytest.mark.parametrize("n_rows", [1, 19, 60, 99])
def test_p_values_of_exchangeable_rows_are_super_uniform(rng, n_rows):
    draws = rng.normal(size=(4000, n_rows + 1))
    p = np.array([Ranks.of(row[1:]).p_values(row[:1])[0] for row in draws])
    for rate in (0.02, 0.05, 0.1, 0.5):
        allowed = 4 * np.sqrt(rate * (1 - rate) / len(p))
        assert (p <= rate).mean() <= rate + allowed
        # And no more cautious than ranks must be.
        assert (p <= rate).mean() >= rate - 1 / (n_rows + 1) - allowed


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.29, 0.5])
@pytest.mark.parametrize("weighted", [False, True])
def test_below_the_threshold_are_those_of_small_p_values(rng, rate, weighted):
    scores = rng.randint(60, size=199).astype(float)
    weights = rng.randint(1, 4, size=199).astype(float) if weighted else None
    ranks = Ranks.of(scores, weights)
    new = np.arange(-1.0, 61.0, 0.5)
    expected = ranks.p_values(new) <= rate
    np.testing.assert_array_equal(new < ranks.threshold(rate), expected)


@pytest.mark.parametrize("share", [0.01, 0.07, 0.1, 0.29, 0.5])
def test_a_share_of_the_rows_is_below_their_quantile(rng, share):
    scores = rng.normal(size=100)
    below = scores < Ranks.of(scores).quantile(share)
    assert below.sum() == round(100 * share)


def test_whole_weights_are_repeated_rows(rng):
    scores, weights = rng.normal(size=30), rng.randint(1, 5, size=30)
    weighted = Ranks.of(scores, weights.astype(float))
    repeated = Ranks.of(np.repeat(scores, weights))
    new = rng.normal(size=50)
    np.testing.assert_array_equal(weighted.p_values(new), repeated.p_values(new))
    assert weighted.threshold(0.1) == repeated.threshold(0.1)
    assert weighted.quantile(0.1) == repeated.quantile(0.1)


def test_rows_too_far_out_are_below_any_threshold():
    assert Ranks.of(np.full(50, -np.inf)).threshold(0.05) > -np.inf
