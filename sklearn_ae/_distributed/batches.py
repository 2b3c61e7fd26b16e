"""Batches of rows that several ranks have: of each, the rows that are here."""

from itertools import pairwise

import numpy as np
import torch
from torch import nn

from sklearn_ae._rows.lazy import LazyRows
from sklearn_ae._training.batches import GATHERED_VALUES, Batches, as_tensor, fits

# Standard deviations by which a rank's part of a batch is larger than on average, up to
# which parts are padded to one size.
SPREAD = 4


class ShardBatches(Batches):
    """Iterates over this rank's parts of batches that all ranks have together.

    The ranks draw the same order of all rows, so that batches are those that a single
    process would have. Rows of zeros pad a part: there is at least one row, and most
    parts are of one size, as recorded steps need.

    Parameters
    ----------
    dataset : Rows
        Its `data` are `JoinedRows`.
    batch_size, shuffle, generator
        As for `Batches`; the size is that of all parts together.

    Attributes
    ----------
    is_even : bool
        Whether to pad parts to one size.
    """

    is_even = False

    def __init__(self, dataset, batch_size, shuffle=False, generator=None):
        super().__init__(dataset, batch_size, shuffle, generator)
        if self.data.resident is None:
            self.data.resident = _where_it_fits(self.data.local, self.device)
        self.local = self.data.resident

    def even_size(self):
        """Return the size of parts that are padded; None where they are not."""
        if not self.is_even:
            return None
        n_rows, share = self.edges[1], len(self.local) / len(self.data)
        spread = SPREAD * (n_rows * share * (1 - share)) ** 0.5
        return min(n_rows, int(n_rows * share + spread) + 1)

    def __iter__(self):
        order = self._order()
        members = np.arange(len(self.data)) if order is None else order.cpu().numpy()
        here, positions = self.data.found(members)
        cuts = np.searchsorted(here, self.edges)
        even_size = self.even_size()
        n_together = max(1, GATHERED_VALUES // (self.edges[1] * self.data.shape[1]))
        for first in range(0, len(self), n_together):
            some = cuts[first : first + n_together + 1]
            rows = self._taken(positions[some[0] : some[-1]])
            edges = self.edges[first : first + n_together + 1]
            for (start, stop), (low, high) in zip(
                pairwise(edges), pairwise(some), strict=True
            ):
                is_full = stop - start == self.edges[1]
                x = rows[low - some[0] : high - some[0]]
                is_even = even_size is not None and is_full and len(x) <= even_size
                size = even_size if is_even else max(len(x), 1)
                part = _Part(x, here[low:high] - start, stop - start, size, is_even)
                yield part, None

    def _order(self):
        if self.shuffle:
            source = self.generator or torch.default_generator
            # Parts of a net that draw for the rows they get have taken more from it
            # where there were more of them.
            source.set_state(self.data.ranks.agreed(source.get_state()))
        return super()._order()

    def _taken(self, positions):
        """Return rows by where they are among those that are here."""
        if isinstance(self.local, LazyRows):
            return as_tensor(self.local[positions]).to(self.device)
        positions = torch.from_numpy(positions).to(self.local.device)
        return self.local.index_select(0, positions).to(self.device)


def _where_it_fits(rows, device):
    """Return rows on a device; large tables stay where they are."""
    if isinstance(rows, LazyRows):
        return rows
    rows = torch.from_numpy(np.ascontiguousarray(rows))
    return rows.to(device) if fits(rows, device) else rows


class _Part:
    """The rank's part of a batch.

    Parameters
    ----------
    x : Tensor of shape (n_local, n_features)
    places : ndarray of shape (n_local,)
        Where its rows are in the batch.
    n_rows : int
        Rows of the batch.
    size : int
        To how many rows to pad the part.
    is_even : bool
        Whether that is the size of most parts, of batches of one size.
    """

    def __init__(self, x, places, n_rows, size, is_even):
        self.is_even = is_even
        self.n_local = len(x)
        self.n_rows = n_rows
        self.x = x.new_zeros(size, x.shape[1])
        self.x[: self.n_local] = x
        self.places = torch.zeros(size, dtype=torch.long)
        self.places[: self.n_local] = torch.from_numpy(places)


class TermsOfPart(nn.Module):
    """The loss terms that a module gives for a part of a batch, zero for what pads it.

    Parameters
    ----------
    module : TwoPaths
        What its rows are to draw is drawn for the whole batch.
    """

    def __init__(self, module):
        super().__init__()
        self.module = module
        self.register_buffer("places", torch.zeros(0, dtype=torch.long))
        self.register_buffer("counts", torch.zeros(0))
        self.n_rows = 0

    @property
    def training_generator(self):
        return self.module.training_generator

    def take(self, part):
        """Be ready for a part; the buffers of the same sizes stay."""
        device = part.x.device
        counts = torch.zeros(len(part.x), device=device)
        counts[: part.n_local] = 1.0
        if len(self.places) == len(part.places) and self.n_rows == part.n_rows:
            self.places.copy_(part.places)
            self.counts.copy_(counts)
        else:
            self.places, self.counts = part.places.to(device), counts
        self.n_rows = part.n_rows

    def forward(self, x):
        self.module.part = self.n_rows, self.places
        try:
            terms = self.module(x)
        finally:
            self.module.part = None
        return {name: term * self.counts for name, term in terms.items()}

    def mean(self, terms):
        """Return the part of the mean over the batch that its rows add up to."""
        return sum(terms.values()).sum() / self.n_rows
