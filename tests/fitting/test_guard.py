"""The paired one-sided t-test, and its result in words."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from sklearn_ae._fitting.guard import GuardResult, paired_t_test


def is_better(gains, level, other_gains=()):
    return paired_t_test(gains, other_gains)[1] < level


@pytest.mark.parametrize("n_rows", [2, 3, 10, 200])
@pytest.mark.parametrize("level", [0.001, 0.023, 0.2, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_the_paired_t_test(n_rows, level, seed):
    rng = np.random.RandomState(seed)
    baseline = rng.gamma(2.0, size=n_rows)
    losses = baseline - 0.1 + 0.2 * rng.normal(size=n_rows)
    expected = ttest_rel(baseline, losses, alternative="greater")
    statistic, p_value = paired_t_test(baseline - losses)
    assert statistic == pytest.approx(expected.statistic)
    assert p_value == pytest.approx(expected.pvalue)
    assert is_better(baseline - losses, level) == (expected.pvalue < level)


def test_is_told_in_words():
    result = GuardResult(1.5, 0.07, 0.01, 50, 3.25, 3.5, 0.071, True, "PCA")
    assert str(result) == (
        "PCA was kept: on 50 held-out rows the network's loss is 3.25, that of PCA 3.5 "
        "(t = 1.5, p = 0.07; the network needs p < 0.01)"
    )
    result = GuardResult(1.5, 0.07, None, 1, 3.25, 3.5, 0.071, False, "PCA")
    assert str(result) == (
        "The network was kept: on 1 held-out row the network's loss is 3.25, that of "
        "PCA 3.5 (t = 1.5, p = 0.07; guard=False asks for no evidence)"
    )
    result = GuardResult(
        3.0, 0.002, 0.01, 50, 3.25, 3.5, 0.25, True, "probabilistic PCA", 1.2
    )
    assert str(result).endswith(
        "the network's minus log-likelihood is 3.25, that of probabilistic PCA 3.5 "
        "nats a row (t = 3, p = 0.002; the network needs p < 0.01), and its "
        "reconstructions have 1.2 times the squared error of PCA's "
        "(at most 1.05 is let pass)"
    )


def test_the_worst_row_twice_is_no_more_evidence():
    rng = np.random.RandomState(0)
    for n_rows in (2, 3, 30):
        gains = 1 + 0.1 * rng.normal(size=n_rows)
        twice = np.append(gains, gains.min())
        statistic, p_value = paired_t_test(gains, worst_twice=True)
        as_if_new, too_low = paired_t_test(twice)
        assert statistic == as_if_new
        assert p_value > too_low


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


def skewed_p(gains):
    return paired_t_test(gains, skewed=True)[1]


def test_a_long_upper_tail_does_not_hide_a_gain():
    gains = np.append(np.random.RandomState(0).gamma(1.0, size=100), 100.0)
    assert paired_t_test(gains)[1] > 0.01
    assert skewed_p(gains) < 0.01


def test_a_long_lower_tail_is_a_reason_to_doubt_as_ever():
    gains = 1 - np.random.RandomState(0).gamma(1.0, size=100) ** 2
    assert skewed_p(gains) == paired_t_test(gains)[1]


@pytest.mark.parametrize("n_rows", [5, 20, 200])
def test_one_lucky_row_is_no_evidence_of_skewed_rows(n_rows):
    gains = np.append(np.zeros(n_rows), 1000.0)
    assert skewed_p(gains) > 0.05


@pytest.mark.parametrize("tail", ["exponential", "lognormal"])
def test_of_no_gain_the_skewed_test_errs_no_more_than_its_level(tail):
    rng = np.random.RandomState(0)
    draws = getattr(rng, tail)(size=(4000, 50))
    mean = {"exponential": 1.0, "lognormal": np.exp(0.5)}[tail]
    errors = np.mean([skewed_p(gains) < 0.05 for gains in draws - mean])
    assert errors < 0.06


def test_of_few_rows_no_skewness_is_told():
    gains = np.array([0.7, 0.75, 1.05, 0.7])
    assert paired_t_test(gains, skewed=True) == paired_t_test(gains)
    many = np.concatenate([gains] * 10)
    assert paired_t_test(many, skewed=True)[1] < paired_t_test(many)[1]


@pytest.mark.parametrize("level", [0.01, None])
@pytest.mark.parametrize(
    ("pca", "unit"), [("PCA", "of PCA's loss"), ("probabilistic PCA", "nats a row")]
)
def test_a_result_s_repr_is_a_line_of_what_counts(level, pca, unit):
    result = GuardResult(2.5, 0.00731, level, 40, 1.23456789, 2.0, 0.3827, False, pca)
    assert repr(result) == (
        f"GuardResult(pca_kept=False, gain=0.383, gain_unit={unit!r}, p_value=0.0073, "
        f"level={level}, statistic=2.5, n_rows=40, network_loss=1.23457, pca_loss=2, "
        f"pca={pca!r})"
    )
