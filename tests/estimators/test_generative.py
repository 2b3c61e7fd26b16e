"""What only a probabilistic model can do: posteriors, the prior, columns in use."""

import numpy as np
import pytest
import torch
from parts import ppca_of
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as SklearnMixture

from sklearn_ae._estimators.generative import GenerativeAutoencoder
from sklearn_ae._training.batches import Rows
from sklearn_ae.likelihoods import Gaussian, Mixed
from sklearn_ae.networks import MLP
from sklearn_ae.priors import GaussianMixture, StandardNormal


def factors(rng, n_factors, n_rows=400):
    X = rng.normal(size=(n_rows, n_factors)) @ rng.normal(size=(n_factors, 8))
    return X + 0.3 * rng.normal(size=X.shape)


@pytest.fixture
def clusters(rng):
    """Rows of three clusters: their codes are not normal."""
    centres = 8 * rng.normal(size=(3, 5))
    return centres[rng.randint(3, size=400)] + rng.normal(size=(400, 5))


# ---- posteriors


def test_posterior_of_probabilistic_pca(make_vae, noise):
    model = make_vae(n_components=3).fit(noise)
    assert model.gain_over_pca_ == 0
    mean, deviation = model.posterior(noise)
    np.testing.assert_array_equal(mean, model.transform(noise))
    assert mean.dtype == deviation.dtype == np.float32
    _, loadings, left = ppca_of(noise, 3)
    # Posterior variance over the code's unit, s / l; the unit is l / sqrt(l - s).
    signal = np.square(loadings).sum(axis=0)
    expected = np.sqrt(left * (signal + left) / signal)
    np.testing.assert_allclose(deviation, np.tile(expected, (120, 1)), rtol=1e-3)


def test_draws_of_the_posterior(make_vae, curved):
    model = make_vae(guard=False).fit(curved)
    mean, deviation = model.posterior(curved[:5])
    draws = model.sample_posterior(curved[:5], 20_000, random_state=0)
    assert draws.shape == (20_000, 5, 2)
    assert draws.dtype == np.float32
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.04)
    np.testing.assert_allclose(
        (draws.mean(axis=0) - mean) / deviation, np.zeros((5, 2)), atol=0.05
    )
    np.testing.assert_array_equal(
        draws[:, :1], model.sample_posterior(curved[:5], 20_000, random_state=0)[:, :1]
    )
    assert not np.array_equal(*model.sample_posterior(curved, 2, random_state=0))


@pytest.mark.parametrize("n_draws", [0, -1, 1.5])
def test_bad_number_of_posterior_draws(make_vae, curved, n_draws):
    model = make_vae().fit(curved)
    with pytest.raises(ValueError, match="'n_draws' parameter of sample_posterior"):
        model.sample_posterior(curved, n_draws)


def test_kl_per_component_is_the_recorded_one(make_vae, curved):
    model = make_vae(guard=False, prior="normal").fit(curved)
    mean, deviation = model.posterior(curved)
    axes = model.net_.module_.axes
    scale = axes.scale[axes.order()].numpy()
    mean, variance = mean / scale, np.square(deviation / scale)
    by_hand = 0.5 * (mean**2 + variance - 1 - np.log(variance)).mean(axis=0)
    np.testing.assert_allclose(model.kl_per_component_, by_hand, rtol=1e-3)


# ---- order and signs of columns


def test_columns_are_in_order_and_have_pca_s_signs(make_vae, curved):
    model = make_vae(n_components=4, init="random").fit(curved)
    codes = model.transform(curved).astype(np.float64)
    assert (np.diff(codes.std(axis=0)) <= 0).all()
    assert_signs_are_pca_s(codes, curved)
    matrix = model.net_.module_.axes.matrix
    # The first columns of the net are not the largest, or there is nothing to see.
    assert not torch.equal(matrix, matrix.diag().diag())
    assert ((matrix != 0).sum(0) == 1).all()


def assert_signs_are_pca_s(codes, X):
    covariances = (X - X.mean(axis=0)).T @ (codes - codes.mean(axis=0))
    largest = np.abs(covariances).argmax(axis=0)
    assert (covariances[largest, np.arange(codes.shape[1])] > 0).all()


def test_the_order_changes_no_reconstruction_and_no_score(make_vae, curved):
    model = make_vae(n_components=4, init="random").fit(curved)
    ordered = [model.reconstruct(curved), model.score_samples(curved)]
    samples = model.sample(9, random_state=0, observation_noise=True)
    deviation = model.posterior(curved)[1]
    axes = model.net_.module_.axes
    order, scale = axes.order().numpy(), axes.scale.numpy()
    axes.take(np.diag(scale), np.diag(1 / scale), np.zeros(4))
    plain = [model.reconstruct(curved), model.score_samples(curved)]
    for one, other in zip(ordered, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    again = model.sample(9, random_state=0, observation_noise=True)
    np.testing.assert_allclose(samples, again, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        deviation, model.posterior(curved)[1][:, order], rtol=1e-5
    )


def test_draws_of_posteriors_are_decoded_as_transforms_are(make_vae, curved):
    """Their mean is where the reconstruction's code is."""
    model = make_vae(n_components=3, init="random").fit(curved)
    draws = model.sample_posterior(curved[:4], 5000, random_state=0)
    _, deviation = model.posterior(curved[:4])
    away = (draws.mean(axis=0) - model.transform(curved[:4])) / deviation
    assert np.abs(away).max() < 0.08


def test_a_penalty_on_single_columns_keeps_them_where_they_are(make_vae, curved):
    model = make_vae(n_components=4, init="random", penalty="kl_sparsity").fit(curved)
    axes = model.net_.module_.axes
    assert torch.equal(axes.matrix, axes.scale.diag())


@pytest.mark.parametrize("n_components", [1, 3])
def test_where_probabilistic_pca_is_kept_signs_are_pca_s(make_vae, noise, n_components):
    model = make_vae(n_components=n_components).fit(noise)
    assert model.gain_over_pca_ == 0
    np.testing.assert_allclose(
        model.transform(noise),
        PCA(n_components).fit(noise).transform(noise),
        rtol=1e-4,
        atol=1e-6,
    )


# ---- columns in use


@pytest.mark.parametrize("n_factors", [2, 3, 5])
def test_factors_in_the_data_stay_in_use(make_vae, rng, n_factors):
    model = make_vae(n_components=n_factors, max_epochs=20, guard=False)
    model.fit(factors(rng, n_factors))
    np.testing.assert_array_equal(model.active_units_, n_factors * [True])
    assert (model.kl_per_component_ > 0.5).all()


def test_columns_beyond_the_factors_are_no_failure(make_vae, rng):
    """There are 2 factors: the rest may stay unused, with no warning."""
    model = make_vae(n_components=5, max_epochs=20, beta=1.0, guard=False)
    model.fit(factors(rng, 2))
    assert model.active_units_.shape == (5,)
    assert model.active_units_[:2].all()
    assert model._n_usable(np.empty((400, 8))) == 2


def test_a_collapse_is_told_and_how_to_avoid_it(make_vae, rng):
    model = make_vae(
        n_components=3, beta=100.0, guard=False, max_epochs=60, learning_rate=0.02
    )
    message = r"only \d of the 3 code columns .* free_bits=0.1 or a lower beta"
    with pytest.warns(ConvergenceWarning, match=message):
        model.fit(factors(rng, 3))
    assert not model.active_units_.all()


@pytest.mark.slow
def test_the_swiss_roll_is_unrolled(make_vae, rng):
    """Where columns say little, a second training with a warm-up finds more."""
    t = rng.uniform(1.5, 4.5, size=1000) * np.pi
    X = np.column_stack([t * np.cos(t), rng.uniform(0, 21, size=1000), t * np.sin(t)])
    params = {"max_epochs": 80, "batch_size": 50, "learning_rate": 0.02}
    model = make_vae(network=MLP((32,)), guard=False, **params).fit(X)
    assert (model.kl_per_component_ > 0.4).all()
    assert model.score(X) > PCA(2).fit(X).score(X) + 0.05
    # Training that goes on has the full weight.
    assert dict(model.net_.callbacks_)["kl_warmup"].share == 0


@pytest.mark.parametrize("kl_warmup", [-0.1, 1.5, "long", None])
def test_bad_kl_warmup(make_vae, curved, kl_warmup):
    with pytest.raises(ValueError, match="'kl_warmup' parameter of VAETransformer"):
        make_vae(kl_warmup=kl_warmup).fit(curved)


def test_kl_warmup_raises_the_weight_in_training(make_vae, curved):
    params = {"guard": False, "max_epochs": 4, "learning_rate": 1e-9}
    model = make_vae(kl_warmup=1.0, **params).fit(curved)
    kl = [epoch["train_kl"] for epoch in model.history_]
    np.testing.assert_allclose(np.divide(kl, kl[-1]), [1 / 7, 3 / 7, 5 / 7, 1], 0.02)
    valid = [epoch["valid_kl"] for epoch in model.history_]
    np.testing.assert_allclose(valid, valid[0], rtol=1e-3)


def test_free_bits_and_importance_samples_exclude_each_other(make_vae, curved):
    with pytest.raises(ValueError, match=r"free_bits=0\.1 needs n_importance_samples"):
        make_vae(free_bits=0.1, n_importance_samples=2).fit(curved)


def test_training_with_importance_samples(make_vae, curved):
    model = make_vae(n_importance_samples=3, guard=False).fit(curved)
    assert set(model.history_[0]) >= {"train_bound", "valid_bound"}
    assert np.isfinite(model.score(curved))


# ---- the prior


def test_a_mixture_that_raises_the_likelihood_is_kept(make_vae, clusters):
    mixed = make_vae(prior="gaussian_mixture").fit(clusters)
    normal = make_vae(prior="normal").fit(clusters)
    assert isinstance(mixed.prior_, GaussianMixture)
    assert isinstance(normal.prior_, StandardNormal)
    np.testing.assert_array_equal(mixed.transform(clusters), normal.transform(clusters))
    assert mixed.score(clusters) > normal.score(clusters) + 0.5
    # Draws are where the data are, by a model of the data.
    reference = SklearnMixture(3, random_state=0).fit(clusters)
    draws = {
        model: model.sample(1000, observation_noise=True, random_state=0)
        for model in (mixed, normal)
    }
    assert reference.score(draws[mixed]) > reference.score(draws[normal]) + 1


def test_a_mixture_that_does_not_is_dropped(make_vae, noise):
    model = make_vae(prior="gaussian_mixture").fit(noise)
    assert not hasattr(model.prior_, "mixture_")
    plain = make_vae(prior="normal").fit(noise)
    np.testing.assert_array_equal(
        model.score_samples(noise), plain.score_samples(noise)
    )
    np.testing.assert_array_equal(
        model.sample(9, random_state=0), plain.sample(9, random_state=0)
    )


def test_the_mixture_prior_s_parameters_are_left_alone(make_vae, clusters):
    prior = GaussianMixture(max_components=4)
    model = make_vae(prior=prior).fit(clusters)
    assert model.prior is prior
    assert not hasattr(prior, "mixture_")
    assert model.prior_.mixture_.n_components <= 4


def test_partial_fit_drops_a_mixture_of_older_codes(make_vae, clusters):
    model = make_vae().fit(clusters)
    model.partial_fit(clusters)
    assert not hasattr(model.prior_, "mixture_")
    assert np.isfinite(model.score(clusters))


# ---- scores


def test_scores_of_a_linear_gaussian_model_are_exact(make_vae, rng):
    """Within 0.02 nats a feature of the exact log-likelihood, network or not."""
    loadings = rng.normal(size=(3, 8))
    X = rng.normal(size=(600, 3)) @ loadings + 0.5 * rng.normal(size=(600, 8))
    covariance = loadings.T @ loadings + 0.25 * np.eye(8)
    exact = torch.distributions.MultivariateNormal(
        torch.zeros(8).double(), torch.tensor(covariance)
    )
    rows = rng.normal(size=(500, 3)) @ loadings + 0.5 * rng.normal(size=(500, 8))
    expected = exact.log_prob(torch.tensor(rows)).mean().item()
    for guard in (True, False):
        model = make_vae(n_components=3, guard=guard, max_epochs=10).fit(X)
        assert model.score(rows) == pytest.approx(expected, abs=8 * 0.02)


def test_errors_of_rows_average_out_in_the_score(make_vae, curved, monkeypatch):
    """With draws that rows share, as many seeds would differ as rows do."""
    model = make_vae(guard=False, max_epochs=20).fit(curved)
    name = "sklearn_ae._fitting.generative.SCORE_SEED"
    by_seed = []
    for seed in range(20):
        monkeypatch.setattr(name, seed)
        by_seed.append(model.score_samples(curved, n_draws=3))
    of_rows = np.std(by_seed, axis=0)
    of_means = np.std(np.mean(by_seed, axis=1))
    independent = np.sqrt(np.square(of_rows).sum()) / len(curved)
    assert 0.5 * independent < of_means < 1.7 * independent


def test_scores_are_the_row_s_own(make_vae, curved):
    model = make_vae(guard=False, max_epochs=20).fit(curved)
    scores = model.score_samples(curved, n_draws=2)
    np.testing.assert_array_equal(model.score_samples(curved, n_draws=2), scores)
    np.testing.assert_allclose(
        model.score_samples(curved[::-3], n_draws=2), scores[::-3], atol=1e-4
    )


def test_reconstruct(make, curved):
    model = make().fit(curved)
    np.testing.assert_array_equal(
        model.reconstruct(curved), model.inverse_transform(model.transform(curved))
    )


@pytest.mark.parametrize(
    "likelihood",
    ["gaussian", "laplace", Mixed([("student_t", [0, 2])])],
    ids=["gaussian", "laplace", "mixed"],
)
def test_noise_is_as_wide_as_errors_of_held_out_rows(make_vae, curved, likelihood):
    model = make_vae(likelihood=likelihood, guard=False).fit(curved)
    cost, rows = model.net_.module_.cost, model._centred(curved[:60])
    rows = Rows(torch.from_numpy(rows))
    cost.widen(0.1)
    narrow = model.net_.row_losses(rows).mean()
    model._widen_noise(rows)
    wide = model.net_.row_losses(rows)
    assert wide.mean() < narrow
    cautious = np.append(wide, wide.max()).mean()
    cost.widen(1.1)
    wider = model.net_.row_losses(rows)
    assert np.append(wider, wider.max()).mean() >= cautious


def test_given_noise_is_not_widened(make_vae, curved):
    model = make_vae(likelihood=Gaussian(scale=1e-3), guard=False).fit(curved)
    assert model.net_.module_.cost.relative_variance() == 1


def test_a_warm_start_does_not_start_anew(make_vae, curved, monkeypatch):
    """As a second training does, after a fit from the start."""
    calls = []
    monkeypatch.setattr(
        GenerativeAutoencoder,
        "_train_again",
        lambda self, rows, outlook: calls.append(rows),
    )
    model = make_vae(warm_start=True).fit(curved)
    assert len(calls) == 1
    model.fit(curved)
    assert len(calls) == 1
