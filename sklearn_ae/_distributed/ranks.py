"""Who takes part in a fit: this process alone, or all ranks of a process group."""

from contextlib import contextmanager, suppress
from datetime import timedelta

import numpy as np
import torch
from torch import distributed

from sklearn_ae._distributed.net import DataParallelNet
from sklearn_ae._rows.joined import JoinedRows
from sklearn_ae._training.net import Net

# What the store has of a rank that has raised, by the name of the fit's group.
FAILED = "sklearn_ae/failed/{}"
# And of a rank that waits for the others, by its number.
HERE = "sklearn_ae/here/{}"
# Most features, whose covariances all ranks have in double precision: 800 MB.
MOST_FEATURES = 10_000
# Values of parameters that are the same where they are equal.
PLAIN = (bool, int, float, str, type(None))


class LostRanksError(RuntimeError):
    """Another rank has raised or ended, or does not answer."""


class OneProcess:
    """A process that fits alone."""

    #: Rows that it needs.
    fewest_rows = 2
    is_first = True
    new_net = Net

    def joined(self, estimator, X):
        """Return X, which is all rows."""
        return X

    def agreed(self, value):
        """Return the value that all ranks go on with."""
        return value


class Ranks:
    """All processes of the default process group, which fit one model together.

    They talk to each other in a group of the fit's own: one that raises closes it,
    which the others see at once. Numbers travel from host to host by gloo, gradients
    on a GPU by NCCL where the default group has it.

    Parameters
    ----------
    timeout : float
        Seconds to wait for the others.
    """

    fewest_rows = 1

    def __init__(self, timeout):
        self.timeout = timeout
        self.rank, self.n_ranks = distributed.get_rank(), distributed.get_world_size()
        self.group = self.gpu_group = None

    @property
    def is_first(self):
        return self.rank == 0

    def new_net(self, *args, **kwargs):
        """Return a net whose steps are those of all ranks together."""
        kwargs["verbose"] = self.agreed(kwargs.get("verbose", 0))
        return DataParallelNet(*args, ranks=self, **kwargs)

    # ---- beginning and end

    def meet(self):
        """Wait until all ranks have begun to fit."""
        options = {"timeout": timedelta(seconds=self.timeout)}
        with self._heard(), self._here():
            self.group = distributed.new_group(backend="gloo", **options)
            if "nccl" in str(distributed.get_backend()):
                self.gpu_group = distributed.new_group(backend="nccl", **options)
            distributed.barrier(self.group)
        with self._heard():
            # Nobody finds a mark of this fit in the next.
            distributed.barrier(self.group)

    @contextmanager
    def _here(self):
        """Wait until all ranks are here, and let them know that this one is.

        Groups are numbered in each process: those that make one which another does not
        have no later fit together.
        """
        keys = [HERE.format(rank) for rank in range(self.n_ranks)]
        _store().set(keys[self.rank], "")
        try:
            _store().wait(keys, timedelta(seconds=self.timeout))
            yield
        finally:
            _store().delete_key(keys[self.rank])

    def part(self, error=None):
        """Leave the group; others that wait for this rank are told why."""
        if self.group is None:
            return
        if error is not None and not isinstance(error, LostRanksError):
            reason = f"rank {self.rank} raised {type(error).__name__}: {error}"
            # Its host may be gone.
            with suppress(RuntimeError):
                _store().set(FAILED.format(self.group.group_name), reason)
        for group in (self.group, self.gpu_group):
            if group is not None:
                with suppress(RuntimeError, ValueError):
                    distributed.destroy_process_group(group)
        self.group = self.gpu_group = None

    @contextmanager
    def _heard(self):
        """Turn what torch says of lost ranks into a sentence of ours."""
        try:
            yield
        except RuntimeError as error:
            raise LostRanksError(
                f"Rank {self.rank} cannot go on with fit: {self._reason(error)}"
            ) from error

    def _reason(self, error):
        unknown = (
            f"another rank has ended, has not called fit, or has not answered within "
            f"{self.timeout:g} seconds (net_params={{'distributed_timeout': ...}})."
        )
        if self.group is None:
            return unknown
        with suppress(RuntimeError):
            key = FAILED.format(self.group.group_name)
            if _store().check([key]):
                return _store().get(key).decode()
        return unknown

    # ---- what they tell each other

    def all_sum(self, array):
        """Return the sum of the ranks' arrays, the same to the bit on each."""
        total = torch.from_numpy(np.array(array))
        self._reduce(total, distributed.ReduceOp.SUM)
        return total.numpy()

    def all_min(self, array):
        """Return the least of the ranks' values, number by number."""
        least = torch.from_numpy(np.array(array))
        self._reduce(least, distributed.ReduceOp.MIN)
        return least.numpy()

    def all_max(self, array):
        """Return the largest of the ranks' values, number by number."""
        return -self.all_min(-np.asarray(array))

    def any(self, flag):
        """Whether the flag is True on some rank."""
        return bool(self.all_max(np.int64(flag)))

    def add_up(self, tensor):
        """Replace a tensor, on any device, by the sum of the ranks' tensors."""
        if tensor.is_cuda and self.gpu_group is None:
            on_host = tensor.cpu()
            self._reduce(on_host, distributed.ReduceOp.SUM)
            tensor.copy_(on_host)
        else:
            self._reduce(tensor, distributed.ReduceOp.SUM)

    def _reduce(self, tensor, operation):
        with self._heard():
            group = self.gpu_group if tensor.is_cuda else self.group
            distributed.all_reduce(tensor, operation, group)

    def agreed(self, value):
        """Return the first rank's value: what rounding decides may differ."""
        values = [value]
        with self._heard():
            distributed.broadcast_object_list(values, 0, self.group)
        return values[0]

    def told(self, value):
        """Return the values of all ranks."""
        values = [None] * self.n_ranks
        with self._heard():
            distributed.all_gather_object(values, value, self.group)
        return values

    def joined(self, estimator, X):
        """Return the rows of all ranks as one table.

        Parameters
        ----------
        estimator : Fitting
            Its name is in errors.
        X : ndarray of shape (n_local, n_features)
            Checked rows of this rank.

        Raises
        ------
        ValueError
            If the ranks' rows do not belong together, or are less than two.
        """
        _check_dense(X, type(estimator).__name__)
        names = getattr(estimator, "feature_names_in_", None)
        kinds = {
            "numbers of features": X.shape[1],
            "dtypes": str(X.dtype),
            "feature names": None if names is None else tuple(names),
            **_plain_parameters(estimator),
        }
        lengths, others = zip(*self.told((len(X), kinds)), strict=True)
        for name, first in others[0].items():
            if any(other.get(name) != first for other in others):
                raise ValueError(
                    f"The ranks that fit one {type(estimator).__name__} have different "
                    f"{name}: {', '.join(str(other.get(name)) for other in others)}."
                )
        if sum(lengths) < 2:
            raise ValueError(
                f"All ranks together have {sum(lengths)} row, but "
                f"{type(estimator).__name__} needs at least 2."
            )
        start = sum(lengths[: self.rank])
        places = np.arange(start, start + len(X))
        return JoinedRows(X, places, sum(lengths), self)


def _store():
    return distributed.distributed_c10d._get_default_store()


def _check_dense(X, owner):
    start = f"net_params={{'distributed': True}} of {owner} needs dense rows of floats"
    if not isinstance(X, np.ndarray):
        raise ValueError(f"{start}, and X is sparse; use X.toarray().")
    if X.dtype.kind != "f":
        raise ValueError(f"{start}, and X is {X.dtype}; use X.astype(np.float32).")
    if X.shape[1] > MOST_FEATURES:
        raise ValueError(
            f"net_params={{'distributed': True}} of {owner} takes at most "
            f"{MOST_FEATURES} features. Got X with {X.shape[1]}."
        )
    if np.isnan(X.sum(dtype=np.float64)):
        raise ValueError(f"{start} that miss no value, and X has NaN; fill them first.")


def _comparable(value):
    """Return a value by what it is, as far as that can be compared."""
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, dict):
        return {name: _comparable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_comparable(part) for part in value]
    return type(value).__name__


def _plain_parameters(estimator):
    """Return the parameters that have to agree, and can be compared, by what they are.

    Callbacks may be on one rank alone.
    """
    return {
        f"values of {name}": _comparable(value)
        for name, value in estimator.get_params().items()
        if name not in ("callbacks", "device", "random_state", "verbose")
    }
