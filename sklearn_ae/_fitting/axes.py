"""Scales and principal axes of the training rows, and what the axes leave.

All of it is over a `unit`, so that squares of very large or very small data stay in
range. Long tables are read chunk by chunk: only a chunk of them is in double precision.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

# Rows over columns from which the covariance, of so many columns at most, is the
# cheaper way to principal axes; as in scikit-learn's PCA.
LONG, MOST_COVARIED = 10, 1000
# Rows of a chunk.
CHUNK = 8192
# Numbers up to which a copy of rows in double precision is no burden.
MOST_DOUBLES = 2**24
# How often principal axes are computed anew from rows that they filled, and how often
# one set of axes fills them.
FILL_ROUNDS, FILL_STEPS = 10, 5
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


def _centred_chunks(X, mean, unit):
    for first in range(0, len(X), CHUNK):
        chunk = np.subtract(X[first : first + CHUNK], mean, dtype=np.float64)
        chunk /= unit
        yield chunk


def scales_alone(X, mean, unit, n_components):
    """Return the scales of rows that may miss values, without axes.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    mean : ndarray of shape (n_features,)
        Column means.
    unit : float
        What all is divided by.
    n_components : int
        Number of components.
    """
    squares, counts = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for chunk in _centred_chunks(X, mean, unit):
        missing = np.isnan(chunk)
        counts += len(chunk) - missing.sum(axis=0)
        chunk[missing] = 0.0
        squares += np.einsum("ij,ij->j", chunk, chunk)
    scale = np.sqrt(squares / np.maximum(counts - 1, 1))
    return Axes(scale, None, np.zeros(n_components), scale, np.mean(scale**2))


def axes_of_covariance(X, mean, unit, n_components):
    """Return the axes of complete rows, from one pass over chunks of them.

    Parameters
    ----------
    X, mean, unit, n_components
        As for `scales_alone`.
    """
    n_rows, n_features = X.shape
    products, sums = np.zeros((n_features, n_features)), np.zeros(n_features)
    for chunk in _centred_chunks(X, mean, unit):
        products += chunk.T @ chunk
        sums += chunk.sum(axis=0)
    # The mean was rounded to X's dtype.
    covariance = (products - np.outer(sums, sums / n_rows)) / (n_rows - 1)
    feature_scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    variances, axes = np.linalg.eigh(covariance)
    variances = np.maximum(variances[::-1], 0.0)
    axes = _with_pca_signs(axes.T[::-1])
    left = variances[n_components:]
    residual_scale = np.sqrt(left @ np.square(axes[n_components:]))
    components, kept = _padded(axes[:n_components], variances, n_components)
    return Axes(
        feature_scale=feature_scale,
        components=components,
        variances=kept,
        # Rounding may leave more of a small column beside large ones.
        residual_scale=np.minimum(residual_scale, feature_scale),
        noise_variance=float(left.mean()) if len(left) else 0.0,
    )


def axes_of_rows(X, mean, unit, n_components, random_state):
    """Return the axes of rows that may miss values, by PCA of all of them.

    Parameters
    ----------
    X, mean, unit, n_components
        As for `scales_alone`.
    random_state : RandomState
        For PCA's randomized solver.
    """
    dtype = np.float64 if X.size <= MOST_DOUBLES else np.float32
    centred = np.empty(X.shape, dtype)
    np.subtract(X, mean, out=centred, dtype=np.float64, casting="same_kind")
    centred /= unit
    missing = np.isnan(centred)
    is_incomplete = bool(missing.any())
    degrees = len(X) - 1
    if is_incomplete:
        centred[missing] = 0.0
        degrees = np.maximum((~missing).sum(axis=0) - 1, 1)
    feature_scale = _rms(centred, degrees)
    n_axes = min(n_components, *X.shape)
    # Rows that are all alike have no variance to take shares of.
    with np.errstate(divide="ignore", invalid="ignore"):
        if is_incomplete:
            _fill(centred, missing, n_axes, random_state)
        pca = PCA(n_axes, random_state=random_state).fit(centred)
    components, variances = _padded(
        *_uncorrelated(pca.components_, pca.explained_variance_, centred), n_components
    )
    shares = components.astype(dtype)
    centred -= (centred @ shares.T) @ shares
    if is_incomplete:
        centred[missing] = 0.0
    return Axes(
        feature_scale=feature_scale,
        components=components,
        variances=variances,
        residual_scale=_rms(centred, degrees),
        # What was filled in has next to no noise.
        noise_variance=float(pca.noise_variance_) / (1 - missing.mean()),
    )


def _uncorrelated(axes, variances, rows):
    """Return axes, turned so that scores of rows are uncorrelated, and their variances.

    Those of an exact solver are. The randomized one finds a subspace where the axes of
    the rows' own covariance are better than its own.
    """
    scores = rows @ axes.T.astype(rows.dtype)
    covariance = np.cov(scores, rowvar=False, dtype=np.float64, ddof=1)
    covariance = np.atleast_2d(covariance)
    spread = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    mixed = np.abs(covariance - np.diag(np.diag(covariance)))
    # Axes without variance have scores of rounding alone.
    rounding = 10 * np.finfo(rows.dtype).eps * spread.max()
    if (mixed <= SMALLEST_CORRELATION * spread + rounding).all():
        return axes, variances
    variances, turn = np.linalg.eigh(covariance)
    return _with_pca_signs(turn.T[::-1] @ axes), np.maximum(variances[::-1], 0.0)


def _with_pca_signs(axes):
    """Return axes as PCA has them: the largest entry of each is positive."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, np.newaxis], 1)
    return axes * np.sign(largest)


def _rms(rows, degrees):
    """Return the root of each column's mean square, summed in double precision."""
    return np.sqrt(np.einsum("ij,ij->j", rows, rows, dtype=np.float64) / degrees)


def _padded(axes, variances, n_components):
    """Return axes and their variances, zeros where there is no further variance."""
    components, kept = np.zeros((n_components, axes.shape[1])), np.zeros(n_components)
    components[: len(axes)] = axes
    kept[: len(axes)] = variances[: len(axes)]
    kept[kept <= 100 * np.finfo(float).eps * kept.max()] = 0.0
    components[kept == 0] = 0.0
    return components, kept


def _fill(centred, missing, n_axes, random_state):
    """Fill what is missing in place, by PCA of what was filled in before [1]_.

    Scores shrink by the share that noise has in their variance, so that axes are not
    fitted to values of their own making.

    References
    ----------
    .. [1] Josse, J. & Husson, F. (2012). Handling missing values in exploratory
       multivariate data analysis methods. Journal de la Societe Francaise de
       Statistique 153(2), 79-99.
    """
    observed = 1 - missing.mean()
    for _ in range(FILL_ROUNDS):
        pca = PCA(n_axes, random_state=random_state).fit(centred)
        variances = pca.explained_variance_
        live = variances > 0
        noise = pca.noise_variance_ / observed
        kept = np.maximum(1 - noise / np.where(live, variances, 1.0), 0.0) * live
        for _ in range(FILL_STEPS):
            filled = (centred @ pca.components_.T) * kept @ pca.components_
            np.copyto(centred, filled, where=missing)
