"""What all displays share: `from_estimator`, `plot`, attributes."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from parts import legend_of
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import (
    AnomalyDetector,
    AutoencoderTransformer,
    TableVAETransformer,
    displays,
)
from sklearn_ae.displays import (
    AnomalyDisplay,
    HistoryDisplay,
    LatentSpaceDisplay,
)
from sklearn_ae.networks import MLP

ALL = [getattr(displays, name) for name in displays.__all__]


def made(display, estimator, X, **options):
    """Make a display, whether it takes rows or not, and of a detector if it must."""
    if display is AnomalyDisplay:
        is_fitted = hasattr(estimator, "n_features_in_")
        estimator = AnomalyDetector(estimator, random_state=0)
        estimator = estimator.fit(X) if is_fitted else estimator
    args = () if display is HistoryDisplay else (X,)
    return display.from_estimator(estimator, *args, **options)


@pytest.mark.parametrize("display", ALL)
def test_from_estimator_draws_and_plot_draws_again(display, fitted, rows):
    first = made(display, fitted, rows)
    assert first.figure_ is first.ax_.figure
    figure, ax = plt.subplots()
    assert first.plot(ax=ax) is first
    assert first.ax_ is ax
    assert first.figure_ is figure
    # Everything drawn is drawable.
    figure.canvas.draw()


@pytest.mark.parametrize("display", ALL)
def test_rows_may_miss_values(display, fitted, rows):
    holed = np.where(
        np.random.RandomState(0).uniform(size=rows.shape) < 0.2, np.nan, rows
    )
    holed[7] = np.nan
    made(display, fitted, holed).figure_.canvas.draw()


@pytest.mark.parametrize(
    "display", [displays.ExplainedVarianceDisplay, displays.ReconstructionDisplay]
)
def test_a_column_without_values_is_refused(display, fitted, rows):
    holed = rows.copy()
    holed[:, 4] = np.nan
    with pytest.raises(ValueError, match="X has no value in column 4"):
        made(display, fitted, holed)


@pytest.mark.parametrize("display", ALL)
def test_axes_can_be_given_at_once(display, ae, rows):
    _, axes = plt.subplots(1, 2)
    drawn = made(display, ae, rows, ax=axes[1])
    assert drawn.ax_ is axes[1]
    assert not axes[0].has_data()
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("display", ALL)
def test_parameters_are_attributes(display, ae, rows):
    drawn = made(display, ae, rows)
    names = display.__init__.__kwdefaults__ or {}
    assert names.keys() <= vars(drawn).keys()
    again = display(
        **{
            name: value
            for name, value in vars(drawn).items()
            if name in display.__init__.__code__.co_varnames
        }
    )
    assert again.plot().ax_ is not drawn.ax_


@pytest.mark.parametrize("display", ALL)
def test_an_unfitted_estimator_is_told_so(display, make_ae, curved):
    with pytest.raises(NotFittedError):
        made(display, make_ae(), curved)
    assert not plt.get_fignums()


@pytest.mark.parametrize("display", ALL)
def test_data_and_estimator_stay_as_they_were(display, ae, rows):
    X, codes, names = rows.copy(), ae.transform(rows), set(vars(ae))
    made(display, ae, X)
    np.testing.assert_array_equal(X, rows)
    np.testing.assert_array_equal(ae.transform(rows), codes)
    assert set(vars(ae)) == names


@pytest.mark.parametrize("behind", [(), (LogisticRegression(),)])
def test_frames_pipelines_and_pandas_output_work(make, rows, behind):
    X = pd.DataFrame(rows, columns=[f"length {i}" for i in range(6)])
    pipeline = make_pipeline(StandardScaler(), make(), *behind)
    pipeline.set_output(transform="pandas").fit(X, rows[:, 0] > 0)
    for display in set(ALL) - {AnomalyDisplay}:
        drawn = made(display, pipeline, X)
        if hasattr(drawn, "feature_names"):
            assert list(drawn.feature_names) == list(X.columns)
            ax = getattr(drawn, "axes_", np.array([drawn.ax_])).flat[0]
            ticks = [*ax.get_xticklabels(), *ax.get_yticklabels()]
            assert set(X.columns) <= {tick.get_text() for tick in ticks}


@pytest.fixture(scope="module", params=["detector", "table"])
def around(request, rows):
    """Return a model around an autoencoder, its rows, and the autoencoder in it."""
    if request.param == "detector":
        ae = AutoencoderTransformer(network=MLP((8,)), max_epochs=2, device="cpu")
        model = AnomalyDetector(ae, random_state=0).fit(rows)
        return model, rows, model.estimator_
    X = pd.DataFrame(rows[:, :2], columns=["a", "b"]).assign(word=["yes", "no"] * 30)
    model = TableVAETransformer(
        2, network=MLP((8,)), max_epochs=2, device="cpu", random_state=0
    ).fit(X)
    return model, X, model.vae_


@pytest.mark.parametrize("display", [each for each in ALL if each != AnomalyDisplay])
def test_what_is_around_an_autoencoder_is_shown_by_it(display, around):
    model, X, inner = around
    drawn = made(display, model, X)
    drawn.figure_.canvas.draw()
    if display is HistoryDisplay:
        assert len(drawn.epochs) == inner.n_iter_


@pytest.mark.parametrize("display", ALL)
def test_legends_cover_no_data(display, ae, rows):
    drawn = made(display, ae, rows)
    drawn.figure_.canvas.draw()
    for ax in drawn.figure_.axes:
        if ax.get_legend() is not None:
            box = ax.get_legend().get_window_extent()
            shown = [other for other in drawn.figure_.axes if other.axison]
            assert not any(box.overlaps(other.bbox) for other in shown)
            assert box.x1 <= drawn.figure_.bbox.x1


def test_the_legend_of_many_groups_covers_no_pair(rows):
    pca = PCA(3).fit(rows)
    _, axes = plt.subplots(1, 2, layout="constrained")
    y = np.arange(60) % 12
    drawn = LatentSpaceDisplay.from_estimator(pca, rows, y, ax=axes[0])
    drawn.figure_.canvas.draw()
    box = legend_of(drawn.figure_).get_window_extent()
    pairs = [ax for ax in drawn.axes_.flat if ax is not None]
    assert not any(box.overlaps(ax.bbox) for ax in [*pairs, axes[1]])


@pytest.mark.parametrize("display", ALL)
def test_matplotlib_is_missed_in_one_sentence(display, ae, rows, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=f"{display.__name__}.*requires matplotlib"):
        made(display, ae, rows)
