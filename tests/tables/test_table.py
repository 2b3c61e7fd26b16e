"""TableVAETransformer as an estimator of scikit-learn, its draws and its scores."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AnomalyDetector


def linked(n_rows, rng):
    """A category that decides the level of a skewed number."""
    city = rng.choice(["north", "south"], n_rows, p=[0.25, 0.75])
    rent = np.where(city == "north", 2000.0, 500.0) * rng.lognormal(0, 0.2, n_rows)
    return pd.DataFrame(
        {"city": city, "rent": rent.round(2), "x": rng.normal(size=n_rows)}
    )


@pytest.fixture(scope="module")
def fitted(make_table):
    rows = linked(800, np.random.RandomState(1))
    return make_table(3, max_epochs=60, beta=1.0).fit(rows)


def test_seeds_decide_everything(make_table, people):
    one, other = (make_table().fit(people) for _ in range(2))
    np.testing.assert_array_equal(one.transform(people), other.transform(people))
    draws = [table.sample(5, random_state=1) for table in (one, other)]
    pd.testing.assert_frame_equal(*draws)
    assert not draws[0].equals(one.sample(5, random_state=2))


def test_pickle_and_clone(make_table, people):
    table = make_table().fit(people)
    again = pickle.loads(pickle.dumps(table))
    np.testing.assert_array_equal(
        again.score_samples(people), table.score_samples(people)
    )
    pd.testing.assert_frame_equal(
        again.sample(5, random_state=0), table.sample(5, random_state=0)
    )
    fresh = clone(table)
    assert repr(fresh) == repr(table)
    assert not hasattr(fresh, "vae_")


def test_in_a_pipeline_with_frames_out(make_table, people):
    pipeline = make_pipeline(make_table(3), StandardScaler()).set_output(
        transform="pandas"
    )
    codes = pipeline.fit_transform(people)
    names = [f"tablevaetransformer{column}" for column in range(3)]
    assert codes.columns.tolist() == names
    assert list(pipeline[0].get_feature_names_out()) == names
    pd.testing.assert_index_equal(codes.index, people.index)


def test_a_search_over_n_components(make_table, people):
    search = GridSearchCV(make_table(), {"n_components": [1, 2]}, cv=2).fit(people)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_failed_fit_leaves_the_estimator_as_it_was(make_table, people):
    table = make_table().fit(people)
    codes = table.transform(people)
    with pytest.raises(ValueError, match="no value"):
        table.fit(people.assign(empty=np.nan))
    np.testing.assert_array_equal(table.transform(people), codes)


def test_parameters_of_the_vae(make_table, people):
    table = make_table(vae_params={"guard": False, "batch_size": 40}).fit(people)
    assert table.vae_.get_params()["batch_size"] == 40
    assert table.vae_.max_epochs == 2
    for name in ("likelihood", "beta"):
        with pytest.raises(ValueError, match=f"vae_params has '{name}'"):
            make_table(vae_params={name: 1.0}).fit(people)
    with pytest.raises(ValueError, match="Invalid parameter 'rate'"):
        make_table(vae_params={"rate": 1.0}).fit(people)


def test_groups_are_held_out_whole(make_table, people):
    groups = np.arange(len(people)) % 20
    table = make_table().fit(people, groups=groups)
    told = make_table().fit(people).vae_
    assert table.vae_.guard_.n_groups is not None
    assert told.guard_.n_groups is None
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_table().fit(people, groups=groups[1:])


def test_other_columns_are_refused(make_table, people):
    table = make_table().fit(people)
    for other in (people[people.columns[::-1]], people.drop(columns="rent")):
        with pytest.raises(ValueError, match="feature names"):
            table.transform(other)


@pytest.mark.parametrize(("rows", "columns"), [(0, 12), (1, 12), (240, 0)])
def test_tables_that_are_too_small(make_table, people, rows, columns):
    with pytest.raises(ValueError, match=f"X has {rows} rows and {columns} columns"):
        make_table().fit(people.iloc[:rows, :columns])


# ---- scores


def test_scores_are_densities_in_the_columns_units(make_table, rng):
    """In a unit a thousand times smaller they are a thousand times smaller."""
    X = linked(200, rng)
    table = make_table().fit(X)
    small = X.assign(rent=X["rent"] * 1000)
    scores = make_table().fit(small).score_samples(small)
    np.testing.assert_allclose(
        scores, table.score_samples(X) - np.log(1000), rtol=1e-4, atol=1e-3
    )
    assert table.score(X) == pytest.approx(table.score_samples(X).mean())


def test_scores_are_those_of_the_observed_values(make_table, rng):
    X = linked(200, rng)
    nothing = X[:3].assign(city=None, rent=np.nan, x=np.nan)
    np.testing.assert_allclose(make_table().fit(X).score_samples(nothing), 0, atol=1e-6)


def test_unusual_rows_score_lower(fitted, rng):
    X = linked(200, rng)
    swapped = X.assign(city=X["city"].map({"north": "south", "south": "north"}))
    assert fitted.score(swapped) < fitted.score(X) - 1
    assert fitted.score(X.assign(rent=1e6)) < fitted.score(X) - 10


# ---- draws


def test_draws_given_values_are_those_of_the_table(fitted, rng):
    X = linked(4000, rng)
    for city in ("north", "south"):
        drawn = fitted.sample(400, given={"city": city}, random_state=0)
        assert (drawn["city"] == city).all()
        ratio = drawn["rent"].median() / X.loc[X["city"] == city, "rent"].median()
        assert 0.8 < ratio < 1.25
        assert drawn["rent"].nunique() > 200
    dear = fitted.sample(400, given={"rent": 2000.0}, random_state=0)
    cheap = fitted.sample(400, given={"rent": 500.0}, random_state=0)
    assert (dear["rent"] == 2000).all()
    assert (dear["city"] == "north").mean() > 0.8
    assert (cheap["city"] == "south").mean() > 0.9


def test_what_cannot_be_given(fitted):
    for given, message in [
        ({"town": "north"}, "given names the column 'town'"),
        ({"city": "east"}, r"'east' for column 'city'.*\['north', 'south'\]"),
        ({"rent": "dear"}, "given has values in column 'rent'"),
        ({"rent": np.nan}, "missing"),
        ({"rent": np.inf}, "given has the value inf for column 'rent'"),
        ({"city": ["north", "south"]}, r"given has \['north', 'south'\] .* one value"),
    ]:
        with pytest.raises(ValueError, match=message):
            fitted.sample(3, given=given)
    for given in (pd.Series({"city": "north"}), "north", [("city", "north")]):
        with pytest.raises(TypeError, match="given must be a dict"):
            fitted.sample(3, given=given)
    with pytest.raises(ValueError, match="n_samples"):
        fitted.sample(0)


def test_imputed_values_depend_on_the_others(fitted, rng):
    X = linked(300, rng)
    holed = X.assign(rent=np.nan)
    for draw in (False, True):
        rent = fitted.impute(holed, draw=draw, random_state=0)["rent"]
        medians = rent.groupby(X["city"]).median()
        assert medians["north"] > 2.5 * medians["south"]
    city = fitted.impute(X.assign(city=None))["city"]
    assert (city == X["city"]).mean() > 0.95


def test_a_detector_has_nats_of_each_column_and_none_where_it_is_missing(
    make_table, holed
):
    detector = AnomalyDetector(make_table(), random_state=0).fit(holed)
    scores = detector.feature_scores(holed)
    assert scores.shape == holed.shape
    frame = holed.to_pandas() if hasattr(holed, "to_pandas") else holed
    missing = frame.isna().to_numpy()
    assert missing.any()
    assert (scores[missing] == 0).all()


def test_nats_of_columns_are_in_their_own_units(make_table, people):
    frame = people[["city", "rent", "float32"]]
    model = make_table().fit(frame)
    columns, _ = model._columns(frame)
    rest = -model.vae_._outlier_scores(model._encoded(columns))
    rest -= model._table.log_slope(columns) + model._feature_scores(frame).sum(axis=1)
    encoded = model.vae_._checked_rows(model._encoded(columns))
    of_code = -model.vae_._outlier_scores(encoded)
    of_code -= model.vae_._feature_scores(encoded).sum(axis=1)
    np.testing.assert_allclose(rest, of_code, rtol=1e-4, atol=1e-4)
    odd = frame.assign(float32=frame["float32"] + np.float32(50))
    assert (model._feature_scores(odd).argmax(axis=1) == 2).mean() > 0.9
