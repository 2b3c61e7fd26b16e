"""Axes that codes are handed out in, from the moments of the training rows' codes.

Each function returns what `CodeAxes.take` takes: the matrix from inner codes to those
handed out, its inverse, and the shift. `scale` brings inner codes to X's units. Columns
have the signs of scikit-learn's PCA: of a column's covariances with the features, the
largest is positive. ``whiten=True`` divides them by their standard deviations.
"""

import numpy as np

# Share of the terms of a sum below which float32 arithmetic sees nothing of it.
ROUNDING = 1e-6


def _deviations(moments, matrix):
    """Return the standard deviations of columns; zero where there is but rounding."""
    variances = (matrix * (moments.covariance @ matrix)).sum(axis=0)
    squares = np.diag(moments.covariance) + np.square(moments.mean)
    deviations = np.sqrt(np.maximum(variances, 0.0))
    rounding = ROUNDING * np.sqrt(squares @ np.square(matrix))
    return np.where(deviations > rounding, deviations, 0.0)


def _signs(moments, matrix):
    """Return the sign of each column's largest covariance with a feature."""
    covariances = moments.with_features @ matrix
    largest = np.abs(covariances).argmax(axis=0)
    return np.where(covariances[largest, np.arange(len(largest))] < 0, -1.0, 1.0)


def _divisors(deviations, whiten):
    """Return what to divide columns by; constant ones stay as they are."""
    return np.where(deviations > 0, deviations, 1.0) if whiten else 1.0


def _handed_out(moments, matrix, inverse, whiten, *, centred=True):
    """Return a map with its columns' signs, lengths and centre."""
    divisors = _divisors(_deviations(moments, matrix), whiten)
    factors = _signs(moments, matrix) / divisors
    matrix, inverse = matrix * factors, inverse / factors[:, np.newaxis]
    shift = -moments.mean @ matrix if centred else np.zeros(len(matrix))
    return matrix, inverse, shift


def principal_axes(moments, scale, whiten=False):
    """Turn codes to zero mean, no correlation and descending variance.

    It is PCA of the codes in X's units. Constant columns come last.

    Parameters
    ----------
    moments : Moments
    scale : ndarray of shape (n_components,)
    whiten : bool, default=False
    """
    _, turn = np.linalg.eigh(scale[:, np.newaxis] * moments.covariance * scale)
    turn = turn[:, ::-1]
    matrix = scale[:, np.newaxis] * turn
    return _handed_out(moments, matrix, turn.T / scale, whiten)


def triangular_axes(moments, scale, whiten=False):
    """Take from each column what those before it tell of it, linearly.

    Zero mean and no correlation; the first columns handed out depend on as many of the
    inner ones alone, and these on them. A column whose variance would be above that of
    one before it is scaled down to it. Constant columns stay where they are.

    Parameters
    ----------
    moments, scale, whiten
        As for `principal_axes`.
    """
    lower, deviations = _innovations(moments)
    # It is triangular but for the rounding of the solver.
    matrix = np.triu(np.linalg.inv(lower).T)
    inverse = lower.T
    live = deviations > 0
    spread = np.where(live, deviations * scale, np.inf)
    bounded = np.minimum.accumulate(spread)
    lengths = np.where(live, bounded / np.where(live, deviations, 1.0), scale)
    return _handed_out(
        moments, matrix * lengths, inverse / lengths[:, np.newaxis], whiten
    )


def _innovations(moments):
    """Return the unit lower triangle that makes codes of innovations, and their scales.

    It is Cholesky's decomposition, where what is constant given the columns before it
    tells nothing of those after it.
    """
    left = moments.covariance.copy()
    lower = np.eye(len(left))
    deviations = np.zeros(len(left))
    for j, variance in enumerate(np.diag(moments.covariance)):
        if left[j, j] <= ROUNDING**2 * variance:
            continue
        deviations[j] = np.sqrt(left[j, j])
        lower[j + 1 :, j] = left[j + 1 :, j] / left[j, j]
        left[j + 1 :, j + 1 :] -= np.outer(lower[j + 1 :, j], left[j, j + 1 :])
    return lower, deviations


def sorted_axes(moments, scale, whiten=False):
    """Order columns by descending variance, without a turn or a shift.

    Parameters
    ----------
    moments, scale, whiten
        As for `principal_axes`.
    """
    matrix, inverse = np.diag(scale), np.diag(1 / scale)
    order = np.argsort(-_deviations(moments, matrix), kind="stable")
    return _handed_out(moments, matrix[:, order], inverse[order], whiten, centred=False)


def kept_axes(scale, deviations=None):
    """Keep columns as they are, but for their lengths.

    Parameters
    ----------
    scale : ndarray of shape (n_components,)
    deviations : ndarray of shape (n_components,) or None
        What whitening divides by, of inner codes; None does not whiten.
    """
    if deviations is not None:
        scale = 1 / _divisors(deviations, whiten=True)
    return np.diag(scale), np.diag(1 / scale), np.zeros(len(scale))


def own_deviations(moments):
    """Return the standard deviations of inner codes; zero where there is but rounding.

    Parameters
    ----------
    moments : Moments
    """
    return _deviations(moments, np.eye(len(moments.mean)))
