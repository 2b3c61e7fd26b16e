"""Rows to train on, where they are kept, and the batches that are made of them."""

import math
from itertools import pairwise

import numpy as np
import torch
from torch.utils.data import Dataset

from sklearn_ae._inference import thinned
from sklearn_ae._rows.joined import JoinedRows
from sklearn_ae._rows.lazy import LazyRows
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._weights import resampled

# Values of the shuffled batches that are gathered at a time.
GATHERED_VALUES = 2**19
# Rows that bounded batches have in any case.
FEWEST_BOUNDED = 128
# Share of a GPU's free memory that the rows may take; the rest is for the steps.
RESIDENT_SHARE = 0.5


class Rows(Dataset):
    """Rows, and the held-out rows that go with them.

    Parameters
    ----------
    data : Tensor or LazyRows of shape (n_rows, n_features)
        The rows, on the device or on the host; batches of lazy ones become dense.
    valid : Rows or None
        Held-out rows.
    device : torch.device or None, default=None
        Where batches have to be; None is where the rows are.
    groups : ndarray of shape (n_rows,) or None, default=None
        Of which group each row is; None where they are independent.
    weights : ndarray of shape (n_rows,) or None, default=None
        Weights of the rows, above zero; None where all count alike.
    """

    def __init__(self, data, valid=None, device=None, groups=None, weights=None):
        self.data = data
        self.valid = valid
        self.groups = groups
        self.weights = None if weights is None else weights / weights.mean()
        self.device = data.device if device is None else device

    @classmethod
    def for_device(cls, data, device, valid=None, **known):
        """Keep rows on the device if they fit there, else on the host."""
        if isinstance(data, SparseRows | JoinedRows) or not fits(data, device):
            return cls(data, valid, device, **known)
        if isinstance(data, LazyRows) and device.type == "cpu":
            return cls(data, valid, device, **known)
        return cls(as_tensor(data).to(device), valid, **known)

    def as_weighted(self, most):
        """Return some rows, so many at most, as often as their weights say."""
        if self.weights is None:
            return thinned(self.data, most)
        n_draws = min(most, len(self))
        return self.data[torch.from_numpy(resampled(self.weights, n_draws, 0.5))]

    def weighed(self, values):
        """Return values of the rows times the rows' weights."""
        return values if self.weights is None else values * self.weights

    @property
    def is_incomplete(self):
        """Whether some rows miss values."""
        parts = [self.data] if self.valid is None else [self.data, self.valid.data]
        return any(
            part.is_incomplete
            if isinstance(part, LazyRows)
            else bool(part.isnan().any())
            for part in parts
        )

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        if isinstance(self.data, LazyRows):
            return as_tensor(self.data[[index]])[0], 0
        return self.data[index], 0


def as_tensor(rows):
    """Return rows as a tensor: lazy ones become dense."""
    return torch.from_numpy(np.asarray(rows)) if isinstance(rows, LazyRows) else rows


def parts_of(rows, n_rows):
    """Yield rows as tensors, so many at a time."""
    for start in range(0, len(rows), n_rows):
        yield as_tensor(rows[start : start + n_rows])


def fits(data, device):
    """Whether rows leave enough memory of a device for training."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return math.prod(data.shape) * data.dtype.itemsize <= RESIDENT_SHARE * free


def weighted(terms, weights):
    """Return the terms of rows times their weights, if they have some."""
    if weights is None:
        return terms
    return {name: weights * term for name, term in terms.items()}


class Batches:
    """Iterates over batches that are slices of one tensor.

    A single row that would be left over joins the batch before it: batch normalisation
    cannot work on one row, and no row is left out. Rows that are kept on the host
    travel to the device some batches at a time, while it works on those before.

    Parameters
    ----------
    dataset : Rows
        Where the rows are.
    batch_size : int
        Rows of a batch.
    shuffle : bool, default=False
        Whether to draw a new order in each epoch.
    generator : torch.Generator or None, default=None
        What the order is drawn from; None is torch's own.

    Attributes
    ----------
    draws_by_weight : bool
        Whether each epoch has rows as often as their weights say, to the next whole
        number, in place of their weights beside them.
    """

    draws_by_weight = False

    def __init__(self, dataset, batch_size, shuffle=False, generator=None):
        self.data = dataset.data
        self.weights = dataset.weights
        self.device = dataset.device
        self.shuffle = shuffle
        self.generator = generator
        self._divide(batch_size)

    def _divide(self, batch_size):
        self.batch_size = batch_size
        starts = list(range(0, len(self.data), batch_size))
        if len(starts) > 1 and len(self.data) - starts[-1] == 1:
            starts.pop()
        self.edges = [*starts, len(self.data)]

    def bound(self, n_values):
        """Have batches of so many values at most, where rows are wide."""
        n_rows = max(FEWEST_BOUNDED, n_values // math.prod(self.data.shape[1:]))
        if n_rows < self.batch_size:
            self._divide(n_rows)
        return self

    def __len__(self):
        return len(self.edges) - 1

    def __iter__(self):
        is_resident = self.data.device == self.device
        order = self._order()
        if is_resident and order is None:
            for start, stop in pairwise(self.edges):
                rows = as_tensor(self.data[start:stop])
                yield rows, self._weights_of(start, stop)
            return
        if order is not None:
            order = order.to(self.data.device)
        # Some batches at a time: one gather costs as much as many slices.
        row_values = math.prod(self.data.shape[1:])
        n_together = max(1, GATHERED_VALUES // (self.edges[1] * row_values))
        for first in range(0, len(self), n_together):
            edges = self.edges[first : first + n_together + 1]
            gathered = self._gathered(edges[0], edges[-1], order)
            if not is_resident:
                # From pinned memory the copy does not wait for the device.
                gathered = gathered.pin_memory().to(self.device, non_blocking=True)
            for start, stop in pairwise(edges):
                rows = gathered[start - edges[0] : stop - edges[0]]
                yield rows, self._weights_of(start, stop)

    def _order(self):
        """Return the rows of an epoch, None for all as they come."""
        device = "cpu" if self.generator is None else self.generator.device
        like = {"generator": self.generator, "device": device}
        order = None
        if self.shuffle:
            order = torch.randperm(len(self.data), **like)
        if self.weights is None or not self.draws_by_weight:
            return order
        start = torch.rand((), dtype=torch.float32, **like).item()
        drawn = torch.from_numpy(resampled(self.weights, len(self.data), start))
        return drawn if order is None else drawn[order.cpu()]

    def _weights_of(self, start, stop):
        if self.weights is None or self.draws_by_weight:
            return None
        weights = torch.from_numpy(self.weights[start:stop])
        return weights.to(self.device, torch.float32)

    def _gathered(self, start, stop, order):
        if order is None:
            return as_tensor(self.data[start:stop])
        if isinstance(self.data, LazyRows):
            return as_tensor(self.data[order[start:stop].numpy()])
        return self.data.index_select(0, order[start:stop])
