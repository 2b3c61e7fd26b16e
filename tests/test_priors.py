"""Distributions over codes."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.neighbors import KernelDensity

from sklearn_ae.priors import GaussianMixture, StandardNormal


def test_standard_normal_kl_against_torch():
    mean = torch.tensor([[0.0, 0.0], [1.0, -2.0], [0.5, 3.0]])
    log_variance = torch.tensor([[0.0, 0.0], [-1.0, 2.0], [-8.0, 0.3]])
    kl = StandardNormal().build(2).kl(mean, log_variance)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    standard = torch.distributions.Normal(torch.zeros(2), torch.ones(2))
    by_torch = torch.distributions.kl_divergence(posterior, standard).sum(1)
    torch.testing.assert_close(kl, by_torch)
    assert kl[0] == 0


def test_standard_normal_log_prob():
    z = np.array([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5]])
    log_prob = StandardNormal().build(3).log_prob(torch.tensor(z))
    np.testing.assert_allclose(log_prob, stats.norm.logpdf(z).sum(axis=1))


def test_standard_normal_draws():
    draws = StandardNormal().build(3).sample(20_000, torch.Generator().manual_seed(0))
    assert draws.shape == (20_000, 3)
    np.testing.assert_allclose(np.cov(draws.T), np.eye(3), atol=0.04)


@pytest.fixture
def two_clusters(rng):
    codes = rng.normal(size=(400, 2)) * [0.2, 3.0]
    codes[:200] += [5.0, 1000.0]
    return codes


def test_mixture_draws_resemble_the_codes(two_clusters):
    density = GaussianMixture(random_state=0).fit(two_clusters)
    draws = density.sample(20_000, random_state=0)
    assert density.mixture_.n_components >= 2
    np.testing.assert_allclose(draws.mean(axis=0), two_clusters.mean(axis=0), rtol=0.05)
    np.testing.assert_allclose(draws.std(axis=0), two_clusters.std(axis=0), rtol=0.05)
    # Nothing between the clusters.
    assert np.mean((draws[:, 0] > 1.5) & (draws[:, 0] < 3.5)) < 0.01


def test_mixture_is_seeded_and_shuffled(two_clusters):
    density = GaussianMixture(random_state=0).fit(two_clusters)
    draws = density.sample(200, random_state=1)
    np.testing.assert_array_equal(draws, density.sample(200, random_state=1))
    first = draws[:100, 0] > 2.5
    assert 20 < first.sum() < 80
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    density.sample(5, random_state=0)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_mixture_of_very_few_codes(n_rows, rng):
    codes = rng.normal(size=(n_rows, 4))
    draws = GaussianMixture().fit(codes).sample(10, random_state=0)
    assert draws.shape == (10, 4)
    assert np.isfinite(draws).all()


def test_mixture_keeps_constant_columns(rng):
    codes = np.column_stack([rng.normal(size=50), np.full(50, 7.0)])
    draws = GaussianMixture(random_state=0).fit(codes).sample(20, random_state=0)
    np.testing.assert_array_equal(draws[:, 1], 7.0)


def test_max_components_is_an_upper_bound(two_clusters):
    density = GaussianMixture(max_components=1, random_state=0).fit(two_clusters)
    assert density.mixture_.n_components == 1


@pytest.mark.parametrize("max_components", [0, 1.5, "many"])
def test_bad_max_components(max_components):
    with pytest.raises(ValueError, match="'max_components' parameter of GaussianM"):
        GaussianMixture(max_components).fit(np.zeros((4, 2)))


def test_other_densities_serve(make_ae, curved):
    density = KernelDensity(bandwidth=0.1)
    model = make_ae(latent_density=density).fit(curved)
    sample = model.sample(50, random_state=0)
    assert sample.shape == (50, 6)
    np.testing.assert_array_equal(sample, model.sample(50, random_state=0))
    assert not hasattr(density, "tree_")
