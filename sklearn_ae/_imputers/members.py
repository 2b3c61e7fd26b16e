"""The estimators that fill in: seeded copies, alone or at the end of a pipeline."""

import warnings
from inspect import signature

import numpy as np
from sklearn.base import clone

from sklearn_ae._pipelines import steps_of
from sklearn_ae._splits.neighbours import AlikeRowsWarning
from sklearn_ae._utils import set_random_states

# Columns of a code at most.
MOST_COMPONENTS = 32


def code_sizes(n_sizes, rank):
    """Return sizes of codes up to half of a rank; none for rows of no variance."""
    if rank == 0:
        return []
    most = min((rank + 1) / 2, MOST_COMPONENTS)
    sizes = np.rint(most * np.arange(1, n_sizes + 1) / n_sizes).clip(min(2, rank))
    return sizes.astype(int).tolist()


def can_fill(estimator):
    """Whether an estimator has `impute`, and what is before it a way back."""
    if isinstance(estimator, type):
        return False
    *before, last = steps_of(estimator)
    return hasattr(last, "impute") and all(
        hasattr(step, "inverse_transform") for step in before
    )


def can_draw(estimator):
    """Whether `impute` of an estimator draws from what is possible."""
    return "n_draws" in signature(steps_of(estimator)[-1].impute).parameters


def fit_member(estimator, X, rng):
    """Return a fitted copy of an estimator, with seeds of its own."""
    member = clone(estimator)
    set_random_states(member, rng)
    with warnings.catch_warnings():
        # Gaps are filled in from neighbouring rows where there are any: what they
        # flatter is what is wanted, and the weights are chosen by hidden values.
        warnings.simplefilter("ignore", AlikeRowsWarning)
        return member.fit(X)


def fill_by(member, X, **how):
    """Return rows that a fitted member filled in.

    Parameters
    ----------
    member : estimator or Pipeline
    X : ndarray of shape (n_rows, n_columns)
        Rows with NaN.
    **how
        What its `impute` takes besides. Of draws the first is returned.
    """
    *before, last = steps_of(member)
    rows = X
    for step in before:
        rows = step.transform(rows)
    rows = last.impute(rows, **how)
    if rows.ndim == 3:
        rows = rows[0]
    for step in reversed(before):
        rows = step.inverse_transform(rows)
    return np.where(np.isnan(X), rows, X)
