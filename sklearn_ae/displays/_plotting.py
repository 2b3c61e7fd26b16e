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
GREY = "#666666"
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

    Up to seven are those for the colour-blind; beyond that no such set is known.
    """
    import matplotlib

    if n <= len(COLOURS):
        return list(COLOURS[:n])
    for name in ("tab10", "tab20"):
        if n <= matplotlib.colormaps[name].N:
            return list(matplotlib.colormaps[name].colors[:n])
    return list(matplotlib.colormaps["turbo"](np.linspace(0.02, 0.98, n)))


def shades(n):
    """Return `n` colours from dark to light; the lightest yellow is left out."""
    import matplotlib

    return matplotlib.colormaps["viridis"](np.linspace(0, 0.9, n))


def whole_ticks(axis):
    """Put an axis's ticks on whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def check_channels(image_shape):
    """Raise ValueError unless images of this shape can be drawn."""
    if image_shape[0] not in (1, 3):
        raise ValueError(
            f"image_shape={image_shape} has {image_shape[0]} channels, but only images "
            "of 1 (grey) or 3 (red, green, blue) can be drawn."
        )


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
