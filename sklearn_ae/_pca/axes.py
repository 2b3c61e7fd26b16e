"""Scales and principal axes of the training rows, and what the axes leave.

All of it is over a `unit`, so that squares of very large or very small data stay in
range. Long tables are read chunk by chunk: only a chunk of them is in double precision.
"""

from dataclasses import dataclass

import numpy as np
from sklearn import config_context
from sklearn.decomposition import PCA
from sklearn.utils.extmath import randomized_svd

from sklearn_ae._pca.noise import noise_of
from sklearn_ae._pca.observed import ObservedRows, axes_of_observed, signed
from sklearn_ae._rows.axes import (
    CentredRows,
    axes_by_products,
    is_randomized,
    randomized_axes,
)
from sklearn_ae._rows.columns import squared_distances
from sklearn_ae._rows.joined import JoinedRows, own_rows, summed
from sklearn_ae._rows.sparse import MOST_TOGETHER, SparseRows

# Rows over columns from which the covariance, of so many columns at most, is the
# cheaper way to principal axes; as in scikit-learn's PCA.
LONG, MOST_COVARIED = 10, 1000
# Rows of a chunk, and numbers at most.
CHUNK, CHUNK_NUMBERS = 8192, 2**23
# Numbers up to which a copy of rows in double precision is no burden.
MOST_DOUBLES = 2**24
# Correlation of scores up to which axes are PCA's own.
SMALLEST_CORRELATION = 1e-5


@dataclass
class Axes:
    """Scales of columns and their principal axes.

    Attributes
    ----------
    feature_scale, components, variances, residual_scale, noise_variance
        As in `Start`, over the unit.
    """

    feature_scale: np.ndarray
    components: np.ndarray | None
    variances: np.ndarray
    residual_scale: np.ndarray
    noise_variance: float


def has_cheap_covariance(shape):
    """Whether principal axes of complete rows are best had from their covariance."""
    n_rows, n_features = shape
    return n_features <= MOST_COVARIED and n_rows >= LONG * n_features


def is_by_covariance(X):
    """Whether principal axes of complete rows come from their covariance.

    So do those of rows that several processes have: it is all they need to send.
    """
    return isinstance(X, JoinedRows) or has_cheap_covariance(X.shape)


def _centred_chunks(X, mean, unit, weights):
    """Yield chunks of centred rows over the unit, and their weights.

    Those of this process.
    """
    X = own_rows(X)
    n_rows = min(CHUNK, max(1, CHUNK_NUMBERS // X.shape[1]))
    for first in range(0, len(X), n_rows):
        rows = slice(first, first + n_rows)
        chunk = np.subtract(np.asarray(X[rows]), mean, dtype=np.float64)
        chunk /= unit
        yield chunk, np.ones(len(chunk)) if weights is None else weights[rows]


def scales_alone(X, mean, unit, n_components, weights=None):
    """Return the scales of rows that may miss values, without axes.

    Parameters
    ----------
    X : ndarray or SparseRows of shape (n_rows, n_features)
    mean : ndarray of shape (n_features,)
        Column means.
    unit : float
        What all is divided by.
    n_components : int
        Number of components.
    weights : ndarray of shape (n_rows,) or None, default=None
        Weights of the rows, as of `fit_start`.
    """
    if isinstance(X, SparseRows):
        squares = squared_distances(X, mean, unit, weights)
        n_rows = len(X) if weights is None else weights.sum()
        return _without_axes(np.sqrt(squares / (n_rows - 1)), n_components)
    squares, counts = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for chunk, each in _centred_chunks(X, mean, unit, weights):
        missing = np.isnan(chunk)
        counts += each @ ~missing
        chunk[missing] = 0.0
        squares += np.einsum("i,ij,ij->j", each, chunk, chunk)
    squares, counts = summed(X, squares, counts)
    return _without_axes(np.sqrt(squares / np.maximum(counts - 1, 1)), n_components)


def _without_axes(scale, n_components):
    return Axes(scale, None, np.zeros(n_components), scale, np.mean(scale**2))


def axes_of_covariance(X, mean, unit, n_components, weights=None, filled=False):
    """Return the axes of complete rows, from one pass over chunks of them.

    Parameters
    ----------
    X, mean, unit, n_components, weights
        As for `scales_alone`.
    filled : bool, default=False
        Whether rows may miss values, and have the mean there.
    """
    n_rows, n_features = X.shape
    products, sums = np.zeros((n_features, n_features)), np.zeros(n_features)
    for chunk, each in _centred_chunks(X, mean, unit, weights):
        if filled:
            chunk[np.isnan(chunk)] = 0.0
        if weights is None:
            sums += chunk.sum(axis=0)
        else:
            sums += each @ chunk
            chunk *= np.sqrt(each)[:, np.newaxis]
        products += chunk.T @ chunk
    products, sums = summed(X, products, sums)
    if weights is not None:
        n_rows = weights.sum()
    # The mean was rounded to X's dtype.
    covariance = (products - np.outer(sums, sums / n_rows)) / (n_rows - 1)
    feature_scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    variances, axes = np.linalg.eigh(covariance)
    variances, axes = np.maximum(variances[::-1], 0.0), signed(axes.T[::-1])
    left = variances[n_components:]
    residual_scale = np.sqrt(left @ np.square(axes[n_components:]))
    components, kept = padded(axes[:n_components], variances, n_components)
    return Axes(
        feature_scale=feature_scale,
        components=components,
        variances=kept,
        # Rounding may leave more of a small column beside large ones.
        residual_scale=np.minimum(residual_scale, feature_scale),
        noise_variance=noise_of(left.sum(), n_rows, n_components, n_features),
    )


def axes_of_rows(X, mean, unit, n_components, random_state, weights=None):
    """Return the axes of rows that may miss values, by PCA of all of them.

    Parameters
    ----------
    X, mean, unit, n_components, weights
        As for `scales_alone`.
    random_state : RandomState
        For PCA's randomized solver.
    """
    n_rows = len(X) if weights is None else weights.sum()
    dtype = np.float64 if X.size <= MOST_DOUBLES else np.float32
    centred = np.empty(X.shape, dtype)
    np.subtract(X, mean, out=centred, dtype=np.float64, casting="same_kind")
    centred /= unit
    missing = np.isnan(centred)
    is_incomplete = bool(missing.any())
    degrees = n_rows - 1
    if is_incomplete:
        centred[missing] = 0.0
        observed = ~missing
        counts = observed.sum(axis=0) if weights is None else weights @ observed
        degrees = np.maximum(counts - 1, 1)
    feature_scale = _rms(centred, degrees, weights)
    n_axes = min(n_components, *X.shape)
    axes, variances, noise_variance = _principal(centred, n_axes, random_state, weights)
    if is_incomplete:
        axes, variances, noise_variance, filled = axes_of_observed(
            ObservedRows(centred, missing),
            axes * np.sqrt(variances)[:, np.newaxis],
            noise_variance,
            weights,
        )
        for first in range(0, len(centred), CHUNK):
            chunk = slice(first, first + CHUNK)
            centred[chunk] = filled(centred[chunk], missing[chunk])
    else:
        scores = centred @ axes.T.astype(dtype)
        axes, variances = uncorrelated(axes, variances, scores, weights)
        noise_variance = None
    components, variances = padded(axes, variances, n_components)
    shares = components.astype(dtype)
    centred -= (centred @ shares.T) @ shares
    if is_incomplete:
        centred[missing] = 0.0
    residual_scale = _rms(centred, degrees, weights)
    if noise_variance is None:
        left = np.square(residual_scale).sum()
        noise_variance = noise_of(left, n_rows, n_components, X.shape[1])
    return Axes(
        feature_scale=feature_scale,
        components=components,
        variances=variances,
        residual_scale=residual_scale,
        noise_variance=noise_variance,
    )


def axes_of_sparse_rows(X, mean, unit, n_components, random_state, weights=None):
    """Return the axes of sparse rows as `axes_of_rows` does, without making them dense.

    Parameters
    ----------
    X : SparseRows of shape (n_rows, n_features)
    mean, unit, n_components, random_state, weights
        As for `axes_of_rows`.
    """
    n_rows, n_features = X.shape
    n_axes = min(n_components, n_rows, n_features)
    rows = CentredRows(X, mean, unit, weights)
    if is_randomized(X.shape, n_axes):
        axes, variances = randomized_axes(rows, n_axes, random_state)
    elif X.size <= MOST_TOGETHER:
        given = mean, unit, n_components, random_state, weights
        return axes_of_rows(np.asarray(X), *given)
    elif n_features <= n_rows:
        return axes_of_covariance(X, mean, unit, n_components, weights)
    else:
        axes, variances = axes_by_products(rows, n_axes)
    axes = signed(axes)
    scores = rows.matmat(axes.T) / rows.roots
    axes, variances = uncorrelated(axes, variances, scores, weights)
    components, variances = padded(axes, variances, n_components)
    squares = squared_distances(X, mean, unit, weights)
    scores = rows.matmat(components.T)
    # Of row - score @ components, multiplied out.
    explained = 2 * rows.rmatmat(scores) - components.T @ (scores.T @ scores)
    left = np.maximum(squares - np.einsum("kj,jk->j", components, explained), 0.0)
    noise = noise_of(
        left.sum() / rows.degrees, rows.degrees + 1, n_components, n_features
    )
    return Axes(
        feature_scale=np.sqrt(squares / rows.degrees),
        components=components,
        variances=variances,
        residual_scale=np.sqrt(left / rows.degrees),
        noise_variance=noise,
    )


def _without_dispatch():
    """Return a context in which scikit-learn takes NumPy's arrays for what they are.

    Where it dispatches it warns that other libraries have no LU.
    """
    return config_context(array_api_dispatch=False)


def _principal(rows, n_axes, random_state, weights):
    """Return axes, their variances, and the mean of the others, of centred rows."""
    if weights is None:
        # Rows that are all alike have no variance to take shares of.
        with np.errstate(divide="ignore", invalid="ignore"), _without_dispatch():
            pca = PCA(n_axes, random_state=random_state).fit(rows)
        return pca.components_, pca.explained_variance_, float(pca.noise_variance_)
    rows = rows * np.sqrt(weights).astype(rows.dtype)[:, np.newaxis]
    if is_randomized(rows.shape, n_axes):
        with _without_dispatch():
            _, spread, axes = randomized_svd(rows, n_axes, random_state=random_state)
    else:
        _, spread, axes = np.linalg.svd(rows, full_matrices=False)
    degrees = weights.sum() - 1
    variances = np.square(spread, dtype=np.float64) / degrees
    total = np.square(rows, dtype=np.float64).sum() / degrees
    n_others = max(min(rows.shape) - n_axes, 1)
    noise = max(total - variances[:n_axes].sum(), 0.0) / n_others
    return signed(axes[:n_axes]), variances[:n_axes], noise


def uncorrelated(axes, variances, scores, weights=None):
    """Return axes, turned so that scores of rows are uncorrelated, and their variances.

    Those of an exact solver are. The randomized one finds a subspace where the axes of
    the rows' own covariance are better than its own.
    """
    covariance = _covariance(scores, weights)
    spread = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    mixed = np.abs(covariance - np.diag(np.diag(covariance)))
    # Axes without variance have scores of rounding alone.
    rounding = 10 * np.finfo(scores.dtype).eps * spread.max()
    if (mixed <= SMALLEST_CORRELATION * spread + rounding).all():
        return axes, variances
    variances, turn = np.linalg.eigh(covariance)
    return signed(turn.T[::-1] @ axes), np.maximum(variances[::-1], 0.0)


def _covariance(scores, weights):
    like = {"rowvar": False, "dtype": np.float64}
    if weights is None:
        return np.atleast_2d(np.cov(scores, ddof=1, **like))
    n_rows = weights.sum()
    covariance = np.cov(scores, ddof=0, aweights=weights, **like)
    return np.atleast_2d(covariance) * (n_rows / (n_rows - 1))


def _rms(rows, degrees, weights):
    """Return the root of each column's mean square, summed in double precision."""
    if weights is None:
        squares = np.einsum("ij,ij->j", rows, rows, dtype=np.float64)
    else:
        squares = np.einsum("i,ij,ij->j", weights, rows, rows, dtype=np.float64)
    return np.sqrt(squares / degrees)


def padded(axes, variances, n_components):
    """Return axes and their variances, zeros where there is no further variance."""
    components, kept = np.zeros((n_components, axes.shape[1])), np.zeros(n_components)
    components[: len(axes)] = axes
    kept[: len(axes)] = variances[: len(axes)]
    kept[kept <= 100 * np.finfo(float).eps * kept.max()] = 0.0
    components[kept == 0] = 0.0
    return components, kept
