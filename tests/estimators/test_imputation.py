"""Missing values: in training, in each method, and filled in."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from sklearn_ae._training.batches import Rows
from sklearn_ae.likelihoods import Categorical, Mixed, Poisson
from sklearn_ae.networks import MLP, Conv, Custom


@pytest.fixture
def holed(curved, rng):
    """`curved` with a tenth of its values missing."""
    return np.where(rng.uniform(size=curved.shape) < 0.1, np.nan, curved)


@pytest.fixture(params=["complete", "holed"])
def fitted(request, make, curved, holed):
    """Either estimator, fitted to rows with and without missing values."""
    return make().fit(curved if request.param == "complete" else holed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_observed_values_come_back_as_they_are(fitted, holed, dtype):
    X = holed.astype(dtype)
    given = X.copy()
    completed = fitted.impute(X)
    assert completed.dtype == dtype
    assert np.isfinite(completed).all()
    observed = ~np.isnan(X)
    np.testing.assert_array_equal(completed[observed], X[observed])
    np.testing.assert_array_equal(X, given)


def test_complete_rows_come_back_as_they_are(fitted, curved):
    completed = fitted.impute(curved)
    np.testing.assert_array_equal(completed, curved)
    assert not np.shares_memory(completed, curved)


def test_rows_are_filled_on_their_own_and_always_alike(fitted, holed):
    completed = fitted.impute(holed)
    np.testing.assert_array_equal(fitted.impute(holed), completed)
    some = [7, 3, 100]
    np.testing.assert_allclose(fitted.impute(holed[some]), completed[some], atol=1e-5)


def test_methods_take_missing_values(fitted, holed):
    holed[5] = np.nan
    for values in (
        fitted.transform(holed),
        fitted.reconstruct(holed),
        fitted.score_samples(holed),
        fitted.score(holed),
        fitted.impute(holed),
    ):
        assert np.isfinite(values).all()
    assert fitted.transform(holed).shape == (200, 2)


def test_scores_are_of_the_observed_values(make_ae, holed):
    model = make_ae().fit(holed)
    observed = ~np.isnan(holed)
    errors = np.where(observed, holed - model.reconstruct(holed), 0.0)
    squared = (errors**2).sum(axis=1)
    np.testing.assert_allclose(-model.score_samples(holed), squared, rtol=1e-4)
    total = np.where(observed, holed - model.mean_, 0.0) ** 2
    assert model.score(holed) == pytest.approx(1 - squared.sum() / total.sum())


def test_log_likelihood_of_observed_values(make_vae, rng):
    """Probabilistic PCA's is exact for any part of a row."""
    X = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 6)) + rng.normal(size=(400, 6))
    model = make_vae(n_components=2, prior="normal").fit(X)
    assert model.gain_over_pca_ == 0
    loading = model.net_.module_.decode_weight.numpy()
    covariance = loading.T @ loading + model.net_.module_.cost.noise_variance * np.eye(
        6
    )
    part = [0, 2, 3, 5]
    X[:, [1, 4]] = np.nan
    centred = (X - model.mean_)[:, part]
    precision = np.linalg.inv(covariance[np.ix_(part, part)])
    exact = -0.5 * (
        np.einsum("ij,jk,ik->i", centred, precision, centred)
        - np.linalg.slogdet(precision)[1]
        + 4 * np.log(2 * np.pi)
    )
    # The posterior that draws come from is exact, so that one is as good as many.
    np.testing.assert_allclose(model.score_samples(X, n_draws=1), exact, atol=1e-3)


@pytest.mark.parametrize("is_complete", [True, False])
def test_filling_in_beats_the_mean_on_a_curve(make_ae, make_vae, rng, is_complete):
    codes = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 10))
    X = np.tanh(1.5 * codes) + 0.02 * rng.normal(size=(300, 10))
    missing = rng.uniform(size=X.shape) < 0.2
    holed = np.where(missing, np.nan, X)
    errors = {"mean": np.where(missing, np.nanmean(holed, axis=0), X)}
    for make in (make_ae, make_vae):
        model = make(network=MLP((32,)), max_epochs=30)
        errors[make] = model.fit(X if is_complete else holed).impute(holed)
    errors = {
        name: np.mean((X - filled)[missing] ** 2) for name, filled in errors.items()
    }
    assert errors[make_ae] < 0.25 * errors["mean"]
    assert errors[make_vae] < 0.25 * errors["mean"]


@pytest.mark.parametrize("is_complete", [True, False])
def test_a_column_that_dominates_pca_is_filled_in(make, rng, is_complete):
    """Where PCA is kept, as well as by PCA's conditional mean."""
    codes = rng.normal(size=(150, 2))
    X = codes @ rng.normal(size=(2, 8)) * np.logspace(-1, 2, 8)
    X += 0.1 * rng.normal(size=X.shape)
    missing = rng.uniform(size=X.shape) < 0.2
    # The opposite of each row, so that gaps leave the means where they are.
    X, missing = np.vstack([X, -X]), np.vstack([missing, missing])
    holed = np.where(missing, np.nan, X)
    model = make(n_components=2).fit(X if is_complete else holed)
    assert model.gain_over_pca_ == 0
    errors = (model.impute(holed) - X) / X.std(axis=0)
    assert np.sqrt(np.mean(errors[:, -1][missing[:, -1]] ** 2)) < 0.2


def test_rows_with_gaps_of_a_curve_gain_over_pca(make_ae, rng):
    angle = rng.uniform(0, np.pi, size=(400, 1))
    X = np.hstack([np.cos(angle), np.sin(angle)]) @ rng.normal(size=(2, 8))
    X += 0.02 * rng.normal(size=X.shape)
    X[rng.uniform(size=X.shape) < 0.1] = np.nan
    model = make_ae(n_components=1, network=MLP((32,)), max_epochs=40).fit(X)
    assert model.gain_over_pca_ > 0.2


# ---- multiple imputation


def test_draws_have_the_conditional_distribution(make_vae, rng):
    """Of a linear model with known parameters."""
    loading = rng.normal(size=(2, 8))
    X = rng.normal(size=(500, 2)) @ loading + 0.5 * rng.normal(size=(500, 8))
    holed = X.copy()
    holed[:, [0, 5]] = np.nan
    model = make_vae(n_components=2).fit(X)
    draws = model.impute(holed, n_draws=40, random_state=0)
    assert draws.shape == (40, 500, 8)
    covariance = loading.T @ loading + 0.25 * np.eye(8)
    known, unknown = [1, 2, 3, 4, 6, 7], [0, 5]
    gain = np.linalg.solve(
        covariance[np.ix_(known, known)], covariance[np.ix_(known, unknown)]
    )
    mean = X[:, known] @ gain
    spread = np.sqrt(
        np.diag(covariance)[unknown]
        - np.diag(covariance[np.ix_(unknown, known)] @ gain)
    )
    standardised = (draws[:, :, unknown] - mean) / spread
    np.testing.assert_allclose(standardised.std(axis=(0, 1)), 1.0, atol=0.12)
    np.testing.assert_allclose(standardised.mean(axis=(0, 1)), 0.0, atol=0.12)
    error = (model.impute(holed)[:, unknown] - mean) / spread
    assert np.sqrt(np.mean(error**2)) < 0.25


def test_draws_are_seeded_and_leave_observed_values_alone(make_vae, holed):
    model = make_vae().fit(holed)
    draws = model.impute(holed, n_draws=3, random_state=1)
    np.testing.assert_array_equal(draws, model.impute(holed, n_draws=3, random_state=1))
    assert not np.array_equal(draws, model.impute(holed, n_draws=3, random_state=2))
    assert not np.array_equal(
        model.impute(holed, n_draws=3), model.impute(holed, n_draws=3)
    )
    observed = ~np.isnan(holed)
    np.testing.assert_array_equal(draws[:, observed], [holed[observed]] * 3)
    assert not np.allclose(draws[0], draws[1])


def test_draws_of_counts_and_categories(make_vae, rng):
    counts = rng.poisson(5.0, size=(120, 2))
    chosen = np.eye(3)[rng.randint(0, 3, size=120)]
    X = np.concatenate([counts, chosen], axis=1)
    X[:20, 0] = np.nan
    X[10:40, 2:] = np.nan
    likelihood = Mixed([("poisson", [0, 1]), (Categorical(), [2, 3, 4])])
    draws = make_vae(likelihood=likelihood).fit(X).impute(X, n_draws=2, random_state=0)
    np.testing.assert_array_equal(draws, np.rint(draws))
    assert draws.min() >= 0
    np.testing.assert_array_equal(draws[:, :, 2:].sum(axis=2), 1.0)


def test_counts_are_filled_in_for_a_row_s_size(make_vae, rng):
    sizes = np.repeat([1.0, 10.0], 60)[:, np.newaxis]
    X = rng.poisson(sizes * [2.0, 4.0, 8.0, 8.0]).astype(float)
    X[::2, 1] = np.nan
    model = make_vae(likelihood=Poisson(size_factors="total")).fit(X)
    filled = model.impute(X)[::2, 1]
    assert filled[30:].mean() > 3 * filled[:30].mean()


# ---- what else there is


LOSSES = ["absolute_error", "huber", "log_loss", "poisson"]
LIKELIHOODS = ["laplace", "student_t", "bernoulli", "negative_binomial"]


@pytest.mark.parametrize(
    "params",
    [
        *({"loss": loss} for loss in LOSSES),
        *({"likelihood": likelihood} for likelihood in LIKELIHOODS),
        {"likelihood": Poisson(size_factors="total")},
        {"likelihood": "gaussian", "prior": "vamp", "n_importance_samples": 2},
        {"init": "random"},
        {"network": MLP((8,), tied=True), "penalty": "contractive"},
        {"network": Conv((1, 2, 3), n_channels=2), "corruption": "swap"},
        {"network": Custom(nn.Linear, nn.Linear), "output_range": (0.0, 1.0)},
    ],
    ids=repr,
)
def test_whatever_the_parts(make_ae, make_vae, holed, params):
    """Bits are in every domain."""
    X = np.where(np.isnan(holed), np.nan, holed > np.nanmedian(holed))
    make = make_vae if {"likelihood", "prior"} & params.keys() else make_ae
    model = make(**params).fit(X)
    assert all(np.isfinite(epoch["valid_loss"]) for epoch in model.history_)
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(model.impute(X)).all()


def n_inputs(model):
    weights = [p for p in model.net_.module_.encoder.parameters() if p.ndim > 1]
    return weights[0].shape[1]


def test_networks_that_can_take_flags_get_them_where_there_are_any(make, curved, holed):
    assert n_inputs(make().fit(curved)) == 6
    assert n_inputs(make().fit(holed)) == 12
    conv = Conv((1, 2, 3), n_channels=2)
    assert n_inputs(make(network=conv).fit(curved)) == 1
    assert n_inputs(make(network=conv).fit(holed)) == 2
    # A user's own is promised rows of the number of features.
    assert n_inputs(make(network=Custom(nn.Linear, nn.Linear)).fit(holed)) == 6


@pytest.mark.parametrize("first", ["complete", "holed"])
def test_training_may_go_on_with_other_gaps(make, curved, holed, first):
    rows = [curved, holed] if first == "complete" else [holed, curved]
    model = make(warm_start=True).fit(rows[0])
    for X in (rows[1], rows[0]):
        before = model.transform(holed)
        model.fit(X).partial_fit(X)
        assert np.isfinite(model.transform(holed)).all()
        assert not np.array_equal(model.transform(holed), before)


def test_a_row_without_values_changes_nothing_but_the_split(make, holed):
    holed[::9] = np.nan
    model = make().fit(holed)
    empty = Rows(torch.full((3, 6), torch.nan))
    assert np.isfinite(model.net_.row_losses(empty)).all()
    assert np.isfinite(model.impute(holed)).all()
    # Of nothing there is no error, and its density is one.
    np.testing.assert_array_equal(model.score_samples(holed[::9]), 0.0)


def test_rows_that_are_all_alike(make):
    X = np.full((40, 3), 0.1)
    X[::4, 1] = np.nan
    np.testing.assert_allclose(make().fit(X).impute(X), 0.1, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:n_components=. is above the rank of X")
def test_few_rows(make, rng):
    X = rng.normal(size=(3, 4))
    X[0, 1] = X[1, 3] = np.nan
    for n_components in (1, 4, 6):
        model = make(n_components=n_components).fit(X)
        assert np.isfinite(model.impute(X)).all()


def test_frames(make, holed):
    frame = pd.DataFrame(holed, columns=list("abcdef"))
    model = make().set_output(transform="pandas").fit(frame)
    assert isinstance(model.transform(frame), pd.DataFrame)
    completed = model.impute(frame)
    assert isinstance(completed, np.ndarray)
    np.testing.assert_allclose(completed, make().fit(holed).impute(holed), rtol=1e-6)
    with pytest.raises(ValueError, match="feature names"):
        model.impute(frame[list("fedcba")])


def test_pickles(fitted, holed):
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.impute(holed), fitted.impute(holed))


def test_categories_miss_all_of_a_block_or_nothing(make_vae, rng):
    X = np.eye(3)[rng.randint(0, 3, size=60)]
    X[4, 1] = np.nan
    with pytest.raises(ValueError, match="misses some of a block of 3 columns"):
        make_vae(likelihood="categorical").fit(X)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"max_iter": 0}, "'max_iter' parameter of impute must be an int"),
        ({"tol": -1.0}, r"'tol' parameter of impute must be a float .* Got -1.0"),
    ],
)
def test_arguments(make, curved, params, message):
    with pytest.raises(ValueError, match=message):
        make().fit(curved).impute(curved, **params)


@pytest.mark.parametrize("name", ["n_draws", "n_proposals"])
def test_arguments_of_the_vae_s_own(make_vae, curved, name):
    with pytest.raises(
        ValueError, match=f"'{name}' parameter of impute must be an int"
    ):
        make_vae().fit(curved).impute(curved, **{name: 0})
