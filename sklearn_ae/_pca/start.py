"""Where training starts: the centre, the scales and the PCA of the training rows.

A start is plain arrays; `_modules.frames` turns it into the linear path and the scales
that a module needs.
"""

from dataclasses import dataclass, replace
from numbers import Integral
from warnings import warn

import numpy as np
import torch

from sklearn_ae._modules.frames import NOISE_FLOOR, UNKNOWN_SHARE
from sklearn_ae._modules.gaps import linear_fill
from sklearn_ae._pca.axes import (
    axes_of_covariance,
    axes_of_rows,
    axes_of_sparse_rows,
    is_by_covariance,
    noise_of,
    scales_alone,
)
from sklearn_ae._pca.large import axes_of_table, has_axes_by_blocks
from sklearn_ae._rows.columns import column_sums, highest, lowest
from sklearn_ae._rows.joined import JoinedRows, own_rows, summed
from sklearn_ae._rows.lazy import LazyRows
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._rows.stored import StoredRows, floating_dtype, is_large, slices_of

# A share of the variance below which float32 arithmetic sees nothing.
NEGLIGIBLE = 1e-12
# Below this scale float32 loses the digits of ordinary arithmetic on the data.
SMALLEST_SCALE = 1e-30
# Rows for each feature that make a start which training may rely on, and features up to
# which they count: beyond it so many rows for each component are enough.
ROWS_EACH, MOST_COUNTED = 10, 100
# The 99 % point of the Tracy-Widom distribution of order 1.
TRACY_WIDOM_99 = 2.02


@dataclass
class Start:
    """What is known of the training rows before any training.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
        Column means, in the dtype of X.
    feature_scale : ndarray of shape (n_features,)
        Standard deviation of each column.
    scale : float
        Root mean square of `feature_scale`; 1.0 where all columns are constant.
    components : ndarray of shape (n_components, n_features) or None
        Principal axes; rows of zeros where there is no further variance. None for a
        random start.
    variances : ndarray of shape (n_components,)
        Variance along each axis.
    residual_scale : ndarray of shape (n_features,)
        Standard deviation of what the axes leave of each column.
    noise_variance : float
        Noise variance of probabilistic PCA; see `noise_of`.
    n_rows : int or float
        Number of training rows, or of those that they stand for by their weights.
    is_incomplete : bool
        Whether rows miss values; all is then of the observed ones.
    """

    mean: np.ndarray
    feature_scale: np.ndarray
    scale: float
    components: np.ndarray | None
    variances: np.ndarray
    residual_scale: np.ndarray
    noise_variance: float
    n_rows: int
    is_incomplete: bool = False

    @property
    def residual_rms(self):
        """Root mean square of the residual; the data's scale where it is nil."""
        rms = float(np.sqrt(np.mean(self.residual_scale**2)))
        return rms if rms > np.sqrt(NEGLIGIBLE) * self.scale else self.scale

    @property
    def rank(self):
        """Number of axes along which there is variance."""
        return int(np.count_nonzero(self.variances))

    @property
    def is_exact(self):
        """Whether there are axes that reproduce the rows to float32 rounding."""
        if self.components is None:
            return False
        left = np.mean(self.residual_scale**2)
        return bool(left <= NEGLIGIBLE * self.scale**2)

    def residual_scales(self):
        """Return the standard deviation of what is left, by number of components.

        Returns
        -------
        scales : ndarray of shape (n_components, n_features)
        """
        if self.components is None:
            return np.tile(self.feature_scale, (len(self.variances), 1))
        of_axes = self.variances[:, np.newaxis] * np.square(self.components)
        later = np.cumsum(of_axes[::-1], axis=0)[::-1] - of_axes
        return np.sqrt(np.square(self.residual_scale) + np.maximum(later, 0.0))

    def shortened(self, n_components):
        """Return a start of the first components alone."""
        if n_components == len(self.variances):
            return self
        if self.components is None:
            return replace(self, variances=self.variances[:n_components])
        scales = self.residual_scales()[n_components - 1]
        left = np.square(scales).sum()
        noise = noise_of(left, self.n_rows, n_components, len(self.mean))
        least = (NOISE_FLOOR * self.scale) ** 2
        return replace(
            self,
            components=self.components[:n_components],
            variances=self.variances[:n_components],
            residual_scale=scales,
            noise_variance=max(noise, least),
        )


def largest_noise_variance(n_rows, n_features):
    """Return what the largest variance of an axis of unit noise stays below [1]_.

    In 99 of 100 cases, in rows of independent normal numbers.

    References
    ----------
    .. [1] Johnstone, I. M. (2001). On the distribution of the largest eigenvalue in
       principal components analysis. Annals of Statistics 29, 295-327.
    """
    roots = np.sqrt([n_rows, n_features])
    spread = roots.sum() * np.sum(1 / roots) ** (1 / 3)
    return (roots.sum() ** 2 + TRACY_WIDOM_99 * spread) / n_rows


def enough_rows(n_features, n_components):
    """Return how many rows a start needs that training may rely on.

    Parameters
    ----------
    n_features : int
    n_components : int, float or str
        As an estimator was given it; only a number of them counts.
    """
    asked = n_components if isinstance(n_components, Integral) else 0
    return ROWS_EACH * min(n_features, max(MOST_COUNTED, int(asked)))


def column_means(X, weights=None):
    """Return the column means in X's dtype, summed in double precision."""
    with np.errstate(over="ignore", invalid="ignore"):
        if isinstance(X, SparseRows):
            n_rows = len(X) if weights is None else weights.sum()
            means = column_sums(X, weights) / n_rows
        else:
            means = _means_of_observed(X, weights)
        # So that columns of equal values have no spread, though sums are rounded.
        means = np.clip(means, lowest(X), highest(X))
        return means.astype(floating_dtype(X))


def _means_of_observed(X, weights):
    """Return the column means of a table, which is read a block at a time if large."""
    sums, counts = 0.0, 0.0
    own = own_rows(X)
    for rows in slices_of(own):
        part = own[rows]
        each = None if weights is None else weights[rows]
        of_part = _summed(part, each)
        count = len(part) if each is None else each.sum()
        if np.isnan(of_part).any():
            is_there = ~np.isnan(part)
            of_part = _summed(part, each, is_there)
            count = _summed(is_there, each)
        sums, counts = sums + of_part, counts + count
    sums, counts = summed(X, sums, counts)
    return sums / counts


def _summed(rows, weights, where=True):
    if weights is None:
        return np.sum(rows, axis=0, dtype=np.float64, where=where)
    return weights @ (rows if where is True else np.where(where, rows, 0))


def centred_or_infinite(X, mean):
    """Return X - mean, subtracted in the dtype of `mean`, as float32; NaN stays.

    What is beyond the range of float32 becomes infinite.
    """
    return np.asarray(_minus(X, mean))


def _minus(X, mean):
    if isinstance(X, SparseRows):
        return X.mapped(lambda values, columns: _minus(values, mean[columns]))
    centred = np.empty(X.shape, dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        # Into the array: there is no copy of X in double precision.
        np.subtract(X, mean, out=centred, dtype=mean.dtype, casting="same_kind")
    return centred


def centred_float32(X, mean):
    """Return what `centred_or_infinite` does, if it is in range.

    Raises
    ------
    ValueError
        If a value is beyond the range of float32.
    """
    return np.asarray(centred_rows(X, mean))


def centred_rows(X, mean):
    """Return what `centred_float32` does, but lazily if that saves a large copy.

    Rows of sparse X stay sparse about -mean, those of large X stay where they are.
    """
    if isinstance(X, JoinedRows):
        return X.with_local(centred_rows(X.local, mean))
    if is_large(X):
        centred = StoredRows(X, mean)
        # One pass for both: the table may be on a disk.
        flaws = [(np.isinf(x).any(), np.isnan(x).any()) for x in centred.blocks()]
        is_out_of_range, is_incomplete = np.any(flaws, axis=0)
        centred.is_incomplete = bool(is_incomplete)
    else:
        centred = _minus(X, mean)
        is_sparse = isinstance(centred, SparseRows)
        parts = (centred.matrix.data, centred.fill) if is_sparse else (centred,)
        is_out_of_range = any(np.isinf(part).any() for part in parts)
    if is_out_of_range or not np.isfinite(mean).all():
        raise ValueError(
            "X has values too large for float32, in which the network computes; "
            "scale X, for instance with StandardScaler."
        )
    return centred


def misses_values(rows):
    """Whether some of centred rows miss values."""
    if isinstance(rows, LazyRows):
        return rows.is_incomplete
    # A sum has NaN where a value has, without an array of flags.
    return bool(np.isnan(rows.sum(dtype=np.float64)))


def fit_start(X, n_components, init, random_state, weights=None):
    """Compute a start from the training rows.

    Parameters
    ----------
    X : ndarray or SparseRows of shape (n_samples, n_features)
        Training rows, float32 or float64, with NaN for what is missing; each column has
        a value.
    n_components : int
        Number of components wanted; more than the data have is allowed.
    init : {"pca", "random"}
        Whether to compute principal axes.
    random_state : RandomState
        For PCA's randomized solver.
    weights : ndarray of shape (n_samples,) or None, default=None
        Weights of the rows, whose sum is the number of rows that they stand for; None
        where each is one.

    Returns
    -------
    start : Start
    rows : ndarray or SparseRows of shape (n_samples, n_features)
        The centred rows as float32, with NaN.
    """
    mean = column_means(X, weights)
    rows = centred_rows(X, mean)
    is_sparse = isinstance(X, SparseRows)
    unit = _unit(X, mean)
    is_incomplete = misses_values(rows)
    if init == "random":
        axes = scales_alone(X, mean, unit, n_components, weights)
    elif is_by_covariance(X) and not is_incomplete:
        axes = axes_of_covariance(X, mean, unit, n_components, weights)
    elif isinstance(rows, StoredRows) and has_axes_by_blocks(rows, n_components):
        axes = axes_of_table(X, rows, unit, n_components, random_state, weights)
    else:
        of_rows = axes_of_sparse_rows if is_sparse else axes_of_rows
        axes = of_rows(X, mean, unit, n_components, random_state, weights)
    scale = float(np.sqrt(np.mean(axes.feature_scale**2))) or 1.0
    if scale * unit < SMALLEST_SCALE:
        raise ValueError(
            "X has values too small for float32, in which the network computes; "
            "scale X, for instance with StandardScaler."
        )
    # As many axes as rows can have reproduce rows of any noise, and tell nothing of it.
    n_rows = len(X) if weights is None else weights.sum()
    is_told = init == "random" or len(X) - 1 > n_components
    least = NOISE_FLOOR if is_told else UNKNOWN_SHARE
    noise_variance = max(axes.noise_variance, (least * scale) ** 2)
    start = Start(
        mean=mean,
        feature_scale=axes.feature_scale * unit,
        scale=scale * unit,
        components=axes.components,
        variances=axes.variances * unit**2,
        residual_scale=axes.residual_scale * unit,
        noise_variance=noise_variance * unit**2,
        n_rows=n_rows,
        is_incomplete=is_incomplete,
    )
    return start, rows


def warn_of_empty_columns(estimator, start):
    """Warn of components beyond the rank, where no network fills their columns."""
    module = estimator.net_.module_
    is_asked_for = module.corruption is not None or module.penalty is not None
    if module.networks_on or is_asked_for or start.components is None:
        return
    if not isinstance(estimator.n_components, Integral):
        return
    # Rows that are all alike have no number of components that would be right.
    if 0 < start.rank < estimator.n_components_:
        warn(
            f"n_components={estimator.n_components_} is above the rank of X, "
            f"{start.rank}: further columns of the code are zero; set n_components "
            f"to at most {start.rank}.",
            stacklevel=4,
        )


def reconstruction_with_gaps(X, n_components):
    """Return what the PCA of rows with gaps, and with their means there, makes of them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows; each column has a value.
    n_components : int
        Number of components.
    """
    start, _ = fit_start(X, n_components, "pca", np.random.RandomState(0))
    axes, noise = start.components, start.noise_variance
    signal = np.maximum(start.variances - noise, 0.0) / noise
    loadings = torch.from_numpy(axes * np.sqrt(signal)[:, np.newaxis])
    rows = torch.from_numpy(X - start.mean)
    missing = rows.isnan()
    filled = linear_fill(rows.masked_fill(missing, 0.0), missing, loadings).numpy()
    return start.mean + filled @ axes.T @ axes


def _unit(X, mean):
    """Return what to divide centred rows by: a power of two, so that it is exact."""
    above = np.subtract(highest(X), mean, dtype=np.float64)
    below = np.subtract(mean, lowest(X), dtype=np.float64)
    largest = max(above.max(), below.max())
    return 2.0 ** np.floor(np.log2(largest)) if largest > 0 else 1.0
