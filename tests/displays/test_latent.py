"""Maps of codes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from parts import legend_of, legend_texts
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA

from sklearn_ae.displays import (
    LatentSpaceDisplay,
)


@pytest.mark.parametrize("n_components", [1, 2, 6])
@pytest.mark.parametrize("kind", ["none", "groups", "scale"])
def test_codes_of_any_length_and_colours_of_any_kind(rows, kind, n_components):
    y = {
        "none": None,
        "groups": pd.Series(np.array(["a", "b"])[np.arange(60) % 2], name="kind"),
        "scale": rows[:, 0],
    }[kind]
    pca = PCA(n_components).fit(rows)
    display = LatentSpaceDisplay.from_estimator(pca, rows, y)
    np.testing.assert_array_equal(display.codes, pca.transform(rows))
    side = max(1, min(n_components, 4) - 1)
    assert display.axes_.shape == (side, side)
    drawn = [ax for ax in display.axes_.flat if ax is not None]
    assert len(drawn) == side * (side + 1) / 2
    assert drawn[-1].get_xlabel() == f"code {max(0, side - 1)}"
    if kind == "groups":
        assert legend_texts(display.figure_) == ["a", "b"]
        assert legend_of(display.figure_).get_title().get_text() == "kind"
    else:
        assert legend_of(display.figure_) is None


def test_every_group_has_a_look_of_its_own(rows):
    pca = PCA(2).fit(rows)
    display = LatentSpaceDisplay.from_estimator(pca, rows, np.arange(60) % 17)
    looks = {
        (tuple(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes())
        for c in display.ax_.collections
    }
    assert len(looks) == 17


@pytest.mark.parametrize("n_components", [1, 2, 3])
@pytest.mark.parametrize("n_groups", [7, 8, 10, 20, 30])
def test_every_group_has_a_colour_of_its_own(rows, n_components, n_groups):
    """A histogram has no markers to tell groups by."""
    y = np.array([f"group {index % n_groups:02}" for index in range(60)])
    display = LatentSpaceDisplay.from_estimator(PCA(n_components).fit(rows), rows, y)
    handles = legend_of(display.figure_).legend_handles
    assert len(handles) == n_groups
    faces = [np.ravel(handle.get_facecolor())[:3] for handle in handles]
    assert pdist(faces).min() > 0.05


def test_whole_numbers_of_many_values_are_a_scale(rows):
    pca = PCA(2).fit(rows)
    display = LatentSpaceDisplay.from_estimator(pca, rows, np.arange(60))
    assert len(display.ax_.collections) == 1
    assert display.ax_.get_legend() is None


def test_a_map_of_images_is_decoded_over_the_grid(images):
    pca = PCA(3).fit(images)
    display = LatentSpaceDisplay.from_estimator(
        pca, images, components=[2, 0], image_shape=(1, 4, 3), n_images=5
    )
    across, up = display.grid
    codes = np.median(pca.transform(images), axis=0)
    codes[2], codes[0] = across[1], up[-1]
    expected = pca.inverse_transform([codes])[0]
    np.testing.assert_allclose(display.decoded[0, 1], expected, atol=1e-5)
    left, right, bottom, top = display.ax_.images[0].get_extent()
    assert left < across[0] < across[-1] < right
    assert bottom < up[0] < up[-1] < top
    assert display.ax_.get_xlabel() == "code 2"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"components": [0, 3]}, "from 0 to 2"),
        ({"components": []}, "from 0 to 2"),
        ({"y": [1, 2]}, "inconsistent numbers"),
        ({"image_shape": (1, 4, 3), "components": [1]}, "two columns"),
        ({"image_shape": (1, 4, 3), "n_images": 1}, "n_images must be an int"),
    ],
)
def test_latent_space_options_are_checked(images, options, message):
    pca = PCA(3).fit(images)
    with pytest.raises(ValueError, match=message):
        LatentSpaceDisplay.from_estimator(pca, images, **options)
    assert not plt.get_fignums()
