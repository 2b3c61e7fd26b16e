"""What runs on a cluster's worker, which is one rank of a fit."""

import math
import os
import shutil
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from torch import distributed as process_groups

from sklearn_ae._dask.files import one_table, with_names, write_block

# Seconds to wait for other ranks: as long as torch does.
TIMEOUT = 1800.0


@dataclass(frozen=True)
class Meeting:
    """Where ranks meet, and which of them one is.

    Attributes
    ----------
    host : str
        That of the first rank.
    port : int
    rank, n_ranks : int
    timeout : float
        Seconds to wait for the others.
    """

    host: str
    port: int
    rank: int
    n_ranks: int
    timeout: float

    @contextmanager
    def held(self):
        """Have a process group in the block."""
        if process_groups.is_initialized():
            raise RuntimeError(
                "The worker has a process group already, of another fit; wait until "
                "that is over."
            )
        try:
            process_groups.init_process_group(
                "gloo",
                init_method=f"tcp://{self.host}:{self.port}",
                rank=self.rank,
                world_size=self.n_ranks,
                timeout=timedelta(seconds=self.timeout),
            )
        except RuntimeError as error:
            raise RuntimeError(
                f"Rank {self.rank} of {self.n_ranks} has not met the others at "
                f"{self.host}:{self.port} within {self.timeout:g} seconds "
                "(net_params={'distributed_timeout': ...}); workers need a free thread "
                "each, and reach each other on any port."
            ) from error
        try:
            yield
        finally:
            process_groups.destroy_process_group()


@dataclass(frozen=True)
class WrittenBlock:
    """A block that a worker has written to its disk.

    Attributes
    ----------
    worker : str
        Its address.
    process : tuple
        What tells its process from others.
    path : str
    n_bytes : int
    room : float
        Bytes that the worker may have beside what it has.
    """

    worker: str
    process: tuple
    path: str
    n_bytes: int
    room: float


def write_here(block, folder, number, dtype):
    """Write a block to the worker's disk; return the `WrittenBlock`."""
    from distributed import get_worker

    worker = get_worker()
    place = Path(worker.local_directory, folder)
    place.mkdir(exist_ok=True)
    path = Path(write_block(block, place / f"{number}.npy", dtype))
    limit = worker.memory_manager.memory_limit
    has = worker.monitor.get_process_memory()
    return WrittenBlock(
        worker=worker.address,
        process=(worker.address.rpartition(":")[0], os.getpid()),
        path=str(path),
        n_bytes=path.stat().st_size,
        room=math.inf if limit is None else limit - has,
    )


def free_port():
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as some_socket:
        some_socket.bind(("", 0))
        return some_socket.getsockname()[1]


def fit_rank(estimator, paths, names, meeting):
    """Fit on the blocks that are here, as one rank; return the first one's estimator.

    Parameters
    ----------
    estimator : Fitting
    paths : list of str
        Files that `write_here` wrote.
    names : Index or None
        Those of the columns.
    meeting : Meeting
    """
    table = one_table(paths, Path(paths[0]).with_name("shard.npy"))
    with meeting.held():
        estimator.fit(with_names(table, names))
    return estimator if meeting.rank == 0 else None


def forget(folder, dask_worker):
    """Delete what was written to the disk of the worker, which dask gives."""
    shutil.rmtree(Path(dask_worker.local_directory, folder), ignore_errors=True)
