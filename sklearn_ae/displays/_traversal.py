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
# Characters of all names together that fit side by side.
MOST_CHARACTERS = 24


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
    image_shape : tuple of (int, int, int) or None, default=None
        Channels, height and width where rows are images.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    axes_ : ndarray of matplotlib Axes
        The axes of each column for rows that are no images, None where one is left
        over; else `ax_` alone.
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
        image_shape: tuple[int, int, int] | None = None,
    ) -> None:
        self.decoded = decoded
        self.components = components
        self.quantiles = quantiles
        self.feature_names = feature_names
        self.image_shape = image_shape

    def plot(self, ax: Any = None, *, line_kw: dict[str, Any] | None = None) -> Self:
        """Draw a row of images, or a line over the features, for each step.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        line_kw : dict, default=None
            Options of `matplotlib.axes.Axes.plot`, for rows that are no images.

        Returns
        -------
        display : LatentTraversalDisplay
            This object.
        """
        if self.image_shape is not None:
            return self._plot_images(ax)
        return self._plot_lines(ax, line_kw or {})

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

    def _plot_lines(self, ax, line_kw):
        n_shown, n_steps, n_features = self.decoded.shape
        across = min(n_shown, 2)
        down = -(-n_shown // across)
        ax = axes_for(self, ax, (3.6 * across + 1.5, 2.4 * down + 0.8))
        self.axes_, beside = split_axes(ax, down, across)
        colors = shades(n_steps)
        places = np.arange(n_features)
        lowest, highest = self.decoded.min(), self.decoded.max()
        margin = 0.05 * (highest - lowest) or 1.0
        for cell in self.axes_.flat[n_shown:]:
            cell.remove()
        self.axes_.flat[n_shown:] = [None] * (down * across - n_shown)
        for index, component in enumerate(self.components):
            cell = self.axes_.flat[index]
            for step, quantile in enumerate(self.quantiles):
                options = {"color": colors[step], "label": f"{quantile:.0%}"}
                if n_features <= MOST_DOTS:
                    options["marker"] = "."
                cell.plot(places, self.decoded[index, step], **{**options, **line_kw})
            cell.set_title(f"code {component}")
            cell.set_ylim(lowest - margin, highest + margin)
            self._name_features(cell, index + across >= n_shown)
            if index % across:
                cell.tick_params(labelleft=False)
            else:
                cell.set_ylabel("Decoded value")
        handles, labels = self.axes_[0, 0].get_legend_handles_labels()
        legend_outside(
            beside,
            handles=handles,
            labels=labels,
            title="Quantile\nof the code",
            reverse=True,
        )
        return self

    def _name_features(self, cell, is_lowest):
        """Name the features below an axis, or every so many-th of many."""
        step = -(-len(self.feature_names) // MOST_NAMES)
        names = [str(name) for name in self.feature_names[::step]]
        turned = 90 if sum(map(len, names)) > MOST_CHARACTERS else 0
        size = "medium" if len(names) <= MOST_DOTS else "xx-small"
        cell.set_xticks(
            np.arange(len(self.feature_names))[::step],
            names if is_lowest else [""] * len(names),
            rotation=turned,
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
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Make the display from a fitted autoencoder and rows, and draw it.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder, or a pipeline that ends with one: anything with
            ``transform`` and ``inverse_transform``.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows whose codes tell medians and quantiles.
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
        line_kw : dict, default=None
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
            If X does not fit the estimator or `image_shape`, or an option is out of its
            range.
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
        shape = None
        if image_shape is not None:
            shape = checked_image_shape(
                image_shape, rows.shape[1], f"{cls.__name__}.from_estimator"
            )
            check_channels(shape)
        display = cls(
            decoded=rows.reshape(len(shown), n_steps, -1),
            components=shown,
            quantiles=shares,
            feature_names=comparison.feature_names,
            image_shape=shape,
        )
        return display.plot(ax, line_kw=line_kw)
