"""What codes are decoded to, as images."""

import numpy as np

from sklearn_ae._comparison.rows import numbers
from sklearn_ae._images import checked_image_shape

# The codes between these shares of the rows are decoded for a grid of images.
GRID_SHARES = 0.02, 0.98


def check_channels(image_shape):
    """Raise ValueError unless images of this shape can be drawn."""
    if image_shape[0] not in (1, 3):
        raise ValueError(
            f"image_shape={image_shape} has {image_shape[0]} channels, but only images "
            "of 1 (grey) or 3 (red, green, blue) can be drawn."
        )


def spread_out(points, n_most, rng):
    """Return the places of some points of which no two are near each other.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
    n_most : int
        How many there are at most.
    rng : RandomState
        Decides which of those that are near each other.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    points = (points - low) / np.where(high > low, high - low, 1.0)
    nearest = 0.8 / np.sqrt(n_most)
    chosen = []
    for place in rng.permutation(len(points)):
        gaps = np.abs(points[chosen] - points[place]).max(axis=1)
        if (gaps > nearest).all():
            chosen.append(int(place))
        if len(chosen) == n_most:
            break
    return np.array(chosen)


def _two(components):
    if len(components) != 2:
        raise ValueError(
            f"Images are put over two columns of the code, but components has "
            f"{len(components)}."
        )


def _images(decode, points, image_shape, name):
    """Return what codes are decoded to, and its shape, which can be drawn."""
    rows = numbers(decode(points))
    shape = checked_image_shape(image_shape, rows.shape[1], name)
    check_channels(shape)
    return rows, shape


def decoded_grid(codes, decode, components, image_shape, n_images, name):
    """Return the grid over two columns and what is decoded there."""
    _two(components)
    low, high = np.quantile(codes[:, components], GRID_SHARES, axis=0)
    # A column that does not vary still needs an axis.
    high = np.where(high > low, high, low + 1.0)
    grid = tuple(np.linspace(low, high, n_images).T)
    points = np.tile(np.median(codes, axis=0), (n_images, n_images, 1))
    points[..., components[0]] = grid[0]
    points[..., components[1]] = grid[1][::-1, np.newaxis]
    rows, shape = _images(decode, points.reshape(-1, codes.shape[1]), image_shape, name)
    decoded = rows.reshape(n_images, n_images, -1)
    return {"grid": grid, "decoded": decoded, "image_shape": shape}


def decoded_rows(codes, decode, components, image_shape, n_thumbnails, name):
    """Return some rows that are apart from each other, and what they are decoded to."""
    _two(components)
    chosen = spread_out(codes[:, components], n_thumbnails, np.random.RandomState(0))
    rows, shape = _images(decode, codes[chosen], image_shape, name)
    return {"thumbnail_rows": chosen, "thumbnails": rows, "image_shape": shape}
