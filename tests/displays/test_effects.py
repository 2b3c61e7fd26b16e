"""Heat maps of what each column of a code moves."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae.displays import ComponentEffectsDisplay


def test_effects_are_the_estimators(fitted, rows):
    display = ComponentEffectsDisplay.from_estimator(fitted, rows, standardize=False)
    expected = fitted.component_effects(rows)
    np.testing.assert_allclose(display.effects, expected, atol=1e-5 * expected.max())
    np.testing.assert_array_equal(display.image_.get_array(), display.effects.T)
    assert display.components == [0, 1]
    assert display.colorbar_.ax.get_ylabel().endswith("in the feature's units")


def test_features_of_different_units_compare(rows):
    scale = np.array([1e-3, 1.0, 1e4, 1.0, 10.0, 1.0])
    X = scale * rows
    pipeline = make_pipeline(StandardScaler(), PCA(2)).fit(X)
    display = ComponentEffectsDisplay.from_estimator(pipeline, X)
    # Of standardized features those are correlations with the scores.
    correlations = np.corrcoef(rows.T, pipeline.transform(X).T)[:6, 6:].T
    np.testing.assert_allclose(display.effects, np.abs(correlations))
    assert display.colorbar_.ax.get_ylabel().endswith("standard deviations")
    in_units = ComponentEffectsDisplay.from_estimator(pipeline, X, standardize=False)
    np.testing.assert_allclose(in_units.effects, display.effects * X.std(axis=0))


def test_what_is_constant_has_no_effect(rows):
    X = np.column_stack([rows, np.full(len(rows), 0.1)])
    effects = ComponentEffectsDisplay.from_estimator(PCA(2).fit(X), X).effects
    np.testing.assert_array_equal(effects[:, -1], 0.0)
    assert (effects[:, :-1].max(axis=1) > 0.1).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # PCA's own
        alike = PCA(1).fit(np.ones((5, 6)))
    display = ComponentEffectsDisplay.from_estimator(alike, np.ones((5, 6)))
    display.figure_.canvas.draw()


def test_columns_can_be_chosen(rows):
    pca = PCA(4).fit(rows)
    display = ComponentEffectsDisplay.from_estimator(pca, rows, components=[3, 1])
    every = ComponentEffectsDisplay.from_estimator(pca, rows)
    np.testing.assert_array_equal(display.effects, every.effects[[3, 1]])
    ticks = [tick.get_text() for tick in display.ax_.get_xticklabels()]
    assert ticks == ["3", "1"]
    with pytest.raises(ValueError, match="from 0 to 3"):
        ComponentEffectsDisplay.from_estimator(pca, rows, components=[4])


def test_names_are_there_where_they_fit(make_ae, rng):
    X = pd.DataFrame(rng.normal(size=(30, 60))).add_prefix("length ")
    display = ComponentEffectsDisplay.from_estimator(make_ae().fit(X), X)
    ticks = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert ticks == list(X.columns)
    wide = rng.normal(size=(30, 784))
    display = ComponentEffectsDisplay.from_estimator(PCA(20).fit(wide), wide)
    display.figure_.canvas.draw()
    assert len(display.ax_.get_yticks()) < 20
    assert len(display.ax_.get_xticks()) <= 16
    assert display.ax_.get_ylabel() == "Feature"


@pytest.mark.parametrize(("shape", "n_shown"), [((1, 4, 3), 3), ((3, 2, 2), 10)])
def test_images_show_effects_in_colours(images, shape, n_shown):
    pca = PCA(n_shown).fit(images)
    display = ComponentEffectsDisplay.from_estimator(pca, images, image_shape=shape)
    pixels = display.effects.reshape(n_shown, *shape).mean(axis=1)
    drawn = display.image_.get_array()
    height, width = shape[1:]
    np.testing.assert_allclose(drawn[:height, :width], pixels[0])
    assert np.nanmax(drawn) == pytest.approx(pixels.max())
    assert display.colorbar_.vmax == pytest.approx(pixels.max())


def test_rows_with_gaps_are_taken(make_ae, rows):
    X = rows.copy()
    X[::5, 1] = np.nan
    ae = make_ae().fit(X)
    display = ComponentEffectsDisplay.from_estimator(ae, X)
    expected = ae.component_effects(X) / np.nanstd(X, axis=0)
    np.testing.assert_allclose(display.effects, expected, rtol=1e-3, atol=1e-5)


def test_options_are_checked(ae, rows):
    with pytest.raises(ValueError, match="X has 1 row"):
        ComponentEffectsDisplay.from_estimator(ae, rows[:1])
    with pytest.raises(ValueError, match="perfect square"):
        ComponentEffectsDisplay.from_estimator(ae, rows, image_shape="auto")


@pytest.mark.parametrize("image_shape", [None, (1, 2, 3)])
def test_options_of_the_picture_are_used(ae, rows, image_shape):
    display = ComponentEffectsDisplay.from_estimator(
        ae, rows, image_shape=image_shape, image_kw={"cmap": "Greys", "vmax": 2.0}
    )
    assert display.image_.get_cmap().name == "Greys"
    assert display.image_.get_clim() == (0, 2.0)
