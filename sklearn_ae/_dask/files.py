"""Blocks of a collection as one table on a disk, which fits read a batch at a time."""

import shutil
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np

from sklearn_ae._frames import telling_the_column


def write_block(block, path, dtype):
    """Write a block, an array or a frame of pandas, into a file; return its name."""
    if hasattr(block, "to_numpy"):
        with telling_the_column(block):
            values = block.to_numpy(dtype=dtype, na_value=np.nan)
    else:
        values = np.asarray(block, dtype=dtype)
    np.save(path, values)
    return str(path)


def one_table(paths, path):
    """Write the tables of some files one after the other into another.

    Each file is deleted once it is read.

    Parameters
    ----------
    paths : list of str or Path
        Files that `write_block` wrote, of as many columns and one dtype.
    path : Path
        Where the table goes.

    Returns
    -------
    table : ndarray of shape (n_rows, n_columns)
        Read from the disk where it is looked at.
    """
    n_rows = 0
    with open(path, "wb") as file:
        for part in map(Path, paths):
            block = np.load(part, mmap_mode="r")
            n_rows += len(block)
            np.ascontiguousarray(block).tofile(file)
            part.unlink()
    shape = n_rows, block.shape[1]
    if not n_rows:
        return np.empty(shape, dtype=block.dtype)
    with open(path, "rb") as file:
        mapped = mmap(file.fileno(), 0, access=ACCESS_READ)
    return np.ndarray(shape, dtype=block.dtype, buffer=mapped)


def with_names(table, names):
    """Return a table, as a frame of pandas that shares its memory if it has names."""
    if names is None:
        return table
    import pandas

    return pandas.DataFrame(table, columns=names, copy=False)


def check_space(folder, n_bytes):
    """Raise OSError unless so much can be written into a folder."""
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise OSError(
            f"X has {n_bytes / 2**30:.1f} GiB, which fit writes to a disk, but "
            f"{str(folder)!r} has {free / 2**30:.1f} GiB free; name another folder in "
            "the environment variable TMPDIR, or train where the blocks are, by "
            "net_params={'distributed': True} and a distributed.Client."
        )
