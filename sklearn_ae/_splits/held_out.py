"""Which rows are held out, and which of them are one piece of evidence."""

from dataclasses import dataclass

import numpy as np

from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._splits.copies import originals
from sklearn_ae._training.defaults import n_validation_rows
from sklearn_ae._training.run import all_rows
from sklearn_ae.model_selection import LastRows


@dataclass(frozen=True)
class Split:
    """Two sides of a table.

    Attributes
    ----------
    trained_on, held_out : ndarray of int
        Indices of rows.
    groups : ndarray of shape (n_rows,) or None
        Of which group each row is; None where each is one of its own.
    """

    trained_on: np.ndarray
    held_out: np.ndarray
    groups: np.ndarray | None = None


class RowChooser:
    """Chooses the rows to hold out, in a warm start the same ones again.

    Attributes
    ----------
    was_left_to_chance : bool
        Whether single rows were drawn, last.
    """

    was_left_to_chance = True

    def __init__(self):
        self._seed = self._drawn = self._n_rows = None

    def choose(self, rows, told, stream):
        """Return the split of rows.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features)
            As for `split_rows`.
        told : Told
        stream : RandomState
            What is drawn from.
        """
        self.was_left_to_chance = told.is_left_to_chance
        if not told.is_left_to_chance:
            if self._seed is None:
                self._seed = stream.randint(2**31)
            return split_rows(rows, told, np.random.RandomState(self._seed))
        again = self._drawn if self._n_rows == len(rows) else None
        split = split_rows(rows, told, stream, again)
        self._drawn, self._n_rows = split and split.held_out, len(rows)
        return split


def hold_out(rows, net, split, weights=None):
    """Return the rows to train on, with those held out.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Centred rows, float32, with NaN for what is missing.
    net : Net
        Whose device they go to.
    split : Split or None
        None holds out none.
    weights : ndarray of shape (n_rows,) or None
        Weights of the rows; those that were given to be held out have none.

    Returns
    -------
    rows : Rows
    """
    if split is None:
        return all_rows(rows, net, weights=weights)

    def side(chosen, valid=None):
        groups = None if split.groups is None else split.groups[chosen]
        counts = weights is not None and chosen.max() < len(weights)
        of_rows = weights[chosen] if counts else None
        return all_rows(rows[chosen], net, valid, groups=groups, weights=of_rows)

    return side(split.trained_on, side(split.held_out))


def split_rows(rows, told, rng, again=None):
    """Choose the rows to hold out.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Centred rows; those that were given to be held out are the last of them.
    told : Told
        What they are to be chosen by.
    rng : RandomState
        Draws what is left to chance.
    again : ndarray of int or None, default=None
        Rows that an earlier fit drew, to be held out once more.

    Returns
    -------
    split : Split or None
        None where there is none to hold out.

    Raises
    ------
    ValueError
        If one side would be empty.
    """
    if told.X_val is not None:
        first, last = np.split(np.arange(len(rows)), [len(rows) - len(told.X_val)])
        return Split(rng.permutation(first), last)
    if told.splitter is not None:
        return _by_splitter(rows, told, rng)
    if told.fraction is None:
        return None
    if told.groups is not None:
        return _by_group(told, rng)
    return _at_random(rows, told.fraction, rng, again, told.weights)


def _at_random(rows, fraction, rng, again, weights):
    """Split at random; of a held-out row's copies none is trained on.

    `fraction` is of the distinct rows. A row with a larger share of the rows than that,
    or of their weights, is trained on: without it, training would have another
    distribution.
    """
    original = originals(rows)
    n_copies = np.bincount(original, minlength=len(rows))
    n_distinct = np.count_nonzero(n_copies)
    n_valid = n_validation_rows(n_distinct, fraction)
    if n_valid == 0:
        return None
    order = rng.permutation(len(rows))
    is_eligible = (n_copies > 0) & (n_copies * n_distinct <= n_valid * len(rows))
    if weights is not None:
        is_eligible &= weights * n_distinct <= n_valid * weights.sum()
    held_out = order[is_eligible[order]][:n_valid] if again is None else again
    is_held_out = np.zeros(len(rows), dtype=bool)
    is_held_out[original[held_out]] = True
    return Split(order[~is_held_out[original[order]]], held_out)


def _by_group(told, rng):
    """Hold out whole groups; `fraction` is of their number."""
    names, group = np.unique(told.groups, return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            f"groups has {len(names)} group, but at least 2 are needed for one to be "
            "held out."
        )
    n_groups = n_validation_rows(len(names), told.fraction)
    is_chosen = np.zeros(len(names), dtype=bool)
    is_chosen[rng.permutation(len(names))[:n_groups]] = True
    order = rng.permutation(len(group))
    is_held_out = is_chosen[group[order]]
    return Split(order[~is_held_out], order[is_held_out], group)


def _by_splitter(rows, told, rng):
    """Take the first split of a splitter."""
    splitter, whole = told.splitter, told.whole
    given, groups = rows, told.groups
    if whole is not None:
        given, groups = whole.X, whole.groups
    if getattr(splitter, "random_state", 0) is None:
        # So that the estimator's own makes a fit reproducible.
        splitter.random_state = rng.randint(2**31)
    # What it has is what is indexed, not how.
    table = given.matrix if isinstance(given, SparseRows) else given
    sides = next(iter(splitter.split(table, told.y, groups)), ((), ()))
    places = np.arange(len(rows))
    if whole is not None:
        places = np.full(len(given), -1)
        places[whole.kept] = np.arange(len(rows))
    trained_on, held_out = (_places(places, side, splitter) for side in sides)
    for side, indices in (("to train on", trained_on), ("to hold out", held_out)):
        if len(indices) == 0:
            raise ValueError(
                f"The first split of validation_split={splitter!r} has no rows {side}; "
                "give it shares that leave some on both sides."
            )
    if told.groups is not None:
        group = np.unique(told.groups, return_inverse=True)[1]
    elif isinstance(splitter, LastRows) and splitter.gap > 0:
        # Windows within a gap of each other share values.
        group = np.arange(len(places))[places >= 0] // (splitter.gap + 1)
    else:
        group = None
    return Split(rng.permutation(trained_on), held_out, group)


def _places(places, indices, splitter):
    """Return where the rows of some indices are, without those that are not there."""
    indices = np.asarray(indices)
    if indices.dtype != bool:
        indices = indices.astype(np.intp)
    try:
        found = places[indices]
    except IndexError as error:
        raise ValueError(
            f"validation_split={splitter!r} gave what are no rows of X: {error}."
        ) from None
    return found[found >= 0]
