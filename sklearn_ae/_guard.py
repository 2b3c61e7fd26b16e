"""The guard: leave PCA only on evidence."""

import numpy as np
from scipy.special import stdtrit

# One-sided: two standard errors where there are many rows.
DEFAULT_LEVEL = 0.023


def is_better(baseline, losses, level):
    """Whether losses are significantly below a baseline on the same rows.

    A one-sided paired t-test. Fewer than two rows are no evidence.

    Parameters
    ----------
    baseline, losses : ndarray of shape (n_rows,)
        Loss of each held-out row.
    level : float
        Significance level, in (0, 0.5].

    Returns
    -------
    better : bool
        True where the mean difference exceeds Student's critical value times its
        standard error.
    """
    gains = baseline - losses
    n_rows = len(gains)
    if n_rows < 2:
        return False
    critical = stdtrit(n_rows - 1, 1 - level)
    standard_error = np.std(gains, ddof=1) / np.sqrt(n_rows)
    return bool(np.mean(gains) > critical * standard_error)
