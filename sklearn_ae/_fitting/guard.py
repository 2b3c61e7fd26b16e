"""The guard: leave PCA only on evidence."""

import numpy as np
from scipy.special import stdtrit

# One-sided: 2.3 standard errors where there are many rows. The held-out rows also chose
# the best epoch, which speaks for the network; the level leaves room for that.
DEFAULT_LEVEL = 0.01


def is_better(gains, level, other_gains=()):
    """Whether gains over a baseline are significantly above zero on average.

    A one-sided paired t-test. Fewer than two rows are no evidence. Where tails are
    heavy, the few bad rows that decide the mean are likely to be missing among those
    held out, and with them the spread that should make one doubt; so the spread is that
    of other rows' shortfalls where it is larger.

    Parameters
    ----------
    gains : ndarray of shape (n_rows,)
        How far each held-out row's loss is below the baseline's.
    level : float
        Significance level, in (0, 0.5].
    other_gains : array-like of shape (n_other_rows,), default=()
        Those of the training rows. How much they gain is no evidence, how far some
        fall short is.

    Returns
    -------
    better : bool
        True where the mean gain exceeds Student's critical value times its standard
        error.
    """
    n_rows = len(gains)
    if n_rows < 2:
        return False
    spread = max(np.std(gains, ddof=1), _downside_deviation(other_gains))
    critical = stdtrit(n_rows - 1, 1 - level)
    return bool(np.mean(gains) > critical * spread / np.sqrt(n_rows))


def _downside_deviation(gains):
    """Return the standard deviation as told by the values below the mean alone."""
    if len(gains) < 2:
        return 0.0
    shortfalls = np.minimum(gains - np.mean(gains), 0.0)
    return np.sqrt(2 * np.mean(shortfalls**2))


def with_worst_twice(gains):
    """Count the worst row twice: a density can lose without bound on a row."""
    return np.append(gains, gains.min()) if len(gains) > 1 else gains
