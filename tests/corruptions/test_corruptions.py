"""Noise on the network's input."""

import numpy as np
import pytest
import torch

from sklearn_ae.corruptions import (
    GaussianNoise,
    MaskingNoise,
    PatchMasking,
    SaltAndPepper,
    SwapNoise,
)
from sklearn_ae.corruptions._build import CORRUPTIONS, build_corruption

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


@pytest.mark.parametrize("relative", [False, True])
def test_gaussian_noise_is_three_tenths_of_the_data_s_scale_by_default(relative):
    noise = corrupt(GaussianNoise(relative=relative)) - X
    root_mean_square = np.sqrt(np.mean(FEATURE_SCALE**2))
    expected = 0.3 * (FEATURE_SCALE if relative else root_mean_square * np.ones(3))
    np.testing.assert_allclose(noise.std(0).numpy(), expected, rtol=0.03)


@pytest.mark.parametrize("factor", [2.0**-12, 16.0, 2.0**20])
def test_noise_by_name_follows_the_units_of_x(make, curved, factor):
    """Pixels in [0, 1] and pixels to 16 get the same share of noise."""

    def share(X):
        module = make(corruption="gaussian").fit(X).net_.module_
        rows = torch.tensor(X - X.mean(axis=0), dtype=torch.float32)
        noise = module.corruption(rows, torch.Generator().manual_seed(0)) - rows
        return noise.std().item() / X.std(axis=0).mean()

    assert share(factor * curved) == pytest.approx(share(curved), rel=1e-4)
    assert 0.25 < share(curved) < 0.4


def test_a_given_scale_is_in_the_units_of_x(make, curved):
    module = make(corruption=GaussianNoise(4.0)).fit(16 * curved).net_.module_
    noise = module.corruption(torch.zeros(5000, 6), torch.Generator().manual_seed(0))
    assert noise.std() == pytest.approx(4.0, rel=0.03)


def test_constant_rows_have_no_scale_to_take_a_share_of(make):
    model = make(corruption="gaussian").fit(np.ones((30, 3)))
    assert np.isfinite(model.transform(np.ones((2, 3)))).all()


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


def test_salt_and_pepper_are_as_likely():
    found = corrupt(SaltAndPepper(0.4)) + torch.tensor(CENTER, dtype=torch.float32)
    # The range of the data that `corrupt` tells of.
    for value in (-3.0, 9.0):
        assert abs((found == value).float().mean() - 0.2) < 0.01
    untouched = found == X + torch.tensor(CENTER, dtype=torch.float32)
    assert abs(untouched.float().mean() - 0.6) < 0.01


def test_salt_and_pepper_of_given_values():
    found = corrupt(SaltAndPepper(1.0, low=0.0, high=5.0))
    found = (found + torch.tensor(CENTER, dtype=torch.float32)).round(decimals=4)
    assert set(found.unique().tolist()) == {0.0, 5.0}


def test_swap_takes_values_of_the_same_feature():
    found = corrupt(SwapNoise(0.3))
    assert abs((found != X).float().mean() - 0.3) < 0.01
    for column in range(3):
        assert torch.isin(found[:, column], X[:, column]).all()
    # Features are swapped one by one, so that their relation is broken.
    assert (found != X).float().mean(1).unique().numel() == 4


def test_swap_noise_of_one_row_changes_nothing():
    assert torch.equal(corrupt(SwapNoise(1.0), X[:1]), X[:1])


def patches_of(shape, **params):
    """Corrupt 400 images of ones; return which values were replaced by 7."""
    built = PatchMasking(shape, fill=7.0, **params).build(
        center=np.zeros(np.prod(shape)), feature_scale=None, data_range=None
    )
    x = torch.ones(400, np.prod(shape))
    return (built(x, torch.Generator().manual_seed(0)) == 7).reshape(-1, *shape)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 7, 10)])
def test_patches_are_masked_whole(shape):
    masked = patches_of(shape, patch_size=4, rate=0.3)
    assert abs(masked.float().mean() - 0.3) < 0.05
    for top in (0, 4):
        for left in range(0, shape[2], 4):
            patch = masked[:, :, top : top + 4, left : left + 4].flatten(1)
            assert torch.equal(patch.all(1), patch.any(1))
    # Neighbouring patches are drawn apart.
    assert not torch.equal(masked[..., 0, 0], masked[..., 0, 4])


def test_a_patch_of_one_pixel_is_masking():
    masked = patches_of((1, 5, 5), patch_size=1, rate=(0.2, 0.8))
    assert masked.flatten(1).float().mean(1).unique().numel() > 10


def test_patches_need_the_shape_of_the_image(make, curved):
    with pytest.raises(ValueError, match=r"PatchMasking, \(1, 2, 2\), multiplies to 4"):
        make(corruption=PatchMasking((1, 2, 2))).fit(curved)
    with pytest.raises(ValueError, match=r"'image_shape' parameter of PatchMasking"):
        make(corruption="patches").fit(curved)


def test_a_list_is_put_on_in_order():
    found = corrupt([MaskingNoise(1.0), GaussianNoise(0.1)])
    noise = found + torch.tensor(CENTER, dtype=torch.float32)
    np.testing.assert_allclose(noise.std(0), 0.1, rtol=0.05)
    assert torch.equal(
        corrupt([GaussianNoise(0.1), MaskingNoise(1.0)]).std(0), X[0] * 0
    )


def test_a_callable_gets_rows_in_units_of_the_data():
    seen = []

    def doubled(x, generator):
        seen.append(x.clone())
        x *= 2.0
        return x

    before = X.clone()
    found = corrupt(doubled)
    assert torch.equal(X, before)
    center = torch.tensor(CENTER, dtype=torch.float32)
    torch.testing.assert_close(seen[0], X + center)
    torch.testing.assert_close(found + center, 2 * (X + center))


def test_a_callable_that_does_nothing_loses_no_digits():
    small = 1e-3 * X
    built = build_corruption(
        lambda x, generator: x, center=1e6 * CENTER, feature_scale=None, data_range=None
    )
    assert torch.equal(built(small, None), small)


def test_a_module_as_corruption_is_not_trained(make, curved):
    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = torch.nn.Parameter(torch.tensor(0.5))

        def forward(self, x, generator):
            return self.factor * x

    given = Scaled()
    model = make(corruption=given, guard=False).fit(curved)
    assert given.factor.requires_grad
    assert model.net_.module_.corruption.function.factor == 0.5


def test_a_callable_must_keep_the_shape(make, curved):
    with pytest.raises(ValueError, match=r"rows of the shape it got.* Got \(.*, 1\)"):
        make(corruption=lambda x, generator: x[:, :1]).fit(curved)


@pytest.mark.parametrize("corruption", [[], ["blur"], [None], GaussianNoise, [3]])
def test_what_is_no_corruption(make, curved, corruption):
    with pytest.raises(TypeError, match=r"'corruption' parameter must be .* Got"):
        make(corruption=corruption).fit(curved)


@pytest.mark.parametrize(
    "corruption", [GaussianNoise(0.0), MaskingNoise(0.0), SwapNoise(0.0)]
)
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


@pytest.mark.parametrize(
    "corruption",
    [
        GaussianNoise(),
        MaskingNoise(),
        SaltAndPepper(),
        SwapNoise(),
        PatchMasking((1, 1, 3), patch_size=1),
        ["gaussian", "swap"],
    ],
)
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
        SaltAndPepper(1.1),
        SaltAndPepper((0.5, 0.1)),
        SaltAndPepper(low="mean"),
        SwapNoise(-0.1),
        SwapNoise((0.0, 2.0)),
        PatchMasking(patch_size=0),
        PatchMasking(rate=2.0),
        PatchMasking(image_shape="square"),
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

    # Four features are an image of 2 x 2.
    X = curved[:, :4]
    noisy = make_ae(corruption=name).fit(X)
    np.testing.assert_array_equal(noisy.transform(X), noisy.transform(X))


def test_a_column_of_noise_alone_is_not_scaled_up(make, rng):
    """What hardly varies is as large as its noise in training, not a thousand times."""
    X = rng.normal(size=(400, 6)) * [1.0, 1.0, 1.0, 1.0, 1.0, 1e-3]
    nothing = MaskingNoise(0.3, fill="mean"), lambda x, generator: x
    for corruption in (GaussianNoise(0.5), ["swap", [*nothing, "gaussian"]]):
        module = make(corruption=corruption).fit(X).net_.module_
        seen = module.input_scale * module.corruption(torch.tensor(X).float(), None)
        assert (seen.square().mean(dim=0) < 2).all()
    scales = [
        make(corruption=corruption).fit(X).net_.module_.input_scale
        for corruption in (None, *nothing)
    ]
    assert torch.equal(scales[0], scales[1])
    assert torch.equal(scales[0], scales[2])


def test_denoising_halves_the_noise(make, rng):
    X = rng.normal(size=(1000, 2)) @ rng.normal(size=(2, 20))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    noisy = X + 0.5 * rng.normal(size=X.shape)
    given = X.copy()
    model = make(corruption=GaussianNoise(0.5), max_epochs=20).fit(given)
    np.testing.assert_array_equal(given, X)
    np.testing.assert_array_equal(model.transform(noisy), model.transform(noisy))
    denoised = model.inverse_transform(model.transform(noisy))
    assert np.square(denoised - X).mean() < 0.5 * np.square(noisy - X).mean()


def test_denoise_is_there_and_back(make_ae, curved):
    model = make_ae(corruption="gaussian", guard=False).fit(curved)
    expected = model.inverse_transform(model.transform(curved))
    np.testing.assert_array_equal(model.denoise(curved), expected)
    assert model.denoise(curved).dtype == curved.dtype
