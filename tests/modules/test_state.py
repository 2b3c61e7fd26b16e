"""The state dict of a trained module: all that codes, scores and samples come from."""

import io
from itertools import combinations

import numpy as np
import pytest
import torch

from sklearn_ae.likelihoods._by_name import LIKELIHOODS
from sklearn_ae.losses import LOSSES
from sklearn_ae.networks import MLP


def data_for(name, rng):
    """Return float32 rows in the domain of a loss or a likelihood."""
    X = rng.normal(size=(160, 2)) @ rng.normal(size=(2, 6))
    X += 0.1 * rng.normal(size=X.shape)
    if name == "categorical":
        X = np.eye(6)[X.argmax(axis=1)]
    elif name in ("bernoulli", "log_loss"):
        X = X > 0
    elif name in ("poisson", "negative_binomial"):
        X = np.abs(X).round()
    return X.astype(np.float32)


KINDS = [
    *(("autoencoder", {"loss": loss}) for loss in LOSSES),
    ("autoencoder", {"output_range": (-9.0, 9.0)}),
    ("autoencoder", {"network": MLP((8, 4), tied=True)}),
    ("autoencoder", {"init": "random"}),
    ("autoencoder", {"whiten": True}),
    ("autoencoder", {"corruption": ["gaussian", "masking", "swap"]}),
    ("autoencoder", {"penalty": ["l1", "contractive"]}),
    *(("vae", {"likelihood": likelihood}) for likelihood in LIKELIHOODS),
    *(("vae", {"prior": prior}) for prior in ("gaussian_mixture", "vamp", "aggregate")),
    ("vae", {"n_importance_samples": 3}),
]


@pytest.fixture(params=KINDS, ids=lambda kind: str(kind[1]))
def kind(request, make_ae, make_vae):
    """Return a way to make an estimator of one kind."""
    name, params = request.param
    make = make_ae if name == "autoencoder" else make_vae
    return lambda **more: make(**params, **more)


@pytest.fixture
def X(kind, rng):
    """Rows for an estimator of one kind."""
    params = kind().get_params(deep=False)
    return data_for(params.get("loss", params.get("likelihood")), rng)


def results(model, X):
    codes = model.transform(X)
    return [
        codes,
        model.inverse_transform(codes),
        model.score_samples(X),
        *(model.posterior(X) if hasattr(model, "posterior") else ()),
        *([model.sample(9, random_state=0)] if hasattr(model, "posterior") else ()),
    ]


def assert_equal_results(one, other, X):
    for first, second in zip(results(one, X), results(other, X), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("kept", [False, True])
def test_loading_gives_the_same_results(kind, X, kept):
    """Into a net that was trained less, whose guard decided otherwise."""
    model = kind(guard=False, learning_rate=0.02).fit(X)
    other = kind(guard=False, random_state=1, max_epochs=1).fit(X)
    if model.init == "pca":
        model.net_.module_.use_networks(not kept)
        other.net_.module_.use_networks(kept)
    file = io.BytesIO()
    model.net_.save_params(f_params=file)
    file.seek(0)
    other.net_.load_params(f_params=file)
    assert_equal_results(model, other, X)
    # It can go on from there.
    other.partial_fit(X)
    assert np.isfinite(other.transform(X)).all()


def memory(tensor):
    start = tensor.data_ptr()
    return start, start + tensor.numel() * tensor.element_size()


def test_every_tensor_has_a_memory_of_its_own(kind, X):
    model = kind(guard=False).fit(X)
    state = model.net_.module_.state_dict()
    assert all(value.is_contiguous() for value in state.values())
    spans = {name: memory(value) for name, value in state.items() if value.numel()}
    spans["mean_"] = memory(torch.from_numpy(model.mean_))
    for (one, (a, b)), (other, (c, d)) in combinations(spans.items(), 2):
        assert b <= c or d <= a, (one, other)


def test_safetensors(kind, X, tmp_path):
    pytest.importorskip("safetensors")
    model = kind(guard=False).fit(X)
    other = kind(random_state=1).fit(X)
    file = str(tmp_path / "weights.safetensors")
    model.net_.save_params(f_params=file, use_safetensors=True)
    other.net_.load_params(f_params=file, use_safetensors=True)
    assert_equal_results(model, other, X)


def test_the_mixture_goes_with_the_weights(make_vae, rng):
    """One of another size, into a net that has none; and the other way round."""
    centers = 8.0 * rng.normal(size=(3, 5))
    X = centers[rng.randint(3, size=300)] + rng.normal(size=(300, 5))
    mixed = make_vae(prior="gaussian_mixture", guard=False).fit(X)
    assert mixed.net_.module_.prior.fitted.is_fitted
    fresh = make_vae(prior="gaussian_mixture", random_state=1).partial_fit(X)
    assert not fresh.net_.module_.prior.fitted.is_fitted
    before, after = (m.net_.module_.state_dict() for m in (fresh, mixed))
    before = {name: value.clone() for name, value in before.items()}
    scores = fresh.score_samples(X)
    fresh.net_.module_.load_state_dict(after)
    assert_equal_results(mixed, fresh, X)
    fresh.net_.module_.load_state_dict(before)
    np.testing.assert_array_equal(fresh.score_samples(X), scores)
