"""Normal scores: a column of numbers by its ranks, and back."""

import math

import numpy as np
from scipy.special import ndtr, ndtri

# At most so many knots, and so many rows for each.
MOST_KNOTS, ROWS_PER_KNOT = 200, 10
# At most so many values that draws are made of.
MOST_STEPS = 20_000
# Share of the knots, at each end, whose slope goes on beyond the ends.
TAIL = 0.05
# Digits after the point in which values may lie on a grid.
MOST_DECIMALS = 6
# The largest whole numbers, and the largest after which float64 has some digits.
LARGEST_WHOLE, LARGEST_FRACTION = 2.0**62, 2.0**45


class NormalScores:
    """Monotone map from a column's values to scores that are standard normal.

    A value's score is the normal quantile of its rank: of the middle of its ranks where
    it is there several times. Between knots the map is linear; beyond the ends it goes
    on with the slope of the last twentieth, so that a value far out keeps its distance.
    The way back is that of the empirical distribution: a value that several rows share,
    such as a zero or a round number, has their share of the scores [1]_; between values
    of single rows it is linear, and no score leads beyond the ends.

    Parameters
    ----------
    values : ndarray of shape (n_values,), float64
        The column's values; at least one, all finite.

    Attributes
    ----------
    knots_, scores_ : ndarray of shape (n_knots,)
        Values in ascending order, and their scores.
    slopes_ : ndarray of shape (n_knots + 1,)
        Score by value: below the knots, between each two, and above them.
    steps_, edges_ : ndarray of shape (n_steps,) and (n_steps, 2)
        Values in ascending order, and the shares of rows at which that of each begins
        and ends: in the middle of its row where it is there once.

    References
    ----------
    .. [1] Hoff, P. D. (2007). Extending the rank likelihood for semiparametric copula
       estimation. Annals of Applied Statistics 1, 265-283.
    """

    def __init__(self, values):
        ordered = np.sort(values)
        n_rows = len(ordered)
        n_knots = min(max(n_rows // ROWS_PER_KNOT, 2), MOST_KNOTS)
        self.knots_, shares = _quantiles(ordered, n_knots)
        self.scores_ = ndtri(shares.mean(axis=1))
        self.slopes_ = self._slopes()
        self.steps_, shares = _quantiles(ordered, min(n_rows, MOST_STEPS))
        middles = shares.mean(axis=1, keepdims=True)
        self.edges_ = np.where(np.diff(shares) * n_rows < 1.5, middles, shares)

    def _slopes(self):
        n_knots = len(self.knots_)
        if n_knots == 1:
            return np.ones(2)
        within = np.diff(self.scores_) / np.diff(self.knots_)
        far = max(1, math.ceil(TAIL * (n_knots - 1)))
        tails = [
            (self.scores_[last] - self.scores_[first])
            / (self.knots_[last] - self.knots_[first])
            for first, last in ((0, far), (-1 - far, -1))
        ]
        return np.concatenate([tails[:1], within, tails[1:]])

    def forward(self, values):
        """Return the scores of values; of NaN it is NaN."""
        scores = np.interp(values, self.knots_, self.scores_)
        below = np.fmin(values - self.knots_[0], 0.0)
        above = np.fmax(values - self.knots_[-1], 0.0)
        return scores + self.slopes_[0] * below + self.slopes_[-1] * above

    def log_slope(self, values):
        """Return the logarithm of the scores' slope at values; of NaN it is 0."""
        slopes = self.slopes_[np.searchsorted(self.knots_, values, side="right")]
        return np.where(np.isnan(values), 0.0, np.log(slopes))

    def back(self, scores):
        """Return the values of scores."""
        # By shares, in which the empirical distribution is linear.
        return np.interp(ndtr(scores), self.edges_.ravel(), np.repeat(self.steps_, 2))


def _quantiles(ordered, n_levels):
    """Return quantiles that are values, and at which share each begins and ends."""
    levels = np.linspace(0, 1, n_levels)
    found = np.unique(np.quantile(ordered, levels, method="inverted_cdf"))
    ranks = [np.searchsorted(ordered, found, side) for side in ("left", "right")]
    # No share's score is infinite: the ends are a quarter of a row away from it.
    n_rows = len(ordered)
    return found, np.clip(np.stack(ranks, axis=1), 0.25, n_rows - 0.25) / n_rows


class Grid:
    """The coarsest grid that a column's values lie on, such as of cents or of days.

    Parameters
    ----------
    values : ndarray of shape (n_values,), float64
        At least one, all finite.
    """

    def __init__(self, values):
        self.step = 0
        for decimals in range(MOST_DECIMALS + 1):
            self.unit = 10.0**decimals
            fine = values * self.unit
            whole = np.rint(fine)
            if np.abs(whole).max() > (LARGEST_FRACTION if decimals else LARGEST_WHOLE):
                return
            # The product has an error of its own.
            if (
                np.abs(fine - whole) <= bool(decimals) * 2 * np.spacing(np.abs(fine))
            ).all():
                self.start = whole.min()
                self.step = np.gcd.reduce((whole - self.start).astype(np.int64))
                return

    def nearest(self, values):
        """Return the points of the grid that are nearest to values."""
        if self.step == 0:
            return values
        steps = np.rint((values * self.unit - self.start) / self.step)
        return (self.start + steps * self.step) / self.unit
