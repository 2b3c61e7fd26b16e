"""The guard: leave PCA only on evidence."""

import numpy as np
from scipy.special import stdtrit

# One-sided: two standard errors where there are many rows.
DEFAULT_LEVEL = 0.023


def is_better(gains, level, worst=np.inf):
    """Whether gains over a baseline are significantly above zero on average.

    A one-sided paired t-test. Fewer than two rows are no evidence. Where tails are
    heavy, the few rows that decide the mean are likely to be missing among those held
    out; so the worst gain known from anywhere counts as if one more row had had it.

    Parameters
    ----------
    gains : ndarray of shape (n_rows,)
        How far each held-out row's loss is below the baseline's.
    level : float
        Significance level, in (0, 0.5].
    worst : float, default=inf
        The lowest gain among other rows; infinity where none are known.

    Returns
    -------
    better : bool
        True where the mean difference exceeds Student's critical value times its
        standard error.
    """
    if len(gains) < 2:
        return False
    if worst < np.inf:
        gains = np.append(gains, min(worst, gains.min()))
    n_rows = len(gains)
    critical = stdtrit(n_rows - 1, 1 - level)
    standard_error = np.std(gains, ddof=1) / np.sqrt(n_rows)
    return bool(np.mean(gains) > critical * standard_error)
