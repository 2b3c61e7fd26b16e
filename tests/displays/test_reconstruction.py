"""Reconstructions beside the rows and PCA's."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.displays import (
    ReconstructionDisplay,
)


def test_errors_of_features_beside_pcas(ae, rows):
    display = ReconstructionDisplay.from_estimator(ae, rows, relative=False)
    pca = PCA(2).fit(rows)
    expected = (rows - pca.inverse_transform(pca.transform(rows))) ** 2
    np.testing.assert_allclose(display.pca_errors_, expected.mean(axis=0), rtol=1e-6)
    expected = np.mean((rows - ae.reconstruct(rows)) ** 2, axis=0)
    np.testing.assert_allclose(display.errors_, expected)
    widths = [bar.get_width() for bar in display.bars_[0]]
    np.testing.assert_allclose(widths, np.sqrt(expected))


def test_labels_tell_which_pca_it_is(make_ae, rows, images):
    pipeline = make_pipeline(StandardScaler(), make_ae()).fit(rows[:50])
    display = ReconstructionDisplay.from_estimator(pipeline, rows[50:])
    scaler, ae = pipeline
    of_fit = ae.reconstruct_by_pca(scaler.transform(rows[50:]))
    expected = (scaler.inverse_transform(of_fit) - rows[50:]) ** 2
    np.testing.assert_allclose(display.pca_errors_, expected.mean(axis=0))
    assert display.bars_[1].get_label() == "PCA"
    random = make_ae(init="random").fit(images)
    display = ReconstructionDisplay.from_estimator(
        random, images, image_shape=(1, 4, 3)
    )
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["original", "PCA of these rows", "autoencoder"]


def test_relative_errors_are_shares_of_variance(rows):
    X = np.column_stack([rows, np.full(len(rows), 3.0)])
    display = ReconstructionDisplay.from_estimator(PCA(2).fit(X), X)
    widths = np.array([bar.get_width() for bar in display.bars_[1]])
    assert np.isnan(widths[-1])
    shares = widths[:-1]
    total = np.sum(shares * rows.var(axis=0)) / rows.var(axis=0).sum()
    kept = PCA(2).fit(rows).explained_variance_ratio_.sum()
    np.testing.assert_allclose(total, 1 - kept)


def test_only_the_largest_errors_of_many_features(rows):
    pca = PCA(2).fit(rows)
    display = ReconstructionDisplay.from_estimator(
        pca, rows, n_features=2, relative=False
    )
    widths = [bar.get_width() for bar in display.bars_[0]]
    np.testing.assert_allclose(widths, -np.sort(-np.sqrt(display.errors_))[:2])
    assert "2 largest of 6" in display.ax_.get_title()


@pytest.mark.parametrize("shape", [(1, 4, 3), (3, 2, 2)])
def test_images_original_pca_and_reconstruction(images, shape):
    pca = PCA(2).fit(images)
    display = ReconstructionDisplay.from_estimator(
        pca, images, image_shape=shape, n_images=5
    )
    channels, height, width = shape
    picture = display.image_.get_array()
    size = 3 * (height + 1) - 1, 5 * (width + 1) - 1
    assert picture.shape == (size if channels == 1 else (*size, 3))
    corner = picture[:height, :width].reshape(height, width, channels)
    original = images[0].reshape(shape).transpose(1, 2, 0)
    low, high = images.min(), images.max()
    np.testing.assert_allclose(corner, (original - low) / (high - low))
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["original", "PCA", "autoencoder"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": "auto"}, "not a perfect square"),
        ({"image_shape": (1, 5, 5)}, "multiplies to"),
        ({"image_shape": (2, 3, 2)}, "2 channels"),
        ({"n_images": 0}, "n_images must be an int"),
        ({"n_features": 1.5}, "n_features must be an int"),
    ],
)
def test_reconstruction_options_are_checked(images, options, message):
    pca = PCA(2).fit(images)
    with pytest.raises(ValueError, match=message):
        ReconstructionDisplay.from_estimator(pca, images, **options)
    assert not plt.get_fignums()


def test_errors_are_those_of_the_observed_values(rows):
    holed = rows.copy()
    holed[::3, 2] = np.nan
    ae = AutoencoderTransformer(max_epochs=1, random_state=0, device="cpu").fit(holed)
    display = ReconstructionDisplay.from_estimator(ae, holed)
    known = ~np.isnan(holed[:, 2])
    errors = (holed - ae.reconstruct(holed))[known, 2]
    assert display.errors_[2] == pytest.approx(np.mean(errors**2))
    assert np.isfinite(display.pca_errors_).all()


@pytest.mark.parametrize("shape", [(1, 4, 3), (3, 2, 2)])
def test_images_may_miss_pixels(images, shape):
    holed = images.copy()
    holed[0, :3] = np.nan
    ae = AutoencoderTransformer(max_epochs=1, random_state=0, device="cpu").fit(holed)
    display = ReconstructionDisplay.from_estimator(ae, holed, image_shape=shape)
    display.figure_.canvas.draw()
