"""What a call of ``fit`` says of the rows to hold out, checked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sklearn_ae._arrays import as_numpy
from sklearn_ae._splits.last import LastRows
from sklearn_ae._utils import Described, StrOptions
from sklearn_ae._validation import check_rows

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
class Told:
    """What the rows to hold out are chosen by.

    Attributes
    ----------
    fraction : float, "auto" or None
        `validation_fraction`.
    splitter : splitter or None
        A copy of that of `validation_split`; None is at random.
    y : array-like or None
        What a splitter may stratify by.
    groups : ndarray of shape (n_rows,) or None
        Rows of one group are never on both sides.
    X_val : ndarray of shape (n_held_out, n_features) or None
        The rows themselves.
    """

    fraction: Any = "auto"
    splitter: Any = None
    y: Any = None
    groups: np.ndarray | None = None
    X_val: np.ndarray | None = None

    @property
    def is_left_to_chance(self):
        """Whether single rows are drawn: nothing was said of how they depend."""
        return self.splitter is self.groups is self.X_val is None

    def arguments(self):
        """Return what another call of ``fit`` needs to be told the same."""
        return {"y": self.y, "groups": self.groups, "X_val": self.X_val}


def told_by(estimator, X, y, X_val, groups):
    """Return what was told, if it can be done.

    Parameters
    ----------
    estimator : Fitting
        Knows the number of features of X.
    X : ndarray of shape (n_rows, n_features)
        Checked rows.
    y, X_val, groups
        As ``fit`` was given them.

    Raises
    ------
    ValueError
        If two of them contradict each other, or one has another shape than it must.
    """
    fraction, rule = estimator.validation_fraction, estimator.validation_split
    is_splitter = not isinstance(rule, str)
    if X_val is not None:
        _refuse_beside_rows(fraction, rule, groups)
        return Told(X_val=_checked(estimator, X_val))
    if is_splitter and fraction != "auto":
        raise ValueError(
            f"validation_fraction={fraction!r} has no effect beside "
            f"validation_split={rule!r}, which knows its own share; leave "
            "validation_fraction='auto'."
        )
    if groups is not None:
        groups = column_or_1d(as_numpy(groups, "groups"))
        check_consistent_length(X, groups)
        _refuse_groups(fraction, rule)
    if not is_splitter:
        last = LastRows(fraction) if rule == "last" and fraction is not None else None
        return Told(fraction=fraction, splitter=last, groups=groups)
    if y is not None:
        y = as_numpy(y, "y")
        check_consistent_length(X, y)
    return Told(splitter=clone(rule, safe=False), y=y, groups=groups)


def _checked(estimator, X_val):
    try:
        return check_rows(estimator, X_val, reset=False)
    except (ValueError, TypeError) as error:
        # It speaks of X.
        raise type(error)(f"X_val must be rows such as those of X: {error}") from None


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
