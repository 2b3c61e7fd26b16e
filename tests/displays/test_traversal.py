"""What decoded codes say of each column."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from parts import legend_texts
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae.displays import (
    LatentTraversalDisplay,
)


def test_traversal_decodes_quantiles_with_the_others_at_their_medians(rows):
    pca = PCA(3).fit(rows)
    display = LatentTraversalDisplay.from_estimator(
        pca, rows, components=[1], n_steps=3, quantiles=(0.25, 0.75)
    )
    np.testing.assert_allclose(display.quantiles, [0.25, 0.5, 0.75])
    codes = np.tile(np.median(pca.transform(rows), axis=0), (3, 1))
    codes[:, 1] = np.quantile(pca.transform(rows)[:, 1], display.quantiles)
    expected = pca.inverse_transform(codes)
    np.testing.assert_allclose(display.decoded[0], expected, rtol=1e-4, atol=1e-5)
    lines = display.axes_[0, 0].lines
    deviations = (display.decoded[0, 2] - rows.mean(axis=0)) / rows.std(axis=0)
    np.testing.assert_allclose(lines[2].get_ydata(), deviations)
    lines = display.plot(standardize=False).axes_[0, 0].lines
    np.testing.assert_array_equal(lines[2].get_ydata(), display.decoded[0, 2])


def test_features_of_different_units_compare(rows):
    """Lines of a pipeline with a scaler are those of the scaled rows."""
    X = np.column_stack([rows * [1e-3, 1, 1e4, 1, 10, 1], np.full(len(rows), 0.1)])
    pipeline = make_pipeline(StandardScaler(), PCA(2)).fit(X)
    display = LatentTraversalDisplay.from_estimator(pipeline, X)
    scaled = LatentTraversalDisplay.from_estimator(
        pipeline[-1], pipeline[:-1].transform(X), standardize=False
    )
    for cell, other in zip(display.axes_.flat, scaled.axes_.flat, strict=True):
        for line, expected in zip(cell.lines, other.lines, strict=True):
            np.testing.assert_allclose(
                line.get_ydata(), expected.get_ydata(), atol=1e-9
            )
    assert not any(line.get_ydata()[-1] for line in display.axes_[0, 0].lines)


def test_each_feature_may_have_axes_of_its_own(rows):
    frame = pd.DataFrame(rows, columns=list("abcdef"))
    pca = PCA(3).fit(frame)
    display = LatentTraversalDisplay.from_estimator(pca, frame, by="feature")
    cells = [cell for cell in display.axes_.flat if cell is not None]
    assert [cell.get_title() for cell in cells] == list("abcdef")
    for feature, cell in enumerate(cells):
        for component, line in enumerate(cell.lines):
            np.testing.assert_array_equal(line.get_xdata(), display.quantiles)
            expected = display.decoded[component, :, feature]
            np.testing.assert_array_equal(line.get_ydata(), expected)
    assert legend_texts(display.figure_) == ["code 0", "code 1", "code 2"]
    display.figure_.canvas.draw()


def test_of_many_features_those_that_move_most_have_axes(rng):
    X = rng.normal(size=(80, 30))
    moved = np.arange(3, 27, 2)
    X[:, moved] += 5 * rng.normal(size=(80, 1)) * np.ones(12)
    X *= 10.0 ** rng.randint(-3, 4, size=30)
    pipeline = make_pipeline(StandardScaler(), PCA(1)).fit(X)
    display = LatentTraversalDisplay.from_estimator(pipeline, X, by="feature")
    titles = [cell.get_title() for cell in display.axes_.flat]
    assert titles == [f"x{feature}" for feature in moved]


def test_long_names_leave_room_for_the_lines(rows):
    names = [f"a rather long name of column {letter}" for letter in "abcdef"]
    frame = pd.DataFrame(rows, columns=names)
    display = LatentTraversalDisplay.from_estimator(PCA(3).fit(frame), frame)
    display.figure_.canvas.draw()
    heights = [cell.bbox.height for cell in display.axes_.flat if cell is not None]
    assert min(heights) > display.figure_.dpi


@pytest.mark.parametrize(("n_components", "shape"), [(1, (1, 1)), (3, (2, 2))])
def test_a_place_for_each_column(rows, n_components, shape):
    pca = PCA(n_components).fit(rows)
    display = LatentTraversalDisplay.from_estimator(pca, rows)
    assert display.axes_.shape == shape
    titles = [ax.get_title() for ax in display.axes_.flat if ax is not None]
    assert titles == [f"code {index}" for index in range(n_components)]


def test_traversal_of_images_has_a_row_for_each_column(images):
    display = LatentTraversalDisplay.from_estimator(
        PCA(10).fit(images), images, image_shape=(1, 4, 3)
    )
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == [f"code {index}" for index in range(8)]
    assert display.ax_.images[0].get_array().shape == (8 * 5 - 1, 7 * 4 - 1)


def labels_of(cell):
    return [label.get_text() for label in cell.get_xticklabels()]


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("fitted_to", ["frame", "array", "pipeline"])
def test_features_have_their_names(rows, fitted_to):
    frame = pd.DataFrame(rows, columns=[f"column {letter}" for letter in "abcdef"])
    model = PCA(3)
    if fitted_to == "pipeline":
        model = make_pipeline(StandardScaler(), model)
    model.fit(rows if fitted_to == "array" else frame)
    display = LatentTraversalDisplay.from_estimator(model, frame)
    assert labels_of(display.axes_[1, 0]) == list(frame.columns)
    assert labels_of(display.axes_[0, 0]) == [""] * 6


@pytest.mark.parametrize(("n_features", "n_names"), [(30, 30), (100, 34)])
def test_many_features_have_names_too(rng, n_features, n_names):
    names = [f"f{index}" for index in range(n_features)]
    X = pd.DataFrame(rng.normal(size=(50, n_features)), columns=names)
    display = LatentTraversalDisplay.from_estimator(PCA(1).fit(X), X)
    found = labels_of(display.axes_[0, 0])
    assert len(found) == n_names
    places = display.axes_[0, 0].get_xticks()
    assert found == [names[int(place)] for place in places]
    display.figure_.canvas.draw()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_steps": 1}, "n_steps must be an int of at least 2"),
        ({"quantiles": (0.9, 0.1)}, "0 <= low < high <= 1"),
        ({"components": [2]}, "from 0 to 1"),
        ({"by": "row"}, "by must be 'code' or 'feature', got 'row'"),
        ({"image_shape": (1, 2, 2)}, "multiplies to"),
    ],
)
def test_traversal_options_are_checked(rows, options, message):
    pca = PCA(2).fit(rows)
    with pytest.raises(ValueError, match=message):
        LatentTraversalDisplay.from_estimator(pca, rows, **options)
    assert not plt.get_fignums()
