"""A fit by the workers of a cluster, each with the blocks that it has."""

import uuid
from contextlib import suppress

import numpy as np
from sklearn.base import clone
from torch import distributed as process_groups

from sklearn_ae._dask.collections import is_collection
from sklearn_ae._dask.rank import (
    TIMEOUT,
    Meeting,
    fit_rank,
    forget,
    free_port,
    write_here,
)
from sklearn_ae._dask.within_reach import blocks_to_write
from sklearn_ae._utils import without_callbacks

# Seconds between looks at whether workers are still there, and those that ranks have
# to tell why they failed once one has.
LOOKS, LAST_WORDS = 1.0, 5.0


def trains_on_workers(estimator, X):
    """Whether a fit of X is for a cluster's workers: not where ranks are up already."""
    options = estimator.net_params or {}
    is_up = process_groups.is_available() and process_groups.is_initialized()
    return is_collection(X) and options.get("distributed") is True and not is_up


def fit_on_workers(estimator, X, **given):
    """Fit an estimator by all workers that have, or compute, blocks of X.

    Each writes its blocks to its disk and is a rank of a process group for the time of
    the fit. No block leaves its worker.

    Parameters
    ----------
    estimator : Fitting
        It gets the fitted attributes, those of the first rank.
    X : dask array or DataFrame
    **given : dict
        What ``fit`` was given beside X, by name.

    Raises
    ------
    ValueError
        If there is no client, something else was given, or the fit of a rank raised it.
    MemoryError
        If a worker's rows are more than what is left of its memory limit.
    RuntimeError
        If a worker was lost, or the workers share a process.
    """
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"net_params={{'distributed': True}} does not take {name}; leave it "
                "out."
            )
    client = _client()
    blocks, dtype, names = blocks_to_write(X)
    folder = f"sklearn_ae-{uuid.uuid4().hex}"
    try:
        # Ranks take no whole numbers.
        dtype = np.result_type(dtype, np.float32)
        shards = _written(client, blocks, folder, dtype)
        fitted = _trained(client, _bare(estimator), shards, names)
    finally:
        client.run(forget, folder, on_error="ignore")
    if isinstance(estimator.random_state, np.random.RandomState):
        # As the fit would have, which was done from copies.
        estimator.random_state.randint(2**31)
    return _taken_over(estimator, fitted)


def _client():
    from distributed import default_client

    with suppress(ValueError):
        return default_client()
    raise ValueError(
        "net_params={'distributed': True} trains on the workers of a cluster that have "
        "the blocks of X, and this process has no client of one; make a "
        "distributed.Client before fit."
    )


def _bare(estimator):
    """Return what of an estimator is sent to the workers."""
    return without_callbacks(clone(estimator))


def _written(client, blocks, folder, dtype):
    """Have blocks written where they are; return the files of each worker, by address.

    In the order of their first blocks.
    """
    import dask

    write = dask.delayed(write_here, pure=False)
    futures = client.compute(
        [write(block, folder, number, dtype) for number, block in enumerate(blocks)]
    )
    shards = {}
    for block in client.gather(futures):
        shards.setdefault(block.worker, []).append(block)
    for address, shard in shards.items():
        _check_room(address, shard)
    if len({shard[0].process for shard in shards.values()}) < len(shards):
        raise RuntimeError(
            "net_params={'distributed': True} needs workers that are processes of "
            "their own, and some of this cluster share one; make it with "
            "processes=True."
        )
    return {worker: [block.path for block in shard] for worker, shard in shards.items()}


def _check_room(worker, shard):
    """Raise MemoryError where dask would end a worker that reads its rows.

    It counts what the system keeps of a file that is read.
    """
    n_bytes = sum(block.n_bytes for block in shard)
    room = max(block.room for block in shard)
    if n_bytes > room:
        raise MemoryError(
            f"The worker {worker} has {n_bytes / 2**30:.2f} GiB of X and "
            f"{max(room, 0) / 2**30:.2f} GiB of its memory limit left, with "
            "net_params={'distributed': True}; give workers more memory, have more "
            "of them, or fit without 'distributed', which reads X from this disk."
        )


def _trained(client, estimator, shards, names):
    """Fit on the shards, a rank on each worker; return the first one's estimator."""
    first, *_ = shards
    # Of the address, without the protocol and the port.
    host = first.partition("://")[2].rpartition(":")[0]
    port = client.submit(free_port, workers=[first], pure=False).result()
    timeout = (estimator.net_params or {}).get("distributed_timeout", TIMEOUT)
    ranks = {}
    for rank, (address, paths) in enumerate(shards.items()):
        meeting = Meeting(host, port, rank, len(shards), float(timeout))
        ranks[address] = client.submit(
            fit_rank,
            estimator,
            paths,
            names,
            meeting,
            workers=[address],
            allow_other_workers=False,
            pure=False,
        )
    try:
        _wait(client, ranks)
        return ranks[first].result()
    finally:
        client.cancel(list(ranks.values()))


def _wait(client, ranks):
    """Wait until all ranks are done; raise what the first to fail has raised."""
    while not all(future.done() for future in ranks.values()):
        _look(ranks.values(), LOOKS, "FIRST_COMPLETED")
        failed = [future for future in ranks.values() if future.status == "error"]
        if failed:
            _look(ranks.values(), LAST_WORDS, "ALL_COMPLETED")
            break
        present = client.scheduler_info(n_workers=-1)["workers"]
        for address, future in ranks.items():
            if address not in present and not future.done():
                raise RuntimeError(
                    f"The worker {address} was lost during fit, and with it its rows; "
                    "look into its log, give workers more memory, and call fit again."
                )
    errors = [f.exception() for f in ranks.values() if f.status == "error"]
    if errors:
        # What ended a rank, rather than that another rank was ended by it.
        raise min(errors, key=lambda error: isinstance(error, RuntimeError))


def _look(futures, seconds, until):
    from distributed import wait

    with suppress(TimeoutError):
        wait(list(futures), timeout=seconds, return_when=until)


def _taken_over(estimator, fitted):
    """Give an estimator what the fit of its copy has set, and return it."""
    unfitted = vars(clone(fitted)).keys()
    vars(estimator).pop("feature_names_in_", None)
    vars(estimator).update(
        {name: value for name, value in vars(fitted).items() if name not in unfitted}
    )
    return estimator
