"""What both torch modules share, on their own, with parts made by hand."""

import copy
import pickle

import numpy as np
import pytest
import torch
from parts import Constant, autoencoder, variational
from torch import nn

from sklearn_ae._pca.start import fit_start
from sklearn_ae.corruptions import GaussianNoise
from sklearn_ae.likelihoods import (
    Categorical,
    Mixed,
    NegativeBinomial,
    Poisson,
)
from sklearn_ae.likelihoods._by_name import LIKELIHOODS
from sklearn_ae.losses import LOSSES
from sklearn_ae.penalties import L1, Contractive


@pytest.mark.parametrize("build", [autoencoder, variational])
def test_copies_in_mid_training_draw_the_same(start, x, build):
    noise = GaussianNoise(1.0).build(
        center=start.mean, feature_scale=start.feature_scale, data_range=(0, 1)
    )
    encoder = nn.Linear(4, 1 if build is autoencoder else 2)
    module = build(start, encoder, corruption=noise).train()
    module.training_generator = torch.Generator().manual_seed(0)
    module(x)
    copies = copy.deepcopy(module), pickle.loads(pickle.dumps(module))
    before = torch.get_rng_state()
    expected = sum(module(x).values())
    assert torch.equal(torch.get_rng_state(), before)
    for each in copies:
        assert torch.equal(sum(each(x).values()), expected)
    assert not torch.equal(sum(module(x).values()), expected)


def test_networks_that_give_nothing_leave_pca(start, x):
    module = autoencoder(start)
    axes = torch.tensor(start.components, dtype=torch.float32)
    torch.testing.assert_close(module.encode(x), x @ axes.T)
    torch.testing.assert_close(module.decode(x @ axes.T), x @ axes.T @ axes)
    loss = module(x)["reconstruction"] * module.natural_scale
    torch.testing.assert_close(loss, (x - x @ axes.T @ axes).square().sum(1))


@pytest.mark.parametrize("build", [autoencoder, variational])
def test_networks_can_be_switched_off_and_on(start, x, build):
    encoder = Constant(1.0) if build is autoencoder else Constant(1.0, 1.0)
    module = build(start, encoder, Constant(1.0, 2.0, 3.0, 4.0))
    plain = build(start)
    plain.use_networks(False)
    module.use_networks(False)
    torch.testing.assert_close(module.encode(x), plain.encode(x))
    torch.testing.assert_close(module.decode(x[:, :1]), plain.decode(x[:, :1]))
    module.use_networks(True)
    assert not torch.allclose(module.encode(x), plain.encode(x))
    assert not torch.allclose(module.decode(x[:, :1]), plain.decode(x[:, :1]))


def test_the_vae_s_noise_is_switched_off_with_its_networks(start, x):
    module = variational(start)
    with torch.no_grad():
        before = module(x)["reconstruction"]
        module.cost.correction.fill_(0.3)
        assert not torch.allclose(module(x)["reconstruction"], before)
        module.use_networks(False)
        torch.testing.assert_close(module(x)["reconstruction"], before)


def test_a_decoder_corrects_in_units_of_the_residual(start, x):
    module = autoencoder(start, decoder=Constant(1.0, 1.0, 1.0, 1.0))
    difference = module.decode(x[:, :1]) - autoencoder(start).decode(x[:, :1])
    np.testing.assert_allclose(
        difference[0].numpy(), start.residual_scale, rtol=1e-4, atol=1e-6
    )


def test_terms_are_rows(start, x):
    parts = {
        "corruption": GaussianNoise().build(
            center=start.mean, feature_scale=np.ones(4), data_range=(0.0, 1.0)
        ),
        "penalty": L1().build(code_scale=np.ones(1), natural_scale=1.0),
    }
    assert {
        name: tuple(term.shape) for name, term in autoencoder(start)(x).items()
    } == {"reconstruction": (9,)}
    assert {
        name: tuple(term.shape) for name, term in variational(start, **parts)(x).items()
    } == {"reconstruction": (9,), "kl": (9,), "penalty": (9,)}


# ---- missing values

OUTPUT = (0.3, -0.2, 0.1, 0.4)
MISSING = torch.tensor([[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]]).bool()


@pytest.fixture
def bits():
    """A start without linear path, and centred rows of four bits."""
    X = np.random.RandomState(0).randint(0, 2, size=(40, 4)).astype(float)
    X[:, 1], X[:, 3] = 1 - X[:, 0], 1 - X[:, 2]
    start, rows = fit_start(X, 1, "random", np.random.RandomState(0))
    return start, torch.from_numpy(rows[:4])


def term_of(module, x):
    """Return the reconstruction term of rows and, by hand, the terms of their values.

    Networks are constant, so what the decoder gives does not depend on the rows.
    """
    module.incomplete = True
    with torch.no_grad():
        parameter = module.parameter(torch.zeros(len(x), 1))
        terms = module.cost.terms(x, parameter)
        found = module(x.masked_fill(MISSING, torch.nan))["reconstruction"]
    return found, terms


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_that_of_the_observed_values(bits, name):
    start, x = bits
    module = autoencoder(start, decoder=Constant(*OUTPUT), loss=LOSSES[name]())
    found, terms = term_of(module, x)
    first, second = terms.split(2, dim=1)
    by_hand = [terms[0].sum(), second[1].sum(), first[2].sum(), torch.tensor(0.0)]
    torch.testing.assert_close(found, torch.stack(by_hand))
    assert found[:3].abs().min() > 0


@pytest.mark.parametrize(
    "likelihood",
    [
        *(LIKELIHOODS[name]() for name in LIKELIHOODS if name != "categorical"),
        Poisson(size_factors="total"),
        NegativeBinomial("learned"),
        Categorical((2, 2)),
        Mixed([("laplace", [0, 3]), ("bernoulli", [1])]),
    ],
    ids=repr,
)
def test_a_likelihood_is_that_of_the_observed_values(bits, likelihood):
    start, x = bits
    module = variational(
        start,
        decoder=Constant(*OUTPUT),
        likelihood=likelihood.on_features(4, None),
    )
    found, terms = term_of(module, x)
    if getattr(likelihood, "size_factors", None) is None:
        first, second = terms.split(2, dim=1)
        by_hand = [terms[0].sum(), second[1].sum(), first[2].sum(), torch.tensor(0.0)]
        torch.testing.assert_close(found, torch.stack(by_hand))
    # A row of which nothing is known tells nothing.
    assert found[3] == 0
    assert torch.isfinite(found).all()


def test_rows_without_missing_values_have_the_same_losses(start, x, monkeypatch):
    monkeypatch.setattr("sklearn_ae._modules.gaps.HIDDEN", 0.0)
    for module in (autoencoder(start), variational(start)):
        complete = module(x)
        module.incomplete = True
        for name, term in module(x).items():
            torch.testing.assert_close(term, complete[name])


def exact_fill(start, rows, eigenvalues):
    """Return centred rows with probabilistic PCA's conditional means for NaN."""
    signal = np.maximum(eigenvalues - start.noise_variance, 0.0)
    axes = start.components
    covariance = (axes.T * signal) @ axes
    covariance += start.noise_variance * np.eye(axes.shape[1])
    filled = rows.astype(np.float64)
    for row in filled:
        gone = np.isnan(row)
        known = covariance[np.ix_(~gone, ~gone)]
        row[gone] = covariance[np.ix_(gone, ~gone)] @ np.linalg.solve(known, row[~gone])
    return filled


def wide_start(n_components, scales):
    """Return a start, and its rows with gaps, of ten columns of given scales."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 10))
    X = (X + 0.1 * rng.normal(size=X.shape)) * scales
    start, rows = fit_start(X, n_components, "pca", rng)
    rows[rng.uniform(size=X.shape) < 0.4] = np.nan
    rows[:2] = np.nan
    rows[2, 1:] = np.nan
    return start, rows


@pytest.mark.parametrize("build", [autoencoder, variational])
@pytest.mark.parametrize("n_components", [1, 3, 6, 10])
@pytest.mark.parametrize(("low", "high"), [(0, 0), (-3, 4), (-25, -21)])
def test_missing_values_are_filled_by_their_conditional_means(
    build, n_components, low, high
):
    """Of probabilistic PCA, whatever the units, and however few values there are."""
    start, rows = wide_start(n_components, np.logspace(low, high, 10))
    encoder = Constant(*np.zeros(n_components * (1 if build is autoencoder else 2)))
    module = build(start, encoder.float(), Constant(*np.zeros(10)).float())
    x = torch.from_numpy(rows)
    filled = module.filled(x, x.isnan()).numpy()
    observed = ~np.isnan(rows)
    np.testing.assert_array_equal(filled[observed], rows[observed])
    scale = start.feature_scale
    exact = exact_fill(start, rows / np.float64(1), start.variances) / scale
    np.testing.assert_allclose(filled / scale, exact, rtol=1e-3, atol=1e-3)
    module.use_networks(False)
    completed = module.completed(x, max_iter=20, tol=0.0)[0]
    np.testing.assert_array_equal(completed.numpy(), filled)


def test_a_missing_column_that_dominates_an_axis_is_filled():
    """All but nothing of the axis is left, and yet it is told."""
    rng = np.random.RandomState(0)
    code = rng.normal(size=(100, 1))
    X = np.hstack([1e3 * code, code + 1e-2 * rng.normal(size=(100, 3))])
    start, rows = fit_start(X, 1, "pca", rng)
    x = torch.from_numpy(rows)
    missing = torch.zeros_like(x, dtype=torch.bool)
    missing[:, 0] = True
    for build in (autoencoder, variational):
        filled = build(start).filled(x, missing)
        error = (filled - x)[:, 0].square().mean().sqrt()
        assert error < 0.05 * start.feature_scale[0]


@pytest.mark.parametrize("most_numbers", [1, 7, 40])
def test_rows_and_features_are_taken_in_parts(monkeypatch, most_numbers):
    start, rows = wide_start(3, np.ones(10))
    x = torch.from_numpy(rows)
    module = autoencoder(start, Constant(0.0, 0.0, 0.0), Constant(*10 * [0.0]))
    whole = module.filled(x, x.isnan())
    monkeypatch.setattr("sklearn_ae._modules.gaps.MOST_NUMBERS", most_numbers)
    torch.testing.assert_close(module.filled(x, x.isnan()), whole)


def test_a_posterior_widens_where_values_are_missing(start, x):
    """For probabilistic PCA of one component the variance is exact."""
    module = variational(start)
    x[:, 0] = torch.nan
    x[0, 1:] = torch.nan
    deviation = module.moments(x)[:, 1].numpy()
    loading = start.components[0] * np.sqrt(start.variances[0] - start.noise_variance)
    precision = 1 + np.sum(loading[1:] ** 2) / start.noise_variance
    np.testing.assert_allclose(deviation[1:], precision**-0.5, rtol=1e-4)
    np.testing.assert_allclose(deviation[0], 1.0, rtol=1e-4)


def test_a_contractive_penalty_does_not_see_what_is_missing(start, x, monkeypatch):
    """It is of the way from the observed values to the code."""
    monkeypatch.setattr("sklearn_ae._modules.gaps.HIDDEN", 0.0)
    penalty = Contractive(1.0).build(code_scale=np.ones(1), natural_scale=1.0)
    module = autoencoder(start, penalty=penalty)
    module.incomplete = True
    missing = torch.zeros_like(x, dtype=torch.bool)
    missing[:, 0] = True
    unit_rows = torch.eye(4)
    weights = module.inner_code(module.filled(unit_rows, missing[:4]))[1:]
    x[:, 0] = torch.nan
    expected = weights.square().sum().expand(len(x))
    torch.testing.assert_close(module(x)["penalty"].detach(), expected)


def test_flags_tell_the_encoder_what_is_missing(start, x):
    """Flags are one where a value is missing, so that a complete row has none."""

    class Spy(Constant):
        def forward(self, x):
            self.seen = x
            return super().forward(x)

    spy = Spy(0.0)
    module = autoencoder(start, spy, takes_flags=True)
    module.encode(x)
    assert spy.seen.shape == (9, 8)
    assert (spy.seen[:, 4:] == 0).all()
    x[2, 1] = torch.nan
    module.encode(x)
    assert spy.seen[:, 4:].nonzero().tolist() == [[2, 1]]
    assert torch.isfinite(spy.seen).all()
