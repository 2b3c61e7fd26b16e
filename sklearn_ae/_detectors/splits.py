"""Which rows are not trained on, so that their scores tell those of new rows."""

import math

import numpy as np

from sklearn_ae._splits.copies import originals, row_hashes

# Share of the rows that calibrate, and of how many alarms among them more would tell
# little.
SHARE, MOST_ALARMS = 0.2, 50


def calibration_share(fraction, rate, weight):
    """Return what share of the rows is to calibrate.

    Parameters
    ----------
    fraction : float or "auto"
        "auto" is a fifth, of large tables less, and of small ones as many as a p-value
        of `rate` needs, up to half.
    rate : float
        The rate of false alarms that is asked for.
    weight : float
        That of all rows: their number, if each counts one.
    """
    if fraction != "auto":
        return float(fraction)
    fewest = math.ceil(1 / rate - 1e-9) - 1
    n_wanted = max(min(SHARE * weight, MOST_ALARMS / rate), fewest)
    return max(math.floor(min(n_wanted, weight / 2)), 1) / weight


def places(rows, weights, groups, share, stream):
    """Return for each row the share of all weight before it, in a random order.

    Copies of a row are together and have one place, as have the rows of a group. Those
    of more than a share of all weight are last: without them training would have
    another distribution. Places of ungrouped rows follow from the rows' values,
    whatever order they are in and however often each is there.

    Parameters
    ----------
    rows : ndarray or SparseRows of shape (n_rows, n_features), float32
    weights : ndarray of shape (n_rows,) or None
    groups : ndarray of shape (n_rows,) or None
    share : float
    stream : RandomState

    Returns
    -------
    places : ndarray of shape (n_rows,)
        In [0, 1).
    """
    if groups is None:
        unit, keys = _copies(rows, stream)
    else:
        _, unit = np.unique(groups, return_inverse=True)
        keys = stream.permutation(unit.max() + 1)
    unit_weights = np.bincount(unit, weights).astype(np.float64)
    total = unit_weights.sum()
    order = np.lexsort((keys, unit_weights > share * total))
    before = np.empty(len(order))
    before[order] = np.cumsum(unit_weights[order]) - unit_weights[order]
    return (before / total)[unit]


def _copies(rows, stream):
    """Return which rows are copies of each other, and what puts them in an order."""
    factor = np.uint64(2 * stream.randint(2**31) + 1)
    first, unit = np.unique(originals(rows), return_inverse=True)
    hashes = row_hashes(rows[first])
    if len(np.unique(hashes)) < len(hashes):
        # Equal by chance, as rows of bits are: they are no copies.
        return unit, stream.permutation(len(first))
    return unit, hashes * factor


class HeldOut:
    """Remembers which rows were not trained on, by which model.

    Parameters
    ----------
    rows : ndarray or SparseRows of shape (n_rows, n_features), float32
    models : ndarray of shape (n_rows,), int
        The number of the model that did not train on a row.
    """

    def __init__(self, rows, models):
        self._hashes, first = np.unique(row_hashes(rows), return_index=True)
        self._models = models[first]

    def by(self, rows):
        """Return the number of the model that did not train on each row; -1 for new."""
        hashes = row_hashes(rows)
        found = np.searchsorted(self._hashes, hashes)
        found = np.minimum(found, len(self._hashes) - 1)
        return np.where(self._hashes[found] == hashes, self._models[found], -1)
