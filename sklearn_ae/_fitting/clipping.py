"""The range that reconstructions are clipped to: `output_range`."""

from numbers import Real

import numpy as np

from sklearn_ae._modules.links import ClippedLink


def _is_bounded(X):
    """Whether the data evidently have bounds: values pile up at both of their ends."""
    enough = max(10, X.size // 1000)
    ends = np.nanmin(X), np.nanmax(X)
    return ends[0] < ends[1] and all((end == X).sum() >= enough for end in ends)


def clipping_link(estimator, loss, mean, X):
    """Return the link that clips to an estimator's `output_range`, or None.

    Parameters
    ----------
    estimator : AutoencoderTransformer
        Whose `output_range` to use.
    loss : loss instance
        What its `loss` means.
    mean : ndarray of shape (n_features,)
        What is subtracted from X.
    X : ndarray of shape (n_samples, n_features)
        Training rows.

    Raises
    ------
    ValueError
        If the range is not one, or the loss has bounds of its own.
    """
    if estimator.output_range is None:
        return None
    if estimator.output_range == "auto":
        if not (loss.clippable and _is_bounded(X)):
            return None
        return ClippedLink(np.nanmin(X, axis=0) - mean, np.nanmax(X, axis=0) - mean)
    low, high = _checked_range(estimator, loss)
    return ClippedLink(low - mean, high - mean)


def _checked_range(estimator, loss):
    given = estimator.output_range
    if not loss.clippable:
        raise ValueError(
            f"output_range={given!r} cannot be used with loss={estimator.loss!r}, "
            "whose reconstructions have bounds of their own; set output_range to "
            "'auto' or None."
        )
    numbers = len(given) == 2 and all(isinstance(end, Real) for end in given)
    if not (numbers and given[0] < given[1]):
        raise ValueError(
            "The 'output_range' parameter of AutoencoderTransformer must be "
            "'auto', None or a tuple (low, high) with low < high. "
            f"Got {given!r} instead."
        )
    return given
