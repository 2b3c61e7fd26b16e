"""The variational autoencoder's module on its own, with parts made by hand."""

import math

import numpy as np
import pytest
import torch
from parts import Constant, variational
from scipy import stats
from torch import nn

from sklearn_ae._modules.variational import LOG_VARIANCE_REACH
from sklearn_ae._pca.start import fit_start
from sklearn_ae.likelihoods import Bernoulli, Gaussian
from sklearn_ae.priors import StandardNormal, VampPrior


def test_kl_by_hand_and_weighted_by_beta(start, x):
    mean, log_variance = variational(start, Constant(0.7, -1.3)).posterior(x)
    kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
    for beta in (0.0, 1.0, 4.0):
        terms = variational(start, Constant(0.7, -1.3), beta=beta)(x)
        torch.testing.assert_close(terms["kl"], beta * kl)


def test_noise_is_drawn_with_the_standard_deviation(start):
    """Of a log variance of log 4 the standard deviation is 2, not 4."""
    mean = torch.zeros(20_000, 1)
    log_variance = torch.full((20_000, 1), math.log(4.0))
    generator = torch.Generator().manual_seed(0)
    draws = variational(start).reparameterised(mean, log_variance, generator)
    assert draws.std() == pytest.approx(2.0, abs=0.05)
    assert draws.mean() == pytest.approx(0.0, abs=0.06)


def test_draws_differ_in_training_and_repeat_in_evaluation(start, x):
    module = variational(start)
    torch.testing.assert_close(
        module(x)["reconstruction"], module(x)["reconstruction"], rtol=0, atol=0
    )
    module.train()
    assert not torch.equal(module(x)["reconstruction"], module(x)["reconstruction"])


@pytest.mark.parametrize("output", [-1e30, -50.0, 50.0, 1e30])
def test_log_variance_cannot_overflow(start, x, output):
    module = variational(start, Constant(0.0, output))
    _, log_variance = module.posterior(x)
    assert ((log_variance - module.log_variance).abs() <= LOG_VARIANCE_REACH).all()
    for term in module(x).values():
        assert torch.isfinite(term).all()


def test_importance_sampling_is_exact_for_probabilistic_pca(start, x):
    """With the exact posterior every weight is the likelihood itself."""
    loading = start.components.T * np.sqrt(start.variances - start.noise_variance)
    covariance = loading @ loading.T + start.noise_variance * np.eye(4)
    exact = stats.multivariate_normal(np.zeros(4), covariance).logpdf(x.numpy())
    noise = torch.randn(3, 1, generator=torch.Generator().manual_seed(0))
    module = variational(start)
    estimate = module.log_likelihood(x, noise, module.prior).detach().numpy()
    np.testing.assert_allclose(estimate, exact, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("likelihood", [Gaussian(), Bernoulli()])
def test_importance_sampling_converges_to_the_integral(rng, likelihood):
    """Against numerical integration over the one latent."""
    X = rng.uniform(size=(60, 4))
    start = fit_start(X, 1, "pca", np.random.RandomState(0))[0]
    x = torch.tensor(X[:9] - start.mean, dtype=torch.float32)
    module = variational(
        start, Constant(0.4, 0.3), Constant(0.3, 0.0, -0.5, 1.0), likelihood
    )
    noise = torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0))
    grid = torch.linspace(-12, 12, 4001)[:, None]
    with torch.inference_mode():
        estimate = module.log_likelihood(x, noise, module.prior)
        rows = []
        for row in x:
            log_joint = module.prior.log_prob(grid) - module.cost.nll(
                row.expand(len(grid), -1), module.parameter(grid)
            )
            rows.append(log_joint.logsumexp(0) + math.log(24 / 4000))
    torch.testing.assert_close(estimate, torch.stack(rows), atol=0.02, rtol=0)


# ---- bounds


def test_the_weight_of_the_kl_is_that_of_the_warm_up_in_training_only(start, x):
    module = variational(start, Constant(0.7, -1.3), beta=2.0)
    full = module(x)["kl"]
    module.kl_weight.fill_(0.5)
    torch.testing.assert_close(module(x)["kl"], full)
    torch.testing.assert_close(module.train()(x)["kl"], full / 4)


def test_free_bits_are_a_floor_for_each_column_in_training_only(start, x):
    """Below it the divergence is constant, so nothing pulls it down."""
    module = variational(start, Constant(0.0, 0.0), free_bits=50.0)
    assert module(x)["kl"].max() < 40
    kl = module.train()(x)["kl"]
    torch.testing.assert_close(kl, torch.full((9,), 50.0))
    low = variational(start, Constant(0.0, 0.0), free_bits=1e-3)
    torch.testing.assert_close(low.train()(x)["kl"].mean(), low.eval()(x)["kl"].mean())


@pytest.mark.parametrize("prior", [StandardNormal(), VampPrior(5)])
def test_one_importance_sample_is_the_evidence_lower_bound(start, x, prior):
    """In expectation over draws; more of them make the bound tighter."""
    encoder, decoder = Constant(0.3, 0.7), Constant(0.3, 0.0, -0.5, 1.0)
    modules = {
        n_draws: variational(start, encoder, decoder, prior=prior, n_draws=n_draws)
        for n_draws in (1, 2, 8)
    }
    many = x[:1].expand(20_000, -1)
    with torch.no_grad():
        bounds = {
            n_draws: sum(module(many).values()).mean()
            for n_draws, module in modules.items()
        }
        noise = torch.randn(20_000, 1, 1, generator=torch.Generator().manual_seed(1))
        module = modules[1]
        weights, _ = module._log_weights(
            many,
            None,
            *module.posterior(many),
            noise,
            module.prior.given(module.posterior),
        )
    torch.testing.assert_close(bounds[1], -weights.mean(), atol=0.05, rtol=0)
    assert bounds[8] < bounds[2] - 0.01
    assert bounds[2] < bounds[1] - 0.01


def test_importance_samples_share_the_posterior_s_gradient(start, x):
    for n_draws in (1, 3):
        module = variational(
            start, nn.Linear(4, 2), nn.Linear(1, 4), prior=VampPrior(3), n_draws=n_draws
        ).train()
        sum(module(x).values()).mean().backward()
        for name, parameter in module.named_parameters():
            assert parameter.grad.abs().max() > 0, name


def test_vamp_kl_is_that_of_its_density(start, x):
    """Estimated at the draw: log q(z) - log p(z)."""
    module = variational(start, Constant(0.3, 0.7), prior=VampPrior(5))
    prior = module.prior.given(module.posterior)
    mean, log_variance = module.posterior(x)
    code = module.reparameterised(mean, log_variance, None)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = posterior.log_prob(code).sum(1) - prior.log_prob(code)
    kl = prior.kl_terms(mean, log_variance, code).sum(1)
    torch.testing.assert_close(kl, expected, atol=1e-4, rtol=1e-4)


def test_nothing_has_the_density_one(start, x):
    """Exactly, wherever draws come from."""
    module = variational(start, Constant(0.7, -1.3))
    x[2] = torch.nan
    noise = torch.randn(5, 1, generator=torch.Generator().manual_seed(0))
    found = module.log_likelihood(x, noise, module.final_prior())
    assert found[2] == 0
    assert (found[:2] != 0).all()
