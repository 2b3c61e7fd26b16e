"""AutoencoderImputer: the conventions of scikit-learn's imputers, and its promises."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sklearn_ae import AutoencoderImputer
from sklearn_ae.networks import MLP


@pytest.fixture
def holed(curved, rng):
    """`curved` with a tenth of its values missing."""
    return np.where(rng.uniform(size=curved.shape) < 0.1, np.nan, curved)


@pytest.fixture
def imputer(make_ae):
    """An imputer of two estimators that train for two epochs, and of small forests."""
    return AutoencoderImputer(make_ae(), n_estimators=2, n_trees=2, random_state=0)


@pytest.fixture
def smooth(imputer):
    """The same without forests, which a rounded digit may send another way."""
    return imputer.set_params(n_trees=0)


# ---- what is filled in


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_observed_values_come_back_as_they_are(imputer, holed, dtype):
    X = holed.astype(dtype)
    given = X.copy()
    filled = imputer.fit(X).transform(X)
    assert filled.dtype == dtype
    observed = ~np.isnan(X)
    np.testing.assert_array_equal(filled[observed], X[observed])
    np.testing.assert_array_equal(X, given)
    assert not np.shares_memory(X, filled)


def test_values_are_within_their_column_s_range(imputer, holed):
    filled = imputer.fit_transform(holed)
    assert (filled >= np.nanmin(holed, axis=0)).all()
    assert (filled <= np.nanmax(holed, axis=0)).all()


def test_rows_are_filled_on_their_own_and_always_alike(imputer, holed):
    filled = imputer.fit_transform(holed)
    np.testing.assert_array_equal(imputer.transform(holed), filled)
    some = [7, 3, 100]
    np.testing.assert_allclose(imputer.transform(holed[some]), filled[some], atol=1e-5)
    again = clone(imputer).fit_transform(holed)
    np.testing.assert_array_equal(again, filled)


def test_series_are_filled_in_without_a_warning(smooth):
    """That rows beside one another are alike is what gaps are filled in by."""
    times = np.linspace(0, 3, 100)[:, np.newaxis]
    series = np.cos(times + np.arange(4))
    series[::7, 1] = np.nan
    alone = clone(smooth.estimator).set_params(guard=False)
    with pytest.warns(UserWarning, match="the one before or after is closer"):
        alone.fit(series)
    assert np.isfinite(smooth.set_params(estimator=alone).fit_transform(series)).all()


def test_the_error_of_hidden_values_is_no_worse_than_any_fill_s(imputer, holed):
    imputer.fit(holed)
    # PCA of normal scores, and the forests, besides.
    n_fills = len(imputer.ranks_) + len(imputer.estimators_) + 2
    assert imputer.errors_.shape == (n_fills,)
    assert imputer.weights_.shape == (n_fills, 6)
    np.testing.assert_allclose(imputer.weights_.sum(axis=0), 1)
    assert (imputer.weights_ >= 0).all()
    assert imputer.ranks_[0] == 0
    assert imputer.error_ <= imputer.errors_.min() * (1 + 1e-9)


def test_units_do_not_matter(smooth, holed):
    scales, offsets = np.logspace(-4, 6, 6), np.linspace(-1e6, 1e6, 6)
    plain = clone(smooth).fit_transform(holed)
    moved = clone(smooth).fit_transform(holed * scales + offsets)
    # Digits that the offsets take count most between ranks that almost tie.
    np.testing.assert_allclose((moved - offsets) / scales, plain, atol=1e-2)


def test_standardize_false_gives_the_estimator_x_s_units(make_ae, rng):
    counts = rng.poisson(rng.gamma(2.0, size=(100, 1)) * [2.0, 3.0, 5.0]).astype(float)
    counts[::5, 1] = np.nan
    poisson = make_ae(loss="poisson")
    kwargs = {"n_estimators": 1, "random_state": 0}
    imputer = AutoencoderImputer(poisson, standardize=False, **kwargs).fit(counts)
    assert (imputer.transform(counts) >= 0).all()
    with pytest.raises(ValueError, match="Negative values"):
        AutoencoderImputer(poisson, **kwargs).fit(counts)


@pytest.mark.slow
def test_a_curve_is_filled_in_better_than_by_pca(rng):
    """With the defaults."""
    codes = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 10))
    X = np.tanh(1.5 * codes) + 0.02 * rng.normal(size=(300, 10))
    missing = rng.uniform(size=X.shape) < 0.2
    imputer = AutoencoderImputer(random_state=0)
    filled = imputer.fit_transform(np.where(missing, np.nan, X))
    errors = ((filled - X) / X.std(axis=0))[missing]
    assert np.sqrt(np.mean(errors**2)) < imputer.errors_[: len(imputer.ranks_)].min()


def steps(rng):
    """Return 150 rows: two numbers, the quarter of one, and whether the other is large.

    A fifth of the latter two is missing.
    """
    numbers = rng.uniform(size=(150, 2))
    X = np.column_stack([numbers, np.floor(4 * numbers[:, 0]), numbers[:, 1] > 0.6])
    missing = rng.uniform(size=X.shape) < [0, 0, 0.2, 0.2]
    return X, missing


def test_forests_fill_in_steps_better(imputer, rng):
    X, missing = steps(rng)
    holed = np.where(missing, np.nan, X)
    errors = [
        np.square(imputer.set_params(n_trees=n_trees).fit_transform(holed) - X).sum()
        for n_trees in (0, 10)
    ]
    assert errors[1] < 0.5 * errors[0]
    turns = imputer.forests_
    assert len(turns) > 1
    assert all(len(forests) == 4 for forests in turns)
    assert len(turns[0][0].estimators_) == 10
    assert imputer.weights_[-1, 2:].min() > 0.2


def test_forests_that_are_worse_have_little_weight(imputer, rng):
    line = rng.normal(size=(150, 1)) + 0.01 * rng.normal(size=(150, 4))
    missing = rng.uniform(size=line.shape) < 0.1
    imputer.set_params(estimator__n_components=1).fit(np.where(missing, np.nan, line))
    assert imputer.weights_[-1].max() < 0.3
    assert imputer.error_ < 0.5 * imputer.errors_[-1]


# ---- draws


def test_draws(make_vae, holed):
    imputer = AutoencoderImputer(
        make_vae(), sample_posterior=True, n_estimators=1, random_state=0
    )
    first, second = imputer.fit_transform(holed), imputer.transform(holed)
    assert imputer.forests_ == []
    missing = np.isnan(holed)
    np.testing.assert_array_equal(first[~missing], holed[~missing])
    assert (first[missing] != second[missing]).all()
    np.testing.assert_array_equal(clone(imputer).fit_transform(holed), first)


def test_draws_need_an_estimator_that_draws(make_ae, holed):
    with pytest.raises(ValueError, match=r"sample_posterior=True needs .* n_draws"):
        AutoencoderImputer(make_ae(), sample_posterior=True).fit(holed)


# ---- what scikit-learn's imputers do


def test_other_marks_than_nan(imputer, rng):
    counts = rng.poisson(5.0, size=(60, 3))
    gone = rng.uniform(size=counts.shape) < 0.1
    marked = np.where(gone, -1, counts)
    holed = np.where(gone, np.nan, counts)
    filled = clone(imputer).set_params(missing_values=-1).fit_transform(marked)
    np.testing.assert_array_equal(filled, clone(imputer).fit_transform(holed))
    assert filled.dtype == np.float64
    with pytest.raises(ValueError, match="NaN"):
        clone(imputer).set_params(missing_values=-1).fit(holed)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("indicated", [False, True])
def test_columns_out_are_as_of_simple_imputer(imputer, holed, keep, indicated):
    holed[:, 2] = np.nan
    holed[:, 4] = 1.0
    frame = pd.DataFrame(holed, columns=list("abcdef"))
    params = {"keep_empty_features": keep, "add_indicator": indicated}
    ours = imputer.set_params(**params).set_output(transform="pandas")
    theirs = SimpleImputer(**params).set_output(transform="pandas")
    expected = theirs.fit(frame).get_feature_names_out()
    filled = ours.fit_transform(frame)
    assert list(filled.columns) == list(ours.get_feature_names_out()) == list(expected)
    assert filled.notna().all(axis=None)
    if keep:
        assert (filled["c"] == 0).all()
    if indicated:
        np.testing.assert_array_equal(filled["missingindicator_a"], frame["a"].isna())


@pytest.mark.parametrize("keep", [False, True])
def test_inverse_transform_puts_missing_values_back(imputer, holed, keep):
    holed[:, 2] = np.nan
    imputer.set_params(add_indicator=True, keep_empty_features=keep)
    filled = imputer.fit_transform(holed)
    np.testing.assert_array_equal(imputer.inverse_transform(filled), holed)
    with pytest.raises(ValueError, match="X has 3 columns, but transform gives"):
        imputer.inverse_transform(filled[:, :3])
    with pytest.raises(AttributeError) as told:
        imputer.set_params(add_indicator=False).inverse_transform(filled)
    assert "set add_indicator=True" in str(told.value.__cause__)


def test_columns_that_missed_nothing_in_fit(imputer, holed):
    complete = holed.copy()
    complete[:, 0] = np.nan_to_num(complete[:, 0])
    imputer.set_params(add_indicator=True).fit(complete)
    assert np.isfinite(imputer.transform(holed)).all()
    assert 0 not in imputer.indicator_.features_


def test_complete_rows_to_fit(imputer, curved, holed):
    assert np.isfinite(imputer.fit(curved).transform(holed)).all()
    np.testing.assert_array_equal(imputer.transform(curved), curved)


def test_frames(imputer, holed):
    plain = clone(imputer).fit_transform(holed)
    for frame in (
        pd.DataFrame(holed, columns=list("abcdef")),
        pl.DataFrame(dict(zip("abcdef", holed.T, strict=True))).fill_nan(None),
    ):
        filled = clone(imputer).fit_transform(frame)
        np.testing.assert_array_equal(filled, plain)
    nullable = pd.DataFrame({"a": [1, 2, None, 4] * 9, "b": range(36)}).astype("Int64")
    filled = (
        clone(imputer).set_params(estimator__n_components=1).fit_transform(nullable)
    )
    assert np.isfinite(filled).all()
    polars = clone(imputer).set_output(transform="polars").fit_transform(frame)
    assert polars.columns == list("abcdef")


def test_pickles(imputer, holed):
    imputer.fit(holed)
    copy = pickle.loads(pickle.dumps(imputer))
    np.testing.assert_array_equal(copy.transform(holed), imputer.transform(holed))


# ---- in pipelines and around them


def test_an_estimator_in_a_pipeline(smooth, holed):
    """Standardising twice is as good as once."""
    inner = make_pipeline("passthrough", smooth.estimator)
    piped = make_pipeline(StandardScaler(), inner)
    filled = clone(smooth).set_params(estimator=piped).fit_transform(holed)
    expected = smooth.fit_transform(holed)
    np.testing.assert_allclose(filled, expected, atol=0.1)


@pytest.mark.parametrize(
    "estimator",
    [
        Ridge(),
        StandardScaler(),
        AutoencoderImputer,
        make_pipeline(PolynomialFeatures(), AutoencoderImputer()),
    ],
)
def test_an_estimator_that_cannot_fill_in_is_refused(holed, estimator):
    with pytest.raises(ValueError, match=r"'estimator' parameter .* with `impute`"):
        AutoencoderImputer(estimator).fit(holed)


def test_in_a_search(imputer, holed, curved):
    model = Pipeline([("impute", imputer), ("predict", Ridge())])
    grid = {"impute__estimator__n_components": [1, 2]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise")
    search.fit(holed[:, 1:], curved[:, 0])
    assert search.best_params_["impute__estimator__n_components"] in (1, 2)


def test_before_a_regressor(imputer, holed, curved):
    model = make_pipeline(imputer, HistGradientBoostingRegressor(max_iter=2))
    assert model.fit(holed, curved[:, 0]).predict(holed).shape == (200,)


@pytest.mark.parametrize("indicated", [False, True])
def test_na_is_what_is_missing_in_nullable_frames(imputer, holed, indicated):
    X = pd.DataFrame(holed).convert_dtypes()
    given = clone(imputer).set_params(missing_values=pd.NA, add_indicator=indicated)
    filled = given.fit_transform(X)
    imputer.set_params(add_indicator=indicated)
    np.testing.assert_array_equal(filled, imputer.fit_transform(holed))
    if indicated:
        np.testing.assert_array_equal(given.inverse_transform(filled), holed)


# ---- small and odd tables


@pytest.mark.parametrize("n_rows", [2, 3, 5])
@pytest.mark.parametrize("n_columns", [1, 2, 4])
@pytest.mark.filterwarnings("ignore:n_components=. is above the rank of X")
@pytest.mark.usefixtures("short_fits")
def test_few_rows_and_columns(rng, n_rows, n_columns):
    X = rng.normal(size=(n_rows, n_columns))
    X[0, -1] = np.nan
    imputer = AutoencoderImputer(n_estimators=1, random_state=0)
    assert np.isfinite(imputer.fit_transform(X)).all()


def test_rows_and_columns_without_values(imputer, holed):
    imputer.fit(holed)
    nothing = np.full((2, 6), np.nan)
    filled = imputer.transform(nothing)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[0], filled[1])
    holed[::9] = np.nan
    assert np.isfinite(clone(imputer).fit_transform(holed)).all()
    empty = AutoencoderImputer(keep_empty_features=True, n_estimators=1)
    np.testing.assert_array_equal(empty.fit_transform(nothing), np.zeros((2, 6)))
    assert empty.set_params(keep_empty_features=False).fit_transform(nothing).shape == (
        2,
        0,
    )


def test_a_failed_fit_leaves_the_imputer_as_it_was(imputer, holed):
    filled = imputer.fit_transform(holed)
    with pytest.raises(ValueError, match="n_components"):
        imputer.set_params(estimator__n_components=-1).fit(holed[:, :3])
    np.testing.assert_array_equal(imputer.transform(holed), filled)


@pytest.mark.parametrize("keep", [False, True])
def test_no_column_has_a_value(imputer, keep):
    nothing = np.full((5, 3), np.nan)
    imputer.set_params(keep_empty_features=keep)
    filled = imputer.fit_transform(nothing)
    np.testing.assert_array_equal(filled, np.zeros((5, 3 * keep)))
    assert imputer.estimators_ == []


@pytest.mark.parametrize("unit", [1e200, 1e-200])
def test_the_unit_of_the_columns_is_of_no_account(smooth, holed, unit):
    filled = smooth.fit_transform(holed)
    scaled = clone(smooth).fit_transform(holed * unit)
    np.testing.assert_allclose(scaled / unit, filled, rtol=1e-4, atol=1e-6)


def test_constant_columns(rng):
    X = np.full((40, 3), 0.1)
    X[::4, 1] = np.nan
    filled = AutoencoderImputer(random_state=0).fit_transform(X)
    np.testing.assert_allclose(filled, 0.1)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_estimators": 0}, "'n_estimators' parameter .* Got 0"),
        ({"n_trees": -1}, "'n_trees' parameter .* Got -1"),
        ({"n_trees": "many"}, "'n_trees' parameter .* Got 'many'"),
        ({"standardize": 3}, "'standardize' parameter"),
        ({"missing_values": "gone"}, "'missing_values' parameter"),
    ],
)
def test_parameters(holed, params, message):
    with pytest.raises(ValueError, match=message):
        AutoencoderImputer(**params).fit(holed)


def test_networks_in_place_of_names(make_ae, holed):
    imputer = AutoencoderImputer(make_ae(), n_estimators=1, random_state=0)
    imputer.set_params(estimator__network=MLP((4,)))
    assert imputer.fit(holed).estimators_[0].network.hidden_layer_sizes == (4,)
    assert imputer.estimator.random_state == 0
