"""AnomalyDetector: alarms on new rows, outliers among those of fit, what it takes."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import coo_array, csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ae import AnomalyDetector, AutoencoderTransformer, VAETransformer
from sklearn_ae._detectors.models import base_model

TASKS = [{}, {"contamination": 0.1}]


@pytest.fixture(params=TASKS, ids=["new rows", "outliers in fit"])
def detector(request, make):
    return AnomalyDetector(make(), random_state=0, **request.param)


def test_alarms_on_new_usual_rows_are_as_many_as_is_said(rng):
    X = rng.normal(size=(6000, 5)) @ rng.normal(size=(5, 5))
    detector = AnomalyDetector(PCA(2), random_state=0).fit(X[:2000])
    n = len(detector.calibration_scores_)
    alarms = (detector.predict(X[2000:]) == -1).mean()
    assert abs(alarms - 0.05) < 4 * np.sqrt(0.05 * (1 / n + 1 / 4000))


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [AutoencoderTransformer, VAETransformer])
def test_a_network_that_knows_its_rows_raises_no_more_alarms(estimator):
    X, y = load_digits(return_X_y=True)
    X = X[y < 5][np.random.RandomState(0).permutation((y < 5).sum())]
    model = estimator(16, random_state=0)
    detector = AnomalyDetector(model, random_state=0).fit(X[:450])
    alarms = (detector.predict(X[450:]) == -1).mean()
    own = detector.estimator_
    trained_on = np.quantile(own.score_samples(X[:450]), 0.05)
    assert alarms < 0.12 < (own.score_samples(X[450:]) < trained_on).mean()


def test_outliers_are_those_of_small_p_values(make, curved):
    detector = AnomalyDetector(make(), random_state=0).fit(curved)
    new = curved + np.linspace(0, 3, len(curved))[:, np.newaxis]
    is_outlier = detector.predict(new) == -1
    np.testing.assert_array_equal(is_outlier, detector.p_values(new) <= 0.05)
    assert is_outlier.any()
    assert detector.p_values(new).min() == 1 / (1 + len(detector.calibration_scores_))


def test_a_share_of_the_rows_is_called_outliers_by_models_without_them(make, curved):
    detector = AnomalyDetector(make(), contamination=0.05, random_state=0)
    labels = detector.fit_predict(curved)
    assert (labels == -1).sum() == 10
    np.testing.assert_array_equal(labels, detector.predict(curved))
    np.testing.assert_array_equal(
        detector.calibration_scores_, detector.score_samples(curved)
    )
    # Not by the model that has seen them all, which is for new rows.
    by_fold = [_scores(model, curved) for model in detector.fold_estimators_]
    assert len(by_fold) == 5
    is_fold_s = np.isclose(by_fold, detector.score_samples(curved), rtol=1e-5)
    assert is_fold_s.any(axis=0).all()
    assert (
        _scores(detector.estimator_, curved) != detector.score_samples(curved)
    ).all()
    new = curved + 0.001
    np.testing.assert_array_equal(
        detector.score_samples(new), _scores(detector.estimator_, new)
    )


def test_an_outlier_that_becomes_an_axis_is_found(curved):
    curved[7, 2] = 200
    scores = PCA(1).fit(curved).score_samples(curved)
    detector = AnomalyDetector(PCA(1), contamination=0.005, random_state=0)
    labels = detector.fit_predict(curved)
    np.testing.assert_array_equal(np.flatnonzero(labels == -1), [7])
    assert detector.score_samples(curved)[7] < 10 * scores[7]


def _scores(model, X):
    return getattr(model, "_outlier_scores", model.score_samples)(X)


def test_scores_of_features_tell_which_one_is_odd(detector, curved):
    detector.fit(curved)
    odd = curved[:20].copy()
    odd[:, 2] += 30
    scores = detector.feature_scores(odd)
    assert scores.shape == odd.shape
    assert (scores.argmax(axis=1) == 2).all()


def test_squared_errors_of_features_make_up_the_score(make_ae, curved):
    curved[3, 4] = np.nan
    detector = AnomalyDetector(make_ae(), random_state=0).fit(curved)
    scores = detector.feature_scores(curved)
    np.testing.assert_allclose(
        scores.sum(axis=1), -detector.score_samples(curved), rtol=1e-4
    )
    assert scores[3, 4] == 0


@pytest.mark.parametrize("likelihood", ["gaussian", "student_t"])
def test_nats_of_features_are_those_of_the_row_but_for_its_code(
    make_vae, curved, likelihood
):
    vae = make_vae(likelihood=likelihood, guard=False).fit(curved)
    rows = vae._checked_rows(curved)
    terms = vae._feature_scores(curved)
    assert terms.shape == rows.shape
    # The rest is the divergence of the code, which is positive but for draws.
    rest = -vae._outlier_scores(curved) - terms.sum(axis=1)
    assert 0 < rest.mean() < terms.sum(axis=1).mean()
    holed = curved.copy()
    holed[:, 1] = np.nan
    assert (vae._feature_scores(holed)[:, 1] == 0).all()


def test_a_vae_ranks_by_its_own_density(make_vae, curved):
    vae = make_vae(guard=False).fit(curved)
    far = curved + 1000
    # The mixture adds PCA's to it, and is never less by more than a row's weight.
    lift = vae.score_samples(far) - vae._outlier_scores(far)
    assert (lift >= np.log1p(-1 / 201) - 1e-3).all()
    assert (vae._outlier_scores(far) < vae._outlier_scores(curved).min()).all()


@pytest.mark.parametrize("is_piped", [False, True])
def test_a_detector_ranks_by_a_vae_s_own_density(make_vae, curved, is_piped):
    vae = make_vae(guard=False)
    model = make_pipeline(StandardScaler(), vae) if is_piped else vae
    detector = AnomalyDetector(model, random_state=0).fit(curved)
    own, scores = detector.estimator_, detector.score_samples(curved)
    rows = own[:-1].transform(curved) if is_piped else curved
    density = own[-1] if is_piped else own
    np.testing.assert_array_equal(scores, density._outlier_scores(rows))
    assert (scores != own.score_samples(curved)).any()


def test_one_broken_row_leaves_the_others(detector, curved):
    detector.fit(curved)
    rows = curved[:5] + 0.01
    broken = rows.copy()
    broken[2, 0] = 1e30
    others = [0, 1, 3, 4]
    np.testing.assert_allclose(
        detector.score_samples(broken)[others],
        detector.score_samples(rows)[others],
        rtol=1e-5,
    )
    assert detector.predict(broken)[2] == -1
    assert detector.decision_function(broken)[2] < 0


def test_tables_of_other_kinds_are_the_same(detector, curved):
    expected = clone(detector).fit(curved).score_samples(curved)
    frame = pd.DataFrame(curved, columns=list("abcdef"))
    for X in (frame, pl.DataFrame(curved), csr_array(curved), coo_array(curved)):
        found = detector.fit(X).score_samples(X)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_missing_values_are_taken(detector, curved, rng):
    curved[rng.uniform(size=curved.shape) < 0.1] = np.nan
    assert np.isfinite(detector.fit(curved).score_samples(curved)).all()


@pytest.mark.parametrize("task", TASKS)
def test_a_pipeline_reads_columns_of_words(make_vae, curved, task):
    X = pd.DataFrame(curved, columns=list("abcdef"))
    X["town"] = np.where(curved[:, 0] > 0, "north", "south")
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["town"]), remainder=StandardScaler()
    )
    pipeline = make_pipeline(columns, make_vae())
    detector = AnomalyDetector(pipeline, random_state=0, **task).fit(X)
    assert detector.feature_scores(X).shape == (200, 8)
    assert list(detector.feature_names_in_) == list(X.columns)
    again = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(again.predict(X), detector.predict(X))


@pytest.mark.parametrize("model", [PCA(2), KernelDensity()])
def test_whatever_has_scores_is_taken_but_explains_nothing(model, curved):
    detector = AnomalyDetector(model, random_state=0).fit(curved)
    assert detector.p_values(curved).min() > 0
    assert not hasattr(detector, "feature_scores")


def test_rows_of_a_group_are_on_one_side(make, curved):
    group = np.repeat(np.arange(20), 10)
    detector = AnomalyDetector(make(), random_state=0).fit(curved, groups=group)
    held_out = np.isin(detector.score_samples(curved), detector.calibration_scores_)
    assert set(held_out.reshape(20, 10).mean(axis=1)) == {0.0, 1.0}
    assert held_out.mean() == pytest.approx(0.2)


class Recording(PCA):
    """Remembers what it was told."""

    def fit(self, X, y=None, *, groups=None, sample_weight=None):
        self.told_ = groups, sample_weight
        return super().fit(X)


def test_there_are_no_more_models_than_groups(make, curved):
    groups = np.arange(len(curved)) % 3
    detector = AnomalyDetector(make(), contamination=0.1, random_state=0)
    assert len(detector.fit(curved, groups=groups).fold_estimators_) == 3


def test_weights_and_groups_reach_the_last_step(curved):
    weights, group = np.repeat([0.0, 1.0, 2.0], [20, 90, 90]), np.arange(200)
    pipeline = make_pipeline(StandardScaler(), Recording(2))
    detector = AnomalyDetector(pipeline, random_state=0)
    detector.fit(curved, sample_weight=weights, groups=group)
    groups, given = detector.estimator_[-1].told_
    # Rows of no weight are left out, and those that calibrate held out.
    assert groups.min() >= 20
    assert len(groups) + len(detector.calibration_scores_) == 180
    np.testing.assert_array_equal(given, weights[groups])
    left = clone(detector).fit(
        curved[20:], sample_weight=weights[20:], groups=group[20:]
    )
    assert left.offset_ == detector.offset_
    with pytest.raises(ValueError, match="fit of PCA takes none"):
        AnomalyDetector(PCA(2)).fit(curved, sample_weight=weights)


def test_metadata_is_routed_as_requested(make_ae, curved):
    weights = np.arange(1.0, 201.0)
    with config_context(enable_metadata_routing=True):
        model = make_ae().set_fit_request(sample_weight=True, groups=False)
        routed = AnomalyDetector(model, random_state=0)
        routed.fit(curved, sample_weight=weights)
    direct = AnomalyDetector(make_ae(), random_state=0)
    direct.fit(curved, sample_weight=weights)
    assert routed.offset_ == direct.offset_


def test_too_few_rows_for_the_rate_are_told(curved):
    with pytest.warns(UserWarning, match=r"false_alarm_rate=0.01 is less than 0.\d+"):
        AnomalyDetector(PCA(2), false_alarm_rate=0.01, random_state=0).fit(curved[:40])
    AnomalyDetector(PCA(2), false_alarm_rate=0.01, random_state=0).fit(curved)


def test_errors_name_what_would_be_right(curved):
    with pytest.raises(ValueError, match="at least 3 rows"):
        AnomalyDetector(PCA(1)).fit(curved[:2])
    with pytest.raises(ValueError, match="groups has 1 group"):
        AnomalyDetector(PCA(1)).fit(curved, groups=np.zeros(200))
    detector = AnomalyDetector(PCA(1))
    with pytest.raises(NotFittedError):
        detector.p_values(curved)
    with pytest.raises(ValueError, match="'estimator' parameter"):
        AnomalyDetector(StandardScaler()).fit(curved)


def test_seeds_are_given_to_parts_that_have_none(make_ae, curved):
    models = [
        AnomalyDetector(make_ae(random_state=None), random_state=seed).fit(curved)
        for seed in (0, 0, 1)
    ]
    seeds = [model.estimator_.random_state for model in models]
    assert seeds[0] == seeds[1] != seeds[2]
    assert models[0].offset_ == models[1].offset_
    assert models[0].estimator.random_state is None


def test_it_is_searched_over(make_vae, curved):
    detector = AnomalyDetector(make_vae(), random_state=0)

    def mean_score(model, X, y=None):
        return model.score_samples(X).mean()

    grid = {"estimator__n_components": [1, 2]}
    search = GridSearchCV(detector, grid, scoring=mean_score, cv=2).fit(curved)
    assert search.best_estimator_.estimator_.n_components_ in (1, 2)


def test_the_default_grows_with_the_table():
    sizes = {(30, 40): 2, (200, 3): 2, (200, 64): 4, (200, 1): 1}
    for shape, expected in sizes.items():
        detector = AnomalyDetector()
        detector.n_features_in_ = shape[1]
        assert base_model(detector, shape[0]).n_components == expected
