"""What is trained at all, what the guard tells, and what a fit says."""

import json
import pickle
import warnings
from dataclasses import asdict

import numpy as np
import pytest
import torch

from sklearn_ae import summary
from sklearn_ae._inference import MOST_CODES
from sklearn_ae._training.batches import Rows
from sklearn_ae.likelihoods import Categorical, Gaussian, Mixed
from sklearn_ae.networks import MLP

# ---- rows that PCA reproduces


@pytest.fixture
def bits(rng):
    """Bits of rank 4 in 8 columns, the last four copies of the others."""
    half = (rng.uniform(size=(300, 4)) < 0.5).astype(float)
    return np.concatenate([half, half], axis=1)


@pytest.fixture
def pairs(rng):
    """One-hot pairs, four of them: of rank 4 in 8 columns."""
    half = (rng.uniform(size=(300, 4)) < 0.5).astype(float)
    return np.stack([half, 1 - half], axis=2).reshape(300, 8)


@pytest.mark.parametrize("loss", ["log_loss", "poisson", "huber", "absolute_error"])
@pytest.mark.parametrize("n_components", [4, 6])
def test_an_exact_pca_leaves_other_losses_to_train(make_ae, bits, loss, n_components):
    model = make_ae(n_components=n_components, loss=loss)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "n_components=6 is above the rank")
        assert model.fit(bits).n_iter_ == 2


@pytest.mark.filterwarnings("ignore:Training left only")
@pytest.mark.filterwarnings("ignore:n_components=6 is above the rank")
@pytest.mark.parametrize(
    "likelihood",
    [
        *("bernoulli", "poisson", "negative_binomial", "laplace", "student_t"),
        *(Categorical((2, 2, 2, 2)), Mixed([("bernoulli", [0, 1])]), Gaussian(0.5)),
    ],
)
@pytest.mark.parametrize("n_components", [4, 6])
def test_an_exact_pca_leaves_other_likelihoods_to_train(
    make_vae, pairs, likelihood, n_components
):
    model = make_vae(n_components=n_components, likelihood=likelihood, kl_warmup=0.0)
    assert model.fit(pairs).n_iter_ == 2


@pytest.mark.parametrize("n_components", [4, 8])
def test_bits_of_the_rank_are_learned(make_vae, bits, n_components):
    """The best there is are four bits; PCA's start was 52 nats away."""
    params = {"network": MLP((32,)), "max_epochs": 80, "likelihood": "bernoulli"}
    model = make_vae(n_components=n_components, **params).fit(bits)
    assert model.score(bits) > -1.3 * 4 * np.log(2)


def test_bits_of_the_rank_are_reconstructed(make_ae, bits):
    params = {"network": MLP((32,)), "max_epochs": 40, "loss": "log_loss"}
    model = make_ae(n_components=4, **params).fit(bits)
    np.testing.assert_allclose(model.reconstruct(bits), bits, atol=1e-3)


def test_where_pca_is_best_nothing_is_trained_and_it_is_said(make, bits, capsys):
    model = make(n_components=4, verbose=1).fit(bits)
    assert model.history_ == []
    assert model.n_iter_ == 0
    assert model.gain_over_pca_ == 0
    assert model.guard_ is None
    assert "Nothing was trained" in capsys.readouterr().out
    report = summary(model, bits)
    assert report.facts["Training"].startswith("0 epochs")
    assert "nothing to learn" in " ".join(report.advice)
    assert "Guard" not in report.facts


# ---- more components than the rank


@pytest.mark.parametrize(("n_components", "rank"), [(6, 5), (3, 2)])
def test_components_above_the_rank_are_said(make, rng, n_components, rank):
    X = rng.normal(size=(50, rank)) @ rng.normal(size=(rank, 5))
    said = (
        rf"n_components={n_components} is above the rank of X, {rank}: .* most {rank}"
    )
    with pytest.warns(UserWarning, match=said) as caught:
        model = make(n_components=n_components).fit(X)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    codes = model.transform(X)
    assert (codes[:, rank:] == 0).all()
    assert (codes[:, :rank] != 0).any(axis=0).all()


@pytest.mark.parametrize(
    "params",
    [
        {"n_components": 5},
        {"n_components": 9, "init": "random"},
        {"n_components": 9, "penalty": "l1"},
        {"n_components": 9, "corruption": "gaussian"},
    ],
)
def test_overcomplete_codes_are_possible_in_silence(make_ae, rng, params):
    """The tests' settings make an error of a warning."""
    X = rng.normal(size=(50, 5))
    assert make_ae(**params).fit(X).transform(X).shape == (50, params["n_components"])


# ---- a first chunk of few rows


def stream(rng):
    """Rows of two curved factors in 8 columns."""
    first, second = rng.normal(size=(2, 2, 8))

    def chunk(n_rows):
        factors = rng.normal(size=(n_rows, 2))
        curved = np.tanh(factors @ first) + factors**2 @ second
        return curved + 0.1 * rng.normal(size=(n_rows, 8))

    return chunk


@pytest.mark.parametrize("n_rows", [2, 3])
def test_a_first_chunk_of_few_rows_does_not_bound_what_is_learned(make, rng, n_rows):
    """As many axes as rows leave nothing of these, but much of others."""
    chunk = stream(rng)
    X = chunk(500)
    model = make(network=MLP((32,)), learning_rate=0.01).partial_fit(chunk(n_rows))
    before = np.mean((X - model.reconstruct(X)) ** 2)
    for _ in range(10):
        model.partial_fit(chunk(500))
    assert np.mean((X - model.reconstruct(X)) ** 2) < 0.7 * before


def test_the_noise_of_a_first_chunk_of_few_rows_is_not_nil(make_vae, rng):
    chunk = stream(rng)
    model = make_vae().partial_fit(chunk(3))
    assert model.score(chunk(100)) > -1000


# ---- what the guard tells


def test_the_guard_tells_what_it_found(make, curved, noise):
    for X in (curved, noise):
        model = make(max_epochs=10).fit(X)
        found = model.guard_
        assert found.pca_kept == (found.p_value >= found.level)
        assert found.level == 0.01
        assert found.pca_kept != model.net_.module_.networks_on
        assert model.gain_over_pca_ == (0.0 if found.pca_kept else found.gain)
        assert np.sign(found.gain) == np.sign(found.pca_loss - found.network_loss)
        assert found == pickle.loads(pickle.dumps(found))
        assert json.loads(json.dumps(asdict(found))) == asdict(found)


def test_without_a_guard_the_test_is_told_all_the_same(make, noise):
    model = make(guard=False, max_epochs=10).fit(noise)
    assert model.guard_.level is None
    assert not model.guard_.pca_kept
    assert model.gain_over_pca_ == model.guard_.gain
    judged = make(max_epochs=10).fit(noise)
    assert judged.guard_.pca_kept
    assert judged.guard_.gain == model.guard_.gain
    assert judged.guard_.p_value == model.guard_.p_value


def test_losses_of_the_guard_are_those_of_the_history(make_ae, curved):
    found = make_ae(guard=False, max_epochs=10).fit(curved)
    lowest = min(epoch["valid_loss"] for epoch in found.history_)
    assert found.guard_.pca_loss == pytest.approx(found.pca_loss_)
    assert found.guard_.network_loss == pytest.approx(min(lowest, found.pca_loss_))
    assert found.guard_.n_rows == 50


def test_nothing_is_told_where_nothing_was_compared(make, curved):
    assert make(init="random").fit(curved).guard_ is None
    model = make().fit(curved)
    assert model.guard_ is not None
    assert model.partial_fit(curved).guard_ is None


def test_a_fit_is_silent_unless_asked(make, curved, capsys):
    make().fit(curved)
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


@pytest.mark.parametrize("guard", [True, False])
def test_a_fit_ends_with_the_verdict(make, noise, guard, capsys):
    model = make(verbose=1, guard=guard).fit(noise)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == str(model.guard_)
    assert "was kept" in lines[-1]
    assert lines[0].startswith(f"PCA: valid_loss {model.pca_loss_:.4f}")


def test_the_guard_looks_at_some_of_many_training_rows(make, rng):
    model = make(max_epochs=1).fit(rng.normal(size=(50, 3)))
    for n_rows, most in [(50, 50), (3 * MOST_CODES, MOST_CODES)]:
        rows = Rows(torch.from_numpy(rng.normal(size=(n_rows, 3)).astype(np.float32)))
        losses = model._compared_losses(rows)
        assert len(losses) == most
        assert np.isfinite(losses).all()
