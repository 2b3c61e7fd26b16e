"""Collections that a fit is given, as tables that this process can read."""

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sklearn_ae._dask.collections import (
    check_table,
    dtype_of,
    example_of,
    is_collection,
    is_frame,
    is_sparse,
    whole_rows,
)
from sklearn_ae._dask.files import check_space, one_table, with_names, write_block
from sklearn_ae._frames import check_columns


@contextmanager
def within_reach(*given):
    """Have collections of dask's be tables on this disk in the block.

    Their blocks are computed once and written as they come, so that neither memory nor
    a worker ever has them all. What has one number for each row is computed instead.

    Parameters
    ----------
    *given : object
        Arguments of ``fit``.

    Yields
    ------
    given : list of object
        The same; what is no collection as it is.
    """
    if not any(map(is_collection, given)):
        yield given
        return
    with TemporaryDirectory(prefix="sklearn_ae-", ignore_cleanup_errors=True) as folder:
        yield [
            _table(value, Path(folder, f"{number}.npy"))
            if is_collection(value)
            else value
            for number, value in enumerate(given)
        ]


def blocks_to_write(X, owner="fit"):
    """Return the blocks of a collection, as delayed objects, and what they become.

    Raises
    ------
    TypeError
        If blocks are sparse, or have dates beside numbers.
    ValueError
        If X is no table.

    Returns
    -------
    blocks : list of Delayed
    dtype : dtype
        That of the table.
    names : Index or None
        Those of its columns.
    """
    check_table(X, owner)
    if is_sparse(X):
        raise TypeError(
            f"X is a dask array with sparse blocks, but {owner} needs dense ones; "
            "give X.map_blocks(lambda block: block.toarray()), of which no more than "
            "a block is dense in memory."
        )
    check_columns(example_of(X))
    names = X.columns if is_frame(X) else None
    return np.ravel(whole_rows(X).to_delayed()).tolist(), dtype_of(X), names


def _table(X, path):
    if getattr(X, "ndim", 2) == 1:
        return np.asarray(X)
    blocks, dtype, names = blocks_to_write(X)
    n_rows = 0 if is_frame(X) else np.nan_to_num(X.shape[0])
    check_space(path.parent, n_rows * X.shape[1] * dtype.itemsize)
    paths = [path.with_suffix(f".{number}.npy") for number in range(len(blocks))]
    _write(blocks, paths, dtype)
    return with_names(one_table(paths, path), names)


def _write(blocks, paths, dtype):
    """Write blocks into files, by whatever computes them."""
    import dask

    client = _client_in_use()
    if client is None:
        write = dask.delayed(write_block, pure=False)
        dask.compute(
            [
                write(block, path, dtype)
                for block, path in zip(blocks, paths, strict=True)
            ]
        )
        return
    from distributed import as_completed

    # Workers may be on machines that have other disks.
    futures = dict(zip(client.compute(blocks), paths, strict=True))
    try:
        for future in as_completed(list(futures)):
            write_block(future.result(), futures.pop(future), dtype)
            # That of a block that is written is not kept.
            future.release()
    finally:
        client.cancel(list(futures))


def _client_in_use():
    """Return the client that computes collections; None where this process does."""
    import dask.base

    client = getattr(dask.base.get_scheduler(), "__self__", None)
    return client if hasattr(client, "scheduler_info") else None
