"""How a network is run on what it was not trained on: one row, or rows far out."""

from contextlib import contextmanager

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from sklearn_ae._modules.axes import AfterTraining


@contextmanager
def running_statistics(network):
    """Let batch normalisation go by the statistics that it has gathered so far."""
    gathering = [
        part
        for part in network.modules()
        if isinstance(part, _BatchNorm) and part.training and part.track_running_stats
    ]
    for part in gathering:
        part.training = False
    try:
        yield
    finally:
        for part in gathering:
            part.training = True


class SeenRange(AfterTraining):
    """The range of a network's inputs while it was fitted, column by column.

    A network extrapolates without bound. So what it gets is clipped to the range, and
    what it gives counts by one minus the length that the clipping took off, over the
    longest that the range has: from there on not at all, and without a jump before.

    Parameters
    ----------
    n_columns : int
        Of the network's inputs, which are centred.

    Attributes
    ----------
    low, high : Tensor of shape (n_columns,)
        The range; it has zero, the mean.
    """

    def __init__(self, n_columns):
        super().__init__()
        for name in ("low", "high"):
            end = torch.zeros(n_columns, device="cpu", dtype=torch.float32)
            self.register_buffer(name, end)

    def widen(self, inputs):
        """Take the range of further inputs in."""
        self.is_known = True
        self.low.copy_(torch.minimum(self.low, inputs.amin(0)))
        self.high.copy_(torch.maximum(self.high, inputs.amax(0)))

    def lift(self):
        """Do without it while training goes on."""
        self.is_known = False

    def forward(self, inputs):
        """Return inputs within the range, and what the network's part of each is."""
        inside = torch.clamp(inputs, self.low, self.high)
        longest = torch.linalg.vector_norm(torch.maximum(-self.low, self.high))
        taken_off = torch.linalg.vector_norm(inputs - inside, dim=1, keepdim=True)
        # Where the range is a point, any way out of it is too far.
        share = taken_off / longest.clamp(min=torch.finfo(longest.dtype).tiny)
        return inside, (1 - share).clamp(min=0.0)
