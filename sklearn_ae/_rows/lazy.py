"""Rows that become float32 tensors where they are looked at."""

import torch


class LazyRows:
    """Base class of rows of which nobody needs all as a dense array.

    Indexing selects rows and copies no values. ``np.asarray`` makes rows dense; whoever
    calls it says how many at a time.
    """

    ndim = 2
    #: Whether there may be NaN among them, for what is missing.
    is_incomplete = False
    #: Where torch finds what they become.
    device = torch.device("cpu")

    @property
    def size(self):
        return self.shape[0] * self.shape[1]

    def __len__(self):
        return self.shape[0]
