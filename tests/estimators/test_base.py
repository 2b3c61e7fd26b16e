"""What both estimators do alike, through their public verbs."""

import copy
import os
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_ae.likelihoods import Bernoulli, Categorical, Mixed, Poisson
from sklearn_ae.networks import MLP, Conv, Custom

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
FREE = {"early_stopping": False, "guard": False, "validation_fraction": None}


def weights(model):
    return torch.cat([v.flatten() for v in model.net_.module_.state_dict().values()])


def dropout_half(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 8), nn.Dropout(0.3), nn.Linear(8, n_out))


# ---- dtypes and units


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_of_outputs(make, curved, dtype):
    X = curved.astype(dtype)
    model = make().fit(X)
    assert model.transform(X).dtype == np.float32
    assert make().fit_transform(X).dtype == np.float32
    assert model.inverse_transform(model.transform(X)).dtype == dtype
    assert model.sample(3).dtype == dtype
    assert model.score_samples(X).dtype == np.float32
    assert isinstance(model.score(X), float)
    assert model.__sklearn_tags__().transformer_tags.preserves_dtype == ["float32"]


@pytest.mark.parametrize("factor", [2.0**40, 1e-20, 1e12])
def test_units_of_x_are_units_of_codes(make, curved, factor):
    # At PCA the codes' gradients are nothing but rounding; Adam's eps keeps them small.
    params = {"n_components": 2, "max_epochs": 5, "guard": False}
    params["net_params"] = {"optimizer__eps": 1e-5}
    plain = make(**params).fit(curved)
    scaled = make(**params).fit(curved * factor)
    codes = plain.transform(curved)
    np.testing.assert_allclose(
        scaled.transform(curved * factor) / factor, codes, atol=1e-3 * codes.std()
    )
    np.testing.assert_allclose(
        scaled.inverse_transform(codes * factor) / factor,
        plain.inverse_transform(codes),
        atol=1e-3 * curved.std(),
    )


def test_a_timestamp_column_survives(make, rng):
    """1.7e9 give or take 1000 has two digits in float32."""
    stamps = 1.7e9 + rng.uniform(-1000, 1000, size=200)
    X = np.column_stack([stamps, rng.normal(size=200)])
    model = make(n_components=2).fit(X)
    X_back = model.inverse_transform(model.transform(X))
    # A VAE's posterior mean shrinks by the noise floor; seconds all the same.
    assert np.abs(X_back[:, 0] - stamps).max() < 1
    assert model.sample(500)[:, 0].std() > 100


def test_constant_columns(make, rng):
    X = rng.normal(size=(200, 6))
    X[:, 2] = 7.0
    X[:, 4] = 0.0
    model = make(n_components=2, max_epochs=20, guard=False).fit(X)
    X_back = model.inverse_transform(model.transform(X))
    assert np.isfinite(X_back).all()
    assert np.abs(X_back[:, 2] - 7).max() < 0.7
    X[:, 2] = 7.5
    moved = model.inverse_transform(model.transform(X))
    assert np.isfinite(moved).all()
    # What was constant tells nothing.
    np.testing.assert_allclose(moved, X_back, atol=1e-4)
    assert np.isfinite(model.score(X))


@pytest.mark.parametrize("init", ["pca", "random"])
def test_all_rows_alike(make, init):
    X = np.full((20, 3), 5.0)
    model = make(init=init).fit(X)
    codes = model.transform(X)
    assert np.isfinite(codes).all()
    np.testing.assert_allclose(model.inverse_transform(codes), X, atol=3)
    assert np.isfinite(model.sample(4)).all()
    assert np.isfinite(model.score(X))


# ---- the start and the guard


@pytest.mark.parametrize("n_components", [1, 3, 6])
def test_where_pca_is_kept_codes_are_pca_s(make, noise, n_components):
    model = make(n_components=n_components).fit(noise)
    assert model.gain_over_pca_ == 0
    expected = PCA(n_components).fit(noise).transform(noise)
    codes = model.transform(noise)
    if "likelihood" not in model.get_params() or n_components < 6:
        np.testing.assert_allclose(codes, expected, atol=1e-5)


def networks_off(model):
    """Return a copy with its linear path alone."""
    model = copy.deepcopy(model)
    model.net_.module_.use_networks(False)
    return model


@pytest.mark.parametrize("output_range", ["auto", (0.0, 1.0)])
def test_pca_is_at_hand_whatever_was_learned(make, curved, output_range):
    model = make(n_components=3, guard=False)
    if "output_range" in model.get_params():
        model.set_params(output_range=output_range)
    model.fit(curved[:150])
    for n_components in (1, 2, 3):
        pca = PCA(n_components, svd_solver="full").fit(curved[:150])
        expected = pca.inverse_transform(pca.transform(curved[150:]))
        found = model.reconstruct_by_pca(curved[150:], n_components)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(found, model.reconstruct_by_pca(curved[150:]))
    with pytest.raises(ValueError, match="is more than the 3 that PCA was"):
        model.reconstruct_by_pca(curved, 4)
    with pytest.raises(ValueError, match="'n_components' parameter of reconstruct"):
        model.reconstruct_by_pca(curved, 0)


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "log_loss"},
        {"loss": "poisson", "ordered": True},
        {"n_components": 2, "ordered": 3},
        {"likelihood": "bernoulli"},
        {"likelihood": "poisson"},
        {"likelihood": "student_t"},
    ],
    ids=str,
)
@pytest.mark.parametrize("has_gaps", [False, True])
def test_what_pca_makes_of_rows_is_the_linear_path(
    make_ae, make_vae, rng, params, has_gaps
):
    X = blocks_of_bits(rng)
    if has_gaps:
        X[rng.uniform(size=X.shape) < 0.1] = np.nan
    model = (make_vae if "likelihood" in params else make_ae)(**params).fit(X)
    expected = networks_off(model).reconstruct(X)
    np.testing.assert_allclose(model.reconstruct_by_pca(X), expected, atol=1e-5)
    before = model.reconstruct(X)
    np.testing.assert_array_equal(model.reconstruct(X), before)


def test_a_random_start_has_no_pca(make, curved):
    assert hasattr(make(), "reconstruct_by_pca")
    assert not hasattr(make(init="random").fit(curved), "reconstruct_by_pca")


def test_a_further_fit_of_one_row_keeps_the_axes(make, curved):
    model = make(n_components=3, warm_start=True, guard=False).fit(curved)
    before = model.net_.module_.axes.matrix.clone()
    model.fit(curved[:1])
    assert np.isfinite(model.transform(curved)).all()
    assert torch.equal(model.net_.module_.axes.matrix, before)


@pytest.fixture
def curve(rng):
    t = rng.uniform(-1, 1, size=(300, 1))
    return np.concatenate([t, t**2, t**3], axis=1) + 0.01 * rng.normal(size=(300, 3))


def test_a_custom_guard_level_is_used(make, curve):
    """The same training, judged loosely and strictly on three rows."""
    params = {"n_components": 1, "max_epochs": 20, "validation_fraction": 0.01}
    free, loose, strict = (
        make(guard=level, **params).fit(curve) for level in (False, 0.5, 1e-9)
    )
    assert strict.gain_over_pca_ == 0
    assert loose.gain_over_pca_ == free.gain_over_pca_ > 0
    assert not strict.net_.module_.networks_on
    assert loose.net_.module_.networks_on


def test_a_curve_beats_pca(make, curve):
    assert (
        make(n_components=1, network=MLP((32,)), max_epochs=40)
        .fit(curve)
        .gain_over_pca_
        > 0
    )


def test_a_random_start_compares_nothing(make, curved):
    assert np.isnan(make(init="random").fit(curved).gain_over_pca_)


@pytest.mark.filterwarnings("ignore:n_components=8 is above the rank of X, 5")
@pytest.mark.parametrize("n_components", [1, 4, 5, 8])
def test_any_number_of_components(make, rng, n_components):
    X = rng.normal(size=(150, 5))
    model = make(n_components=n_components).fit(X)
    codes = model.transform(X)
    assert codes.shape == (150, n_components)
    X_back = model.inverse_transform(codes)
    assert X_back.shape == X.shape
    assert model.sample(4).shape == (4, 5)
    assert np.isfinite(codes).all()
    assert len(model.get_feature_names_out()) == n_components
    if n_components >= 5:
        assert np.square(X - X_back).mean() < 0.1 * X.var()


def test_one_component_stays_a_column(make, rng):
    X = rng.normal(size=(150, 4))
    model = make(n_components=1).fit(X)
    assert model.transform(X[:1]).shape == (1, 1)
    assert model.inverse_transform(model.transform(X[:1])).shape == (1, 4)
    assert model.sample().shape == (1, 4)
    assert np.isfinite(model.score(X))
    assert model.score_samples(X).shape == (150,)
    assert model.set_output(transform="pandas").transform(X).shape == (150, 1)


@pytest.mark.parametrize("n_components", [0, -1, 2.5, "3", None])
def test_bad_number_of_components(make, curved, n_components):
    model = make(n_components=n_components)
    with pytest.raises(ValueError, match=r"'n_components' parameter of .* must be"):
        model.fit(curved)


# ---- scikit-learn's conventions


def test_not_fitted_yet(make, curved):
    model = make()
    for call in (
        lambda: model.transform(curved),
        lambda: model.inverse_transform(curved[:, :2]),
        lambda: model.sample(2),
        lambda: model.reconstruct_by_pca(curved),
        lambda: model.score(curved),
        lambda: model.score_samples(curved),
        lambda: model.get_feature_names_out(),
        lambda: check_is_fitted(model),
    ):
        with pytest.raises(NotFittedError):
            call()
    with pytest.raises(ValueError, match="infinity"):
        model.fit(np.full((5, 5), np.inf))
    with pytest.raises(NotFittedError):
        check_is_fitted(model)
    check_is_fitted(model.fit(curved))


BAD = {
    "infinity": {},
    "parameter": {"learning_rate": -1.0},
    "component": {"network": MLP((0,))},
    "net_params": {"net_params": {"lr": 1.0}},
    "callback": {"callbacks": ["none"]},
    "diverging": {
        "learning_rate": 1e8,
        "optimizer": torch.optim.SGD,
        "max_epochs": 20,
        "n_iter_no_change": 20,
    },
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("fitted", [False, True])
def test_an_error_in_fit_leaves_the_estimator_as_it_was(make, curved, bad, fitted):
    model = make(network=MLP((4,)))
    if fitted:
        codes, state = model.fit_transform(curved), weights(model)
    X = curved.copy()
    if bad == "infinity":
        X[0, 0] = np.inf
    model.set_params(**BAD[bad])
    before = vars(model).copy()
    with pytest.raises((ValueError, TypeError, AttributeError, FloatingPointError)):
        model.fit(X)
    after = vars(model)
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)
    if fitted:
        assert torch.equal(weights(model), state)
        np.testing.assert_array_equal(model.transform(curved), codes)
    else:
        with pytest.raises(NotFittedError):
            model.transform(curved)


@pytest.mark.parametrize("bad", ["infinity", "width", "diverging"])
def test_an_error_in_partial_fit_leaves_the_estimator_as_it_was(make, curved, bad):
    model = make().fit(curved)
    codes, state, history = model.transform(curved), weights(model), model.history_
    before = vars(model).copy()
    X = {
        "infinity": curved.copy(),
        "width": curved[:, :3],
        "diverging": 1e30 * curved,
    }[bad]
    if bad == "infinity":
        X[0, 0] = np.inf
    with pytest.raises((ValueError, FloatingPointError)):
        model.partial_fit(X)
    after = vars(model)
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)
    assert torch.equal(weights(model), state)
    np.testing.assert_array_equal(model.transform(curved), codes)
    assert model.history_ == history
    # The optimizer's state is whole as well.
    assert np.isfinite(model.partial_fit(curved).transform(curved)).all()
    assert model.n_iter_ == len(history) + 1


@pytest.mark.parametrize("early_stopping", [False, True])
def test_divergence_is_loud(make, rng, early_stopping):
    X = rng.normal(size=(200, 10))
    model = make(
        optimizer=torch.optim.SGD,
        learning_rate=1e8,
        max_epochs=20,
        early_stopping=early_stopping,
    )
    with pytest.raises(
        FloatingPointError, match=r"not finite in epoch \d+; lower learning_rate or sc"
    ):
        model.fit(X)
    with pytest.raises(NotFittedError):
        model.transform(X)


def test_divergence_in_a_warm_start_restores_the_weights(make, rng):
    X = rng.normal(size=(200, 10))
    model = make(optimizer=torch.optim.SGD, warm_start=True, **FREE).fit(X)
    state, codes = weights(model), model.transform(X)
    model.set_params(learning_rate=1e30)
    with pytest.raises(FloatingPointError):
        model.set_params(max_epochs=20).fit(X)
    assert torch.equal(weights(model), state)
    np.testing.assert_array_equal(model.transform(X), codes)


def test_clone(make, curved):
    network, callbacks, net_params = MLP([8]), [], {"max_grad_norm": 2.0}
    model = make(network=network, callbacks=callbacks, net_params=net_params)
    copied = clone(model.fit(curved))
    with pytest.raises(NotFittedError):
        copied.transform(curved)
    assert model.network is network
    assert model.callbacks is callbacks
    assert model.net_params is net_params
    assert repr(copied) == repr(model)
    np.testing.assert_array_equal(
        copied.fit(curved).transform(curved), model.transform(curved)
    )
    assert clone(make_pipeline(StandardScaler(), model)).fit(curved)


@pytest.mark.parametrize("method", ["fit", "set_params"])
def test_init_stores_what_it_is_given(make, method):
    """Values are checked in fit, not before, and never replaced."""
    value = object()
    for name in make().get_params(deep=False):
        model = make(**{name: value}) if method == "fit" else make()
        if method == "set_params":
            model.set_params(**{name: value})
        assert model.get_params(deep=False)[name] is value


@pytest.mark.parametrize("target", ["text", "integers", "matrix"])
def test_y_is_ignored(make, curved, target):
    y = np.arange(len(curved)) % 2
    y = {"text": np.array(["no", "yes"])[y], "integers": y, "matrix": curved[:, :2]}[
        target
    ]
    expected = make().fit_transform(curved)
    np.testing.assert_array_equal(make().fit_transform(curved, y), expected)
    np.testing.assert_array_equal(make().fit(curved, y).transform(curved), expected)
    np.testing.assert_array_equal(
        make().partial_fit(curved, y).transform(curved),
        make().partial_fit(curved).transform(curved),
    )
    if target != "matrix":
        pipeline = make_pipeline(StandardScaler(), make(), LogisticRegression())
        assert pipeline.fit(curved, y).predict(curved).shape == y.shape


def test_sizes_are_reached_by_a_grid(make, curved):
    y = (curved[:, 0] > 0).astype(int)
    pipeline = make_pipeline(StandardScaler(), make(), LogisticRegression())
    step = pipeline.steps[1][0]
    names = ["n_components", "network__hidden_layer_sizes", "network__activation"]
    assert {f"{step}__{name}" for name in names} <= pipeline.get_params().keys()
    grid = {f"{step}__{names[0]}": [1, 3], f"{step}__{names[1]}": [(4,), (5, 3)]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(curved, y)
    best = search.best_estimator_[:-1]
    n_components = search.best_params_[f"{step}__{names[0]}"]
    assert best.transform(curved).shape[1] == n_components
    sizes = search.best_params_[f"{step}__{names[1]}"]
    encoder = best[-1].net_.module_.encoder
    widths = [m.out_features for m in encoder if isinstance(m, nn.Linear)]
    assert tuple(widths[:-1]) == sizes


def test_images_in_a_grid(make, rng):
    X = rng.uniform(size=(64, 64)).astype(np.float32)
    model = make(network=Conv((1, 8, 8), n_channels=2))
    search = GridSearchCV(model, {"n_components": [1, 4]}, cv=2).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    codes = model.set_params(n_components=4).fit_transform(X)
    assert codes.shape == (64, 4)
    assert model.inverse_transform(codes).shape == X.shape


# ---- frames


@pytest.fixture
def frame(curved, rng):
    index = rng.permutation(np.arange(1000, 1200))
    return pd.DataFrame(curved, columns=list("abcdef"), index=index)


def test_frames_are_their_arrays(make, frame, curved):
    named, plain = make(), make()
    # The array of a frame, as it lies in memory.
    curved = frame.to_numpy()
    np.testing.assert_array_equal(
        named.fit(frame).transform(frame), plain.fit(curved).transform(curved)
    )
    np.testing.assert_array_equal(
        named.partial_fit(frame).transform(frame),
        plain.partial_fit(curved).transform(curved),
    )
    assert named.score(frame) == plain.score(curved)
    assert list(named.feature_names_in_) == list("abcdef")
    assert not hasattr(plain, "feature_names_in_")
    output = named.set_output(transform="pandas").transform(frame)
    assert (output.index == frame.index).all()


def test_feature_names_out(make, frame):
    model = make(n_components=3).fit(frame)
    prefix = type(model).__name__.lower()
    names = [f"{prefix}{i}" for i in range(3)]
    assert list(model.get_feature_names_out()) == names
    assert list(model.get_feature_names_out(list("abcdef"))) == names
    with pytest.raises(ValueError, match="input_features is not equal"):
        model.get_feature_names_out(list("abcdeg"))
    assert list(model.set_output(transform="pandas").transform(frame)) == names

    columns = make_column_transformer((make(), list("abc")), remainder="passthrough")
    output = columns.set_output(transform="pandas").fit_transform(frame)
    assert list(output) == [
        *(f"{prefix}__{name}" for name in names[:2]),
        *(f"remainder__{name}" for name in "def"),
    ]
    union = make_union(make(), StandardScaler()).set_output(transform="pandas")
    assert union.fit_transform(frame).shape == (200, 8)


@pytest.mark.parametrize("method", ["transform", "partial_fit", "score"])
def test_columns_in_another_order(make, frame, method):
    model = make().fit(frame)
    reordered = frame[list("fedcba")]
    missing = frame[list("abcde")]
    for wrong in (reordered, missing, frame.rename(columns={"a": "z"})):
        with pytest.raises(ValueError, match="feature names should match those that"):
            getattr(model, method)(wrong)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        getattr(model, method)(frame.to_numpy())


# ---- seeds


@pytest.mark.parametrize("init", ["pca", "random"])
def test_same_seed_same_result(make, curved, init):
    params = {
        "init": init,
        "guard": False,
        "network": Custom(dropout_half, dropout_half),
        "corruption": "gaussian",
    }
    first = make(**params).fit(curved)
    torch.rand(1)
    second = make(**params).fit(curved)
    assert torch.equal(weights(first), weights(second))
    np.testing.assert_array_equal(first.transform(curved), second.transform(curved))
    np.testing.assert_array_equal(first.sample(5), second.sample(5))
    refitted = first.fit(curved)
    assert torch.equal(weights(refitted), weights(second))
    other = make(**{**params, "random_state": 1}).fit(curved)
    assert not torch.equal(weights(other), weights(second))


def test_a_random_state_instance_is_advanced(make, curved):
    params = {"init": "random"}
    streams = [np.random.RandomState(3) for _ in range(2)]
    one, other = (make(random_state=s, **params).fit(curved) for s in streams)
    assert torch.equal(weights(one), weights(other))
    again = make(random_state=streams[0], **params).fit(curved)
    assert not torch.equal(weights(again), weights(other))


def test_no_seed_differs_each_time(make, curved):
    models = [make(init="random", random_state=None).fit(curved) for _ in range(2)]
    assert not torch.equal(*map(weights, models))


def test_no_seed_follows_numpy_s_global_stream(make, curved):
    """As everywhere in scikit-learn: one seed makes a whole notebook repeatable."""
    runs = []
    for _ in range(2):
        np.random.seed(7)  # noqa: NPY002
        models = [make(init="random", random_state=None).fit(curved) for _ in range(2)]
        runs.append(
            [*map(weights, models), *(torch.tensor(m.sample(2)) for m in models)]
        )
    for one, other in zip(*runs, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("random_state", [None, 0])
def test_only_no_seed_reads_a_global_generator(make, curved, random_state):
    results = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        model = make(random_state=random_state, corruption="masking").fit(curved)
        model.transform(curved)
        model.sample(3)
        model.sample(3, random_state=None)
        model.score(curved)
        model.partial_fit(curved)
        assert torch.equal(torch.get_rng_state(), before[0])
        after = np.random.get_state()[1]  # noqa: NPY002
        assert np.array_equal(after, before[1]) == (random_state == 0)
        results.append(weights(model))
    assert torch.equal(*results) == (random_state == 0)


# ---- sample


@pytest.mark.parametrize("n_samples", [1, 7, 15, 17, 1000, 5000])
def test_sample_gives_so_many_rows(make, curved, n_samples):
    sample = make().fit(curved).sample(n_samples)
    assert sample.shape == (n_samples, 6)
    assert np.isfinite(sample).all()


@pytest.mark.parametrize("n_samples", [0, -1, 2.5, "3", None])
def test_sample_of_no_rows(make, curved, n_samples):
    model = make().fit(curved)
    with pytest.raises(ValueError, match="'n_samples' parameter of sample must be"):
        model.sample(n_samples)


def test_sample_seeds(make, curved):
    model = make().fit(curved)
    np.testing.assert_array_equal(
        model.sample(9, random_state=1), model.sample(9, random_state=1)
    )
    assert not np.array_equal(
        model.sample(9, random_state=1), model.sample(9, random_state=2)
    )
    assert not np.array_equal(model.sample(9), model.sample(9))
    before = model.transform(curved)
    model.sample(9)
    np.testing.assert_array_equal(model.transform(curved), before)


# ---- training again


def test_fit_starts_afresh(make, rng):
    params = {"init": "random", "max_epochs": 2}
    model = make(**params).fit(rng.normal(size=(100, 5)))
    X = rng.normal(size=(100, 7))
    model.fit(X)
    assert model.n_features_in_ == 7
    assert model.n_iter_ == 2
    assert torch.equal(weights(model), weights(make(**params).fit(X)))


def test_partial_fit_goes_on_after_fit(make, curved):
    model = make().fit(curved)
    before = weights(model)
    model.partial_fit(curved)
    assert model.n_iter_ == 3
    assert not torch.equal(weights(model), before)
    assert np.isnan(model.gain_over_pca_)
    assert [epoch["epoch"] for epoch in model.history_] == [1, 2, 3]


def test_partial_fit_learns_at_the_peak_rate(make, curved):
    """Also after a fit whose schedule ended at nothing."""
    for model in (make(), make().fit(curved)):
        for _ in range(2):
            model.partial_fit(curved)
            rates = {group["lr"] for group in model.net_.optimizer_.param_groups}
            assert rates == {0.003}


def test_partial_fit_alone_learns(make, curved):
    model = make(init="random", learning_rate=0.01)
    for _ in range(40):
        model.partial_fit(curved)
    losses = [epoch["train_reconstruction"] for epoch in model.history_]
    assert len(losses) == model.n_iter_ == 40
    error = np.square(curved - model.inverse_transform(model.transform(curved)))
    assert error.mean() < 0.8 * curved.var(axis=0).mean()


def test_partial_fit_takes_its_centre_from_the_first_rows(make, rng):
    first, second = rng.normal(size=(2, 50, 4)) + np.array([0, 3])[:, None, None]
    model = make().partial_fit(first)
    mean = model.mean_
    np.testing.assert_allclose(mean, first.mean(axis=0))
    np.testing.assert_array_equal(model.partial_fit(second).mean_, mean)


def test_warm_start_goes_on(make, curved):
    params = {"init": "random", "learning_rate": 0.01, **FREE}
    once = make(max_epochs=10, **params).fit(curved)
    model = make(max_epochs=1, warm_start=True, **params)
    for _ in range(10):
        model.fit(curved)
    assert model.n_iter_ == 10

    def loss(fitted):
        return np.square(
            curved - fitted.inverse_transform(fitted.transform(curved))
        ).mean()

    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]
    assert loss(model) < 1.2 * loss(once)


def test_a_raised_number_of_epochs_goes_on_where_it_was(make, curved):
    model = make(
        max_epochs=8,
        batch_size=16,
        learning_rate=0.01,
        n_iter_no_change=20,
        warm_start=True,
    ).fit(curved)
    before = [dict(epoch) for epoch in model.history_]
    reached = min(epoch["valid_loss"] for epoch in before)
    start = before[0]["valid_loss"]
    model.set_params(max_epochs=12).fit(curved)
    # As of scikit-learn's networks the number is that of each call.
    assert model.n_iter_ == 8 + 12
    assert model.history_[:8] == before
    assert [epoch["epoch"] for epoch in model.history_] == list(range(1, 21))
    later = [epoch["valid_loss"] for epoch in model.history_[8:]]
    assert abs(later[0] - reached) < abs(start - reached)
    assert min(later) < reached


def test_warm_start_keeps_the_shape(make, rng):
    model = make(warm_start=True).fit(rng.normal(size=(50, 5)))
    with pytest.raises(ValueError, match=r"X has 7 features, but .* expecting 5"):
        model.fit(rng.normal(size=(50, 7)))
    message = "n_components was 2 and is now 3, but warm_start=True continues"
    with pytest.raises(ValueError, match=message):
        model.set_params(n_components=3).fit(rng.normal(size=(50, 5)))
    with pytest.raises(ValueError, match="but partial_fit continues with the same"):
        model.partial_fit(rng.normal(size=(50, 5)))
    assert model.set_params(warm_start=False).fit(rng.normal(size=(50, 7)))


# ---- copies and other processes


def results(model, X):
    codes = model.transform(X)
    return codes, model.inverse_transform(codes), model.sample(4, random_state=0)


COPIERS = {
    "pickle": lambda model, path: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, path: copy.deepcopy(model),
    "joblib": lambda model, path: (
        joblib.dump(model, path / "model.joblib"),
        joblib.load(path / "model.joblib"),
    )[1],
}


@pytest.mark.parametrize("copier", COPIERS)
@pytest.mark.parametrize("guard", [False, True])
def test_copies_are_equal(make, curved, tmp_path, copier, guard):
    model = make(guard=guard, corruption="gaussian", penalty="l1").fit(curved)
    copied = COPIERS[copier](model, tmp_path)
    for one, other in zip(results(model, curved), results(copied, curved), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(
        copied.partial_fit(curved).transform(curved),
        model.partial_fit(curved).transform(curved),
    )


def test_pickles_are_as_small_as_the_weights(make, curved):
    """No second copy of the net, no rows, no buffers of the optimizer's."""
    model = make(network=MLP((200, 200))).fit(curved)
    n_bytes = 4 * sum(p.numel() for p in model.net_.module_.parameters())
    assert len(pickle.dumps(model)) < 1.1 * n_bytes + 60_000


@pytest.mark.parametrize("goes_on", ["warm_start", "partial_fit"])
def test_what_training_goes_on_with_is_kept(make, curved, goes_on):
    model = make(warm_start=goes_on == "warm_start").fit(curved)
    if goes_on == "partial_fit":
        assert not model.net_.optimizer_.state
        model.partial_fit(curved)
    copied = pickle.loads(pickle.dumps(model))
    assert copied.net_.optimizer_.state
    if goes_on == "warm_start":
        model.fit(curved)
        copied.fit(curved)
    np.testing.assert_array_equal(copied.transform(curved), model.transform(curved))


RELOAD = """
import pickle, sys, warnings
import numpy as np
X, pipelines = pickle.load(open(sys.argv[1], "rb"))
for path, pipeline in zip(sys.argv[2:], pipelines, strict=True):
    codes = pipeline.transform(X)
    sample = pipeline[-1].sample(4, random_state=0)
    np.savez(path, codes=codes, X_back=pipeline.inverse_transform(codes),
             sample=sample, device=pipeline[-1].device_)
    pipeline[-1].partial_fit(X)
    assert np.isfinite(pipeline.transform(X)).all()
"""


def reloaded(pipelines, X, path, *options, **environment):
    """Return the results of each of some pickled pipelines, in a new process."""
    (path / "models.pkl").write_bytes(pickle.dumps((X, pipelines)))
    results = [f"results{number}.npz" for number in range(len(pipelines))]
    command = [sys.executable, *options, "-c", RELOAD, "models.pkl", *results]
    environment = {**os.environ, **environment}
    done = subprocess.run(
        command, cwd=path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [np.load(path / result) for result in results]


@pytest.mark.slow
def test_reloaded_in_a_new_process(make_ae, make_vae, curved, tmp_path):
    pipelines = [
        make_pipeline(StandardScaler(), make(guard=False)).fit(curved)
        for make in (make_ae, make_vae)
    ]
    found = reloaded(pipelines, curved, tmp_path, "-W", "error")
    for pipeline, loaded in zip(pipelines, found, strict=True):
        codes = pipeline.transform(curved)
        X_back = pipeline.inverse_transform(codes)
        np.testing.assert_array_equal(loaded["codes"], codes)
        np.testing.assert_array_equal(loaded["X_back"], X_back)
        np.testing.assert_array_equal(
            loaded["sample"], pipeline[-1].sample(4, random_state=0)
        )


def n_threads_in_a_fit(model, X):
    model.fit(X)
    return torch.get_num_threads()


@pytest.mark.slow
def test_parallel_searches_equal_the_serial_one(make, rng):
    """After torch was used in the parent, on rows that workers get memory-mapped."""
    X = rng.normal(size=(1200, 300)).astype(np.float32)
    model = make(network=MLP((4,)), max_epochs=1).fit(X[:50])
    grid = {"n_components": [1, 2]}

    def scores(n_jobs, backend):
        search = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs, error_score="raise")
        with joblib.parallel_config(backend):
            return search.fit(X).cv_results_["mean_test_score"]

    serial = scores(1, "loky")
    for backend in ("threading", "loky"):
        np.testing.assert_allclose(scores(2, backend), serial, rtol=1e-6)
    threads = joblib.Parallel(2, backend="loky")(
        joblib.delayed(n_threads_in_a_fit)(model, X[:50]) for _ in range(2)
    )
    assert max(threads) <= max(1, joblib.cpu_count() // 2)


def test_threads_do_not_disturb_each_other(make, rng):
    """Each seeds torch's generator, which all threads share."""
    X = rng.normal(size=(300, 6))
    model = make(init="random", max_epochs=6)
    expected = model.fit(X).transform(X)
    codes = joblib.Parallel(4, backend="threading")(
        joblib.delayed(lambda m: m.fit(X).transform(X))(clone(model)) for _ in range(8)
    )
    for each in codes:
        np.testing.assert_array_equal(each, expected)


# ---- devices


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_device_on_a_cpu(make, curved, device):
    model = make(device=device).fit(curved)
    assert model.device_ == "cpu"
    assert {p.device.type for p in model.net_.module_.parameters()} == {"cpu"}


@pytest.mark.parametrize("device", ["abacus", "meta", "cuda:99", 3])
def test_bad_device(make, curved, device):
    owner = type(make()).__name__
    model = make(device=device)
    for fit in (model.fit, model.partial_fit):
        with pytest.raises(
            ValueError, match=f"'device' parameter of {owner}.*{device}"
        ):
            fit(curved)
    assert not hasattr(model, "net_")


@pytest.mark.gpu
@GPU
def test_a_gpu_is_used_by_default(make, rng):
    X = rng.normal(size=(20_000, 50)).astype(np.float32)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.max_memory_allocated()
    model = make(device="auto").fit(X)
    assert torch.cuda.max_memory_allocated() > before
    assert model.device_.startswith("cuda")
    for output in (*results(model, X[:10]), model.score_samples(X[:10])):
        assert type(output) is np.ndarray
    assert type(model.score(X)) is float


@pytest.mark.gpu
@GPU
def test_trained_on_a_gpu_and_loaded_without_one(make, curved, tmp_path):
    pipeline = make_pipeline(StandardScaler(), make(device="auto", guard=False))
    pipeline.fit(curved)
    (loaded,) = reloaded([pipeline], curved, tmp_path, CUDA_VISIBLE_DEVICES="")
    assert loaded["device"] == "cpu"
    codes = pipeline.transform(curved)
    np.testing.assert_allclose(loaded["codes"], codes, atol=1e-4)
    np.testing.assert_allclose(
        loaded["X_back"], pipeline.inverse_transform(codes), atol=1e-4
    )


# ---- the domain of the loss or likelihood, after fit


TAKING_ROWS = [
    *("transform", "score", "score_samples", "reconstruct", "denoise", "impute"),
    *("posterior", "sample_posterior", "partial_fit", "reconstruct_by_pca"),
]
BIT = {"above": 2.0, "below": -1.0, "not rescaled": 255.0}
COUNT = {"below": -1.0, "a share": 0.25}
ONE_HOT = {"two of them": 1.0}
DOMAINS = [
    ({"loss": "log_loss"}, "log_loss", BIT),
    ({"loss": "poisson"}, "poisson", {"below": -1.0}),
    ({"likelihood": "bernoulli"}, "bernoulli", BIT),
    ({"likelihood": Bernoulli(resample=True)}, "bernoulli", BIT),
    ({"likelihood": "poisson"}, "poisson", COUNT),
    ({"likelihood": Poisson(size_factors="total")}, "poisson", COUNT),
    ({"likelihood": "negative_binomial"}, "negative_binomial", COUNT),
    ({"likelihood": Categorical((3, 3))}, "categorical", {**BIT, **ONE_HOT}),
    ({"likelihood": Mixed([("bernoulli", [5])])}, "bernoulli", BIT),
    ({"likelihood": Mixed([], "poisson")}, "poisson", COUNT),
]


def blocks_of_bits(rng, n_rows=60):
    return np.concatenate([np.eye(3)[rng.randint(3, size=n_rows)] for _ in "ab"], 1)


def message_of(method, *args):
    with pytest.raises(ValueError, match=r"loss=|likelihood=") as error:
        method(*args)
    return str(error.value)


@pytest.mark.parametrize(
    ("params", "name", "values"), DOMAINS, ids=[repr(case[0]) for case in DOMAINS]
)
def test_rows_outside_the_domain_get_the_sentence_of_fit(
    make_ae, make_vae, rng, params, name, values
):
    make = make_ae if "loss" in params else make_vae
    X = blocks_of_bits(rng)
    model = make(**params).fit(X)
    for value in values.values():
        bad = X.copy()
        bad[X[:, 5] == 0, 5] = value
        expected = message_of(make(**params).fit, bad)
        assert f"='{name}' of {type(model).__name__}" in expected
        for method in TAKING_ROWS:
            if hasattr(model, method):
                assert message_of(getattr(model, method), bad) == expected


@pytest.mark.parametrize("case", DOMAINS, ids=[repr(case[0]) for case in DOMAINS])
def test_missing_values_are_in_every_domain(make_ae, make_vae, rng, case):
    params = case[0]
    X = blocks_of_bits(rng)
    model = (make_ae if "loss" in params else make_vae)(**params).fit(X)
    X[0, :3] = X[1] = np.nan
    for method in TAKING_ROWS:
        if hasattr(model, method):
            getattr(model, method)(X)


def test_the_domain_is_that_of_the_fit(make_ae, curved):
    """Parameters that were set later wait for the next fit."""
    model = make_ae().fit(curved)
    expected = model.transform(curved)
    model.set_params(loss="log_loss")
    np.testing.assert_array_equal(model.transform(curved), expected)
    with pytest.raises(ValueError, match="loss='log_loss'"):
        model.fit(curved)


def test_log_likelihoods_of_bits_are_never_above_nothing(make_vae, rng):
    X = blocks_of_bits(rng)
    model = make_vae(likelihood="bernoulli").fit(X)
    assert (model.score_samples(rng.uniform(size=X.shape)) <= 0).all()
    assert (model.score_samples(X) <= 0).all()


def test_what_a_scaler_s_rounding_leaves_is_inside(make_ae):
    """MinMaxScaler gives 1.0000000000000002."""
    X = np.random.RandomState(0).uniform(size=(60, 3))
    X[0] = 1 + np.finfo(float).eps
    assert np.isfinite(make_ae(loss="log_loss").fit(X).score(X))


def test_rates_are_for_the_loss_and_counts_for_the_likelihood(make_ae, make_vae, rng):
    rates = rng.uniform(0, 3, size=(60, 4))
    assert np.isfinite(make_ae(loss="poisson").fit(rates).score(rates))
    for likelihood in ("poisson", "negative_binomial"):
        with pytest.raises(ValueError, match=r"needs counts, .* numbers; round X"):
            make_vae(likelihood=likelihood).fit(rates)
        assert make_vae(likelihood=likelihood).fit(np.rint(rates) + 1e-5)
