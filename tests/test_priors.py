"""Distributions over codes."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.mixture import GaussianMixture as SklearnMixture
from sklearn.neighbors import KernelDensity

from sklearn_ae.priors import (
    AggregatePosterior,
    GaussianMixture,
    StandardNormal,
    VampPrior,
    _mixture_sizes,
)


def built(prior, n_components, n_features=4):
    rows = np.random.RandomState(0).normal(size=(30, n_features)).astype(np.float32)
    return prior.build(n_components, rows, np.ones(n_features))


def test_standard_normal_kl_against_torch():
    mean = torch.tensor([[0.0, 0.0], [1.0, -2.0], [0.5, 3.0]])
    log_variance = torch.tensor([[0.0, 0.0], [-1.0, 2.0], [-8.0, 0.3]])
    kl = built(StandardNormal(), 2).kl_terms(mean, log_variance, None)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    standard = torch.distributions.Normal(torch.zeros(2), torch.ones(2))
    by_torch = torch.distributions.kl_divergence(posterior, standard)
    torch.testing.assert_close(kl, by_torch)
    assert (kl[0] == 0).all()


def test_standard_normal_log_prob():
    z = np.array([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5]])
    log_prob = built(StandardNormal(), 3).log_prob(torch.tensor(z))
    np.testing.assert_allclose(log_prob, stats.norm.logpdf(z).sum(axis=1))


def test_standard_normal_draws():
    prior = built(StandardNormal(), 3)
    draws = prior.sample(20_000, torch.Generator().manual_seed(0))
    assert draws.shape == (20_000, 3)
    np.testing.assert_allclose(np.cov(draws.T), np.eye(3), atol=0.04)


# ---- the mixture of posteriors


def posterior(rows):
    """Of two components, with variances that differ."""
    return rows[:, :2], rows[:, 2:4].clamp(-1, 1)


def test_vamp_is_the_mixture_of_the_pseudo_rows_posteriors():
    prior = built(VampPrior(n_pseudo_rows=7), 2).given(posterior)
    rows = np.random.RandomState(0).normal(size=(30, 4))[:7]
    means, deviations = rows[:, :2], np.exp(0.5 * rows[:, 2:].clip(-1, 1))
    z = np.random.RandomState(1).normal(size=(2000, 2))
    densities = stats.norm(means, deviations).pdf(z[:, None]).prod(axis=2)
    with torch.no_grad():
        log_prob = prior.log_prob(torch.tensor(z).float())
        draws = prior.sample(40_000, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(log_prob, np.log(densities.mean(axis=1)), rtol=1e-4)
    np.testing.assert_allclose(draws.mean(0), means.mean(axis=0), atol=0.03)
    variance = means.var(axis=0) + np.square(deviations).mean(axis=0)
    np.testing.assert_allclose(draws.var(0), variance, rtol=0.03)


def test_vamp_is_switched_off_with_the_networks():
    prior = built(VampPrior(), 2)
    prior.networks_on = False
    code = torch.tensor([[0.5, -2.0]])
    expected = built(StandardNormal(), 2).log_prob(code)
    torch.testing.assert_close(prior.given(posterior).log_prob(code), expected)


def test_vamp_trains_its_pseudo_rows_and_samples(make_vae, curved):
    model = make_vae(prior=VampPrior(9), guard=False, max_epochs=4).fit(curved)
    pseudo_rows = model.net_.module_.prior.pseudo_rows
    assert pseudo_rows.shape == (9, 6)
    distances = torch.cdist(
        pseudo_rows.detach() * model.net_.module_.prior.scale,
        torch.tensor(curved - model.mean_).float(),
    )
    assert (distances.min(1).values > 1e-4).all()
    sample = model.sample(300, random_state=0)
    assert sample.shape == (300, 6)
    np.testing.assert_array_equal(sample, model.sample(300, random_state=0))
    assert np.isfinite(model.score(curved))


@pytest.mark.parametrize("n_pseudo_rows", [0, 2.5, "all"])
def test_bad_number_of_pseudo_rows(make_vae, curved, n_pseudo_rows):
    with pytest.raises(ValueError, match="'n_pseudo_rows' parameter of VampPrior must"):
        make_vae(prior=VampPrior(n_pseudo_rows)).fit(curved)


# ---- the mixture fitted to codes


@pytest.fixture
def clusters(rng):
    centres = 8 * rng.normal(size=(3, 5))
    return centres[rng.randint(3, size=400)] + rng.normal(size=(400, 5))


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


def test_mixture_as_a_module_has_the_density_of_the_codes(two_clusters):
    density = GaussianMixture(random_state=0).fit(two_clusters)
    log_prob = density.as_module().log_prob(torch.tensor(two_clusters).float())
    standardised = (two_clusters - density.mean_) / density.scale_
    expected = density.mixture_.score_samples(standardised)
    expected -= np.log(density.scale_).sum()
    np.testing.assert_allclose(log_prob, expected, rtol=1e-3, atol=1e-2)


def test_mixture_with_a_standard_normal_beside_it(two_clusters):
    weight = 0.2
    density = GaussianMixture(random_state=0).fit(two_clusters, normal_weight=weight)
    alone = GaussianMixture(random_state=0).fit(two_clusters)
    z = np.concatenate([two_clusters[:5], [[0.0, 0.0], [-300.0, 500.0]]])
    z = torch.from_numpy(z).float()
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    torch.testing.assert_close(
        density.as_module().log_prob(z),
        torch.logaddexp(
            np.log(1 - weight) + alone.as_module().log_prob(z), np.log(weight) + normal
        ),
    )
    draws = density.sample(20_000, random_state=0)
    # Half of the mixture is far off.
    assert np.mean(draws[:, 1] > 500) == pytest.approx(0.5 * (1 - weight), abs=0.02)


def test_draws_of_the_module_are_the_density_s(two_clusters):
    density = GaussianMixture(random_state=0).fit(two_clusters, normal_weight=0.2)
    generator = torch.Generator().manual_seed(0)
    draws = density.as_module().sample(20_000, generator).numpy()
    expected = density.sample(20_000, random_state=0)
    for quantile in (0.05, 0.3, 0.5, 0.7, 0.95):
        np.testing.assert_allclose(
            *(np.quantile(codes, quantile, axis=0) for codes in (draws, expected)),
            atol=0.03 * expected.std(axis=0).max(),
        )
    np.testing.assert_allclose(
        np.cov(draws.T), np.cov(expected.T), rtol=0.05, atol=0.05 * expected.var()
    )


def test_a_fitted_prior_cannot_make_a_row_much_less_likely(make_vae, clusters):
    model = make_vae(guard=False).fit(clusters)
    fitted = model.score_samples(far := clusters + 30)
    model.net_.module_.prior.refit(None)
    assert (fitted >= model.score_samples(far) - np.log(len(clusters)) - 1e-3).all()


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


@pytest.mark.parametrize(
    ("largest", "sizes"),
    [
        (1, [1]),
        (4, [1, 2, 3, 4]),
        (10, [1, 2, 3, 5, 7, 10]),
        (40, [1, 2, 3, 5, 7, 10, 14, 20, 28, 40]),
    ],
)
def test_numbers_of_components_grow_up_to_the_largest(largest, sizes):
    assert list(_mixture_sizes(largest)) == sizes


def test_no_more_mixtures_are_fitted_once_the_bic_rose_twice(rng, monkeypatch):
    fitted = []
    fit = SklearnMixture.fit

    def counted(self, codes):
        fitted.append(self.n_components)
        return fit(self, codes)

    monkeypatch.setattr(SklearnMixture, "fit", counted)
    GaussianMixture(max_components=40, random_state=0).fit(rng.normal(size=(500, 2)))
    assert fitted == [1, 2, 3]


def clusters_on_a_grid(rng):
    centres = 10 * np.stack(np.meshgrid(*[np.arange(4.0)] * 2), -1).reshape(-1, 2)
    return np.repeat(centres, 60, axis=0) + rng.normal(size=(960, 2))


def test_an_autoencoder_s_codes_have_as_many_components_as_clusters(make_ae, rng):
    """Beyond ten, not each number is tried, nor any more once the BIC rises."""
    X = clusters_on_a_grid(rng)
    for density, fewest, most in (
        ("gaussian_mixture", 11, 28),
        (GaussianMixture(max_components=10), 10, 10),
    ):
        ae = make_ae(n_components=2, max_epochs=1, latent_density=density).fit(X)
        ae.sample(5)
        assert fewest <= ae._density.mixture_.n_components <= most


def test_a_vae_s_codes_do_as_well(make_vae, rng):
    X = np.c_[clusters_on_a_grid(rng), rng.normal(size=(960, 2))]
    vae = make_vae(n_components=2, max_epochs=1).fit(X)
    assert 11 <= vae.prior_.mixture_.n_components <= 28


@pytest.mark.parametrize("max_components", [0, 1.5, "many"])
def test_bad_max_components(max_components):
    with pytest.raises(ValueError, match="'max_components' parameter of GaussianM"):
        GaussianMixture(max_components).fit(np.zeros((4, 2)))


# ---- the mean of the training rows' posteriors


@pytest.fixture
def posteriors(rng):
    return rng.normal(size=(40, 2)), rng.uniform(0.1, 0.5, size=(40, 2))


def test_the_aggregate_is_the_mean_of_the_posteriors(posteriors, rng):
    means, deviations = posteriors
    density = AggregatePosterior().fit_posteriors(*posteriors, normal_weight=0.1)
    z = rng.normal(size=(2000, 2))
    rows = stats.norm(means, deviations).pdf(z[:, None]).prod(axis=2).mean(axis=1)
    expected = np.log(0.9 * rows + 0.1 * stats.norm.pdf(z).prod(axis=1))
    found = density.as_module().log_prob(torch.tensor(z, dtype=torch.float32))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_draws_of_the_aggregate_have_its_moments(posteriors):
    means, deviations = posteriors
    density = AggregatePosterior().fit_posteriors(*posteriors)
    drawn = density.as_module().sample(20_000, torch.Generator().manual_seed(0))
    covariance = np.cov(means.T, bias=True) + np.diag((deviations**2).mean(axis=0))
    np.testing.assert_allclose(drawn.mean(axis=0), means.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.06)


def test_the_aggregate_has_at_most_so_many_rows(posteriors):
    density = AggregatePosterior(max_rows=7, random_state=0)
    density.fit_posteriors(*posteriors)
    pairs = zip(density.means_, density.deviations_, strict=True)
    known = {tuple(np.r_[pair]) for pair in zip(*posteriors, strict=True)}
    assert {tuple(np.r_[pair]) for pair in pairs} <= known
    assert len(density.means_) == 7


def test_the_aggregate_is_kept_where_held_out_rows_are_likelier(make_vae, rng):
    X = np.c_[clusters_on_a_grid(rng), rng.normal(size=(960, 2))]
    likelier = make_vae(n_components=2, max_epochs=1, prior="aggregate").fit(X)
    plain = make_vae(n_components=2, max_epochs=1, prior="normal").fit(X)
    assert hasattr(likelier.prior_, "means_")
    assert likelier.score(X) > plain.score(X) + 0.5
    noise = make_vae(n_components=2, max_epochs=1, prior="aggregate")
    assert not hasattr(noise.fit(rng.normal(size=(300, 4))).prior_, "means_")


def test_bad_max_rows(make_vae, curved):
    with pytest.raises(ValueError, match="'max_rows' parameter of AggregateP"):
        make_vae(prior=AggregatePosterior(max_rows=0)).fit(curved)


def test_other_densities_serve(make_ae, curved):
    density = KernelDensity(bandwidth=0.1)
    model = make_ae(latent_density=density).fit(curved)
    sample = model.sample(50, random_state=0)
    assert sample.shape == (50, 6)
    np.testing.assert_array_equal(sample, model.sample(50, random_state=0))
    assert not hasattr(density, "tree_")
