"""Whether rows are like those before and after them: a sign that they are dependent.

Of rows in random order one of the two beside it is rarely closer to a row than all of
many others. In windows of a series it nearly always is, of repeated measures often.
Sorted rows are close to their neighbours as well, yet if they were sorted by one of a
few classes, so many others are of the same class that a neighbour is rarely closest.
"""

from warnings import warn

import numpy as np

#: Share of rows that are closest to a neighbour above which they are called alike.
ALIKE = 0.25
FLATTERS = (
    "Of {:.0%} of the rows the one before or after is closer than up to 200 others, as "
    "in windows of a series or repeated measures, and rows held out at random then "
    "flatter the fit: set validation_split='last' or give groups to fit; if rows are "
    "independent, shuffle them."
)
# Rows looked at, rows that they are compared with, and the fewest worth a look.
N_ROWS, N_OTHERS, FEWEST = 100, 200, 40


class AlikeRowsWarning(UserWarning):
    """Rows that are held out at random flatter a fit, as rows come in order."""


def warn_of_neighbours(rows, stacklevel):
    """Warn where rows that are held out at random are likely to flatter networks.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        As for `share_of_neighbours`.
    stacklevel : int
        Of the caller's caller, as `warnings.warn` would have it there.
    """
    share = share_of_neighbours(rows)
    if share > ALIKE:
        warn(FLATTERS.format(share), AlikeRowsWarning, stacklevel=stacklevel + 1)


def share_of_neighbours(rows):
    """Return the share of rows to which a neighbour is closer than all others.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Centred rows in the order that they came in, NaN for what is missing. Copies of
        a row are neither its neighbours nor others.

    Returns
    -------
    share : float
        Of some of the rows; 0.0 of few. Which ones is not random.
    """
    n_rows = len(rows)
    if n_rows < FEWEST:
        return 0.0
    looked_at = _spread_over(1, n_rows - 1, N_ROWS)
    others = _spread_over(0, n_rows, N_OTHERS)
    middle = _filled(rows[looked_at])
    beside = [_squares(middle - _filled(rows[looked_at + step])) for step in (-1, 1)]
    to_beside = np.minimum(*map(_without_copies, beside))
    to_others = np.stack([_squares(middle - other) for other in _filled(rows[others])])
    is_near = np.abs(looked_at - others[:, np.newaxis]) <= 1
    to_others[is_near] = np.inf
    closest = _without_copies(to_others).min(axis=0)
    return float(np.mean(to_beside < closest))


def _spread_over(start, stop, most):
    """Return whole numbers from a range, evenly spread."""
    return np.unique(np.linspace(start, stop - 1, min(most, stop - start)).astype(int))


def _filled(rows):
    """Return rows in double precision, with the mean for what is missing."""
    return np.nan_to_num(np.asarray(rows, dtype=np.float64), nan=0.0)


def _squares(differences):
    return np.square(differences).sum(axis=-1)


def _without_copies(squares):
    return np.where(squares == 0, np.inf, squares)
