"""What the displays share: colours, axes, images side by side, checks.

matplotlib is imported in here and nowhere else, when something is drawn.
"""

import numpy as np

# Colours of Okabe and Ito that colour-blind people can tell apart, without the yellow
# that is faint on white.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#000000",
)
# Those that go on from there: each is further from all others, in Oklab, than twice as
# far as the two nearest of matplotlib's tab20.
MORE_COLOURS = (
    "#871E96",
    "#87B400",
    "#B4004B",
    "#784B00",
    "#F0E100",
    "#2D1EA5",
    "#78F0E1",
    "#9678FF",
    "#005A00",
    "#A5A596",
    "#78FF87",
    "#D2C3FF",
    "#4B3C5A",
)
GREY = "#666666"
# Pixels along each side of a picture of many dots, and the opacity of a single dot.
DENSITY_PIXELS, FAINTEST = 200, 0.25
THUMBNAIL_POINTS = 22
# Each time as many groups as there are colours have a marker of their own.
MARKERS = ("o", "^", "s", "D", "v", "P", "X")


def check_matplotlib(caller):
    """Raise ImportError, naming who needs it, where matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} requires matplotlib, which `pip install matplotlib` installs."
        ) from error


def axes_for(display, ax, size=None):
    """Return `ax`, or new axes of a figure whose layout leaves room for legends.

    Parameters
    ----------
    display : object
        Who draws; its `ax_` and `figure_` are set.
    ax : matplotlib Axes or None
        Axes that the user gave.
    size : tuple of (float, float), default=None
        Width and height of a new figure, in inches.
    """
    check_matplotlib(f"{type(display).__name__}.plot")
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=size, layout="constrained")
    display.ax_ = ax
    display.figure_ = ax.figure
    return ax


def split_axes(ax, n_rows, n_columns):
    """Put a grid of axes in the place of one.

    Returns
    -------
    axes : ndarray of shape (n_rows, n_columns) of matplotlib Axes
    beside : matplotlib Axes
        Empty axes at the right, to which a legend of all can be fixed.
    """
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "ax must be a subplot, made for instance by plt.subplots(), as it is split "
            f"into {n_rows * n_columns} axes; got {ax!r}."
        )
    ax.set_axis_off()
    grid = place.subgridspec(
        n_rows, n_columns + 1, width_ratios=[1] * n_columns + [0.01]
    )
    axes = np.empty((n_rows, n_columns), dtype=object)
    for cell in np.ndindex(axes.shape):
        axes[cell] = ax.figure.add_subplot(grid[cell])
    beside = ax.figure.add_subplot(grid[:, -1])
    beside.set_axis_off()
    return axes, beside


def legend_outside(ax, **options):
    """Put the legend beside the axes, where it covers nothing."""
    defaults = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.0), "borderaxespad": 0}
    return ax.legend(**{**defaults, "frameon": False, **options})


def group_colours(n):
    """Return `n` colours for groups, no two of them alike.

    Up to seven are those for the colour-blind; beyond that no such set is known, and
    beyond twenty they are neighbours on a scale.
    """
    import matplotlib

    colours = [*COLOURS, *MORE_COLOURS]
    if n > len(colours):
        return list(matplotlib.colormaps["turbo"](np.linspace(0.02, 0.98, n))[:, :3])
    return [matplotlib.colors.to_rgb(colour) for colour in colours[:n]]


def scale_colours(values, *, cmap="viridis", vmin=None, vmax=None):
    """Return the colours of numbers on a scale, and what a colour bar needs."""
    from matplotlib import cm, colors

    scale = cm.ScalarMappable(colors.Normalize(vmin, vmax), cmap)
    scale.set_array(values)
    return scale.to_rgba(values)[:, :3], scale


def dots_for(n_rows):
    """Return the size and the opacity of dots, by how many there are."""
    return {
        "s": float(np.clip(300 / np.sqrt(n_rows), 1.5, 30)),
        "alpha": float(np.clip(6 / n_rows**0.25, 0.3, 0.9)),
        "linewidths": 0,
    }


def density_of(x, y, colours):
    """Return a picture of many dots: their mean colour, the stronger the more of them.

    Parameters
    ----------
    x, y : ndarray of shape (n_rows,)
        Where dots are.
    colours : ndarray of shape (n_rows, 3)
        Red, green and blue of each.

    Returns
    -------
    picture : ndarray of shape (DENSITY_PIXELS, DENSITY_PIXELS, 4)
        The first row is the lowest.
    extent : tuple of (float, float, float, float)
        Left, right, bottom and top.
    """
    counts, across, up = np.histogram2d(x, y, DENSITY_PIXELS)
    sums = [np.histogram2d(x, y, (across, up), weights=part)[0] for part in colours.T]
    is_there = counts > 0
    picture = np.zeros((*counts.shape, 4))
    picture[is_there, :3] = (
        np.stack(sums, axis=-1)[is_there] / counts[is_there][:, None]
    )
    # A single row is to be seen beside thousands.
    strength = np.log1p(counts) / np.log1p(counts.max())
    picture[is_there, 3] = FAINTEST + (1 - FAINTEST) * strength[is_there]
    picture = np.clip(picture, 0, 1).transpose(1, 0, 2)
    return picture, (across[0], across[-1], up[0], up[-1])


def draw_grid(ax, grid, rows, image_shape):
    """Draw images where they are on a grid.

    Parameters
    ----------
    ax : matplotlib Axes
    grid : tuple of (ndarray, ndarray)
        Where the middles of images are, across and up.
    rows : ndarray of shape (n_down, n_across, n_features)
        Flattened images; the first are the highest.
    image_shape : tuple of (int, int, int)
    """
    across, up = grid
    _, height, width = image_shape
    half, half_up = ((values[1] - values[0]) / 2 for values in grid)
    ax.imshow(
        tiled(rows, image_shape, (rows.min(), rows.max())),
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="nearest",
        aspect="auto",
        extent=(across[0] - half, across[-1] + half, up[0] - half_up, up[-1] + half_up),
    )
    ax.set_box_aspect(len(up) * height / (len(across) * width))


def draw_thumbnails(ax, places, images, image_shape):
    """Put small images on axes.

    Parameters
    ----------
    ax : matplotlib Axes
    places : ndarray of shape (n_images, 2)
        The middle of each, in the units of the axes.
    images : ndarray of shape (n_images, n_features)
        Flattened.
    image_shape : tuple of (int, int, int)

    Returns
    -------
    drawn : list of matplotlib AnnotationBbox
    """
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    bounds = (images.min(), images.max())
    zoom = THUMBNAIL_POINTS / max(image_shape[1:])
    drawn = []
    for place, image in zip(places, images, strict=True):
        picture = tiled(image[np.newaxis, np.newaxis], image_shape, bounds)
        box = OffsetImage(picture, zoom=zoom, cmap="gray", interpolation="nearest")
        box.image.set_clim(0, 1)
        drawn.append(AnnotationBbox(box, place, pad=0.1, bboxprops={"linewidth": 0.4}))
        ax.add_artist(drawn[-1])
    return drawn


def without_axes(ax, is_framed):
    """Take ticks from axes, and the frame or its weight; their labels stay."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(is_framed)
    ax.spines[:].set_color(GREY)
    ax.spines[:].set_alpha(0.4)


def shades(n):
    """Return `n` colours from dark to light; the lightest yellow is left out."""
    import matplotlib

    return matplotlib.colormaps["viridis"](np.linspace(0, 0.9, n))


def whole_ticks(axis):
    """Put an axis's ticks on whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def tiled(rows, image_shape, bounds, gap=1):
    """Lay flattened images side by side.

    Parameters
    ----------
    rows : ndarray of shape (n_down, n_across, n_features)
        Flattened images.
    image_shape : tuple of (int, int, int)
        Channels, height and width.
    bounds : tuple of (float, float)
        The values that are drawn black and full.
    gap : int, default=1
        Pixels between images.

    Returns
    -------
    picture : ndarray of shape (height, width) or (height, width, 3)
        Values in [0, 1]; the gaps are NaN in a grey picture and white in another.
    """
    channels, height, width = image_shape
    down, across, _ = rows.shape
    low, high = bounds
    span = high - low if high > low else 1.0
    images = np.clip((rows - low) / span, 0, 1)
    if channels > 1:
        # As the gaps are: colours have no value for what is missing.
        images = np.where(np.isnan(images), 1.0, images)
    images = images.reshape(down, across, channels, height, width)
    framed = np.full(
        (down, across, channels, height + gap, width + gap),
        np.nan if channels == 1 else 1.0,
    )
    framed[..., :height, :width] = images
    picture = framed.transpose(0, 3, 1, 4, 2).reshape(
        down * (height + gap), across * (width + gap), channels
    )
    picture = picture[: picture.shape[0] - gap, : picture.shape[1] - gap]
    return picture[..., 0] if channels == 1 else picture


def draw_images(ax, rows, image_shape, bounds, row_labels, column_labels=None, **image):
    """Draw rows of images with a label before each row and above each column."""
    _, height, width = image_shape
    picture = tiled(rows, image_shape, bounds)
    defaults = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest"}
    drawn = ax.imshow(picture, **{**defaults, **image})
    down, across = rows.shape[:2]
    ax.set_yticks(np.arange(down) * (height + 1) + (height - 1) / 2, row_labels)
    centres = np.arange(across) * (width + 1) + (width - 1) / 2
    if column_labels is None:
        ax.set_xticks([])
    else:
        ax.set_xticks(centres, column_labels)
        ax.xaxis.tick_top()
        ax.xaxis.set_label_position("top")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return drawn


def checked_components(components, n_components, most):
    """Return the code columns to show; None takes the first ones, `most` at most."""
    if components is None:
        return list(range(min(n_components, most)))
    chosen = [int(component) for component in components]
    if not chosen or not all(0 <= component < n_components for component in chosen):
        raise ValueError(
            f"components={components!r} must name columns of the code, from 0 to "
            f"{n_components - 1}."
        )
    return chosen


def check_number(value, name, lowest=1):
    """Raise ValueError unless `value` is an int of at least `lowest`."""
    is_int = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_int or value < lowest:
        raise ValueError(f"{name} must be an int of at least {lowest}, got {value!r}.")
