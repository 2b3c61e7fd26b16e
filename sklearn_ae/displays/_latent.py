"""Where rows lie in the space of codes."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sklearn_ae._arrays import in_numpy
from sklearn_ae._comparison.decoded import decoded_grid, decoded_rows
from sklearn_ae._comparison.rows import Comparison
from sklearn_ae.displays._plotting import (
    COLOURS,
    axes_for,
    check_matplotlib,
    check_number,
    checked_components,
    density_of,
    dots_for,
    draw_grid,
    draw_thumbnails,
    group_colours,
    legend_outside,
    scale_colours,
    split_axes,
    without_axes,
)

# Whole numbers of more different values than this are shown as a scale.
MOST_GROUPS = 20
# Columns that are shown unless more are asked for.
MOST_COMPONENTS = 4
# Rows that have a dot each; of more the density is drawn.
MOST_DOTS = 20_000


class LatentSpaceDisplay:
    """Codes of rows, coloured by a target; or a map of decoded images.

    Of many rows the density is drawn, in the mean colour of those that are in a place.

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
    thumbnail_rows : ndarray of shape (n_thumbnails,) or None, default=None
        Which rows have a small image of what they are decoded to.
    thumbnails : ndarray of shape (n_thumbnails, n_features) or None, default=None
        Those images, flattened.

    Attributes
    ----------
    thumbnails_ : list of matplotlib AnnotationBbox
        The small images.
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
        thumbnail_rows: np.ndarray | None = None,
        thumbnails: np.ndarray | None = None,
    ) -> None:
        self.codes = codes
        self.y = y
        self.y_name = y_name
        self.components = components
        self.grid = grid
        self.decoded = decoded
        self.image_shape = image_shape
        self.thumbnail_rows = thumbnail_rows
        self.thumbnails = thumbnails

    def plot(
        self,
        ax: Any = None,
        *,
        axes: bool = False,
        density: Literal["auto"] | bool = "auto",
        scatter_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the codes, or the map of images where there is one.

        One column is drawn as a histogram, or against `y` where that is a scale; of
        three columns and more each pair has axes of its own.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        axes : bool, default=False
            Whether to draw ticks and frames, for codes whose units mean something; they
            are always there where one column is shown.
        density : "auto" or bool, default="auto"
            Whether to draw the density of rows in place of a dot for each; "auto" does
            so beyond 20 000 rows. Not where one column is shown.
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
        self.thumbnails_: list[Any] = []
        is_dense = len(self.codes) > MOST_DOTS if density == "auto" else density
        options = {**dots_for(len(self.codes)), **(scatter_kw or {})}
        draw = self._shade if is_dense else self._scatter
        if self.decoded is not None:
            draw_grid(ax, self.grid, self.decoded, self.image_shape)
            ax.set_xlabel(f"code {shown[0]}")
            ax.set_ylabel(f"code {shown[1]}")
        elif len(shown) == 1:
            self._plot_line(ax, shown[0], options)
            return self
        elif len(shown) == 2:
            drawn = draw(ax, shown[0], shown[1], options)
            self._explain_colours(ax, [ax], drawn)
            self._add_thumbnails(ax, shown)
        else:
            self._plot_pairs(ax, shown, draw, options)
        for cell in self.axes_.flat:
            if not axes and cell is not None:
                without_axes(cell, is_framed=len(shown) > 2)
        return self

    def _groups(self):
        """Return a colour, a label and the rows of each group, or None for a scale."""
        if self.y is None:
            everything = np.ones(len(self.codes), dtype=bool)
            return [(group_colours(1)[0], None, everything)]
        if not _is_discrete(self.y):
            return None
        values = np.unique(self.y)
        colours = group_colours(len(values))
        return [
            (colour, str(value), self.y == value)
            for value, colour in zip(values, colours, strict=True)
        ]

    def _dots(self, ax, across, up, options):
        """Return where dots go, their colours, and what a colour bar needs, or None.

        They are in an order by chance, so that no group covers another.
        """
        ax.set_xlabel(f"code {across}")
        ax.set_ylabel(f"code {up}")
        groups = self._groups()
        scale = None
        if groups is None:
            given = {
                name: options.pop(name)
                for name in ("cmap", "vmin", "vmax")
                if name in options
            }
            faces, scale = scale_colours(self.y, **given)
        else:
            faces = np.empty((len(self.codes), 3))
            for colour, label, rows in groups:
                faces[rows] = colour
                if label is not None:
                    # A dot of no row, for the legend.
                    ax.scatter([], [], label=label, **{"color": [colour], **options})
        order = np.random.RandomState(0).permutation(len(self.codes))
        return self.codes[order][:, [across, up]].T, faces[order], scale

    def _scatter(self, ax, across, up, options):
        """Draw a dot for each row; return what a colour bar needs, None for groups."""
        options = dict(options)
        places, faces, scale = self._dots(ax, across, up, options)
        ax.scatter(*places, **{"color": faces, "rasterized": True, **options})
        return scale

    def _shade(self, ax, across, up, options):
        """Draw the density of rows; return what `_scatter` does."""
        options = dict(options)
        places, faces, scale = self._dots(ax, across, up, options)
        picture, extent = density_of(*places, faces)
        ax.imshow(picture, extent=extent, origin="lower", aspect="auto")
        return scale

    def _add_thumbnails(self, ax, shown):
        if self.thumbnails is None:
            return
        places = self.codes[self.thumbnail_rows][:, shown]
        self.thumbnails_ = draw_thumbnails(
            ax, places, self.thumbnails, self.image_shape
        )

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
        colors, labels, rows = zip(*groups, strict=True)
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

    def _plot_pairs(self, ax, shown, draw, options):
        side = len(shown) - 1
        grid, beside = split_axes(ax, side, side)
        drawn = None
        for left, below in combinations(range(len(shown)), 2):
            cell = grid[below - 1, left]
            drawn = draw(cell, shown[left], shown[below], options)
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
        n_thumbnails: int = 0,
        ax: Any = None,
        axes: bool = False,
        density: Literal["auto"] | bool = "auto",
        scatter_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Make the display from a fitted autoencoder and rows, and draw it.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder, or what has one inside: a pipeline, `AnomalyDetector`
            or `TableVAETransformer`; in fact anything with ``transform``
            and ``inverse_transform``.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to encode, as the pipeline takes them.
        y : array-like of shape (n_samples,), default=None
            What colours the rows. Text, booleans and whole numbers of at most 20
            different values are groups, other numbers a scale.
        components : list of int, default=None
            Columns of the code to show; None takes the first four at most.
        image_shape : "auto", tuple of (int, int, int) or None, default=None
            Draws a map of decoded images instead of rows, unless `n_thumbnails` asks
            for both: channels, height and width, or "auto" for square images of one
            channel. Two columns are varied over the range of 96 % of the rows, further
            ones stay at their medians.
        n_images : int, default=12
            Images along each side of the map, at least 2.
        n_thumbnails : int, default=0
            With `image_shape`, how many rows at most have a small image of what they
            are decoded to, over the rows; fewer where they would cover each other.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        axes, density, scatter_kw : bool, "auto" or bool, dict
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
            check_number(n_thumbnails, "n_thumbnails", 0)
            name = f"{cls.__name__}.from_estimator"
            make = decoded_rows if n_thumbnails else decoded_grid
            data |= make(
                codes,
                decode,
                data["components"],
                image_shape,
                n_thumbnails or n_images,
                name,
            )
        elif n_thumbnails:
            raise ValueError(
                f"n_thumbnails={n_thumbnails} needs image_shape, the images' shape."
            )
        display = cls(codes=codes, **data)
        return display.plot(ax, axes=axes, density=density, scatter_kw=scatter_kw)


def _is_discrete(y):
    if y.dtype.kind not in "fiu":
        return True
    values = np.unique(y)
    return len(values) <= MOST_GROUPS and bool(np.all(values == np.round(values)))
