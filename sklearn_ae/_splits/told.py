"""What a call of ``fit`` says of its rows: their weights, and which to hold out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length

from sklearn_ae._arrays import as_numpy
from sklearn_ae._rows.gathered import GatheredRows
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._utils import Described, StrOptions
from sklearn_ae._validation import check_rows, refuse_empty_columns
from sklearn_ae._weights import check_weights, given_weights, resampled
from sklearn_ae.model_selection import LastRows

RULES = ("random", "last")
#: What `validation_split` takes.
SPLIT_CONSTRAINT = [
    StrOptions(set(RULES)),
    Described(
        lambda value: not isinstance(value, str | type) and hasattr(value, "split"),
        "a splitter such as sklearn.model_selection.GroupShuffleSplit()",
    ),
]


@dataclass(frozen=True)
class Whole:
    """All rows that a fit was given, those of no weight as well.

    Attributes
    ----------
    X : ndarray or SparseRows of shape (n_all_rows, n_features)
    groups, weights : ndarray of shape (n_all_rows,) or None
    kept : ndarray of int
        Those that are left.
    """

    X: Any
    groups: Any
    weights: Any
    kept: np.ndarray


@dataclass(frozen=True)
class Told:
    """What is known of rows beside their values.

    Attributes
    ----------
    fraction : float, "auto" or None
        `validation_fraction`.
    splitter : splitter or None
        A copy of that of `validation_split`; None is at random.
    y : array-like or None
        What a splitter may stratify by, of all rows.
    groups : ndarray of shape (n_rows,) or None
        Rows of one group are never on both sides.
    X_val : ndarray of shape (n_held_out, n_features) or None
        Rows to hold out.
    weights : ndarray of shape (n_rows,) or None
        Weights of the rows, above zero; None where all count alike.
    whole : Whole or None
        The rows before some of no weight were left out; None where there were none.
    """

    fraction: Any = "auto"
    splitter: Any = None
    y: Any = None
    groups: np.ndarray | None = None
    X_val: np.ndarray | None = None
    weights: np.ndarray | None = None
    whole: Whole | None = None

    @property
    def is_left_to_chance(self):
        """Whether single rows are drawn: nothing was said of how they depend."""
        return self.splitter is self.groups is self.X_val is None

    def call(self, X):
        """Return the rows and the arguments by which another ``fit`` is told the same.

        Parameters
        ----------
        X : ndarray or SparseRows
            The rows that are left.
        """
        whole = self.whole or Whole(X, self.groups, self.weights, np.arange(len(X)))
        arguments = {
            "y": self.y,
            "groups": whole.groups,
            "X_val": self.X_val,
            "sample_weight": whole.weights,
        }
        return whole.X, arguments

    def as_weighted(self, X, rng):
        """Return rows of X as often as their weights say, for what knows no weights."""
        if self.weights is None:
            return X
        return X[resampled(self.weights, len(X), rng.random_sample())]


def weighted_rows(estimator, X, sample_weight, fewest=2):
    """Return the rows of some weight, and their weights.

    Parameters
    ----------
    estimator : Fitting
        Its name is in errors.
    X : ndarray of shape (n_rows, n_features)
        Checked rows.
    sample_weight : array-like of shape (n_rows,), float or None
        As ``fit`` was given it.
    fewest : int, default=2
        How many are needed.

    Raises
    ------
    ValueError
        If the weights are none, or leave too few rows or a column without values.
    """
    return _of_some_weight(estimator, X, check_weights(sample_weight, X), fewest)


def _of_some_weight(estimator, X, weights, fewest=2):
    if weights is None or (weights > 0).all():
        return X, weights
    kept = np.flatnonzero(weights)
    X, weights = X[kept], weights[kept]
    if len(X) < fewest:
        raise ValueError(
            f"sample_weight is above zero for {len(X)} row, but "
            f"{type(estimator).__name__} needs at least {fewest}."
        )
    if fewest > 1 and not isinstance(X, SparseRows):
        refuse_empty_columns(estimator, X)
    return X, None if (weights == weights[0]).all() else weights


def with_more(gathered, X, sample_weight):
    """Return the rows of calls before, if there are any, and those of one more.

    Parameters
    ----------
    gathered : GatheredRows or None
    X : ndarray or SparseRows of shape (n_rows, n_features)
        Checked rows.
    sample_weight : array-like of shape (n_rows,), float or None
        Checked weights, as the call was given them.
    """
    more = GatheredRows.of(X, given_weights(sample_weight, X))
    return more if gathered is None else gathered.followed_by(more)


def told_by(estimator, X, y, X_val, groups, sample_weight):
    """Return the rows of some weight, and what was told of them, if it can be done.

    Parameters
    ----------
    estimator : Fitting
        Knows the number of features of X.
    X : ndarray of shape (n_rows, n_features)
        Checked rows.
    y, X_val, groups, sample_weight
        As ``fit`` was given them.

    Returns
    -------
    X : ndarray of shape (n_rows, n_features)
    told : Told

    Raises
    ------
    ValueError
        If two of them contradict each other, or one has another shape than it must.
    """
    fraction, rule = estimator.validation_fraction, estimator.validation_split
    is_splitter = not isinstance(rule, str)
    y = as_numpy(y, "y") if is_splitter and y is not None else None
    groups = None if groups is None else checked_groups(groups, X)
    given, whole = check_weights(sample_weight, X), None
    if given is not None and not given.all():
        whole = Whole(X, groups, given, np.flatnonzero(given))
        groups = None if groups is None else groups[whole.kept]
    X, weights = _of_some_weight(estimator, X, given)
    weighting = {"weights": weights, "whole": whole}
    if X_val is not None:
        _refuse_beside_rows(fraction, rule, groups)
        return X, Told(X_val=_checked(estimator, X_val, X), **weighting)
    if is_splitter and fraction != "auto":
        raise ValueError(
            f"validation_fraction={fraction!r} has no effect beside "
            f"validation_split={rule!r}, which knows its own share; leave "
            "validation_fraction='auto'."
        )
    if groups is not None:
        _refuse_groups(fraction, rule)
    if not is_splitter:
        last = LastRows(fraction) if rule == "last" and fraction is not None else None
        return X, Told(fraction, last, groups=groups, **weighting)
    if y is not None:
        check_consistent_length(X if whole is None else whole.X, y)
    splitter = clone(rule, safe=False)
    return X, Told(splitter=splitter, y=y, groups=groups, **weighting)


def checked_groups(groups, X):
    """Return the group of each row as an array."""
    given = as_numpy(groups, "groups")
    groups = np.asarray(given)
    if groups.ndim == 2 and groups.shape[1] == 1:
        groups = groups.ravel()
    if groups.ndim != 1:
        raise ValueError(
            f"groups must have one value for each row of X. Got an array of "
            f"{groups.ndim} dimensions instead."
        )
    check_consistent_length(X, groups)
    # As they were given: NumPy makes a word of NaN beside words.
    missing = list(map(_is_missing, np.asarray(given, dtype=object).ravel().tolist()))
    if any(missing):
        raise ValueError(
            f"groups has no value for row {missing.index(True)}; give each row the "
            "group that it is of, one of its own if it is of none."
        )
    return groups


def _checked(estimator, X_val, X):
    """Return rows to hold out, sparse where X is."""
    try:
        X_val = check_rows(estimator, X_val, reset=False)
    except (ValueError, TypeError) as error:
        # It speaks of X.
        raise type(error)(f"X_val must be rows such as those of X: {error}") from None
    if isinstance(X, SparseRows) and not isinstance(X_val, SparseRows):
        return SparseRows(csr_array(X_val))
    return X_val if isinstance(X, SparseRows) else np.asarray(X_val)


def _is_missing(value):
    """Whether it is None, or differs from itself or cannot tell: NaN and NA."""
    return value is None or (value == value) is not True


def _refuse_beside_rows(fraction, rule, groups):
    others = {
        "groups": groups is not None,
        f"validation_split={rule!r}": not _is(rule, "random"),
        f"validation_fraction={fraction!r}": not _is(fraction, "auto"),
    }
    for name, is_given in others.items():
        if is_given:
            raise ValueError(
                f"X_val is the rows to hold out, so {name} has nothing to choose; "
                "give one of the two."
            )


def _refuse_groups(fraction, rule):
    if _is(rule, "last"):
        raise ValueError(
            "groups have no effect beside validation_split='last', which goes by the "
            "order of rows; give one of the two."
        )
    if fraction is None:
        raise ValueError(
            "groups have no effect beside validation_fraction=None, which holds out "
            "no rows; give one of the two."
        )


def _is(value, word):
    return isinstance(value, str) and value == word
