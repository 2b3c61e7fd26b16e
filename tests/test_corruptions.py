"""Noise on the network's input."""

import numpy as np
import pytest
import torch

from sklearn_ae.corruptions import (
    CORRUPTIONS,
    GaussianNoise,
    MaskingNoise,
    build_corruption,
)

CENTER = np.array([1.0, -2.0, 5.0])
FEATURE_SCALE = np.array([0.5, 1.0, 4.0])
X = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(1))


def corrupt(corruption, x=X, seed=0):
    built = build_corruption(
        corruption, center=CENTER, feature_scale=FEATURE_SCALE, data_range=(-3.0, 9.0)
    )
    return built(x, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("relative", [False, True])
def test_gaussian_noise_has_the_given_standard_deviation(relative):
    noise = corrupt(GaussianNoise(0.3, relative=relative)) - X
    expected = 0.3 * (FEATURE_SCALE if relative else np.ones(3))
    np.testing.assert_allclose(noise.std(0).numpy(), expected, rtol=0.03)
    assert (noise.mean(0).abs().numpy() < 0.03 * expected).all()


@pytest.mark.parametrize("rate", [0.2, 0.7])
def test_masking_replaces_the_given_share(rate):
    masked = corrupt(MaskingNoise(rate)) != X
    assert abs(masked.float().mean() - rate) < 0.01
    # Values are masked one by one, not row by row.
    assert masked.float().mean(1).std() > 0


@pytest.mark.parametrize(
    ("fill", "expected"),
    [(0.0, 0.0 - CENTER), (3.0, 3.0 - CENTER), ("mean", [0.0] * 3)],
)
def test_masking_fills_in_units_of_the_data(fill, expected):
    masked = corrupt(MaskingNoise(1.0, fill=fill))
    np.testing.assert_allclose(masked, np.broadcast_to(expected, X.shape), rtol=1e-6)


@pytest.mark.parametrize("corruption", [GaussianNoise(0.0), MaskingNoise(0.0)])
def test_a_level_of_nothing_changes_nothing(corruption):
    assert torch.equal(corrupt(corruption), X)


def test_a_range_draws_a_level_for_each_row():
    wide = X.new_zeros(2000, 500)
    built = GaussianNoise((0.1, 0.5)).build(
        center=np.zeros(500), feature_scale=np.ones(500), data_range=(0.0, 1.0)
    )
    levels = built(wide, torch.Generator().manual_seed(0)).std(1).numpy()
    # Uniform in (0.1, 0.5), seen through 500 draws a row.
    assert 0.08 < levels.min() < 0.12
    assert 0.46 < levels.max() < 0.56
    assert abs(levels.mean() - 0.3) < 0.02

    rates = MaskingNoise((0.2, 0.8), fill=9.0).build(
        center=np.zeros(500), feature_scale=np.ones(500), data_range=(0.0, 1.0)
    )
    rates = (rates(wide, torch.Generator().manual_seed(0)) == 9).float().mean(1)
    assert 0.1 < rates.min() < 0.25
    assert 0.75 < rates.max() < 0.9


@pytest.mark.parametrize("corruption", [GaussianNoise(), MaskingNoise()])
def test_seeded_and_out_of_place(corruption):
    before = X.clone()
    assert torch.equal(corrupt(corruption), corrupt(corruption))
    assert not torch.equal(corrupt(corruption), corrupt(corruption, seed=1))
    assert torch.equal(X, before)


@pytest.mark.parametrize(
    "corruption",
    [
        GaussianNoise(-0.1),
        GaussianNoise("a"),
        GaussianNoise((0.5, 0.1)),
        GaussianNoise((0.1, 0.2, 0.3)),
        GaussianNoise((-0.1, 0.2)),
        GaussianNoise(relative="yes"),
        MaskingNoise(-0.1),
        MaskingNoise(1.1),
        MaskingNoise((0.5, 1.5)),
        MaskingNoise(fill="median"),
        MaskingNoise(fill=np.nan),
    ],
    ids=repr,
)
def test_bad_parameters(make, curved, corruption):
    name = type(corruption).__name__
    with pytest.raises(ValueError, match=f"parameter of {name} must be .* Got .*"):
        make(corruption=corruption).fit(curved)


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_target_is_clean_and_noise_in_training_only(make_ae, curved, name):
    """Whatever is put on the input, the recorded loss is against the clean rows."""
    # All values masked by the mean: codes and reconstructions are the same for each
    # row, so the loss is the squared distance to the mean.
    model = make_ae(
        corruption=MaskingNoise(1.0, fill="mean"),
        learning_rate=1e-12,
        validation_fraction=None,
        early_stopping=False,
        guard=False,
    ).fit(curved)
    distance = np.square(curved - curved.mean(axis=0)).sum(axis=1).mean()
    assert model.history_[0]["train_reconstruction"] == pytest.approx(distance, 1e-5)

    noisy = make_ae(corruption=name).fit(curved)
    np.testing.assert_array_equal(noisy.transform(curved), noisy.transform(curved))


def test_denoising_halves_the_noise(make, rng):
    X = rng.normal(size=(1000, 2)) @ rng.normal(size=(2, 20))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    noisy = X + 0.5 * rng.normal(size=X.shape)
    given = X.copy()
    model = make(corruption=GaussianNoise(0.5), max_epochs=20).fit(given)
    np.testing.assert_array_equal(given, X)
    denoised = model.inverse_transform(model.transform(noisy))
    assert np.square(denoised - X).mean() < 0.5 * np.square(noisy - X).mean()
