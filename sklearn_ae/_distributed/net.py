"""The net of a rank: the steps and epochs that all ranks take together."""

import numpy as np
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from sklearn_ae._distributed.batches import ShardBatches, TermsOfPart
from sklearn_ae._training.batches import Batches
from sklearn_ae._training.callbacks import EpochLog, StopTraining
from sklearn_ae._training.net import (
    EVALUATION_SEED,
    VALIDATION_BATCH,
    VALIDATION_VALUES,
    Net,
)
from sklearn_ae._training.recording import PlainStep
from sklearn_ae._training.steps import MOST_RECORDED


def _say_nothing(text):
    """Print nothing."""


class DataParallelNet(Net):
    """A `Net` that trains on `JoinedRows` with the others of a process group.

    Each rank takes the gradients of its rows of a batch; their sum, one buffer, is the
    gradient of the batch, by which every rank takes the same step.

    Parameters
    ----------
    module : callable
        Returns the module.
    ranks : Ranks
        Who takes part.
    **kwargs
        As for `Net`.
    """

    def __init__(self, module, *, ranks, **kwargs):
        settings = {"iterator_train": ShardBatches, "iterator_valid": ShardBatches}
        super().__init__(module, **{**kwargs, **settings})
        self.ranks = ranks

    def as_alone(self):
        """Return this net as one of a single process."""
        alone = Net.__new__(Net)
        vars(alone).update(vars(self))
        del alone.ranks
        alone.iterator_train = alone.iterator_valid = Batches
        return alone

    def get_default_callbacks(self):
        """Return those of `Net`, which print on the first rank alone."""
        callbacks = super().get_default_callbacks()
        for _, callback in callbacks:
            # What is printed takes all ranks.
            if isinstance(callback, EpochLog) and not self.ranks.is_first:
                callback.sink = _say_nothing
        return callbacks

    def initialize_module(self):
        """Make the module, the same on every rank."""
        super().initialize_module()
        for part in self.module_.modules():
            if isinstance(part, _BatchNorm):
                raise ValueError(
                    "net_params={'distributed': True} takes no batch normalisation, "
                    "whose statistics would be those of one rank's rows; use layer or "
                    f"group normalisation. Got {part!r} among the layers."
                )
        weights = self.module_.state_dict()
        self.module_.load_state_dict(self.ranks.agreed(weights))
        return self

    def train(self, *args, **kwargs):
        """Train as one process does; Ctrl-C ends the fit of all ranks."""
        if self.has_batch_events_ or self.needs_closure_:
            raise ValueError(
                "net_params={'distributed': True} takes no callbacks that ask for "
                "batch events, and no optimizer that calls its closure several times; "
                "leave them out."
            )
        if super().train(*args, **kwargs):
            raise KeyboardInterrupt
        return False

    def notify(self, method_name, **cb_kwargs):
        """Tell the callbacks; where one ends training, it ends on every rank."""
        if method_name != "on_epoch_end":
            super().notify(method_name, **cb_kwargs)
            return
        is_over = False
        try:
            super().notify(method_name, **cb_kwargs)
        except StopTraining:
            is_over = True
        if self.ranks.any(is_over):
            raise StopTraining

    def get_iterator(self, dataset, training=False):
        """Return this rank's parts of batches."""
        batches = super().get_iterator(dataset, training)
        batches.is_even = training and self._records(batches)
        return batches

    def _records(self, batches):
        on_host = batches.device.type == "cpu"
        is_small = batches.edges[1] * batches.data.shape[1] <= MOST_RECORDED
        may = self.steps == "auto" and on_host and is_small
        return may or self.steps == "recorded"

    def _new_steps(self, module, criterion, n_steps):
        terms = TermsOfPart(module)
        return super()._new_steps(terms, terms.mean, n_steps)

    def _train_on(self, batches):
        self._set_training(True)
        self.steps_.begin_epoch()
        # Of parts of another size, which are never recorded.
        terms = TermsOfPart(self.module_)
        others = PlainStep(terms, terms.mean, self._zero_grad_optimizer)
        for part, _ in batches:
            step = self.steps_ if part.is_even else others
            step.module.take(part)
            step(part.x)
            self._add_up_gradients()
            self._clip_gradients()
            self._step_optimizer(None)
        sums, rest = self.steps_.take_sums(), others.take_totals()
        return {name: sums.get(name, 0.0) + rest.get(name, 0.0) for name in sums | rest}

    @torch.no_grad()
    def _add_up_gradients(self):
        if hasattr(self.optimizer_, "gradients"):
            for gradient in self.optimizer_.gradients():
                self.ranks.add_up(gradient)
            return
        gradients = [p.grad for p in self.module_.parameters() if p.grad is not None]
        together = torch.cat([gradient.reshape(-1) for gradient in gradients])
        self.ranks.add_up(together)
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, part in zip(gradients, together.split(sizes), strict=True):
            gradient.copy_(part.view_as(gradient))

    def _terms_of_parts(self, batches):
        """Yield the terms of this rank's rows, batch by batch."""
        self._set_training(False)
        of_part = TermsOfPart(self.module_)
        with torch.no_grad():
            for part, _ in batches:
                of_part.take(part)
                terms = of_part(part.x)
                yield {name: term[: part.n_local] for name, term in terms.items()}

    def _evaluate_on(self, batches):
        parts = list(self._terms_of_parts(batches))
        return {name: sum(part[name].sum() for part in parts) for name in parts[0]}

    def _record_terms(self, totals, n_rows, prefix):
        values = torch.stack(list(totals.values())).detach().cpu().double()
        values = torch.from_numpy(self.ranks.all_sum(values.numpy()))
        totals = dict(zip(totals, values.unbind(), strict=True))
        return super()._record_terms(totals, n_rows, prefix)

    def row_losses(self, rows):
        """Return the loss of each row of all ranks, in the loss's own units."""
        batches = ShardBatches(rows, VALIDATION_BATCH).bound(VALIDATION_VALUES)
        with self.drawing(EVALUATION_SEED):
            parts = [sum(t.values()) for t in self._terms_of_parts(batches)]
        losses = torch.cat(parts).cpu().numpy().astype(np.float64)
        return rows.data.gathered(losses * self.module_.natural_scale)
