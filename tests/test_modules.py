"""The two modules on their own, with parts made by hand."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from sklearn_ae._modules import (
    LOG_VARIANCE_REACH,
    Autoencoder,
    VariationalAutoencoder,
)
from sklearn_ae._start import fit_start, pca_frame, ppca_frame
from sklearn_ae.corruptions import GaussianNoise
from sklearn_ae.likelihoods import Bernoulli, Gaussian
from sklearn_ae.losses import SquaredError
from sklearn_ae.penalties import L1
from sklearn_ae.priors import StandardNormal


class Constant(nn.Module):
    """Gives the same row whatever it gets."""

    def __init__(self, *row):
        super().__init__()
        self.register_buffer("row", torch.tensor(row))

    def forward(self, x):
        return self.row.expand(len(x), -1)


@pytest.fixture
def start(rng):
    X = rng.normal(size=(60, 4)) * [3.0, 2.0, 1.0, 0.5] + 5
    return fit_start(X, 1, "pca", np.random.RandomState(0))[0]


@pytest.fixture
def x(rng):
    return torch.tensor(rng.normal(size=(9, 4)), dtype=torch.float32)


def autoencoder(start, encoder=None, decoder=None, **parts):
    frame = pca_frame(start, pooled_input=False, corrupted=False)
    cost = SquaredError().build(center=start.mean, unit=start.residual_rms)
    encoder = encoder or Constant(0.0)
    decoder = decoder or Constant(0.0, 0.0, 0.0, 0.0)
    return Autoencoder(encoder, decoder, frame, cost, **parts).eval()


def vae(start, encoder=None, decoder=None, beta=1.0, likelihood=None, **parts):
    frame = ppca_frame(start, pooled_input=False, corrupted=False)
    cost = (likelihood or Gaussian()).build(
        center=start.mean, noise_scale=np.sqrt(start.noise_variance), noise_floor=1e-6
    )
    encoder = encoder or Constant(0.0, 0.0)
    decoder = decoder or Constant(0.0, 0.0, 0.0, 0.0)
    parts = {"corruption": None, "penalty": None, **parts}
    prior = StandardNormal().build(1)
    return VariationalAutoencoder(
        encoder, decoder, frame, cost, **parts, prior=prior, beta=beta
    ).eval()


def test_networks_that_give_nothing_leave_pca(start, x):
    module = autoencoder(start)
    axes = torch.tensor(start.components, dtype=torch.float32)
    torch.testing.assert_close(module.encode(x), x @ axes.T)
    torch.testing.assert_close(module.decode(x @ axes.T), x @ axes.T @ axes)
    loss = module(x)["reconstruction"] * module.natural_scale
    torch.testing.assert_close(loss, (x - x @ axes.T @ axes).square().sum(1))


@pytest.mark.parametrize("build", [autoencoder, vae])
def test_networks_can_be_switched_off_and_on(start, x, build):
    encoder = Constant(1.0) if build is autoencoder else Constant(1.0, 1.0)
    module = build(start, encoder, Constant(1.0, 2.0, 3.0, 4.0))
    plain = build(start)
    module.use_networks(False)
    torch.testing.assert_close(module.encode(x), plain.encode(x))
    torch.testing.assert_close(module.decode(x[:, :1]), plain.decode(x[:, :1]))
    module.use_networks(True)
    assert not torch.allclose(module.encode(x), plain.encode(x))
    assert not torch.allclose(module.decode(x[:, :1]), plain.decode(x[:, :1]))


def test_the_vae_s_noise_is_switched_off_with_its_networks(start, x):
    module = vae(start)
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
        name: tuple(term.shape) for name, term in vae(start, **parts)(x).items()
    } == {"reconstruction": (9,), "kl": (9,), "penalty": (9,)}


def test_kl_by_hand_and_weighted_by_beta(start, x):
    mean, log_variance = vae(start, Constant(0.7, -1.3)).posterior(x)
    kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
    for beta in (0.0, 1.0, 4.0):
        terms = vae(start, Constant(0.7, -1.3), beta=beta)(x)
        torch.testing.assert_close(terms["kl"], beta * kl)


def test_noise_is_drawn_with_the_standard_deviation(start):
    """Of a log variance of log 4 the standard deviation is 2, not 4."""
    mean = torch.zeros(20_000, 1)
    log_variance = torch.full((20_000, 1), math.log(4.0))
    generator = torch.Generator().manual_seed(0)
    draws = vae(start).reparameterised(mean, log_variance, generator)
    assert draws.std() == pytest.approx(2.0, abs=0.05)
    assert draws.mean() == pytest.approx(0.0, abs=0.06)


def test_draws_differ_in_training_and_repeat_in_evaluation(start, x):
    module = vae(start)
    torch.testing.assert_close(
        module(x)["reconstruction"], module(x)["reconstruction"], rtol=0, atol=0
    )
    module.train()
    assert not torch.equal(module(x)["reconstruction"], module(x)["reconstruction"])


@pytest.mark.parametrize("output", [-1e30, -50.0, 50.0, 1e30])
def test_log_variance_cannot_overflow(start, x, output):
    module = vae(start, Constant(0.0, output))
    _, log_variance = module.posterior(x)
    assert ((log_variance - module.log_variance).abs() <= LOG_VARIANCE_REACH).all()
    for term in module(x).values():
        assert torch.isfinite(term).all()


def test_importance_sampling_is_exact_for_probabilistic_pca(start, x):
    """With the exact posterior every weight is the likelihood itself."""
    spread = np.sqrt(start.variances - start.noise_variance)
    loading = start.components.T * spread
    covariance = loading @ loading.T + start.noise_variance * np.eye(4)
    exact = stats.multivariate_normal(np.zeros(4), covariance).logpdf(x.numpy())
    noise = torch.randn(3, 1, generator=torch.Generator().manual_seed(0))
    estimate = vae(start).log_likelihood(x, noise).detach().numpy()
    np.testing.assert_allclose(estimate, exact, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("likelihood", [Gaussian(), Bernoulli()])
def test_importance_sampling_converges_to_the_integral(rng, likelihood):
    """Against numerical integration over the one latent."""
    X = rng.uniform(size=(60, 4))
    start = fit_start(X, 1, "pca", np.random.RandomState(0))[0]
    x = torch.tensor(X[:9] - start.mean, dtype=torch.float32)
    module = vae(start, Constant(0.4, 0.3), Constant(0.3, 0.0, -0.5, 1.0))
    noise = torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0))
    grid = torch.linspace(-12, 12, 4001)[:, None]
    with torch.inference_mode():
        estimate = module.log_likelihood(x, noise)
        rows = []
        for row in x:
            log_joint = module.prior.log_prob(grid) - module.cost.nll(
                row.expand(len(grid), -1), module.parameter(grid)
            )
            rows.append(log_joint.logsumexp(0) + math.log(24 / 4000))
    torch.testing.assert_close(estimate, torch.stack(rows), atol=0.02, rtol=0)
