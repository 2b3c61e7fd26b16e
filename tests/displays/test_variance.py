"""Explained variance beside PCA's."""

import numpy as np
import pytest
from parts import legend_texts
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from sklearn_ae.displays import (
    ExplainedVarianceDisplay,
)


def test_shares_are_scores_and_pcas_are_pcas(ae, vae, rows):
    pca = PCA(1).fit(rows)
    display = ExplainedVarianceDisplay.from_estimator([ae, vae, pca], rows)
    np.testing.assert_array_equal(display.n_components, [2, 2, 1])
    assert display.explained_variance[0] == pytest.approx(ae.score(rows), rel=1e-5)
    expected = np.cumsum(PCA().fit(rows).explained_variance_ratio_)
    np.testing.assert_allclose(
        display.pca_explained_variance[0], expected[:2], rtol=1e-5
    )
    assert display.explained_variance[2] == pytest.approx(expected[0])


def test_where_the_guard_keeps_pca_the_lines_meet(make_ae, noise):
    ae = make_ae().fit(noise)
    assert ae.gain_over_pca_ == 0
    display = ExplainedVarianceDisplay.from_estimator(ae, noise)
    ours, pcas = display.explained_variance[0], display.pca_explained_variance[0][1]
    assert ours == pytest.approx(pcas, rel=1e-5)


def test_explained_variance_arguments_are_checked(noise):
    pca = PCA(2).fit(noise)
    draw = ExplainedVarianceDisplay.from_estimator
    with pytest.raises(ValueError, match="at least one"):
        draw([], noise)
    with pytest.raises(ValueError, match="2 names for 1 estimators"):
        draw(pca, noise, estimator_names=["a", "b"])
    with pytest.raises(ValueError, match="all alike"):
        draw(pca, np.ones((5, 6)))
    with pytest.raises(TypeError, match="KMeans has no inverse_transform"):
        draw(KMeans(2).fit(noise), noise)


def test_estimators_of_one_name_are_joined(noise):
    fits = [PCA(k).fit(noise) for k in (3, 1, 2)]
    names = ["one", "one", "two"]
    display = ExplainedVarianceDisplay.from_estimator(
        fits, noise, estimator_names=names, line_kw={"linewidth": 3}
    )
    one, two = display.lines_
    assert [one.get_label(), two.get_label()] == ["one", "two"]
    np.testing.assert_array_equal(one.get_xdata(), [1, 3])
    assert one.get_linewidth() == 3
    assert legend_texts(display.figure_) == ["PCA", "one", "two"]


def test_shares_are_those_of_the_observed_values(make_ae, rows):
    """Where PCA is kept on the rows that it was fitted to, its line has the share."""
    holed = np.where(
        np.random.RandomState(1).uniform(size=rows.shape) < 0.2, np.nan, rows
    )
    ae = make_ae(n_components=2, max_epochs=1).fit(holed)
    ae.net_.module_.use_networks(False)
    display = ExplainedVarianceDisplay.from_estimator(ae, holed)
    share = display.explained_variance[0]
    assert share == pytest.approx(ae.score(holed), abs=1e-6)
    assert display.pca_explained_variance[0][1] == pytest.approx(share, abs=1e-5)


def test_an_ordered_fit_is_drawn_from_its_own_curve(ordered):
    curve = ordered.explained_variance_curve_
    display = ExplainedVarianceDisplay.from_estimator(ordered)
    (line,) = display.lines_
    np.testing.assert_array_equal(line.get_xdata(), curve.n_components)
    np.testing.assert_array_equal(line.get_ydata(), curve.explained)
    np.testing.assert_array_equal(
        display.pca_lines_[0].get_ydata(), curve.pca_explained
    )
    (band,) = display.bands_
    heights = band.get_datalim(display.ax_.transData).intervaly
    assert heights[0] == pytest.approx((curve.explained - curve.standard_error).min())
    assert heights[1] == pytest.approx((curve.explained + curve.standard_error).max())
    (mark,) = display.marks_
    chosen = ordered.n_components_
    assert list(mark.get_xdata()) == [chosen]
    assert list(mark.get_ydata()) == [curve.explained[chosen - 1]]
    (target,) = display.target_lines_
    assert list(target.get_ydata()) == [0.8, 0.8]
    assert legend_texts(display.figure_) == [
        "PCA",
        "AutoencoderTransformer",
        f"n_components_ = {chosen}",
        "n_components=0.8",
    ]
    assert "held-out rows" in display.ax_.get_ylabel()


def test_a_number_of_columns_is_marked_without_a_target(ordered):
    display = ExplainedVarianceDisplay.from_estimator(ordered.truncate(1))
    assert display.chosen == {"AutoencoderTransformer": 1}
    assert display.target_lines_ == []
    assert len(display.n_components) == len(
        ordered.explained_variance_curve_.n_components
    )


def test_rows_tell_an_ordered_fits_curve_too(ordered, ae, rows):
    display = ExplainedVarianceDisplay.from_estimator([ordered, ae], rows)
    line, point = display.lines_
    most = ordered.n_components_
    np.testing.assert_array_equal(line.get_xdata(), np.arange(1, most + 1))
    scores = [ordered.truncate(j).score(rows) for j in range(1, most + 1)]
    np.testing.assert_allclose(line.get_ydata(), scores, rtol=1e-5)
    np.testing.assert_array_equal(point.get_xdata(), [2])
    assert display.bands_ == []


def test_ordered_fits_of_one_class_are_told_apart(ordered):
    display = ExplainedVarianceDisplay.from_estimator([ordered, ordered.truncate(1)])
    names = [line.get_label() for line in display.lines_]
    assert names == ["AutoencoderTransformer 1", "AutoencoderTransformer 2"]
    assert [list(mark.get_xdata()) for mark in display.marks_] == [
        [ordered.n_components_],
        [1],
    ]


def test_without_a_linear_path_pca_is_not_in_the_legend(make_ae, rows):
    ae = make_ae(ordered=True, init="random", guard=False).fit(rows)
    display = ExplainedVarianceDisplay.from_estimator(ae)
    assert "PCA" not in legend_texts(display.figure_)


def test_rows_are_asked_for_where_codes_are_not_ordered(ordered, fitted):
    with pytest.raises(ValueError, match=r"has no curve of its own.*give X"):
        ExplainedVarianceDisplay.from_estimator([ordered, fitted])
