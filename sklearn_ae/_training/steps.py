"""Which way to take the gradients of a training step: by autograd, or recorded.

`Steps` takes a step for each batch. Where recording pays and works, it replays the
operations of the first batch, else autograd computes the gradients.
"""

from torch import nn

from sklearn_ae._training.recording import PlainStep, python_state, record_step

# Recording costs as much time as it saves in about so many steps of a small network.
FEWEST_STEPS = 60
# Numbers of a batch up to which it saves any: what is recorded keeps an array for each
# operation, and beyond that the arithmetic is all that takes time.
MOST_RECORDED = 2**20
# How often to record anew after something has changed, before it is given up.
MOST_RECORDINGS = 3


class SumOfTerms(nn.Module):
    """The mean over rows of the sum of their loss terms."""

    def forward(self, terms, y=None):
        return sum(terms.values()).mean()


class Steps:
    """Fills in the gradients of one batch after another and sums up the loss terms.

    Parameters
    ----------
    module : nn.Module
        Gives named loss terms for each row of a batch.
    criterion : callable
        From the terms to the loss.
    zero_grad : callable
        Sets all gradients to None.
    n_steps : int
        How many steps there will be.
    kind : {"auto", "plain", "recorded"}, default="auto"
        Whether to record: where it pays, never, or wherever it is possible.
    """

    def __init__(self, module, criterion, zero_grad, n_steps, kind="auto"):
        self.module = module
        self.kind = kind
        self.plain = PlainStep(module, criterion, zero_grad)
        self.recorded = None
        # An optimizer's step after the first gradients puts them where they stay.
        self.is_settled = False
        self.recordings_left = MOST_RECORDINGS
        self.steps_left = n_steps
        self.largest = 0
        self.sums = {}

    def begin_epoch(self):
        """See whether the module still is what was recorded."""
        if self.recorded is not None and self.recorded.state != python_state(
            self.module
        ):
            self._discard()

    def _discard(self):
        self._collect(self.recorded)
        self.recorded = None
        self.is_settled = False

    def __call__(self, x):
        """Fill in the gradients of a batch."""
        # The last batch of an epoch may be a small one.
        self.largest = max(self.largest, x.numel())
        step = self.recorded
        if step is not None and not step.is_current():
            self._discard()
            step = None
        if step is None and self.is_settled and self._pays(x):
            self.recordings_left -= 1
            step = self.recorded = record_step(self.plain, x)
            if step is None:
                self.recordings_left = 0
        self.steps_left -= 1
        if step is None or step.x.shape != x.shape:
            step = self.plain
        step(x)
        self.is_settled = True

    def _pays(self, x):
        if self.recordings_left == 0 or self.kind == "plain":
            return False
        is_long = self.steps_left >= FEWEST_STEPS and x.device.type == "cpu"
        is_long = is_long and self.largest <= MOST_RECORDED
        return is_long or self.kind == "recorded"

    def _collect(self, step):
        for name, total in step.take_totals().items():
            self.sums[name] = self.sums.get(name, 0.0) + total

    def take_sums(self):
        """Return the sums of the loss terms over all rows since the last call."""
        self._collect(self.plain)
        if self.recorded is not None:
            self._collect(self.recorded)
        sums, self.sums = self.sums, {}
        return sums
