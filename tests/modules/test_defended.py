"""The density that no row can make much worse than probabilistic PCA's."""

import math

import numpy as np
import pytest
import torch
from parts import Constant, ppca_scores, variational

from sklearn_ae._modules.defended import DefendedDensity, linear_counterpart
from sklearn_ae._pca.start import fit_start
from sklearn_ae.likelihoods import Gaussian, Laplace, Poisson, StudentT

N_ROWS = 80
BOUND = math.log(N_ROWS + 1)


def data(counts):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(N_ROWS, 2)) @ rng.normal(size=(2, 4))
    X += 0.3 * rng.normal(size=X.shape)
    return rng.poisson(np.exp(X / 2)).astype(float) if counts else X


class Wild(torch.nn.Module):
    """Is far off wherever it is asked."""

    def forward(self, code):
        return 1e3 * (code.sum(1, keepdim=True) + 1).repeat(1, 4)


def wild(X, likelihood, decoder=None):
    start = fit_start(X, 1, "pca", np.random.RandomState(0))[0]
    return start, variational(
        start,
        Constant(0.0, 0.0),
        decoder or Wild(),
        likelihood,
        pca_weight=1 / (N_ROWS + 1),
    )


def draws(n_rows, n_draws=20):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n_rows, n_draws, 1, generator=generator)


def tensor(rows):
    return torch.tensor(rows, dtype=torch.float32)


@pytest.mark.parametrize("far", [10.0, 1e3, 1e6])
@pytest.mark.parametrize(
    "likelihood",
    [Gaussian(), Gaussian("per_feature"), Laplace(), StudentT(), Poisson()],
    ids=repr,
)
def test_no_row_is_worse_by_more_than_the_bound(likelihood, far):
    X = data(isinstance(likelihood, Poisson))
    start, module = wild(X, likelihood)
    ray = np.abs(np.random.RandomState(1).normal(size=(5, 4))) * X.std(axis=0)
    rows = np.rint(X.mean(axis=0) + far * ray)
    x = tensor(rows - start.mean)
    density = DefendedDensity(module, module.prior)
    found = density.log_likelihood(x, draws(5)).detach().double().numpy()
    module.use_networks(False)
    noise = draws(5) if not isinstance(likelihood, Gaussian) else torch.zeros(1, 1)
    pca = module.log_likelihood(x, noise, module.prior).double().numpy()
    assert np.isfinite(pca).all()
    assert (found >= pca - BOUND - 1e-6 * np.abs(pca) - 1e-3).all()
    if isinstance(likelihood, Gaussian):
        exact = ppca_scores(X, rows, 1)
        np.testing.assert_allclose(pca, exact, rtol=1e-4, atol=1e-2)


def test_what_is_not_finite_leaves_the_linear_path():
    X = data(counts=False)
    nothing = Constant(*np.full(4, np.nan, dtype=np.float32))
    start, module = wild(X, Gaussian(), nothing)
    density = DefendedDensity(module, module.prior)
    found = density.log_likelihood(tensor(X - start.mean), draws(N_ROWS)).detach()
    np.testing.assert_allclose(found, ppca_scores(X, X, 1) - BOUND, rtol=1e-4)


def test_the_defence_costs_a_row_next_to_nothing():
    X = data(counts=False)
    start, module = wild(X, Gaussian(), Constant(0.01, 0.0, 0.0, 0.0))
    x, noise = tensor(X - start.mean), draws(N_ROWS)
    density = DefendedDensity(module, module.prior)
    alone = module.log_likelihood(x, noise, module.prior)
    lost = alone - density.log_likelihood(x, noise)
    assert lost.max() <= -math.log1p(-1 / (N_ROWS + 1)) + 1e-4


def test_the_density_has_a_mass_of_one():
    X = data(counts=False)[:, :2]
    start = fit_start(X, 1, "pca", np.random.RandomState(0))[0]
    decoder = Constant(0.7, -0.4)
    module = variational(start, Constant(0.1, 0.1), decoder, pca_weight=0.3)
    ends = 8 * X.std(axis=0)
    axes = [torch.linspace(-end, end, 121) for end in ends]
    grid = torch.cartesian_prod(*axes)
    density = DefendedDensity(module, module.prior)
    found = density.log_likelihood(grid, draws(1, 1000)[0]).detach().double().exp()
    cell = np.prod(2 * ends / 120)
    assert float(found.sum() * cell) == pytest.approx(1, abs=0.03)


def test_missing_values_have_the_weights_of_both_parts():
    """Networks that are wrong leave it to the linear path."""
    X = data(counts=False)
    start, module = wild(X, Gaussian())
    x = tensor(X - start.mean)
    x[:, 0] = torch.nan
    turns = {"max_iter": 20, "tol": 1e-3}
    density = DefendedDensity(module, module.prior)
    filled = density.conditional_mean(x, draws(N_ROWS, 500), **turns)
    generator = torch.Generator().manual_seed(0)
    drawn = density.conditional_draws(x, draws(N_ROWS, 500), 200, generator, **turns)
    missing = x.isnan()
    expected = module.filled(x, missing)
    assert (filled[:, 1:] == x[:, 1:]).all()
    assert (drawn[:, :, 1:] == x[:, None, 1:]).all()
    torch.testing.assert_close(filled, expected, rtol=0.0, atol=0.2)
    torch.testing.assert_close(drawn.mean(1), expected, rtol=0.0, atol=0.4)


def test_networks_that_are_likelier_fill_what_is_missing():
    X = data(counts=False)
    start, module = wild(X, Gaussian(), Constant(5.0, 0.0, 0.0, 0.0))
    x = tensor(X - start.mean)
    x[:, 0] = torch.nan
    turns = {"max_iter": 20, "tol": 1e-3}
    noise = draws(N_ROWS, 100)
    filled = DefendedDensity(module, module.prior).conditional_mean(x, noise, **turns)
    own = module.conditional_mean(x, noise, module.prior, **turns)[0]
    pca = module.filled(x, x.isnan())
    share = ((filled - own) / (pca - own))[:, 0]
    # Of the observed values both say the same: the weights are the prior ones.
    torch.testing.assert_close(
        share.median(), torch.tensor(1 / (N_ROWS + 1)), rtol=0.2, atol=0.0
    )


def test_without_a_linear_path_there_is_no_defence():
    X = data(counts=False)
    start = fit_start(X, 1, "random", np.random.RandomState(0))[0]
    module = variational(start, Constant(0.0, 0.0), pca_weight=0.1)
    assert DefendedDensity(module, module.prior).pca is None


def test_a_counterpart_leaves_the_module_as_it_is():
    _, module = wild(data(counts=False), Gaussian())
    counterpart = linear_counterpart(module)
    assert module.networks_on
    assert module.cost.networks_on
    assert isinstance(module.decoder, Wild)
    assert not counterpart.networks_on
    assert not counterpart.cost.networks_on
    assert counterpart.decoder is None
