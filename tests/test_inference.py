"""Running a trained net: evaluation mode, chunks, what comes back."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ae._inference import chunk_rows
from sklearn_ae.likelihoods import Gaussian, Mixed
from sklearn_ae.networks import Conv, Custom


def noisy_half(n_in, n_out):
    """Dropout and batch statistics, which show any use of training mode."""
    return nn.Sequential(
        nn.Linear(n_in, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, n_out)
    )


NOISY = Custom(noisy_half, noisy_half)


def state(model):
    return {name: v.clone() for name, v in model.net_.module_.state_dict().items()}


def calls(model, X):
    codes = model.transform(X)
    return [
        codes,
        model.inverse_transform(codes),
        model.score(X),
        model.score_samples(X),
        model.sample(5, random_state=0),
    ]


@pytest.mark.parametrize("init", ["pca", "random"])
def test_repeated_calls_are_equal_and_change_nothing(make, curved, init):
    model = make(network=NOISY, init=init, guard=False, corruption="gaussian")
    model.fit(curved)
    before = state(model)
    for one, other in zip(calls(model, curved), calls(model, curved), strict=True):
        np.testing.assert_array_equal(one, other)
    after = state(model)
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert torch.equal(value, after[name]), name


def test_a_net_left_in_training_mode_is_put_right(make, curved):
    model = make(network=NOISY, init="random").fit(curved)
    expected = model.transform(curved)
    model.net_.module_.train()
    np.testing.assert_array_equal(model.transform(curved), expected)


def test_batch_statistics_are_trained(make, curved):
    """Buffers do move in training, so that the test above means something."""
    model = make(network=NOISY, init="random").fit(curved)
    means = [v for name, v in state(model).items() if name.endswith("running_mean")]
    assert len(means) == 2
    assert all((mean != 0).any() for mean in means)


def test_chunks_do_not_show(make, curved, monkeypatch):
    model = make(init="random").fit(curved)
    whole = calls(model, curved)
    monkeypatch.setattr("sklearn_ae._inference.MOST_ROWS", 7)
    monkeypatch.setattr("sklearn_ae._inference.FEWEST_ROWS", 7)
    for one, other in zip(whole, calls(model, curved), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("width", [1, 512, 4096, 10**7])
def test_chunk_rows(width):
    n_rows = chunk_rows(width)
    assert 256 <= n_rows <= 4096
    assert n_rows in (256, 4096) or n_rows * max(width, 512) <= 2**21


def test_rows_keep_their_order(make, rng):
    X = rng.normal(size=(500, 5))
    X[:, 0] = np.arange(500) / 500
    model = make(n_components=5).fit(X)
    order = rng.permutation(500)
    codes = model.transform(X)
    np.testing.assert_allclose(codes[order], model.transform(X[order]), atol=1e-6)
    reconstruction = model.inverse_transform(codes)
    assert np.corrcoef(reconstruction[:, 0], X[:, 0])[0, 1] > 0.9


def test_scores_depend_neither_on_the_order_nor_on_the_number_of_rows(make, curved):
    model = make().fit(curved)
    scores = model.score_samples(curved)
    order = np.random.RandomState(0).permutation(len(curved))
    np.testing.assert_allclose(
        model.score_samples(curved[order]), scores[order], rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        model.score_samples(curved[:1]), scores[:1], rtol=1e-4, atol=1e-4
    )


def test_outputs_are_arrays_of_their_own(make, curved):
    model = make().fit(curved)
    for output in calls(model, curved):
        assert isinstance(output, np.ndarray | float)
        if isinstance(output, np.ndarray):
            assert output.flags.owndata
            assert output.flags.writeable


@pytest.mark.parametrize("value", [1e39, 1e300])
def test_rows_beyond_float32_are_refused(make, curved, value):
    model = make().fit(curved)
    with pytest.raises(ValueError, match="too large for float32"):
        model.transform(np.full((1, 6), value))


@pytest.mark.parametrize("value", [1e39, 1e300])
def test_codes_beyond_float32_are_refused(make, curved, value):
    """Never an infinite or NaN reconstruction, nor a bare numpy warning."""
    model = make().fit(curved)
    with pytest.raises(ValueError, match=r"not finite|too large for float32"):
        model.inverse_transform(np.full((1, 2), value))


PARTS = [
    {"loss": "squared_error", "output_range": (-3.0, 3.0)},
    *({"loss": loss} for loss in ("huber", "absolute_error", "poisson")),
    {"loss": "squared_error", "network": Conv((1, 2, 3), n_channels=2)},
    *({"likelihood": name} for name in ("gaussian", "laplace", "student_t")),
    {"likelihood": Gaussian("per_feature"), "prior": "vamp"},
    {"likelihood": Mixed([("laplace", [0])]), "init": "random"},
    *({"likelihood": name} for name in ("poisson", "negative_binomial")),
]


@pytest.mark.parametrize("params", PARTS, ids=repr)
@pytest.mark.parametrize("value", [1e19, 1e20, 1e30, 1e38, 1e300])
def test_a_row_however_extreme_has_the_lowest_score_and_no_other_s(
    make_ae, make_vae, curved, params, value
):
    X = np.rint(4 * (curved - curved.min()))
    model = (make_ae if "loss" in params else make_vae)(**params).fit(X)
    scores = model.score_samples(X)
    broken = X[:5].copy()
    broken[2, 1] = value
    for gap in (broken[3, 0], np.nan):
        broken[2, 0] = gap
        found = model.score_samples(broken)
        assert found.dtype == np.float32
        np.testing.assert_allclose(
            np.delete(found, 2), np.delete(scores[:5], 2), rtol=1e-5, atol=1e-5
        )
        assert found[2] < 10 * scores.min() - 1e6
    if value == 1e300:
        assert found[2] == -np.inf


@pytest.mark.parametrize(
    "method",
    ["transform", "reconstruct", "reconstruct_by_pca", "impute", "posterior"],
)
def test_what_is_no_score_of_an_extreme_row_is_refused(make, curved, method):
    model = make().fit(curved)
    curved[2, :2] = np.nan, 1e300
    if hasattr(model, method):
        with pytest.raises(ValueError, match="too large for float32"):
            getattr(model, method)(curved)


@pytest.mark.parametrize("value", [1e20, 1e25, 1e300])
def test_the_score_of_rows_with_an_extreme_one(make_ae, make_vae, curved, value):
    """It is a number, and that of the one row where this is in float32."""
    ae, vae = make_ae().fit(curved), make_vae().fit(curved)
    curved[2, 1] = value
    assert vae.score(curved) == -np.inf
    if value == 1e300:
        assert ae.score(curved) == -np.inf
    else:
        row = curved[2:3]
        error = np.sum((row - ae.reconstruct(row)) ** 2)
        share = 1 - error / np.sum((row - ae.mean_) ** 2)
        assert ae.score(curved) == pytest.approx(share, abs=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("method", ["transform", "inverse_transform", "score"])
def test_many_rows_do_not_pile_up_on_a_gpu(make, rng, method):
    model = make(device="cuda").fit(rng.normal(size=(1000, 200)).astype(np.float32))
    width = 2 if method == "inverse_transform" else 200

    def peak(n_rows):
        X = rng.normal(size=(n_rows, width)).astype(np.float32)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        getattr(model, method)(X)
        return torch.cuda.max_memory_allocated()

    assert peak(500_000) < 1.5 * peak(50_000)
