"""The shape of the images that flattened rows hold."""

import math
from numbers import Integral


def checked_image_shape(image_shape, n_features, owner):
    """Return (channels, height, width) for an `image_shape` parameter.

    Parameters
    ----------
    image_shape : tuple of (int, int, int) or "auto"
        What the user gave; "auto" takes a square image of one channel.
    n_features : int
        Number of values of a row.
    owner : str
        Whose parameter it is, for the error.
    """
    if isinstance(image_shape, str):
        side = math.isqrt(n_features)
        if side * side != n_features:
            raise ValueError(
                f"X has {n_features} features, not a perfect square, so the "
                f"'image_shape' parameter of {owner} cannot be 'auto'; give it as "
                "(channels, height, width)."
            )
        return (1, side, side)
    shape = tuple(image_shape)
    if len(shape) != 3 or not all(
        isinstance(n, Integral) and n is not True and n > 0 for n in shape
    ):
        raise ValueError(
            f"The 'image_shape' parameter of {owner} must be 'auto' or a tuple of 3 "
            f"positive ints (channels, height, width). Got {shape!r} instead."
        )
    shape = tuple(map(int, shape))
    if math.prod(shape) != n_features:
        raise ValueError(
            f"The 'image_shape' parameter of {owner}, {shape}, multiplies to "
            f"{math.prod(shape)} values, but X has {n_features} features."
        )
    return shape
