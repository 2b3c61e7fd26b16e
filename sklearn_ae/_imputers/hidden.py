"""Which observed values are hidden, to see how well they are filled in."""

# Least share of the observed values that is hidden.
LEAST_SHARE = 0.1


def hidden_values(missing, rng):
    """Return where observed values are to be hidden.

    Half of the rows also miss what another row misses, so that values are hidden as
    they are missing: in blocks, or some columns more often. Where that is few, single
    values are drawn until a tenth is hidden.

    Parameters
    ----------
    missing : ndarray of bool of shape (n_rows, n_columns)
    rng : RandomState

    Returns
    -------
    hidden : ndarray of bool of shape (n_rows, n_columns)
        At least two values are left in each column that has them.
    """
    n_rows = len(missing)
    observed = ~missing
    takes_part = rng.uniform(size=(n_rows, 1)) < 0.5
    hidden = missing[rng.permutation(n_rows)] & observed & takes_part
    lacking = LEAST_SHARE * observed.sum() - hidden.sum()
    left = observed & ~hidden
    if lacking > 0:
        hidden |= left & (rng.uniform(size=missing.shape) < lacking / left.sum())
    hidden[:, (observed & ~hidden).sum(axis=0) < 2] = False
    return hidden
