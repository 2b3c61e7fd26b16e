"""PCA beside an estimator is the one that its training started from."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import NMF, PCA, IncrementalPCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    OneHotEncoder,
    StandardScaler,
)

from sklearn_ae import AnomalyDetector, AutoencoderImputer, TableVAETransformer
from sklearn_ae._comparison.rows import Comparison, taken_apart
from sklearn_ae.networks import MLP


@pytest.fixture
def split(curved):
    """Rows to fit, in units that differ, and a few others; what they are."""
    X = curved * [1, 10, 0.1, 5, 1, 2] + 3
    return X[:150], X[150:165], (curved[:150, 0] > 0).astype(int)


FRONTS = {
    "none": [],
    "scaler": [StandardScaler()],
    "two": [make_pipeline(MaxAbsScaler(), "passthrough"), StandardScaler()],
    "log": [FunctionTransformer(np.arctan, np.tan, check_inverse=False)],
}


def by_pca(front, train, X, n_components=2):
    """Return what a pipeline that ends with PCA makes of rows."""
    pca = make_pipeline(*front, PCA(n_components, svd_solver="full")).fit(train)
    return pca.inverse_transform(pca.transform(X))


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("behind", ["nothing", "classifier", "scaler"])
def test_rows_that_were_not_fitted_have_the_pca_of_those_that_were(
    make, split, front, behind
):
    train, test, y = split
    steps = [*FRONTS[front], make()]
    steps += {"nothing": [], "classifier": [LogisticRegression()]}.get(
        behind, [StandardScaler()]
    )
    pipeline = make_pipeline(*steps).fit(train, y)
    compared = Comparison(pipeline, test)
    expected = by_pca(FRONTS[front], train, test)
    tolerance = 1e-4 * np.abs(test).max()
    np.testing.assert_allclose(compared.pca_reconstruction(), expected, atol=tolerance)
    assert compared.pca_name == "PCA"
    whole = make_pipeline(*steps[: 1 + len(FRONTS[front])])
    expected = whole.inverse_transform(whole.transform(test))
    made = compared.decode(compared.codes)
    np.testing.assert_allclose(made, expected, atol=tolerance)


def test_where_pca_is_kept_in_a_pipeline_the_pictures_are_the_same(make, noise):
    pipeline = make_pipeline(StandardScaler(), make()).fit(noise[:80])
    pipeline[-1].net_.module_.use_networks(False)
    compared = Comparison(pipeline, noise[80:])
    made = compared.decode(compared.codes)
    np.testing.assert_allclose(made, compared.pca_reconstruction(), atol=1e-5)


def test_searches_and_pca_s_own_pipelines_are_taken_apart(make_ae, split):
    train, test, y = split
    search = GridSearchCV(
        make_pipeline(StandardScaler(), make_ae(), LogisticRegression()),
        {"autoencodertransformer__n_components": [2]},
        cv=2,
    ).fit(train, y)
    for kind in (PCA(2), IncrementalPCA(2)):
        pipeline = make_pipeline(StandardScaler(), kind, LogisticRegression())
        comparison = Comparison(pipeline.fit(train, y), test)
        made = comparison.decode(comparison.codes)
        np.testing.assert_allclose(comparison.pca_reconstruction(), made)
    expected = by_pca([StandardScaler()], train, test)
    found = Comparison(search, test).pca_reconstruction()
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_without_a_linear_path_pca_is_of_the_rows_given_and_says_so(make, split):
    train, test, _ = split
    nmf = NMF(2, max_iter=2000, tol=1e-3)
    for model in (make(init="random"), nmf):
        pipeline = make_pipeline(MaxAbsScaler(), model).fit(np.abs(train))
        compared = Comparison(pipeline, np.abs(test))
        scale = np.abs(train).max(axis=0)
        expected = by_pca([], np.abs(test) / scale, np.abs(test) / scale) * scale
        np.testing.assert_allclose(compared.pca_reconstruction(), expected)
        assert compared.pca_name == "PCA of these rows"


def test_partial_fit_has_the_pca_of_its_first_rows(make, split):
    train, test, _ = split
    model = make().partial_fit(train[:100]).partial_fit(train[100:])
    found = Comparison(model, test).pca_reconstruction()
    expected = by_pca([], train[:100], test)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(test).max())


def test_sparse_and_wide_rows_have_it_too(make, rng):
    dense = rng.normal(size=(30, 90)) * (rng.uniform(size=(30, 90)) < 0.3)
    wide = sparse.csr_array(dense)
    pipeline = make_pipeline(MaxAbsScaler(), make()).fit(wide[:20])
    found = Comparison(pipeline, wide[20:]).pca_reconstruction()
    dense = wide.toarray()
    expected = by_pca([MaxAbsScaler()], dense[:20], dense[20:])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_behind_a_step_without_a_way_back_rows_are_what_it_gives(make_ae, split):
    train, _, _ = split
    frame = pd.DataFrame(train, columns=list("abcdef"))
    frame["kind"] = np.where(train[:, 0] > 3, "high", "low")
    columns = ColumnTransformer(
        [("kind", OneHotEncoder(), ["kind"]), ("rest", StandardScaler(), list("abc"))]
    )
    pipeline = make_pipeline(columns, MaxAbsScaler(), make_ae()).fit(frame)
    compared = Comparison(pipeline, frame)
    np.testing.assert_allclose(compared.rows, pipeline[0].transform(frame))
    assert list(compared.feature_names) == list(pipeline[0].get_feature_names_out())


@pytest.mark.parametrize(
    "front", [SimpleImputer(), FunctionTransformer(np.cbrt)], ids=["imputer", "root"]
)
def test_ways_back_that_change_nothing_are_none(make_ae, split, front):
    train, _, _ = split
    pipeline = make_pipeline(front, make_ae()).fit(train)
    np.testing.assert_array_equal(
        Comparison(pipeline, train).rows, pipeline[0].transform(train)
    )


def test_columns_of_words_are_refused_by_name(rng):
    X = pd.DataFrame({"x": rng.normal(size=60), "word": ["yes", "no"] * 30})
    imputer = SimpleImputer(strategy="most_frequent", add_indicator=True).fit(X)
    with pytest.raises(ValueError, match="no numbers in column 'word'"):
        _ = Comparison(imputer, X).rows


# ---- what has an autoencoder inside


@pytest.fixture(scope="module")
def homes():
    """A frame with a column of each kind, and gaps."""
    rng = np.random.RandomState(0)
    city = rng.choice(["north", "south"], 60)
    rent = rng.lognormal(size=60) + (city == "north")
    rent[::9] = np.nan
    return pd.DataFrame({"city": city, "rent": rent, "rooms": rng.randint(1, 4, 60)})


@pytest.fixture(scope="module")
def make_table_vae():
    return lambda: TableVAETransformer(
        2, network=MLP((8,)), max_epochs=2, device="cpu", random_state=0
    )


def test_a_table_is_compared_in_the_columns_that_its_vae_gets(homes, make_table_vae):
    table = make_table_vae().fit(homes)
    compared = Comparison(table, homes)
    assert compared.coder is table.vae_
    np.testing.assert_array_equal(compared.codes, table.transform(homes))
    names = ["rent", "city_north", "city_south", "rooms_1", "rooms_2", "rooms_3"]
    assert compared.feature_names.tolist() == names
    rows = compared.rows
    np.testing.assert_array_equal(rows[:, 1], homes["city"] == "north")
    np.testing.assert_array_equal(np.isnan(rows[:, 0]), homes["rent"].isna())
    made = compared.decode(compared.codes)
    np.testing.assert_array_equal(made, table.vae_.reconstruct(rows))
    assert compared.pca_name == "PCA"


def test_a_table_of_numbers_is_compared_in_its_own_units(homes, make_table_vae):
    numbers = homes.drop(columns="city")
    table = make_table_vae().fit(numbers)
    compared = Comparison(table, numbers)
    np.testing.assert_array_equal(compared.rows, numbers)
    made = compared.decode(compared.codes)
    np.testing.assert_array_equal(made, table.reconstruct(numbers))
    assert compared.feature_names.tolist() == ["rent", "rooms"]
    of_vae = compared.of_coder()
    assert of_vae.feature_names.tolist() == ["rent", "rooms_1", "rooms_2", "rooms_3"]


@pytest.mark.parametrize("contamination", ["auto", 0.1])
def test_a_detector_is_compared_by_its_model_of_new_rows(make, split, contamination):
    train, test, _ = split
    detector = AnomalyDetector(
        make_pipeline(StandardScaler(), make()), contamination=contamination
    )
    piped = make_pipeline(MaxAbsScaler(), detector).fit(train)
    compared = Comparison(piped, test)
    inner = make_pipeline(piped[0], *detector.estimator_)
    np.testing.assert_array_equal(compared.codes, inner.transform(test))
    made = compared.decode(compared.codes)
    np.testing.assert_array_equal(made, inner.inverse_transform(compared.codes))
    assert compared.has_linear_path


def test_a_detector_around_a_table_has_its_vae(homes, make_table_vae):
    detector = AnomalyDetector(make_table_vae(), random_state=0).fit(homes)
    assert Comparison(detector, homes).coder is detector.estimator_.vae_


def test_an_imputer_has_several_estimators_and_says_so(make, split):
    train, test, _ = split
    holed = np.where(train > np.quantile(train, 0.9, axis=0), np.nan, train)
    imputer = AutoencoderImputer(make(), n_estimators=1, random_state=0).fit(holed)
    with pytest.raises(TypeError, match=r"AutoencoderImputer blends.*its estimators_"):
        Comparison(imputer, test)
    # Before an autoencoder it is a step like others.
    assert taken_apart(make_pipeline(imputer, make().fit(train)))[0] == [imputer]


def test_a_pipeline_without_a_decoder_is_refused(split):
    train, _, _ = split
    pipeline = make_pipeline(StandardScaler(), KMeans(2)).fit(train)
    with pytest.raises(TypeError, match="KMeans has no inverse_transform"):
        Comparison(pipeline, train)
