"""What is a collection of dask's, and what is known of it without computing it."""

from numbers import Integral

import numpy as np


def is_collection(X):
    """Whether X is dask's; nothing is imported to see that."""
    return hasattr(X, "__dask_graph__") and type(X).__module__.startswith("dask.")


def is_frame(X):
    """Whether a collection of two dimensions is a data frame."""
    return hasattr(X, "map_partitions")


def check_table(X, owner):
    """Raise an error unless a collection is a table of a known number of columns."""
    n_dimensions = getattr(X, "ndim", None)
    if not isinstance(n_dimensions, int):
        raise TypeError(
            f"X is a dask {type(X).__name__}, but {owner} needs a dask array or "
            "DataFrame; make one of it, for instance with dask.array.from_delayed."
        )
    if n_dimensions != 2:
        raise ValueError(
            f"X is a dask {type(X).__name__} whose ndim is {n_dimensions}, but {owner} "
            "needs a table, whose ndim is 2; use X.reshape(-1, 1) for one column, or "
            "X.reshape(len(X), -1) for images."
        )
    if not isinstance(X.shape[1], Integral):
        raise ValueError(
            f"X is a dask array of an unknown number of columns, which {owner} has to "
            "know; call X.compute_chunk_sizes()."
        )


def is_sparse(X):
    """Whether the blocks of a collection are sparse."""
    return hasattr(X._meta, "toarray") or hasattr(X._meta, "todense")


def example_of(X):
    """Return a table without rows that has the collection's columns."""
    return X._meta if is_frame(X) else np.empty((0, X.shape[1]), dtype=X.dtype)


def dtype_of(X):
    """Return the dtype of a collection's numbers; double where it has others."""
    meta = X._meta
    dtype = meta.to_numpy().dtype if is_frame(X) else X.dtype
    return dtype if dtype.kind in "fiubMm" else np.dtype(np.float64)


def whole_rows(X):
    """Return a collection of which each block has all columns."""
    if is_frame(X) or X.numblocks[1] == 1:
        return X
    return X.rechunk({1: -1})
