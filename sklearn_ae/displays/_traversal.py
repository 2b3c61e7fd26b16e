"""What each column of a code stands for."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_ae._arrays import in_numpy
from sklearn_ae._comparison.decoded import check_channels
from sklearn_ae._comparison.rows import Comparison
from sklearn_ae._images import checked_image_shape
from sklearn_ae.displays._plotting import (
    COLOURS,
    GREY,
    MARKERS,
    axes_for,
    check_matplotlib,
    check_number,
    checked_components,
    draw_images,
    legend_outside,
    shades,
    split_axes,
)

# Columns that are shown unless more are asked for.
MOST_COMPONENTS = 8
# Features that have a dot each, and names that fit below an axis.
MOST_DOTS, MOST_NAMES = 20, 40
# Features that have axes of their own, and how many of these are side by side.
MOST_PANELS, PANELS_ACROSS = 12, 4
# Characters of all names together that fit side by side.
MOST_CHARACTERS = 24
# Inches of each in a name that is turned.
CHARACTER_WIDTH = 0.08


class LatentTraversalDisplay:
    """Rows decoded along each column of the code, the others at their medians.

    Make it with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    decoded : ndarray of shape (n_shown, n_steps, n_features)
        Rows decoded along each column that is shown, from low to high.
    components : list of int
        Columns that are shown.
    quantiles : ndarray of shape (n_steps,)
        Share of the rows whose code is lower, for each step.
    feature_names : ndarray of shape (n_features,)
        Names of the features.
    center, spread : ndarray of shape (n_features,) or None, default=None
        Means and standard deviations of the features, for rows that are no images; a
        constant one has a deviation of 0. Without them values stay in their units.
    image_shape : tuple of (int, int, int) or None, default=None
        Channels, height and width where rows are images.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    axes_ : ndarray of matplotlib Axes
        The axes of each column, or feature, for rows that are no images, None where one
        is left over; else `ax_` alone.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    LatentTraversalDisplay.from_estimator : Make it from a fitted estimator, draw it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.displays import LatentTraversalDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> ae = AutoencoderTransformer(max_epochs=5, random_state=0).fit(X)
    >>> display = LatentTraversalDisplay.from_estimator(ae, X, n_steps=5)
    >>> display.decoded.shape
    (2, 5, 4)
    """

    def __init__(
        self,
        *,
        decoded: np.ndarray,
        components: list[int],
        quantiles: np.ndarray,
        feature_names: np.ndarray,
        center: np.ndarray | None = None,
        spread: np.ndarray | None = None,
        image_shape: tuple[int, int, int] | None = None,
    ) -> None:
        self.decoded = decoded
        self.components = components
        self.quantiles = quantiles
        self.feature_names = feature_names
        self.center = center
        self.spread = spread
        self.image_shape = image_shape

    def plot(
        self,
        ax: Any = None,
        *,
        by: Literal["code", "feature"] = "code",
        standardize: bool = True,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw a row of images, or lines.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        by : {"code", "feature"}, default="code"
            What has axes of its own, for rows that are no images. "code" draws a line
            over all features for each step along a column of the code. "feature" draws
            how each feature goes along the columns, in its own units; of more than 12
            features those are taken that the columns move most, in their standard
            deviations.
        standardize : bool, default=True
            Whether ``by="code"`` draws features in standard deviations from their
            means, so that those of different units compare. A constant one is at 0.
        line_kw : dict, default=None
            Options of `matplotlib.axes.Axes.plot`, for rows that are no images.

        Returns
        -------
        display : LatentTraversalDisplay
            This object.

        Raises
        ------
        ValueError
            If `by` is something else.
        """
        if by not in ("code", "feature"):
            raise ValueError(f"by must be 'code' or 'feature', got {by!r}.")
        if self.image_shape is not None:
            return self._plot_images(ax)
        if by == "feature":
            return self._plot_features(ax, line_kw or {})
        return self._plot_codes(ax, standardize, line_kw or {})

    def _in_deviations(self, values):
        """Return values of features in standard deviations from their means."""
        left = values - self.center
        return np.divide(left, self.spread, out=0 * left, where=self.spread > 0)

    def _plot_images(self, ax):
        n_shown, n_steps, _ = self.decoded.shape
        _, height, width = self.image_shape
        size = (0.8 * n_steps + 1.2, 0.8 * n_shown * height / width + 0.8)
        ax = axes_for(self, ax, size)
        self.axes_ = np.array([[ax]], dtype=object)
        draw_images(
            ax,
            self.decoded,
            self.image_shape,
            (self.decoded.min(), self.decoded.max()),
            [f"code {component}" for component in self.components],
            [f"{quantile:.0%}" for quantile in self.quantiles],
        )
        ax.set_xlabel("Quantile of the code")
        return self

    def _cells(self, ax, n_cells, across, size, below=0.0):
        """Split axes into some, and note them; return the axes beside them.

        `size` is that of each in inches, `below` what names below the lowest take.
        """
        across = min(n_cells, across)
        down = -(-n_cells // across)
        # Above one that is left over stands a lowest, too.
        n_named = 1 + (n_cells > across and n_cells % across > 0)
        height = size[1] * down + 0.8 + below * n_named
        ax = axes_for(self, ax, (size[0] * across + 1.5, height))
        self.axes_, beside = split_axes(ax, down, across)
        for cell in self.axes_.flat[n_cells:]:
            cell.remove()
        self.axes_.flat[n_cells:] = [None] * (down * across - n_cells)
        return beside

    def _plot_codes(self, ax, standardize, line_kw):
        values, label = self.decoded, "Decoded value"
        if standardize and self.spread is not None:
            values = self._in_deviations(values)
            label = "Standard deviations\nfrom the mean"
        n_shown, n_steps, n_features = values.shape
        _, names, angle = self._names_below()
        below = CHARACTER_WIDTH * max(map(len, names)) if angle else 0.0
        beside = self._cells(ax, n_shown, 2, (3.6, 2.4), below)
        across = self.axes_.shape[1]
        colors = shades(n_steps)
        lowest, highest = values.min(), values.max()
        margin = 0.05 * (highest - lowest) or 1.0
        for index, component in enumerate(self.components):
            cell = self.axes_.flat[index]
            for step, quantile in enumerate(self.quantiles):
                options = {"color": colors[step], "label": f"{quantile:.0%}"}
                if n_features <= MOST_DOTS:
                    options["marker"] = "."
                options.update(line_kw)
                cell.plot(np.arange(n_features), values[index, step], **options)
            cell.set_title(f"code {component}")
            cell.set_ylim(lowest - margin, highest + margin)
            self._name_features(cell, index + across >= n_shown)
            if index % across:
                cell.tick_params(labelleft=False)
            else:
                cell.set_ylabel(label)
        self._legend(beside, title="Quantile\nof the code", reverse=True)
        return self

    def _plot_features(self, ax, line_kw):
        moves = np.ptp(self.decoded, axis=1).max(axis=0)
        if self.spread is not None:
            moves = np.where(
                self.spread > 0, moves / np.maximum(self.spread, 1e-300), 0
            )
        shown = np.arange(len(moves))
        if len(shown) > MOST_PANELS:
            shown = np.sort(np.argsort(-moves, kind="stable")[:MOST_PANELS])
        beside = self._cells(ax, len(shown), PANELS_ACROSS, (2.2, 1.9))
        for cell, feature in zip(self.axes_.flat, shown, strict=False):
            for index, component in enumerate(self.components):
                options = {
                    "color": COLOURS[index % len(COLOURS)],
                    "marker": MARKERS[index % len(MARKERS)],
                    "markersize": 4,
                    "label": f"code {component}",
                    **line_kw,
                }
                cell.plot(self.quantiles, self.decoded[index, :, feature], **options)
            cell.set_title(str(self.feature_names[feature]), fontsize="medium")
            cell.grid(color=GREY, alpha=0.25)
            cell.xaxis.set_major_formatter("{x:.0%}")
        for cell in self.axes_[-1]:
            if cell is not None:
                cell.set_xlabel("Quantile\nof the code")
        self._legend(beside)
        return self

    def _legend(self, beside, **options):
        handles, labels = self.axes_[0, 0].get_legend_handles_labels()
        legend_outside(beside, handles=handles, labels=labels, **options)

    def _names_below(self):
        """Return which features are named below an axis, their names, and the angle."""
        places = np.arange(len(self.feature_names))
        places = places[:: -(-len(places) // MOST_NAMES)]
        names = [str(self.feature_names[place]) for place in places]
        return places, names, 90 if sum(map(len, names)) > MOST_CHARACTERS else 0

    def _name_features(self, cell, is_lowest):
        """Name the features below an axis, or every so many-th of many."""
        places, names, angle = self._names_below()
        size = "medium" if len(names) <= MOST_DOTS else "xx-small"
        cell.set_xticks(
            places,
            names if is_lowest else [""] * len(names),
            rotation=angle,
            fontsize=size,
        )

    @classmethod
    @in_numpy
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        components: Sequence[int] | None = None,
        n_steps: int = 7,
        quantiles: tuple[float, float] = (0.05, 0.95),
        image_shape: Literal["auto"] | tuple[int, int, int] | None = None,
        ax: Any = None,
        by: Literal["code", "feature"] = "code",
        standardize: bool = True,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Make the display from a fitted autoencoder and rows, and draw it.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder, or what has one inside: a pipeline, `AnomalyDetector`
            or `TableVAETransformer`; in fact anything with ``transform``
            and ``inverse_transform``. Rows are decoded through all steps of a pipeline
            that have a way back.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, as the pipeline takes them, whose codes tell medians and quantiles.
        components : list of int, default=None
            Columns of the code to show; None takes the first eight at most.
        n_steps : int, default=7
            Rows decoded along each column, at least 2.
        quantiles : tuple of (float, float), default=(0.05, 0.95)
            Where each column starts and ends, as shares of the rows.
        image_shape : "auto", tuple of (int, int, int) or None, default=None
            Channels, height and width where rows are flattened images; "auto" is a
            square image of one channel. None draws lines over the features.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        by, standardize, line_kw : {"code", "feature"}, bool, dict
            As for `plot`.

        Returns
        -------
        display : LatentTraversalDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X does not fit the estimator or `image_shape`, or has a column without
            any value and is no images, or an option is out of its range.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_number(n_steps, "n_steps", 2)
        low, high = quantiles
        if not 0 <= low < high <= 1:
            raise ValueError(
                f"quantiles={quantiles!r} must be a pair (low, high) with "
                "0 <= low < high <= 1."
            )
        comparison = Comparison(estimator, X)
        codes, decode = comparison.codes, comparison.decode
        shown = checked_components(components, codes.shape[1], MOST_COMPONENTS)
        shares = np.linspace(low, high, n_steps)
        points = np.tile(np.median(codes, axis=0), (len(shown), n_steps, 1))
        for index, component in enumerate(shown):
            points[index, :, component] = np.quantile(codes[:, component], shares)
        rows = decode(points.reshape(-1, codes.shape[1]))
        about: dict[str, Any] = {}
        if image_shape is None:
            about["center"], about["spread"] = comparison.center_and_spread()
        else:
            shape = checked_image_shape(
                image_shape, rows.shape[1], f"{cls.__name__}.from_estimator"
            )
            check_channels(shape)
            about["image_shape"] = shape
        display = cls(
            decoded=rows.reshape(len(shown), n_steps, -1),
            components=shown,
            quantiles=shares,
            feature_names=comparison.feature_names,
            **about,
        )
        return display.plot(ax, by=by, standardize=standardize, line_kw=line_kw)
