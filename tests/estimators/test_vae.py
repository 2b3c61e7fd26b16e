"""VAETransformer: bound, scores in nats, posterior, prior draws."""

import numpy as np
import pytest
import torch
from parts import ppca_scores
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import VAETransformer
from sklearn_ae._training.batches import Rows
from sklearn_ae.likelihoods import Gaussian

# One epoch of steps too small to change a float32.
FROZEN = {
    "init": "random",
    "max_epochs": 1,
    "learning_rate": 1e-12,
    "weight_decay": 0,
    "early_stopping": False,
    "guard": False,
    "validation_fraction": None,
}


def centred(model, X):
    return torch.from_numpy((X - model.mean_).astype(np.float32))


def posterior(model, X):
    with torch.no_grad():
        mean, log_variance = model.net_.module_.posterior(centred(model, X))
    return mean.numpy().astype(float), log_variance.numpy().astype(float)


def mean_kl(model, X):
    mean, log_variance = posterior(model, X)
    rows = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1)
    return rows.mean()


@pytest.mark.parametrize("n_components", [0.95, "auto", "mle", None, 0, 2.0])
def test_a_share_of_the_variance_is_for_the_other_estimator(
    make_vae, curved, n_components
):
    with pytest.raises(
        ValueError,
        match=r"'n_components' parameter of VAETransformer must be an int .*; a share "
        rf"of the variance, or 'auto', is for AutoencoderT.* Got {n_components!r}",
    ):
        make_vae(n_components=n_components).fit(curved)


# ---- posterior


def test_transform_is_the_posterior_mean(make_vae, curved):
    model = make_vae(guard=False).fit(curved)
    first, second, third = (model.transform(curved) for _ in range(3))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, third)
    mean, _ = posterior(model, curved)
    matrix = model.net_.module_.axes.matrix.numpy()
    np.testing.assert_allclose(first, mean @ matrix, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(
        model.inverse_transform(first), model.inverse_transform(second)
    )


def test_a_draw_has_the_posterior_s_standard_deviation(make_vae):
    """Of a log variance of log 4 it is 2; multiplying by the variance gives 4."""
    module = make_vae().fit(np.random.RandomState(0).normal(size=(40, 4))).net_.module_
    mean = torch.zeros(20_000, 1)
    log_variance = torch.full((20_000, 1), np.log(4.0))
    generator = torch.Generator().manual_seed(0)
    draws = module.reparameterised(mean, log_variance, generator)
    assert draws.std() == pytest.approx(2.0, abs=0.05)


# ---- the bound


@pytest.mark.parametrize("batch_size", [16, 64, 256])
@pytest.mark.parametrize("copies", [1, 2])
def test_recorded_kl_is_the_row_mean_whatever_the_batches(
    make_vae, rng, batch_size, copies
):
    X = rng.normal(size=(256, 10))
    model = make_vae(**FROZEN, batch_size=batch_size).fit(np.tile(X, (copies, 1)))
    by_hand = mean_kl(model, X)
    assert by_hand > 0.01
    assert model.history_[0]["train_kl"] == pytest.approx(by_hand, rel=1e-4)
    reference = make_vae(**FROZEN, batch_size=256).fit(X).history_[0]
    if copies == 1:
        assert model.history_[0]["train_kl"] == pytest.approx(
            reference["train_kl"], rel=1e-5
        )
    # Up to the noise of the codes.
    assert model.history_[0]["train_reconstruction"] == pytest.approx(
        reference["train_reconstruction"], rel=0.1
    )


def test_recorded_reconstruction_is_summed_over_features(make_vae, rng):
    """Of a decoder that ignores its codes: exactly the mean's negative likelihood."""
    X = 3 * rng.normal(size=(256, 10))
    model = make_vae(**FROZEN, likelihood=Gaussian(2.0))
    module = model.fit(X).net_.module_
    with torch.no_grad():
        for parameter in module.decoder.parameters():
            parameter.zero_()
    model.set_params(warm_start=True).fit(X)
    distance = np.square(X - X.mean(axis=0)).sum(axis=1).mean() / (2 * 2.0**2)
    expected = distance + 10 * np.log(2.0 * np.sqrt(2 * np.pi))
    assert model.history_[1]["train_reconstruction"] == pytest.approx(expected, 1e-3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Training left only 0 of the 3")
def test_beta_weighs_the_kl(make_vae, rng):
    X = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 10))
    X = StandardScaler().fit_transform(X + 0.1 * rng.normal(size=X.shape))
    models = {
        beta: make_vae(
            n_components=3, beta=beta, guard=False, init="random", max_epochs=40
        )
        .set_params(learning_rate=0.01)
        .fit(X)
        for beta in (0.0, 1.0, 1000.0)
    }
    errors = {
        beta: np.square(X - model.inverse_transform(model.transform(X))).mean()
        for beta, model in models.items()
    }
    assert mean_kl(models[1000.0], X) < 0.05
    assert errors[1000.0] == pytest.approx(1, abs=0.1)
    assert errors[0.0] < errors[1.0] < errors[1000.0]


@pytest.mark.parametrize("beta", [-1.0, "one", None, np.nan])
def test_bad_beta(make_vae, curved, beta):
    with pytest.raises(ValueError, match="'beta' parameter of VAETransformer must be"):
        make_vae(beta=beta).fit(curved)


@pytest.mark.slow
def test_defaults_do_not_collapse(rng):
    X = rng.normal(size=(1000, 3)) @ rng.normal(size=(3, 20))
    X = StandardScaler().fit_transform(X + 0.3 * rng.normal(size=X.shape))
    model = VAETransformer(3, random_state=0, device="cpu").fit(X)
    mean, _ = posterior(model, X)
    assert (mean.var(axis=0) > 0.05).all()
    X_back = model.inverse_transform(model.transform(X))
    assert np.square(X - X_back).mean() < 0.3
    assert (X_back.std(axis=0) > 0.1).all()


def wide(rng):
    return rng.normal(size=(30, 500))


def unscaled(rng):
    return rng.normal(size=(500, 10)) * np.tile(10.0 ** np.arange(0, 10, 2), 2)[:10]


@pytest.mark.parametrize("data", [wide, unscaled])
@pytest.mark.parametrize("init", ["pca", "random"])
def test_log_variances_do_not_overflow(make_vae, rng, data, init):
    X = data(rng)
    model = make_vae(init=init, guard=False, max_epochs=20).fit(X)
    for value in model.net_.module_.state_dict().values():
        assert torch.isfinite(value).all()
    for epoch in model.history_:
        assert all(np.isfinite(value) for value in epoch.values())
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(model.sample(20)).all()
    assert np.isfinite(model.score(X))


# ---- scores


@pytest.mark.parametrize("n_components", [1, 3, 5])
@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_where_ppca_is_kept_scores_are_ppca_s(make_vae, noise, n_components, factor):
    X = noise * factor
    model = make_vae(n_components=n_components).fit(X)
    assert model.gain_over_pca_ == 0
    expected = ppca_scores(X, X, n_components)
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-4, atol=1e-3)
    assert model.score(X) == pytest.approx(expected.mean(), rel=1e-4, abs=1e-3)
    # scikit-learn divides by one row less, and hardly otherwise of so many.
    pca = PCA(n_components).fit(X)
    assert model.score(X) == pytest.approx(pca.score(X), abs=0.1)


def wide_tables():
    def noise(rng, n_rows):
        return rng.normal(size=(n_rows, 400))

    def factors(rng, n_rows):
        loadings = np.random.RandomState(5).normal(size=(2, 400))
        return rng.normal(size=(n_rows, 2)) @ loadings + noise(rng, n_rows)

    return {"noise": (noise, 2), "factors": (factors, 2), "many": (factors, 20)}


@pytest.mark.parametrize("name", ["noise", "factors", "many"])
def test_of_wide_tables_fresh_rows_are_as_likely_as_under_the_likeliest_ppca(name):
    draw, n_components = wide_tables()[name]
    rng = np.random.RandomState(0)
    X, fresh = draw(rng, 32), draw(rng, 200)
    model = VAETransformer(n_components, random_state=0, device="cpu").fit(X)
    # Noise that is wider, alone, is no gain.
    assert not model.net_.module_.networks_on
    assert model.gain_over_pca_ == 0
    expected = ppca_scores(X, fresh, n_components).mean()
    assert model.score(fresh) == pytest.approx(expected, rel=1e-4)
    pca = PCA(n_components, svd_solver="full").fit(X)
    left = X.var(axis=0).sum() - pca.explained_variance_.sum() * 31 / 32
    pca.noise_variance_ = left / (400 - n_components)
    pca.explained_variance_ *= 31 / 32
    assert model.score(fresh) > pca.score(fresh)
    np.testing.assert_allclose(
        np.abs(model.transform(fresh)), np.abs(pca.transform(fresh)), atol=1e-3
    )


def test_score_is_the_mean_of_the_rows_scores(make_vae, curved):
    model = make_vae(guard=False).fit(curved)
    rows = model.score_samples(curved)
    assert rows.shape == (200,)
    assert rows.dtype == np.float32
    assert model.score(curved) == pytest.approx(rows.mean(dtype=float), rel=1e-6)


def test_scores_are_above_the_bound_and_converge(make_vae, curved):
    model = make_vae(guard=False, init="random", max_epochs=10).fit(curved)
    rows = Rows(centred(model, curved))
    # A network at its random start has a loose bound.
    bound = -model.net_.row_losses(rows).mean()
    few, many = (
        model.score_samples(curved, n_draws=n_draws).mean() for n_draws in (1000, 4000)
    )
    assert bound < few
    assert few == pytest.approx(many, abs=0.1)


@pytest.mark.parametrize("n_draws", [0, -1, 1.5, "many"])
def test_bad_number_of_draws(make_vae, curved, n_draws):
    model = make_vae().fit(curved)
    with pytest.raises(ValueError, match="'n_draws' parameter of score_samples must"):
        model.score_samples(curved, n_draws=n_draws)


def test_scores_change_with_units_by_the_jacobian(make_vae, noise):
    plain = make_vae().fit(noise).score(noise)
    scaled = make_vae().fit(1000 * noise).score(1000 * noise)
    assert plain - scaled == pytest.approx(6 * np.log(1000), abs=1e-3)


def test_the_grid_finds_the_number_of_factors(make_vae, rng):
    X = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 12))
    X = StandardScaler().fit_transform(X + 0.05 * rng.normal(size=X.shape))
    search = GridSearchCV(make_vae(), {"n_components": [1, 2, 4]}, cv=3).fit(X)
    assert (np.diff(search.cv_results_["mean_test_score"]) > 0).all()
    assert search.best_params_ == {"n_components": 4}


@pytest.mark.slow
def test_gain_is_in_nats(make_vae, rng):
    t = rng.uniform(-1, 1, size=(300, 1))
    X = np.concatenate([t, t**2], axis=1) + 0.01 * rng.normal(size=(300, 2))
    params = {"n_components": 1, "max_epochs": 40, "guard": False}
    gains = [make_vae(**params).fit(x).gain_over_pca_ for x in (X, 1000 * X)]
    assert gains[0] > 0
    # A share would not change with units either, but a loss in raw units would.
    assert gains[1] == pytest.approx(gains[0], rel=0.05)


# ---- samples


@pytest.mark.slow
def test_samples_look_like_the_data(rng):
    X = rng.normal(size=(5000, 2)) @ rng.normal(size=(2, 20))
    X = 5 + 3 * (X + 0.1 * rng.normal(size=X.shape)) / X.std(axis=0)
    vae = VAETransformer(2, random_state=0, device="cpu")
    scaler, model = make_pipeline(StandardScaler(), vae).fit(X)
    sample = scaler.inverse_transform(model.sample(5000, random_state=0))
    deviation = X.std(axis=0)
    assert (np.abs(sample.mean(axis=0) - X.mean(axis=0)) < 0.15 * deviation).all()
    ratio = sample.std(axis=0) / deviation
    assert ((ratio > 0.7) & (ratio < 1.2)).all()
    axes = [PCA(2).fit(rows).components_ for rows in (X, sample)]
    cosines = np.linalg.svd(axes[0] @ axes[1].T)[1]
    assert (cosines > 0.95).all()


def test_draws_with_noise_have_the_data_s_covariance(make_vae, noise):
    """Where probabilistic PCA is kept, its covariance exactly."""
    model = make_vae(n_components=3).fit(noise)
    assert model.gain_over_pca_ == 0
    draws = model.sample(50_000, observation_noise=True, random_state=0)
    covariance = PCA(3).fit(noise).get_covariance()
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.03)
    means = model.sample(50_000, random_state=0)
    assert np.linalg.matrix_rank(np.cov(means.T), tol=1e-4) == 3


@pytest.mark.parametrize("observation_noise", [False, True])
def test_binary_samples_stay_in_range(make_vae, rng, observation_noise):
    X = (rng.uniform(size=(100, 5)) < 0.2).astype(float)
    model = make_vae(likelihood="bernoulli").fit(X)
    sample = model.sample(500, observation_noise=observation_noise, random_state=0)
    assert sample.min() >= 0
    assert sample.max() <= 1


@pytest.mark.parametrize("likelihood", ["gaussian", "laplace"])
def test_no_row_is_less_likely_than_under_ppca_by_more_than_it_may(
    make_vae, curved, likelihood
):
    options = {"n_components": 2, "likelihood": likelihood}
    model = make_vae(guard=False, **options).fit(curved)
    with_pca = make_vae(max_epochs=1, **options).fit(curved)
    with_pca.net_.module_.use_networks(False)
    with_pca.net_.module_.prior.refit(None)
    rng = np.random.RandomState(0)
    bound = np.log(len(curved) + 1)
    for far in (10, 1e3, 1e6):
        rows = curved[:20] + far * curved.std(axis=0) * rng.normal(size=(20, 1))
        expected = with_pca.score_samples(rows).astype(np.float64)
        slack = bound + 1e-3 + 1e-6 * np.abs(expected)
        assert (model.score_samples(rows) >= expected - slack).all()


def test_some_samples_are_the_linear_path_s(make_vae, curved):
    model = make_vae(guard=False).fit(curved)
    module = model.net_.module_
    module.pca_weight = 0.5
    drawn = model.sample(400, random_state=0)
    module.pca_weight = 0.0
    own = model.sample(400, random_state=0)
    changed = (drawn != own).any(axis=1)
    assert 150 < changed.sum() < 250
    # Means of the linear path lie in the plane of its loadings.
    loadings = module.decode_weight.numpy()
    left = drawn[changed] - model.mean_
    fitted = left @ np.linalg.pinv(loadings) @ loadings
    np.testing.assert_allclose(left, fitted, atol=1e-4)
