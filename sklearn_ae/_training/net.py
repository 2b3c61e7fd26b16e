"""The skorch net inside an estimator: its steps and the epoch loop."""

import inspect
import math
from contextlib import contextmanager

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer, LRScheduler
from torch import nn

from sklearn_ae._optim.adamw import FlatAdamW
from sklearn_ae._training.batches import Batches, weighted
from sklearn_ae._training.callbacks import EpochLog, StopTraining, check_watched
from sklearn_ae._training.recording import scaled_loss
from sklearn_ae._training.schedule import AVERAGE_LOSS, warm_up_and_cosine
from sklearn_ae._training.steps import Steps, SumOfTerms
from sklearn_ae._utils import draws_as_told, is_of_package, seeded

# Rows that are evaluated at a time in validation, and of wide rows their values.
VALIDATION_BATCH, VALIDATION_VALUES = 4096, 2**21
# Seeds what a user's parts draw when rows are evaluated.
EVALUATION_SEED = 0
# Columns of the history that skorch's callbacks ask for.
FOR_CALLBACKS = {"batches"} | {
    f"{part}_{name}"
    for part in ("train", "valid")
    for name in ("batch_count", "loss_best")
}


class Net(NeuralNet):
    """A NeuralNet that trains on `Rows`, with a learning rate schedule and clipping.

    Batch events cost time: where no callback asks for them, an epoch loop of our own
    runs, else skorch's; both take the same steps.

    Parameters
    ----------
    module : callable
        Returns the module.
    weight_decay : float
        Decay of weight matrices; biases and scales are left alone.
    max_grad_norm : float
        Largest norm of all gradients together.
    precision : {"float32", "bfloat16"}, default="float32"
        What the networks compute in while training, by autocast. The linear path, the
        losses, validation and all that a fitted estimator computes are float32.
    steps : {"auto", "plain", "recorded"}, default="auto"
        How gradients are computed. "plain": by autograd. "recorded": the operations of
        the first step are recorded and repeated, on a GPU as one graph; autograd takes
        the steps of modules that cannot be recorded. "auto" records on the CPU where
        there are enough steps to repay the recording, and leaves a GPU to autograd.
    **kwargs
        As for `skorch.NeuralNet`.
    """

    interrupted_ = False
    # What has a copy of the module take rows again, where another space is trained in.
    leave_space_ = None

    def __init__(
        self,
        module,
        *,
        weight_decay=0.0,
        max_grad_norm=1.0,
        precision="float32",
        steps="auto",
        **kwargs,
    ):
        self.generator_ = None
        settings = {
            "criterion": SumOfTerms,
            "optimizer": FlatAdamW,
            "iterator_train": Batches,
            "iterator_train__shuffle": True,
            "iterator_valid": Batches,
            "iterator_valid__batch_size": VALIDATION_BATCH,
            "train_split": None,
            "verbose": 0,
        }
        super().__init__(module, **{**settings, **kwargs})
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.precision = precision
        self.steps = steps

    def get_default_callbacks(self):
        """Time each epoch; print a line for it when asked to."""
        callbacks = [("epoch_timer", EpochTimer())]
        if self.verbose:
            ignored = ["train_batch_count", "valid_batch_count", AVERAGE_LOSS]
            callbacks.append(("print_log", EpochLog(keys_ignored=ignored)))
        return callbacks

    def initialize_callbacks(self):
        """Initialise the callbacks and see which events they need."""
        super().initialize_callbacks()
        callbacks = [callback for _, callback in self.callbacks_]
        self.has_batch_events_ = any(
            getattr(type(callback), event, None) is not getattr(Callback, event)
            for callback in callbacks
            for event in ("on_batch_begin", "on_batch_end", "on_grad_computed")
        )
        # An event of our own, which costs no batch events.
        self.step_callbacks_ = [c for c in callbacks if hasattr(c, "on_step_end")]
        # A scheduler of the user's takes the place of ours.
        self.is_scheduled_ = not any(isinstance(c, LRScheduler) for c in callbacks)
        return self

    def initialize_optimizer(self, triggered_directly=None):
        """Make the optimizer, with weight decay for matrices only."""
        # Frozen ones as well, which a callback may set free later.
        parameters = list(self.get_all_learnable_params())
        args, kwargs = self.get_params_for_optimizer("optimizer", parameters)
        accepted = inspect.signature(self.optimizer).parameters
        if "max_grad_norm" in accepted:
            kwargs.setdefault("max_grad_norm", self.max_grad_norm)
        is_grouped = "optimizer__param_groups" in vars(self)
        if self.weight_decay and "weight_decay" in accepted and not is_grouped:
            matrices = [value for _, value in parameters if value.ndim > 1]
            others = [value for _, value in parameters if value.ndim <= 1]
            kwargs.setdefault("weight_decay", self.weight_decay)
            groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
            args = ([group for group in groups if group["params"]],)
        self.optimizer_ = self.optimizer(*args, **kwargs)
        # An optimizer that calls its closure several times wants skorch's own loop.
        closure = inspect.signature(self.optimizer_.step).parameters.get("closure")
        self.needs_closure_ = (
            closure is not None and closure.default is inspect.Parameter.empty
        )
        # Groups may have rates of their own; they keep their proportions.
        self.relative_rates_ = [
            group["lr"] / self.lr for group in self.optimizer_.param_groups
        ]
        return self

    def get_split_datasets(self, X, y=None, **fit_params):
        """Return the rows to train on and those held out."""
        return X, X.valid

    def notify(self, method_name, **cb_kwargs):
        """Tell the callbacks; one that wants to stop is not taken for a Ctrl-C.

        Ours never want to: what comes out of them is one.
        """
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt as stop:
                if is_of_package(type(callback)):
                    raise
                raise StopTraining from stop
        if method_name == "on_epoch_end" and self.is_over_:
            raise StopTraining

    @contextmanager
    def drawing(self, seed):
        """Yield the generator of what is drawn in the block, or None for torch's own.

        Torch's own is seeded, and given back as it was, where something that the user
        wrote may draw from it.
        """
        callbacks = [callback for _, callback in self.callbacks_]
        parts = [*self.module_.modules(), self.optimizer_, *callbacks]
        classes = {self.iterator_train, self.iterator_valid, *map(type, parts)}
        device = torch.device(self.device)
        if all(map(draws_as_told, classes)):
            yield torch.Generator(device).manual_seed(seed)
        else:
            with seeded(seed, device):
                yield None

    def _draw_from(self, generator):
        self.generator_ = generator
        for module in self.module_.modules():
            if hasattr(module, "training_generator"):
                module.training_generator = generator

    def get_iterator(self, dataset, training=False):
        """Return batches; their order comes from the generator of the training run."""
        batches = super().get_iterator(dataset, training)
        if isinstance(batches, Batches):
            batches.draws_by_weight = training
            if training:
                batches.generator = self.generator_
            else:
                batches.bound(VALIDATION_VALUES)
        return batches

    def train(self, rows, epochs, scheduled=True, budget=None, generator=None):
        """Train for some epochs more, keeping the optimiser's state.

        The learning rate starts at `lr`, whatever an earlier schedule left.

        Parameters
        ----------
        rows : Rows
        epochs : int
            How many; the most, where a callback ends training.
        scheduled : bool, default=True
            Whether the learning rate rises and falls.
        budget : Budget or None, default=None
            Whose rates to use; None is one cosine over all epochs.
        generator : torch.Generator or None, default=None
            What random draws come from; None is torch's own.

        Returns
        -------
        interrupted : bool
            Whether Ctrl-C ended it.
        """
        if rows.valid is None:
            check_watched(self.callbacks_)
        n_batches = len(self.get_iterator(rows, training=True))
        self.n_steps_ = epochs * n_batches if scheduled and self.is_scheduled_ else None
        self.budget_ = budget
        self.step_ = 0
        if self.is_scheduled_:
            self._set_rates(1.0)
        self.interrupted_ = False
        self._draw_from(generator)
        # A callback sets it to end training once all have been told of the epoch.
        self.is_over_ = False
        self.module_.incomplete = rows.is_incomplete
        self.module_.precision = self.precision
        self.max_epochs = epochs
        self.steps_ = self._new_steps(self.module_, self.criterion_, epochs * n_batches)
        try:
            self.partial_fit(rows)
        finally:
            # It holds the buffers of a whole step, which no pickle should have.
            del self.steps_
            self._draw_from(None)
        for epoch in self.history:
            # The last one is what names of checkpoints may be made of.
            del epoch["batches"][:-1]
        return self.interrupted_

    def _new_steps(self, module, criterion, n_steps):
        zero_grad = self._zero_grad_optimizer
        return Steps(module, criterion, zero_grad, n_steps, kind=self.steps)

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Run skorch's loop, and remember whether it was cut short by Ctrl-C."""
        try:
            return super().fit_loop(X, y, epochs, **fit_params)
        except StopTraining:
            return self
        except KeyboardInterrupt:
            self.interrupted_ = True
            raise
        finally:
            self._drop_unfinished_epoch(X)

    def _drop_unfinished_epoch(self, rows):
        """Forget the last epoch if it ended before all its losses were known."""
        last = "train_loss" if rows.valid is None else "valid_loss"
        if self.history and last not in self.history[-1]:
            self.history.pop()

    def infer(self, x, **fit_params):
        """Return the loss terms of each row of a batch."""
        return self.module_(x.to(self.device), **fit_params)

    def get_loss(self, y_pred, y_true=None, X=None, training=False):
        """Return the mean loss of a batch in its own units."""
        return self.criterion_(y_pred) * self.module_.natural_scale

    def _set_rates(self, factor):
        groups = self.optimizer_.param_groups
        for group, relative in zip(groups, self.relative_rates_, strict=True):
            group["lr"] = self.lr * relative * factor

    def _step_optimizer(self, step_fn):
        if self.budget_ is not None:
            self._set_rates(self.budget_.rate(self.step_))
        elif self.n_steps_ is not None:
            # The middle of the step, so that neither the first nor the last is nothing.
            self._set_rates(warm_up_and_cosine((self.step_ + 0.5) / self.n_steps_))
        self.step_ += 1
        super()._step_optimizer(step_fn)
        for callback in self.step_callbacks_:
            callback.on_step_end(self)

    def train_step_single(self, batch, **fit_params):
        """One step of skorch's own loop."""
        self._set_training(True)
        terms = self.infer(batch[0])
        scaled_loss(self.criterion_(terms), batch[0]).backward()
        self._clip_gradients()
        terms = {name: term.detach() for name, term in terms.items()}
        return {"loss": self.get_loss(terms), "y_pred": terms}

    def _clip_gradients(self):
        if "max_grad_norm" not in self.optimizer_.defaults:
            nn.utils.clip_grad_norm_(self.module_.parameters(), self.max_grad_norm)

    def _train_on(self, batches):
        """Take a step for each batch and return the sums of the loss terms."""
        self._set_training(True)
        self.steps_.begin_epoch()
        for x, _ in batches:
            self.steps_(x)
            self._clip_gradients()
            self._step_optimizer(None)
        return self.steps_.take_sums()

    def _evaluate_on(self, batches):
        """Return the sums of the loss terms."""
        self._set_training(False)
        with torch.no_grad():
            parts = [weighted(self.infer(x), weights) for x, weights in batches]
        return {name: sum(part[name].sum() for part in parts) for name in parts[0]}

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run one epoch and record the mean of each loss term."""
        if iterator is None:
            return
        if self.has_batch_events_ or self.needs_closure_:
            totals = {}

            def adding_step(batch, **params):
                step = step_fn(batch, **params)
                for name, term in weighted(step["y_pred"], batch[1]).items():
                    totals[name] = totals.get(name, 0.0) + term.sum()
                    mean = float(term.mean()) * self.module_.natural_scale
                    self.history.record_batch(f"{prefix}_{name}", mean)
                return step

            super().run_single_epoch(
                iterator, training, prefix, adding_step, **fit_params
            )
            self._record_terms(totals, len(iterator.data), prefix)
            return
        evaluate = self._train_on if training else self._evaluate_on
        terms = self._record_terms(evaluate(iterator), len(iterator.data), prefix)
        self.history.record(prefix + "_batch_count", len(iterator))
        # What callbacks may look for in batches, as of a single one.
        self.history.new_batch()
        for name, value in terms.items():
            self.history.record_batch(name, value)
        self.history.record_batch(prefix + "_batch_size", len(iterator.data))

    def _record_terms(self, totals, n_rows, prefix):
        """Record the mean of each loss term and of their sum, and return them."""
        # The only place where an epoch waits for the device.
        values = torch.stack(list(totals.values())).cpu().double() / n_rows
        means = (values * self.module_.natural_scale).tolist()
        loss = sum(means)
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"Training diverged: the loss was not finite in epoch "
                f"{len(self.history)}; lower learning_rate or scale X."
            )
        name = prefix + "_loss"
        lowest = min(row.get(name, math.inf) for row in self.history)
        terms = {f"{prefix}_{term}": m for term, m in zip(totals, means, strict=True)}
        terms = {name: loss, **terms}
        for column, value in terms.items():
            self.history.record(column, value)
        # skorch's callbacks look for it.
        self.history.record(name + "_best", loss < lowest)
        return terms

    def row_losses(self, rows):
        """Return the loss of each row times its weight, in the loss's own units."""
        self._set_training(False)
        # Not in inference mode, whose tensors a penalty could not differentiate by.
        batches = Batches(rows, VALIDATION_BATCH).bound(VALIDATION_VALUES)
        with self.drawing(EVALUATION_SEED), torch.no_grad():
            parts = [sum(self.infer(x).values()) for x, _ in batches]
        losses = torch.cat(parts).cpu().numpy().astype(np.float64)
        return rows.weighed(losses * self.module_.natural_scale)

    def curves(self):
        """Return the history of epochs without what only callbacks ask for."""
        return [
            {name: value for name, value in epoch.items() if name not in FOR_CALLBACKS}
            for epoch in self.history
        ]

    def _release(self):
        release = getattr(getattr(self, "optimizer_", None), "release", None)
        if release is not None:
            release()

    def __getstate__(self):
        self._release()
        state = super().__getstate__()
        # In mid-training; it holds the buffers of a whole step.
        state.pop("steps_", None)
        return state
