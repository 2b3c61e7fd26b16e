"""The paired one-sided t-test."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from sklearn_ae._fitting.guard import is_better


@pytest.mark.parametrize("n_rows", [2, 3, 10, 200])
@pytest.mark.parametrize("level", [0.001, 0.023, 0.2, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_the_paired_t_test(n_rows, level, seed):
    rng = np.random.RandomState(seed)
    baseline = rng.gamma(2.0, size=n_rows)
    losses = baseline - 0.1 + 0.2 * rng.normal(size=n_rows)
    p_value = ttest_rel(baseline, losses, alternative="greater").pvalue
    assert is_better(baseline - losses, level) == (p_value < level)


def test_is_a_bool_that_serialises():
    assert is_better(np.ones(3), 0.1) is True


@pytest.mark.parametrize("n_rows", [0, 1])
def test_too_few_rows_are_no_evidence(n_rows):
    assert is_better(np.full(n_rows, 1e9), 0.5, np.ones(9)) is False


def test_equal_losses_are_no_evidence():
    assert is_better(np.zeros(5), 0.5) is False


def test_a_gain_without_spread_is_evidence():
    assert is_better(np.ones(5), 0.001) is True


def test_one_lucky_row_is_no_evidence():
    gains = np.zeros(20)
    gains[0] = 1000.0
    assert is_better(gains, 0.023) is False


def test_a_loss_is_no_evidence():
    assert is_better(-np.ones(9), 0.5) is False


def test_a_wider_spread_of_other_rows_is_a_reason_to_doubt():
    gains = np.random.RandomState(0).normal(1.0, 0.1, size=50)
    assert is_better(gains, 0.023, 10 * gains) is True
    assert is_better(gains, 0.023, np.append(gains, -100.0)) is False


def test_other_rows_are_no_evidence():
    gains = np.random.RandomState(0).normal(0.0, 1.0, size=50)
    for others in (np.ones(100), np.array([5.0]), []):
        assert is_better(gains, 0.023, others) is is_better(gains, 0.023)
