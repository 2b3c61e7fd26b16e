"""Maps of codes."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from parts import legend_of, legend_texts
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA

from sklearn_ae.displays import LatentSpaceDisplay
from sklearn_ae.displays._plotting import density_of, dots_for, group_colours


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


def colours_of(display):
    """Return the colour of each row, in their order."""
    (dots,) = [each for each in display.ax_.collections if len(each.get_offsets())]
    offsets = np.asarray(dots.get_offsets())
    places = [
        int(np.argmin(np.abs(offsets - code).sum(axis=1))) for code in display.codes
    ]
    return dots.get_facecolors()[places, :3]


def in_oklab(colours):
    """Return colours where distances are as they are seen."""
    linear = np.where(
        colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4
    )
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    opponents = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return np.cbrt(linear @ cones.T) @ opponents.T


@pytest.mark.parametrize("n_groups", [10, 20])
def test_groups_are_told_apart_better_than_by_tab20(n_groups):
    tab20 = pdist(in_oklab(np.array(matplotlib.colormaps["tab20"].colors))).min()
    colours = in_oklab(np.array([*group_colours(n_groups), (1, 1, 1)]))
    assert pdist(colours).min() > 1.5 * tab20


def test_dots_have_the_colours_of_their_groups(rows):
    y = np.arange(60) % 17
    display = LatentSpaceDisplay.from_estimator(PCA(2).fit(rows), rows, y)
    found = colours_of(display)
    assert len(np.unique(found, axis=0)) == 17
    np.testing.assert_allclose(found, np.array(group_colours(17))[y])
    labels = legend_of(display.figure_).legend_handles
    np.testing.assert_allclose(
        [each.get_facecolor()[0, :3] for each in labels][3], found[3]
    )


def test_whole_numbers_of_many_values_are_a_scale(rows):
    pca = PCA(2).fit(rows)
    display = LatentSpaceDisplay.from_estimator(pca, rows, np.arange(60))
    assert len(display.ax_.collections) == 1
    assert display.ax_.get_legend() is None
    scale = matplotlib.colormaps["viridis"](np.arange(60) / 59)[:, :3]
    np.testing.assert_allclose(colours_of(display), scale, atol=0.01)


@pytest.mark.parametrize("n_components", [2, 3])
def test_ticks_are_there_if_asked_for(rows, n_components):
    pca = PCA(n_components).fit(rows)
    for axes in (False, True):
        display = LatentSpaceDisplay.from_estimator(pca, rows, axes=axes)
        drawn = [ax for ax in display.axes_.flat if ax is not None]
        assert all(bool(len(ax.get_xticks())) == axes for ax in drawn)
        assert drawn[-1].get_xlabel().startswith("code ")


def test_dots_are_smaller_and_fainter_where_there_are_more():
    few, many = dots_for(50), dots_for(15_000)
    assert few["s"] > 4 * many["s"]
    assert few["alpha"] > many["alpha"] > 0.3


@pytest.mark.parametrize("kind", ["none", "groups", "scale"])
@pytest.mark.parametrize("n_components", [2, 3])
def test_of_many_rows_the_density_is_drawn(rows, monkeypatch, kind, n_components):
    monkeypatch.setattr("sklearn_ae.displays._latent.MOST_DOTS", 50)
    y = {"none": None, "groups": np.arange(60) % 2, "scale": rows[:, 0]}[kind]
    pca = PCA(n_components).fit(rows)
    display = LatentSpaceDisplay.from_estimator(pca, rows, y)
    ax = display.axes_[0, 0]
    (picture,) = ax.images
    left, right, bottom, top = picture.get_extent()
    codes = display.codes[:, :2]
    np.testing.assert_allclose([left, bottom], codes.min(axis=0))
    np.testing.assert_allclose([right, top], codes.max(axis=0))
    assert not sum(len(each.get_offsets()) for each in ax.collections)
    assert (legend_of(display.figure_) is None) == (kind != "groups")
    dots = LatentSpaceDisplay.from_estimator(pca, rows, y, density=False)
    assert not dots.axes_[0, 0].images


def test_a_density_is_the_mean_colour_where_rows_are():
    places = np.array([0.0, 0.0, 0.0, 1.0])
    red, blue = (1.0, 0, 0), (0, 0, 1.0)
    picture, extent = density_of(places, places, np.array([red, red, blue, blue]))
    np.testing.assert_allclose(picture[0, 0], [2 / 3, 0, 1 / 3, 1.0])
    np.testing.assert_allclose(picture[-1, -1, :3], blue)
    assert 0 < picture[-1, -1, 3] < 1
    assert np.count_nonzero(picture[..., 3]) == 2
    assert extent == (0, 1, 0, 1)


def test_thumbnails_are_of_rows_that_are_apart(images):
    pca = PCA(3).fit(images)
    y = np.arange(40) % 3
    display = LatentSpaceDisplay.from_estimator(
        pca, images, y, image_shape=(1, 4, 3), n_thumbnails=9
    )
    chosen = display.thumbnail_rows
    assert 3 <= len(chosen) == len(display.thumbnails_) <= 9
    expected = pca.inverse_transform(pca.transform(images))[chosen]
    np.testing.assert_allclose(display.thumbnails, expected, atol=1e-6)
    codes = display.codes[:, :2]
    places = (codes - codes.min(axis=0)) / np.ptp(codes, axis=0)
    assert pdist(places[chosen], "chebyshev").min() > 0.8 / 3
    at = [drawn.xy for drawn in display.thumbnails_]
    np.testing.assert_array_equal(at, codes[chosen])
    assert display.decoded is None
    assert legend_texts(display.figure_) == ["0", "1", "2"]
    display.figure_.canvas.draw()


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
        ({"image_shape": (1, 4, 3), "n_thumbnails": -1}, "n_thumbnails must be an int"),
        ({"n_thumbnails": 3}, "n_thumbnails=3 needs image_shape"),
    ],
)
def test_latent_space_options_are_checked(images, options, message):
    pca = PCA(3).fit(images)
    with pytest.raises(ValueError, match=message):
        LatentSpaceDisplay.from_estimator(pca, images, **options)
    assert not plt.get_fignums()
