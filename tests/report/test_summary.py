"""The report in words."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from sklearn_ae import (
    AnomalyDetector,
    AutoencoderImputer,
    AutoencoderTransformer,
    TableVAETransformer,
    VAETransformer,
    summary,
)
from sklearn_ae.networks import MLP

WORDS = ("word_yes", "word_no")
SMALL = {"network": MLP((8,)), "max_epochs": 3, "random_state": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def rows():
    """60 rows of 6 features on a curved surface."""
    t = np.random.RandomState(0).uniform(-2, 2, size=(60, 2))
    return np.concatenate([t, t**2, np.sin(2 * t)], axis=1)


@pytest.fixture
def ae(rows):
    """Return a fitted autoencoder."""
    return AutoencoderTransformer(**SMALL).fit(rows)


class Tags(HTMLParser):
    """Collects tags and text, and fails where tags are not closed in order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def advice(estimator, X):
    return " ".join(summary(estimator, X).advice)


def test_what_there_is_to_say(ae, rows):
    report = summary(ae, rows)
    n_parameters = sum(p.numel() for p in ae.net_.module_.parameters())
    assert report.title == "AutoencoderTransformer"
    assert report.facts["Rows given"] == "60 of 6 features"
    assert report.facts["Components"] == "2"
    assert report.facts["Network"] == (
        f"MLP(hidden_layer_sizes=(8,)), {n_parameters} parameters"
    )
    assert report.facts["Training"].startswith("3 epochs, ")
    assert report.explained_variance == pytest.approx(ae.score(rows), abs=1e-5)
    kept = PCA(2).fit(rows).explained_variance_ratio_.sum()
    assert report.pca_explained_variance == pytest.approx(kept)
    assert f"{100 * kept:.1f} %" in report.facts["Variance explained"]
    assert "Columns in use" not in report.facts
    assert "Ordered columns" not in report.facts


def test_ordered_columns_are_told_by_their_curve(make_ae, rows):
    ae = make_ae(n_components=0.8).fit(rows)
    curve, n = ae.explained_variance_curve_, ae.n_components_
    said = summary(ae, rows).facts["Ordered columns"]
    assert said == (
        f"the first {n} of {len(curve.n_components)}, chosen for n_components=0.8, "
        f"explain {100 * curve.explained[n - 1]:.1f} % of the variance of "
        f"{curve.n_rows} held-out rows; as many of PCA's: "
        f"{100 * curve.pca_explained[n - 1]:.1f} %"
    )
    said = summary(ae.truncate(1), rows).facts["Ordered columns"]
    assert said.startswith("the first 1 of ")
    assert "chosen" not in said
    random = make_ae(ordered=True, init="random", guard=False).fit(rows)
    assert "PCA" not in summary(random, rows).facts["Ordered columns"]


def test_a_detector_and_a_table_are_told_by_what_is_in_them(rows):
    detector = AnomalyDetector(AutoencoderTransformer(**SMALL), random_state=0)
    report = summary(detector.fit(rows), rows)
    inner = summary(detector.estimator_, rows)
    assert report.facts.pop("Pipeline") == (
        "AnomalyDetector; all below is of what AutoencoderTransformer gets"
    )
    assert report.facts == inner.facts
    X = pd.DataFrame(rows[:, :2], columns=["a", "b"]).assign(word=["yes", "no"] * 30)
    report = summary(TableVAETransformer(2, **SMALL).fit(X), X)
    assert report.title == "VAETransformer"
    assert report.facts["Rows given"] == "60 of 4 features"
    assert {name for name, *_ in report.worst_features} <= {"a", "b", *WORDS}


def test_an_imputer_is_refused_with_what_to_give(rows):
    holed = np.where(rows > 1.5, np.nan, rows)
    imputer = AutoencoderImputer(AutoencoderTransformer(**SMALL), n_estimators=1)
    with pytest.raises(TypeError, match="give one of its estimators_"):
        summary(imputer.fit(holed), holed)


@pytest.mark.parametrize("cls", [AutoencoderTransformer, VAETransformer])
@pytest.mark.parametrize("behind", [(), (LogisticRegression(),)])
def test_a_pipeline_is_told_as_its_autoencoder_gets_it(rows, cls, behind):
    X = pd.DataFrame(rows * [1000, 1, 1, 1, 1, 1], columns=list("abcdef"))
    pipeline = make_pipeline(StandardScaler(), cls(**SMALL), *behind)
    report = summary(pipeline.fit(X[:50], rows[:50, 0] > 0), X[50:])
    scaled = pipeline[0].transform(X[50:])
    inner = summary(pipeline[1], scaled)
    assert report.title == cls.__name__
    assert report.facts.pop("Pipeline") == (
        ", ".join(type(step).__name__ for step in pipeline)
        + f"; all below is of what {cls.__name__} gets"
    )
    assert report.facts == inner.facts
    assert report.advice == inner.advice
    assert "StandardScaler" not in " ".join(report.advice)
    shares = [share for _, share, _ in report.worst_features]
    assert shares == [share for _, share, _ in inner.worst_features]
    assert {name for name, _, _ in report.worst_features} < set("abcdef")
    pca = PCA(2).fit(pipeline[0].transform(X[:50]))
    left = scaled - pca.inverse_transform(pca.transform(scaled))
    total = np.sum((scaled - scaled.mean(axis=0)) ** 2)
    share = 1 - np.sum(left**2) / total
    assert report.pca_explained_variance == pytest.approx(share, rel=1e-4)
    assert "the PCA that it started from" in report.facts["Variance explained"]


def test_how_rows_were_held_out_is_said(make, curved):
    assert "Rows held out" in summary(make().fit(curved), curved).facts
    last = make(validation_split="last").fit(curved)
    assert summary(last, curved).facts["Rows held out"] == "50, the last ones"
    groups = np.arange(200) // 5
    grouped = summary(make().fit(curved, groups=groups), curved)
    n_rows = 5 * (n_groups := make().fit(curved, groups=groups).guard_.n_groups)
    assert grouped.facts["Rows held out"] == f"{n_rows}, of {n_groups} whole groups"
    rule = GroupKFold(4)
    split = make(validation_split=rule).fit(curved, groups=groups)
    said = summary(split, curved).facts["Rows held out"]
    assert said.endswith(f"chosen by {rule}")


def test_a_density_s_two_losses_have_words_of_their_own(make_vae, make_ae, curved):
    vae = make_vae().fit(curved)
    assert (
        "the network's minus log-likelihood is" in summary(vae, curved).facts["Guard"]
    )
    ae = make_ae().fit(curved)
    assert "the network's loss is" in summary(ae, curved).facts["Guard"]


def test_without_a_linear_path_pca_is_of_the_rows_given(make, rows):
    report = summary(make(init="random").fit(rows[:40]), rows[40:])
    share = PCA(2).fit(rows[40:]).explained_variance_ratio_.sum()
    assert report.pca_explained_variance == pytest.approx(share)
    assert "PCA of these rows" in report.facts["Variance explained"]


def test_worst_features_have_most_of_the_error(ae, rows):
    errors = np.sum((rows - ae.reconstruct(rows)) ** 2, axis=0)
    shares = errors / errors.sum()
    lost = errors / np.sum((rows - rows.mean(axis=0)) ** 2, axis=0)
    worst = summary(ae, rows).worst_features
    assert [name for name, _, _ in worst] == [f"x{i}" for i in np.argsort(-shares)[:5]]
    np.testing.assert_allclose([share for _, share, _ in worst], -np.sort(-shares)[:5])
    for name, _, share in worst:
        assert share == pytest.approx(lost[int(name[1:])])


def test_text_and_html_say_the_same(ae, rows):
    report = summary(ae, rows)
    text, html = repr(report), Tags(report._repr_html_()).text
    assert str(report) == text
    for said in (report.title, *report.facts, *report.facts.values()):
        assert said in text
        assert said in html
    for name, share, _ in report.worst_features:
        assert f"{name}: {100 * share:.1f} %" in text
        assert f"{name}{100 * share:.1f} %" in html
    for said in report.advice:
        assert said in " ".join(text.split())
        assert said in html


def test_names_are_escaped(rows):
    names = ["<script>alert(1)</script>", "a & b", '"c"', "d", "e", "f"]
    X = pd.DataFrame(rows, columns=names)
    html = summary(AutoencoderTransformer(**SMALL).fit(X), X)._repr_html_()
    parsed = Tags(html)
    assert "script" not in parsed.tags
    assert names[0] in parsed.text


def test_scikit_learns_own_html_is_as_ever(ae):
    assert "AutoencoderTransformer" in ae._repr_html_()
    assert "sk-top-container" in estimator_html_repr(ae)


def test_a_kept_pca_is_said_with_a_remedy(make_ae, noise):
    ae = make_ae().fit(noise)
    assert ae.gain_over_pca_ == 0
    report = summary(ae, noise)
    assert report.facts["Beside PCA"].startswith("PCA was kept; with the network, ")
    assert f"{100 * ae.guard_.gain:.1f} % of its loss" in report.facts["Beside PCA"]
    assert report.facts["Guard"] == ae.guard_.evidence
    assert "more rows" in " ".join(report.advice)
    assert report.explained_variance == pytest.approx(
        report.pca_explained_variance, rel=1e-5
    )


def test_rows_that_pca_reproduces(make_ae, rng):
    X = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 5))
    report = summary(make_ae().fit(X), X)
    assert report.facts["Training"].startswith("0 epochs")
    assert "lower n_components" in " ".join(report.advice)


def test_rows_that_are_all_alike(make_ae):
    X = np.ones((30, 4))
    report = summary(make_ae().fit(X), X)
    assert np.isnan(report.explained_variance)
    assert report.worst_features == []
    assert "all alike" in report.facts["Variance explained"]
    Tags(report._repr_html_())


def test_what_was_not_compared_is_said(make_ae, rows):
    ae = make_ae().partial_fit(rows)
    report = summary(ae, rows)
    assert report.facts["Beside PCA"] == "not compared"
    assert report.facts["Training"].startswith("1 epoch,")
    assert "validation_fraction" in " ".join(report.advice)
    random = make_ae(init="random").fit(rows)
    assert "compared" not in advice(random, rows)


@pytest.mark.parametrize(
    ("gain", "said"), [(0.25, "25.0 % of its loss"), (-0.1, "exceeded by 10.0 %")]
)
def test_gains_of_an_autoencoder_are_shares(ae, rows, gain, said):
    ae.gain_over_pca_ = gain
    assert said in summary(ae, rows).facts["Beside PCA"]


def test_a_training_cut_short_is_said(ae, rows):
    ae.gain_over_pca_ = 0.5

    def with_losses(*losses):
        ae.history_ = [{"valid_loss": loss, "dur": 0.1} for loss in losses]
        return advice(ae, rows)

    assert "max_epochs" in with_losses(9, 8, 7, 6, 5, 4, 3, 2)
    assert "max_epochs" in with_losses(5)
    assert "max_epochs" not in with_losses(9, 5, 3, 2, 1.9, 1.8, 1.8, 1.8)
    assert "max_epochs" not in with_losses(9, 5, 3, 2, 3, 4, 5, 6)
    ae.gain_over_pca_ = 0.0
    assert "max_epochs" not in with_losses(9, 8, 7, 6, 5, 4, 3, 2)


def test_a_training_that_followed_held_out_rows_was_not_cut_short(rows):
    vae = VAETransformer(**SMALL).fit(rows).set_params(max_epochs="auto")
    vae.gain_over_pca_ = 1.5
    vae.history_ = [{"valid_loss": loss, "dur": 0.1} for loss in (3, 2, 1)]
    vae.verdict_ = None
    assert "max_epochs" in advice(vae, rows)
    vae.verdict_ = object()
    assert "max_epochs" not in advice(vae, rows)


def test_columns_of_a_vae_that_are_not_in_use(rows):
    vae = VAETransformer(**SMALL).fit(rows)
    vae.active_units_ = np.array([True, False])
    vae.gain_over_pca_ = 1.5
    report = summary(vae, rows)
    assert report.facts["Columns in use"] == "1 of 2"
    assert "1.50 nats more likely" in report.facts["Beside PCA"]
    assert "set n_components to 1" in " ".join(report.advice)


def test_one_feature_that_drowns_others(make_ae, rows):
    X = rows * [1000, 1, 1, 1, 1, 1]
    assert "StandardScaler" in advice(make_ae().fit(X), X)
    assert "StandardScaler" not in advice(make_ae().fit(rows), rows)


def test_binary_values_want_a_likelihood_of_bits(make_vae, rows):
    X = (rows > 0).astype(float)
    assert "bernoulli" in advice(make_vae().fit(X), X)
    assert "bernoulli" not in advice(make_vae(likelihood="bernoulli").fit(X), X)


def test_other_rows_and_frames_are_taken(rows):
    X = pd.DataFrame(rows, columns=list("abcdef"))
    ae = AutoencoderTransformer(**SMALL).set_output(transform="pandas").fit(X)
    report = summary(ae, X[:20])
    assert report.facts["Rows given"].startswith("20 ")
    assert {name for name, _, _ in report.worst_features} < set("abcdef")


def test_what_is_no_fitted_autoencoder(make_ae, rows):
    with pytest.raises(NotFittedError):
        summary(make_ae(), rows)
    with pytest.raises(TypeError, match=r"or a pipeline with one, got PCA"):
        summary(PCA(2).fit(rows), rows)


@pytest.mark.parametrize("cls", [AutoencoderTransformer, VAETransformer])
def test_rows_may_miss_values(rows, cls):
    holed = np.where(
        np.random.RandomState(0).uniform(size=rows.shape) < 0.2, np.nan, rows
    )
    fitted = cls(**SMALL).fit(holed)
    report = summary(fitted, holed)
    errors = np.nansum((holed - fitted.reconstruct(holed)) ** 2)
    total = np.nansum((holed - np.nanmean(holed, axis=0)) ** 2)
    assert report.explained_variance == pytest.approx(1 - errors / total)
    assert 0 < report.pca_explained_variance < 1
    assert len(report.worst_features) == 5


def test_bits_with_gaps_are_bits(rng):
    X = rng.randint(0, 2, size=(60, 6)).astype(float)
    X[rng.uniform(size=X.shape) < 0.1] = np.nan
    report = summary(VAETransformer(**SMALL).fit(X), X)
    assert any("bernoulli" in text for text in report.advice)


def test_sparse_rows_are_compared_if_they_are_few(ae, rows, monkeypatch):
    assert str(summary(ae, sparse.coo_array(rows))) == str(summary(ae, rows))
    monkeypatch.setattr("sklearn_ae._comparison.rows.MOST_DENSE", 300)
    with pytest.raises(ValueError, match=r"X is sparse and has 60 rows.*at most 50;"):
        summary(ae, sparse.coo_array(rows))
    assert "50 of 6" in summary(ae, sparse.csr_array(rows[:50])).facts["Rows given"]
