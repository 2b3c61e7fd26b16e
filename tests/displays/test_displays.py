"""Displays: what they compute, keep and draw."""

import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from sklearn_ae import AutoencoderTransformer, VAETransformer, displays
from sklearn_ae.displays import (
    ExplainedVarianceDisplay,
    HistoryDisplay,
    LatentSpaceDisplay,
    LatentTraversalDisplay,
    ReconstructionDisplay,
)
from sklearn_ae.networks import MLP

ALL = [getattr(displays, name) for name in displays.__all__]


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def rows():
    """60 rows of 6 features on a curved surface."""
    t = np.random.RandomState(0).uniform(-2, 2, size=(60, 2))
    return np.concatenate([t, t**2, np.sin(2 * t)], axis=1)


@pytest.fixture(scope="module")
def images():
    """40 rows of 12 non-negative numbers: images of 4 by 3, or 3 channels of 2 by 2."""
    return np.random.RandomState(0).uniform(size=(40, 12))


@pytest.fixture(scope="module")
def ae(rows):
    """Return a fitted autoencoder."""
    return AutoencoderTransformer(
        network=MLP((8,)), max_epochs=4, random_state=0, device="cpu"
    ).fit(rows)


@pytest.fixture(scope="module")
def vae(rows):
    """Return a fitted variational autoencoder."""
    return VAETransformer(
        network=MLP((8,)), max_epochs=2, random_state=0, device="cpu"
    ).fit(rows)


@pytest.fixture(params=["ae", "vae"])
def fitted(request):
    """Either of them."""
    return request.getfixturevalue(request.param)


def made(display, estimator, X, **options):
    """Make a display, whether it takes rows or not."""
    args = () if display is HistoryDisplay else (X,)
    return display.from_estimator(estimator, *args, **options)


def legend_of(figure):
    """Return the only legend of a figure, or None."""
    legends = [ax.get_legend() for ax in figure.axes if ax.get_legend() is not None]
    assert len(legends) <= 1
    return legends[0] if legends else None


def legend_texts(figure):
    return [text.get_text() for text in legend_of(figure).get_texts()]


# ---- the protocol


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


def test_frames_pipelines_and_pandas_output_work(make_ae, rows):
    X = pd.DataFrame(rows, columns=[f"length {i}" for i in range(6)])
    pipeline = make_pipeline(StandardScaler(), make_ae()).set_output(transform="pandas")
    pipeline.fit(X)
    for display in set(ALL) - {HistoryDisplay}:
        drawn = display.from_estimator(pipeline, X)
        if hasattr(drawn, "feature_names"):
            assert list(drawn.feature_names) == list(X.columns)
            ax = getattr(drawn, "axes_", np.array([drawn.ax_])).flat[0]
            ticks = [*ax.get_xticklabels(), *ax.get_yticklabels()]
            assert set(X.columns) <= {tick.get_text() for tick in ticks}


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


# ---- history


def test_history_holds_losses_of_each_epoch_and_pcas(ae):
    display = HistoryDisplay.from_estimator(ae)
    assert list(display.train) == list(display.valid) == ["loss"]
    np.testing.assert_array_equal(display.epochs, [1, 2, 3, 4])
    losses = [epoch["valid_loss"] for epoch in ae.history_]
    np.testing.assert_array_equal(display.valid["loss"], losses)
    assert display.best_epoch_ == 1 + np.argmin(losses)
    assert display.pca_loss == ae.pca_loss_
    assert display.pca_line_.get_ydata()[0] == ae.pca_loss_
    assert display.pca_kept == (ae.gain_over_pca_ == 0)


def test_pcas_level_is_the_validation_loss_before_training(make, curved):
    estimator = make(learning_rate=1e-9, max_epochs=1).fit(curved)
    loss = estimator.history_[0]["valid_loss"]
    assert estimator.pca_loss_ == pytest.approx(loss, rel=1e-4)


def test_the_gain_is_over_pcas_level(make_ae, curved):
    ae = make_ae(guard=False, max_epochs=5).fit(curved)
    lowest = min(epoch["valid_loss"] for epoch in ae.history_)
    assert lowest < ae.pca_loss_
    assert ae.gain_over_pca_ == pytest.approx(1 - lowest / ae.pca_loss_, rel=1e-3)


def test_terms_are_drawn_apart(vae):
    display = HistoryDisplay.from_estimator(vae)
    assert list(display.train) == ["loss", "reconstruction", "kl"]
    assert len(display.lines_) == 6
    assert "nats" in display.ax_.get_ylabel()
    assert display.plot(loss_name="bound").ax_.get_ylabel() == "bound"


def test_history_without_validation(make_ae, curved):
    options = {"early_stopping": False, "guard": False, "validation_fraction": None}
    for ae in (make_ae(**options).fit(curved), make_ae().partial_fit(curved)):
        display = HistoryDisplay.from_estimator(ae)
        assert display.valid == {}
        assert display.best_epoch_ is display.pca_line_ is display.pca_loss is None
        assert len(display.lines_) == 1


def test_epochs_without_validation_after_others(make_ae, curved):
    ae = make_ae().fit(curved).partial_fit(curved)
    display = HistoryDisplay.from_estimator(ae)
    assert np.isnan(display.valid["loss"][-1])
    assert display.best_epoch_ <= 2
    assert display.pca_line_ is None


def test_kept_pca_is_said(make_ae, noise):
    display = HistoryDisplay.from_estimator(make_ae().fit(noise))
    assert "PCA, validation (kept)" in legend_texts(display.figure_)


def test_no_epoch_is_no_history(make_ae, rng):
    X = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 5))
    ae = make_ae().fit(X)
    assert ae.n_iter_ == 0
    with pytest.raises(ValueError, match="ran no epoch"):
        HistoryDisplay.from_estimator(ae)


def test_history_needs_an_autoencoder(curved):
    with pytest.raises(TypeError, match=r"pipeline\[-1\]"):
        HistoryDisplay.from_estimator(PCA(2).fit(curved))


# ---- reconstruction


def test_errors_of_features_beside_pcas(ae, rows):
    display = ReconstructionDisplay.from_estimator(ae, rows, relative=False)
    pca = PCA(2).fit(rows)
    expected = (rows - pca.inverse_transform(pca.transform(rows))) ** 2
    np.testing.assert_allclose(display.pca_errors_, expected.mean(axis=0), rtol=1e-6)
    expected = np.mean((rows - ae.reconstruct(rows)) ** 2, axis=0)
    np.testing.assert_allclose(display.errors_, expected)
    widths = [bar.get_width() for bar in display.bars_[0]]
    np.testing.assert_allclose(widths, np.sqrt(expected))


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


# ---- codes


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


# ---- traversal


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
    np.testing.assert_array_equal(lines[2].get_ydata(), display.decoded[0, 2])


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_steps": 1}, "n_steps must be an int of at least 2"),
        ({"quantiles": (0.9, 0.1)}, "0 <= low < high <= 1"),
        ({"components": [2]}, "from 0 to 1"),
        ({"image_shape": (1, 2, 2)}, "multiplies to"),
    ],
)
def test_traversal_options_are_checked(rows, options, message):
    pca = PCA(2).fit(rows)
    with pytest.raises(ValueError, match=message):
        LatentTraversalDisplay.from_estimator(pca, rows, **options)
    assert not plt.get_fignums()


# ---- explained variance


def test_shares_are_scores_and_pcas_are_pcas(ae, vae, rows):
    pca = PCA(1).fit(rows)
    display = ExplainedVarianceDisplay.from_estimator([ae, vae, pca], rows)
    np.testing.assert_array_equal(display.n_components, [2, 2, 1])
    assert display.explained_variance[0] == pytest.approx(ae.score(rows), rel=1e-5)
    expected = np.cumsum(PCA().fit(rows).explained_variance_ratio_)
    np.testing.assert_allclose(display.pca_explained_variance, expected[:2])
    assert display.explained_variance[2] == pytest.approx(expected[0])


def test_where_the_guard_keeps_pca_the_lines_meet(make_ae, noise):
    ae = make_ae().fit(noise)
    assert ae.gain_over_pca_ == 0
    display = ExplainedVarianceDisplay.from_estimator(ae, noise)
    ours, pcas = display.explained_variance[0], display.pca_explained_variance[1]
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
