"""AnomalyDisplay: scores beside the threshold, and the oddest rows."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AnomalyDetector
from sklearn_ae.displays import AnomalyDisplay


@pytest.fixture
def detector(ae, rows):
    """Calibrated by a few of the rows."""
    return AnomalyDetector(ae, random_state=0).fit(rows)


def test_it_shows_what_the_detector_says(detector, rows):
    odd = rows + np.linspace(0, 5, 60)[:, np.newaxis]
    display = AnomalyDisplay.from_estimator(detector, odd, n_rows=3, n_features=4)
    np.testing.assert_array_equal(display.scores, detector.score_samples(odd))
    assert display.line_.get_xdata()[0] == detector.offset_
    order = np.argsort(detector.score_samples(odd))[:3]
    np.testing.assert_array_equal(display.oddest_, order)
    share = (detector.predict(odd) == -1).mean()
    assert f"{share:.1%}" in display.axes_[0].get_title()
    for bars in display.bars_:
        assert sum(bar.get_height() for bar in bars) == pytest.approx(1)
    assert len(display.axes_[1].patches) == 4


def test_rows_too_far_out_are_drawn_at_the_edge(detector, rows):
    odd = rows.copy()
    odd[3, 2] = 1e30
    AnomalyDisplay.from_estimator(detector, odd).figure_.canvas.draw()


def test_images_are_drawn_as_such(images, make_ae):
    detector = AnomalyDetector(make_ae(), random_state=0).fit(images)
    display = AnomalyDisplay.from_estimator(detector, images, image_shape=(1, 4, 3))
    assert len(display.axes_[1].images) == 1
    display.figure_.canvas.draw()


def test_scores_that_cannot_be_explained_are_drawn_alone(rows):
    detector = AnomalyDetector(PCA(2), random_state=0).fit(rows)
    display = AnomalyDisplay.from_estimator(detector, rows)
    assert len(display.axes_) == 1
    assert display.axes_[0] is display.ax_


@pytest.mark.parametrize("is_searched", [False, True])
def test_a_pipeline_that_ends_with_a_detector(make_ae, rows, is_searched):
    X = pd.DataFrame(rows).add_prefix("column ")
    detector = AnomalyDetector(make_ae(), random_state=0)
    pipe = make_pipeline(StandardScaler(), detector)
    if is_searched:
        grid = {"anomalydetector__false_alarm_rate": [0.2]}
        pipe = GridSearchCV(pipe, grid, scoring=lambda *_: 0.0, cv=2)
    display = AnomalyDisplay.from_estimator(pipe.fit(X), X)
    np.testing.assert_array_equal(display.scores, pipe.score_samples(X))
    np.testing.assert_array_equal(display.feature_names, X.columns)
    assert f"{(pipe.predict(X) == -1).mean():.1%}" in display.axes_[0].get_title()


def test_only_detectors_are_taken(ae, rows):
    with pytest.raises(TypeError, match="must be an AnomalyDetector, got Autoenc"):
        AnomalyDisplay.from_estimator(ae, rows)
    with pytest.raises(TypeError, match="must be an AnomalyDetector, got StandardS"):
        AnomalyDisplay.from_estimator(make_pipeline(StandardScaler()), rows)
    assert not plt.get_fignums()
