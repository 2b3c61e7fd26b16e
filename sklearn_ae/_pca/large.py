"""Scales and principal axes of a large table, of which no copy is made.

It is read block by block, in several passes: each round of a solver is one or two.
"""

import numpy as np

from sklearn_ae._pca.axes import (
    Axes,
    axes_of_covariance,
    has_cheap_covariance,
    padded,
    scales_alone,
    uncorrelated,
)
from sklearn_ae._pca.noise import noise_of
from sklearn_ae._pca.observed import axes_of_observed, signed
from sklearn_ae._rows.axes import CentredTable, is_randomized, randomized_axes


def has_axes_by_blocks(rows, n_components):
    """Whether there is a solver that takes the rows of a large table block by block."""
    is_long = rows.is_incomplete and has_cheap_covariance(rows.shape)
    return is_long or is_randomized(rows.shape, n_components)


def axes_of_table(X, rows, unit, n_components, random_state, weights=None):
    """Return the axes of a large table as `axes_of_rows` does, without a copy.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The table.
    rows : StoredRows
        Its centred rows, which may miss values.
    unit, n_components, random_state, weights
        As for `axes_of_rows`.
    """
    table = CentredTable(rows, unit, weights)
    n_axes = min(n_components, *rows.shape)
    given = X, rows.mean, unit, n_axes, weights
    feature_scale = scales_alone(*given).feature_scale
    if has_cheap_covariance(rows.shape):
        found = axes_of_covariance(*given, filled=True)
        axes, variances = found.components, found.variances
    else:
        axes, variances = randomized_axes(table, n_axes, random_state)
        axes = signed(axes)
    filled, noise_variance = None, None
    if rows.is_incomplete:
        left = table.mean_square() * rows.shape[1] - variances.sum()
        axes, variances, noise_variance, filled = axes_of_observed(
            table,
            axes * np.sqrt(variances)[:, np.newaxis],
            max(left, 0.0) / max(min(rows.shape) - n_axes, 1),
            weights,
        )
    else:
        scores = table.matmat(axes.T) / table.roots
        axes, variances = uncorrelated(axes, variances, scores, weights)
    components, variances = padded(axes, variances, n_components)
    residual_scale = _residual_scale(table, components, filled)
    if noise_variance is None:
        left = np.square(residual_scale).sum()
        noise_variance = noise_of(left, table.degrees + 1, *components.shape)
    return Axes(
        feature_scale=feature_scale,
        components=components,
        variances=variances,
        residual_scale=residual_scale,
        noise_variance=noise_variance,
    )


def _residual_scale(table, components, filled):
    """Return the standard deviations of what axes leave of observed values."""
    squares, counts = 0.0, 0.0
    for rows, x, missing in table.blocks():
        if filled is not None:
            x = filled(x, missing)
        x -= (x @ components.T) @ components
        x[missing] = 0.0
        weights = np.square(table.roots[rows, 0])
        squares += weights @ np.square(x)
        counts += weights @ ~missing
    return np.sqrt(squares / np.maximum(counts - 1, 1))
