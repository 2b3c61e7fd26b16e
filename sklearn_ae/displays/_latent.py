"""Where rows lie in the space of codes."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sklearn_ae._arrays import in_numpy
from sklearn_ae._images import checked_image_shape
from sklearn_ae.displays._comparison import Comparison, numbers
from sklearn_ae.displays._plotting import (
    COLOURS,
    MARKERS,
    axes_for,
    check_channels,
    check_matplotlib,
    check_number,
    checked_components,
    group_colours,
    legend_outside,
    split_axes,
    tiled,
)

# Whole numbers of more different values than this are shown as a scale.
MOST_GROUPS = 20
# Columns that are shown unless more are asked for.
MOST_COMPONENTS = 4
# The codes between these shares of the rows are decoded for a grid of images.
GRID_SHARES = 0.02, 0.98


class LatentSpaceDisplay:
    """Codes of rows, coloured by a target; or a map of decoded images.

    Make it with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        Codes of the rows.
    y : ndarray of shape (n_samples,) or None, default=None
        What colours the rows: groups, or numbers on a scale.
    y_name : str or None, default=None
        What the legend calls `y`.
    components : list of int, default=None
        Columns of the code that are shown; None takes the first four at most.
    grid : tuple of (ndarray, ndarray) or None, default=None
        Values of the two columns at which images are decoded.
    decoded : ndarray of shape (n_down, n_across, n_features) or None, default=None
        Rows decoded over the grid; the first has the highest second column.
    image_shape : tuple of (int, int, int) or None, default=None
        Channels, height and width of the decoded rows.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    axes_ : ndarray of matplotlib Axes
        Where there are pairs of more than two columns, the axes of each, None above the
        diagonal; else `ax_` alone.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    LatentSpaceDisplay.from_estimator : Make it from a fitted estimator and draw it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.displays import LatentSpaceDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> ae = AutoencoderTransformer(max_epochs=5, random_state=0).fit(X)
    >>> display = LatentSpaceDisplay.from_estimator(ae, X, y)
    >>> display.ax_.get_xlabel()
    'code 0'
    """

    def __init__(
        self,
        *,
        codes: np.ndarray,
        y: np.ndarray | None = None,
        y_name: str | None = None,
        components: Sequence[int] | None = None,
        grid: tuple[np.ndarray, np.ndarray] | None = None,
        decoded: np.ndarray | None = None,
        image_shape: tuple[int, int, int] | None = None,
    ) -> None:
        self.codes = codes
        self.y = y
        self.y_name = y_name
        self.components = components
        self.grid = grid
        self.decoded = decoded
        self.image_shape = image_shape

    def plot(self, ax: Any = None, *, scatter_kw: dict[str, Any] | None = None) -> Self:
        """Draw the codes, or the map of images where there is one.

        One column is drawn as a histogram, or against `y` where that is a scale; of
        three columns and more each pair has axes of its own.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        scatter_kw : dict, default=None
            Options of `matplotlib.axes.Axes.scatter` for the codes.

        Returns
        -------
        display : LatentSpaceDisplay
            This object.
        """
        shown = checked_components(
            self.components, self.codes.shape[1], MOST_COMPONENTS
        )
        size = 2.2 * len(shown) if len(shown) > 2 else 4.6
        if self.decoded is not None:
            size = 6.0
        ax = axes_for(self, ax, (size + 1.8, size))
        self.axes_ = np.array([[ax]], dtype=object)
        options = {"s": np.clip(6000 / len(self.codes), 5, 30), "linewidths": 0}
        options = {**options, "alpha": 0.75, **(scatter_kw or {})}
        if self.decoded is not None:
            self._plot_map(ax, shown)
        elif len(shown) == 1:
            self._plot_line(ax, shown[0], options)
        elif len(shown) == 2:
            drawn = self._scatter(ax, shown[0], shown[1], options)
            self._explain_colours(ax, [ax], drawn)
        else:
            self._plot_pairs(ax, shown, options)
        return self

    def _groups(self):
        """Return a colour, a marker, a label and the rows of each group, or None."""
        if self.y is None:
            everything = np.ones(len(self.codes), dtype=bool)
            return [(COLOURS[0], MARKERS[0], None, everything)]
        if not _is_discrete(self.y):
            return None
        values = np.unique(self.y)
        return [
            (
                color,
                MARKERS[(index // len(COLOURS)) % len(MARKERS)],
                str(value),
                self.y == value,
            )
            for index, (value, color) in enumerate(
                zip(values, group_colours(len(values)), strict=True)
            )
        ]

    def _scatter(self, ax, across, up, options):
        """Draw two columns; return what a colour bar needs, None for groups."""
        x, y = self.codes[:, across], self.codes[:, up]
        groups = self._groups()
        ax.set_xlabel(f"code {across}")
        ax.set_ylabel(f"code {up}")
        if groups is None:
            return ax.scatter(x, y, c=self.y, **{"cmap": "viridis", **options})
        for color, marker, label, rows in groups:
            given = {"color": color, "marker": marker, "label": label, **options}
            ax.scatter(x[rows], y[rows], **given)
        return None

    def _explain_colours(self, ax, axes, drawn):
        if drawn is not None:
            bar = ax.figure.colorbar(drawn, ax=list(axes), label=self.y_name or "y")
            bar.solids.set_alpha(1)
        elif self.y is not None:
            self._legend(ax, axes[0])

    def _legend(self, ax, drawn_in):
        """Put a legend beside `ax` for what was drawn in these axes."""
        handles, labels = drawn_in.get_legend_handles_labels()
        legend = legend_outside(
            ax,
            handles=handles,
            labels=labels,
            title=self.y_name or "y",
            ncols=-(-len(labels) // MOST_GROUPS),
        )
        for handle in legend.legend_handles:
            if hasattr(handle, "set_sizes"):
                handle.set_sizes([30])
                handle.set_alpha(1)

    def _plot_line(self, ax, component, options):
        code = self.codes[:, component]
        groups = self._groups()
        ax.set_xlabel(f"code {component}")
        if groups is None:
            ax.scatter(code, self.y, **{"color": COLOURS[0], **options})
            ax.set_ylabel(self.y_name or "y")
            return
        colors, _, labels, rows = zip(*groups, strict=True)
        ax.hist(
            [code[chosen] for chosen in rows],
            bins=30,
            stacked=True,
            # Matplotlib 3.8 takes a tuple of two for a colour and its opacity.
            color=list(colors),
            label=labels,
        )
        ax.set_ylabel("Rows")
        if self.y is not None:
            self._legend(ax, ax)

    def _plot_pairs(self, ax, shown, options):
        side = len(shown) - 1
        grid, beside = split_axes(ax, side, side)
        drawn = None
        for left, below in combinations(range(len(shown)), 2):
            cell = grid[below - 1, left]
            drawn = self._scatter(cell, shown[left], shown[below], options)
            if below < side:
                cell.set_xlabel("")
                cell.tick_params(labelbottom=False)
            if left > 0:
                cell.set_ylabel("")
                cell.tick_params(labelleft=False)
        for row, column in zip(*np.triu_indices(side, k=1), strict=True):
            grid[row, column].remove()
            grid[row, column] = None
        self.axes_ = grid
        self._explain_colours(beside, [cell for cell in grid.flat if cell], drawn)

    def _plot_map(self, ax, shown):
        across, up = self.grid
        _, height, width = self.image_shape
        bounds = (self.decoded.min(), self.decoded.max())
        picture = tiled(self.decoded, self.image_shape, bounds, gap=1)
        steps = [values[1] - values[0] for values in self.grid]
        ax.imshow(
            picture,
            cmap="gray",
            vmin=0,
            vmax=1,
            interpolation="nearest",
            aspect="auto",
            extent=(
                across[0] - steps[0] / 2,
                across[-1] + steps[0] / 2,
                up[0] - steps[1] / 2,
                up[-1] + steps[1] / 2,
            ),
        )
        ax.set_box_aspect(len(up) * height / (len(across) * width))
        ax.set_xlabel(f"code {shown[0]}")
        ax.set_ylabel(f"code {shown[1]}")

    @classmethod
    @in_numpy
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        components: Sequence[int] | None = None,
        image_shape: Literal["auto"] | tuple[int, int, int] | None = None,
        n_images: int = 12,
        ax: Any = None,
        scatter_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Make the display from a fitted autoencoder and rows, and draw it.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder, or a pipeline that ends with one: anything with
            ``transform`` and ``inverse_transform``.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to encode.
        y : array-like of shape (n_samples,), default=None
            What colours the rows. Text, booleans and whole numbers of at most 20
            different values are groups, other numbers a scale.
        components : list of int, default=None
            Columns of the code to show; None takes the first four at most.
        image_shape : "auto", tuple of (int, int, int) or None, default=None
            Draws a map of decoded images instead of rows: channels, height and width,
            or "auto" for square images of one channel. Two columns are varied over the
            range of 96 % of the rows, further ones stay at their medians.
        n_images : int, default=12
            Images along each side of the map, at least 2.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        scatter_kw : dict, default=None
            As for `plot`.

        Returns
        -------
        display : LatentSpaceDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X does not fit the estimator or `image_shape`, `y` is of another length,
            or a column is asked for that there is not.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        comparison = Comparison(estimator, X)
        codes, decode = comparison.codes, comparison.decode
        most = MOST_COMPONENTS if image_shape is None else 2
        data = {"components": checked_components(components, codes.shape[1], most)}
        if y is not None:
            check_consistent_length(codes, y)
            data["y_name"] = getattr(y, "name", None)
            data["y"] = column_or_1d(y)
            if data["y"].dtype.kind not in "fiub":
                data["y"] = data["y"].astype(str)
        if image_shape is not None:
            check_number(n_images, "n_images", 2)
            data |= _map(
                codes, decode, data["components"], image_shape, n_images, cls.__name__
            )
        return cls(codes=codes, **data).plot(ax, scatter_kw=scatter_kw)


def _is_discrete(y):
    if y.dtype.kind not in "fiu":
        return True
    values = np.unique(y)
    return len(values) <= MOST_GROUPS and bool(np.all(values == np.round(values)))


def _map(codes, decode, components, image_shape, n_images, name):
    """Return the grid over two columns and what is decoded there."""
    if len(components) != 2:
        raise ValueError(
            f"A map of images is of two columns of the code, but components has "
            f"{len(components)}."
        )
    low, high = np.quantile(codes[:, components], GRID_SHARES, axis=0)
    # A column that does not vary still needs an axis.
    high = np.where(high > low, high, low + 1.0)
    grid = tuple(np.linspace(low, high, n_images).T)
    points = np.tile(np.median(codes, axis=0), (n_images, n_images, 1))
    points[..., components[0]] = grid[0]
    points[..., components[1]] = grid[1][::-1, np.newaxis]
    rows = numbers(decode(points.reshape(-1, codes.shape[1])))
    shape = checked_image_shape(image_shape, rows.shape[1], f"{name}.from_estimator")
    check_channels(shape)
    decoded = rows.reshape(n_images, n_images, -1)
    return {"grid": grid, "decoded": decoded, "image_shape": shape}
