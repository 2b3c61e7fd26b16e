"""Shares of variance by the length of the code."""

import numpy as np
import pytest
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae._comparison.curves import curves_of_rows, own_curves


@pytest.fixture
def split(curved):
    """Rows to fit, in units that differ, and a few others."""
    X = curved * [1, 10, 0.1, 5, 1, 2] + 3
    return X[:150], X[150:165]


def share(rows, made):
    return 1 - np.sum((rows - made) ** 2) / np.sum((rows - rows.mean(axis=0)) ** 2)


def shares_of_pca(train, test, most):
    """Return what PCAs of some rows explain of others."""
    pcas = [PCA(k, svd_solver="full").fit(train) for k in range(1, most + 1)]
    return [share(test, pca.inverse_transform(pca.transform(test))) for pca in pcas]


def test_shares_of_a_pipeline_are_those_of_what_the_autoencoder_gets(make, split):
    train, test = split
    pipeline = make_pipeline(StandardScaler(), make()).fit(train)
    found = curves_of_rows([pipeline], ["ae"], test)
    scaled = pipeline[:-1].transform(test)
    (pca,) = found["pca_explained_variance"]
    expected = shares_of_pca(pipeline[:-1].transform(train), scaled, 2)
    np.testing.assert_allclose(pca, expected, rtol=1e-5)
    (own,) = found["explained_variance"]
    assert own == pytest.approx(share(scaled, pipeline[-1].reconstruct(scaled)))
    assert found["rows"] == "rows as the autoencoder gets them"


def test_each_pca_that_differs_has_a_curve(make_ae, split):
    train, test = split
    plain = [make_ae(n_components=k).fit(train) for k in (1, 3)]
    pipeline = make_pipeline(StandardScaler(), make_ae()).fit(train)
    found = curves_of_rows(plain, ["one", "three"], test)
    (pca,) = found["pca_explained_variance"]
    np.testing.assert_allclose(pca, shares_of_pca(train, test, 3), rtol=1e-5)
    assert found["pca_names"] == ["PCA"]
    found = curves_of_rows([*plain, pipeline], ["one", "three", "scaled"], test)
    assert found["pca_names"] == ["PCA beside three", "PCA beside scaled"]


def test_pca_of_the_rows_is_fitted_where_there_is_no_other(make_ae, split):
    train, test = split
    model = make_ae(init="random", n_components=3).fit(train)
    found = curves_of_rows([model], ["ae"], test)
    (pca,) = found["pca_explained_variance"]
    np.testing.assert_allclose(pca, shares_of_pca(test, test, 3))
    assert found["pca_names"] == ["PCA of these rows"]


def test_what_has_shares_of_its_own_has_a_curve(make_ae, split):
    train, _ = split
    pca, svd = PCA(3).fit(train), TruncatedSVD(2).fit(train)
    ordered = make_pipeline(StandardScaler(), make_ae(ordered=True)).fit(train)[-1]
    found = own_curves([pca, svd, ordered], ["pca", "svd", "ae"])
    assert found["estimator_names"] == ["pca"] * 3 + ["svd"] * 2 + ["ae"] * 2
    shares = found["explained_variance"]
    np.testing.assert_allclose(shares[:3], np.cumsum(pca.explained_variance_ratio_))
    np.testing.assert_allclose(shares[3:5], np.cumsum(svd.explained_variance_ratio_))
    curve = ordered.explained_variance_curve_
    np.testing.assert_array_equal(shares[5:], curve.explained)
    (of_pca,) = found["pca_explained_variance"]
    np.testing.assert_array_equal(of_pca, curve.pca_explained)
    assert found["rows"] == "training rows or held-out rows"
