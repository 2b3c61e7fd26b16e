"""What "auto" means."""

import math

import pytest

from sklearn_ae._training import defaults

SIZES = [2, 3, 5, 10, 40, 199, 200, 500, 501, 4000, 40_000, 1_000_000]


@pytest.mark.parametrize("n_samples", SIZES)
def test_validation_rows(n_samples):
    n_valid = defaults.n_validation_rows(n_samples, "auto")
    assert 1 <= n_valid <= n_samples - 1
    assert n_valid <= 4000
    if 4 <= n_samples <= 200:
        assert n_valid == n_samples // 4
    if 500 <= n_samples <= 40_000:
        assert n_valid == n_samples // 10


@pytest.mark.parametrize("n_samples", SIZES)
@pytest.mark.parametrize("fraction", [1e-9, 0.1, 0.5, 1 - 1e-9])
def test_a_fraction_leaves_rows_on_both_sides(n_samples, fraction):
    n_valid = defaults.n_validation_rows(n_samples, fraction)
    assert 1 <= n_valid <= n_samples - 1
    assert abs(n_valid - fraction * n_samples) <= 1


def test_no_fraction_holds_out_no_rows():
    assert defaults.n_validation_rows(100, None) == 0


@pytest.mark.parametrize("n_samples", SIZES)
def test_batch_rows(n_samples):
    size = defaults.batch_rows(n_samples, "auto")
    assert 16 <= size <= 256
    if 512 <= n_samples <= 8192:
        assert size == n_samples // 32
    assert defaults.batch_rows(n_samples, 7) == 7
    assert defaults.batch_rows(n_samples, "auto", (16, 64)) == min(size, 64)
    assert defaults.batch_rows(n_samples, "auto", width=8192) == size


def test_batches_of_wide_rows_have_about_two_million_values():
    assert defaults.batch_rows(20_000, "auto", width=20_000) == 2**21 // 20_000
    assert defaults.batch_rows(20_000, "auto", width=10**6) == 16
    assert defaults.batch_rows(20_000, 300, width=10**6) == 300


@pytest.mark.parametrize("n_samples", SIZES)
def test_epochs_make_2000_steps_or_meet_a_bound(n_samples):
    batch_size = defaults.batch_rows(n_samples, "auto")
    epochs = defaults.n_epochs(n_samples, batch_size, "auto")
    fewest = 20 if n_samples <= 100_000 else 1
    assert fewest <= epochs <= 300
    if 20 < epochs < 300:
        per_epoch = math.ceil(n_samples / batch_size)
        assert (epochs - 1) * per_epoch < 2000 <= epochs * per_epoch
    assert defaults.n_epochs(n_samples, batch_size, 3) == 3


def test_ten_times_many_rows_take_about_twice_the_steps():
    steps = [n * defaults.n_epochs(n, 256, "auto") for n in (10**5, 10**6, 10**7)]
    assert steps == sorted(steps)
    assert steps[1] <= 2.1 * steps[0]
    assert defaults.n_epochs(10**9, 256, "auto") == 1


def test_patience():
    assert defaults.patience(100, "auto") == 66
    assert defaults.patience(1, "auto") == 5
    assert defaults.patience(100, 3) == 3


def test_peak_rate():
    assert defaults.peak_rate("auto") == 0.003
    assert defaults.peak_rate(0.5) == 0.5
    assert defaults.peak_rate("auto", asked=[0.02, 0.01]) == 0.01
    assert defaults.peak_rate(0.5, asked=[0.01]) == 0.5
