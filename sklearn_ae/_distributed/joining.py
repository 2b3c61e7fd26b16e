"""Whether a fit is one of several processes together, and what such a fit can do."""

import os
from contextlib import contextmanager
from numbers import Real
from threading import Lock

from torch import distributed

from sklearn_ae._distributed.ranks import OneProcess, Ranks

ALONE = OneProcess()
START = "net_params={'distributed': True}"
# Seconds to wait for other ranks: as long as torch does.
TIMEOUT = 1800.0
# Held during a fit: ranks tell their fits apart by order alone.
_ONE_FIT = Lock()
# What parameters have to be, those that an estimator has of them, and what a call may
# not be given.
NEEDED = {
    "warm_start": False,
    "memory": None,
    "corruption": None,
    "penalty": None,
    "free_bits": 0.0,
    "validation_split": "random",
}


@contextmanager
def taking_part(estimator, **given):
    """Have a fit be that of all ranks, in the block, if the estimator is to.

    Parameters
    ----------
    estimator : Fitting
        It has the `Ranks` in the block.
    **given : dict
        What ``fit`` was given beside X, by name.

    Raises
    ------
    ValueError
        If something cannot be done by several processes.
    RuntimeError
        If there is no process group, or another rank is lost, or another thread of this
        process has not ended such a fit.
    """
    options = estimator.net_params or {}
    if not options.get("distributed", False):
        yield
        return
    _check_group()
    ranks = Ranks(_timeout(options))
    with _one_at_a_time(), _together(estimator, given, ranks):
        yield


@contextmanager
def _one_at_a_time():
    if not _ONE_FIT.acquire(blocking=False):
        raise RuntimeError(
            f"{START} takes one fit at a time in a process, and another has not ended; "
            "use one thread (n_jobs=1)."
        )
    try:
        yield
    finally:
        _ONE_FIT.release()


@contextmanager
def _together(estimator, given, ranks):
    try:
        ranks.meet()
        # Only now: what one rank was given the others may not have been.
        _check_supported(estimator, given)
        estimator._ranks = ranks
        yield
        estimator.net_ = estimator.net_.as_alone()
    except BaseException as error:
        ranks.part(error)
        raise
    ranks.part()
    del estimator._ranks


def refuse_alone(estimator, method):
    """Raise ValueError if a method cannot be that of several processes, but is to."""
    if (estimator.net_params or {}).get("distributed", False):
        raise ValueError(
            f"{method} cannot be used with net_params={{'distributed': True}}; use fit."
        )


def _timeout(options):
    timeout = options.get("distributed_timeout", TIMEOUT)
    if isinstance(timeout, bool) or not isinstance(timeout, Real) or not timeout > 0:
        raise ValueError(
            "'distributed_timeout' of net_params must be a number of seconds above 0. "
            f"Got {timeout!r} instead."
        )
    return float(timeout)


def _check_supported(estimator, given):
    if estimator.net_params["distributed"] is not True:
        raise ValueError(
            "'distributed' of net_params must be True or False. Got "
            f"{estimator.net_params['distributed']!r} instead."
        )
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{START} does not take {name}; leave it out.")
    for name, needed in NEEDED.items():
        value = getattr(estimator, name, needed)
        is_right = isinstance(value, type(needed) | int) and value == needed
        if not is_right and value is not needed:
            raise ValueError(
                f"{START} needs {name}={needed!r}. Got {name}={value!r} instead."
            )


def _check_group():
    if not distributed.is_available():
        raise RuntimeError(
            f"{START} needs torch.distributed, which this build of torch lacks."
        )
    if distributed.is_initialized():
        return
    advice = "start the script by torchrun and "
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        advice = ""
    raise RuntimeError(
        f"{START} needs a process group, and none is up in this process: {advice}call "
        "torch.distributed.init_process_group('gloo'), or 'nccl' for GPUs, before fit."
    )
