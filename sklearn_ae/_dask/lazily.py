"""Methods that give something for each row, of collections block by block."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ae._dask.collections import (
    check_table,
    dtype_of,
    example_of,
    is_collection,
    is_frame,
    whole_rows,
)
from sklearn_ae._utils import gives_frames

_Method = TypeVar("_Method", bound=Callable[..., Any])


@dataclass(frozen=True)
class Outcome:
    """What a method gives for rows.

    Attributes
    ----------
    columns : callable or None
        From the fitted estimator to the number of columns; None for one number.
    dtype : callable
        From the fitted estimator and X to the dtype.
    n_parts : int
        Arrays that there are, of as many columns each.
    """

    columns: Callable[[Any], int] | None
    dtype: Callable[[Any, Any], Any]
    n_parts: int = 1

    def shape(self, estimator):
        """Return the shape, for no rows, of all parts beside each other."""
        if self.columns is None:
            return (0,)
        return 0, self.n_parts * self.columns(estimator)

    def parts(self, made):
        """Return what the method returns."""
        if self.n_parts == 1:
            return made
        width = made.shape[1] // self.n_parts
        starts = range(0, made.shape[1], width)
        return tuple(made[:, start : start + width] for start in starts)


def _single(estimator, X):
    return np.dtype(np.float32)


def _n_codes(estimator):
    return estimator.n_components_


CODES = Outcome(_n_codes, _single)
POSTERIORS = Outcome(_n_codes, _single, n_parts=2)
SCORES = Outcome(None, _single)
SQUARES = Outcome(lambda estimator: 2, lambda estimator, X: np.dtype(np.float64))
ROWS = Outcome(
    lambda estimator: estimator.n_features_in_,
    lambda estimator, X: estimator._mean.dtype,
)
FILLED_ROWS = Outcome(
    lambda estimator: estimator.n_features_in_,
    lambda estimator, X: np.result_type(dtype_of(X), np.float32),
)


def check_columns_of_rows(estimator, example):
    """Raise ValueError unless there are the features, by number and names, of fit."""
    validate_data(estimator, example, reset=False, skip_check_array=True)


def check_columns_of_codes(estimator, example):
    """Raise ValueError unless codes may have so many columns."""
    estimator._checked_codes(np.zeros((1, example.shape[1])))


def by_blocks(
    outcome: Outcome,
    check: Callable[..., None] = check_columns_of_rows,
    whole: tuple[str, ...] = (),
) -> Callable[[_Method], _Method]:
    """Have a method of rows take collections, and return what is as lazy as they are.

    Parameters
    ----------
    outcome : Outcome
        What the method gives.
    check : callable, default=check_columns_of_rows
        Raises what can be seen without computing, by the estimator and a table that
        has X's columns and no rows.
    whole : tuple of str, default=()
        Arguments with which the method cannot be done a block at a time.
    """

    def decorate(method):
        @wraps(method)
        def called(estimator, X, *args, **kwargs):
            if not is_collection(X):
                return method(estimator, X, *args, **kwargs)
            name = method.__name__
            check_is_fitted(estimator)
            check_table(X, f"{name} of {type(estimator).__name__}")
            check(estimator, example_of(X))
            _refuse_frames(estimator, name)
            for argument in whole:
                if kwargs.get(argument) is not None:
                    _refuse(f"{name} with {argument}")
            nothing = np.empty(outcome.shape(estimator), outcome.dtype(estimator, X))
            of_block = _Call(name, args, kwargs, nothing)
            return outcome.parts(_mapped(of_block, estimator, X))

        return cast(_Method, called)

    return decorate


def refuse_collections(method: _Method) -> _Method:
    """Have a method raise TypeError for collections, which it would compute at once."""

    @wraps(method)
    def called(estimator, X, *args, **kwargs):
        if is_collection(X):
            _refuse(method.__name__)
        return method(estimator, X, *args, **kwargs)

    return cast(_Method, called)


def _refuse(what):
    raise TypeError(
        f"X is a dask collection, of which {what} cannot be done a block at a time; "
        "give it some rows, for instance X.partitions[0].compute()."
    )


def _refuse_frames(estimator, name):
    """Raise ValueError where a frame is asked for of what gives an array."""
    if name == "transform" and gives_frames(estimator):
        raise ValueError(
            "transform makes a dask array of a dask collection, not the frames that "
            "set_output or the configuration ask for; use set_output(transform="
            "'default'), or X.map_partitions(estimator.transform) for a dask DataFrame."
        )


@dataclass(frozen=True, repr=False)
class _Call:
    """A call of an estimator's method, but for the estimator and the rows.

    Attributes
    ----------
    name : str
        Of the method.
    args, kwargs
        What it gets beside the rows.
    nothing : ndarray
        What it gives for no rows.
    """

    name: str
    args: tuple
    kwargs: dict
    nothing: np.ndarray

    def __repr__(self):
        # What dask's arrays are named by.
        return self.name

    def __call__(self, block, estimator):
        if not block.shape[0]:
            # A partition that a filter has emptied.
            return self.nothing
        made = getattr(estimator, self.name)(block, *self.args, **self.kwargs)
        if isinstance(made, tuple):
            made = np.concatenate(made, axis=1)
        return made.astype(self.nothing.dtype, copy=False)


def _mapped(of_block, estimator, X):
    """Return the dask array of what a call gives for each block.

    The estimator is a copy, as it is now, and one key of the graph: it travels to each
    worker once.
    """
    import dask
    import dask.array

    X = whole_rows(X)
    meta = of_block.nothing
    copied = dask.delayed(estimator._copied(), pure=False, traverse=False)
    if is_frame(X):
        return X.map_partitions(of_block, copied, meta=meta)
    return dask.array.map_blocks(
        of_block,
        X,
        copied,
        dtype=meta.dtype,
        chunks=(X.chunks[0], *((n_columns,) for n_columns in meta.shape[1:])),
        drop_axis=[] if meta.ndim == 2 else 1,
        meta=meta,
    )
