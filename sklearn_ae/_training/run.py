"""From rows to trained weights: how long, in which batches."""

import copy
import inspect
import math
import sys
from contextlib import contextmanager
from warnings import warn

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from sklearn_ae._rows.lazy import LazyRows
from sklearn_ae._training import defaults
from sklearn_ae._training.batches import Rows
from sklearn_ae._training.callbacks import TellProgress, telling
from sklearn_ae._training.schedule import WARM_UP, budget_for


def all_rows(rows, net, valid=None, **known):
    """Return all rows to train on, with those held out and what else is known."""
    if not isinstance(rows, LazyRows):
        rows = torch.from_numpy(np.ascontiguousarray(rows))
    return Rows.for_device(rows, torch.device(net.device), valid, **known)


def follows_budget(estimator, rows):
    """Whether training may last as long as the held-out rows say it pays.

    Not where a bound, a patience or a schedule of the user's says how long.
    """
    return (
        rows.valid is not None
        and estimator.early_stopping
        and estimator.max_epochs == estimator.n_iter_no_change == "auto"
        and estimator.net_.is_scheduled_
    )


def _asked(module, name):
    """Return what a module's parts ask of training by an attribute."""
    return [getattr(part, name) for part in module.modules() if hasattr(part, name)]


def _batch_bounds(module):
    """Return the range of batch sizes that a module's parts are to have."""
    asked = _asked(module, "batch_rows")
    if asked:
        return tuple(map(max, zip(*asked, strict=True)))
    largest = getattr(module.encoder, "largest_batch", defaults.LARGEST_BATCH)
    return defaults.SMALLEST_BATCH, largest


def run(estimator, rows, seed, *, max_epochs, scheduled, outlook=None):
    """Train an estimator's net on rows, all draws from one seed.

    Parameters
    ----------
    estimator : Fitting
        Whose net and parameters to use.
    rows : Rows
        Those to train on, with those held out.
    seed : int
    max_epochs : "auto" or int
        Most epochs.
    scheduled : bool
        Whether the learning rate rises and falls.
    outlook : str or None, default=None
        What was seen of a gain before training, for the budget that ends it; None is a
        number of epochs that is fixed before.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C came before the first epoch was over; else `tell_interrupt` is to be
        called once the estimator is fitted.
    """
    net = estimator.net_
    net.batch_size = defaults.batch_rows(
        len(rows),
        estimator.batch_size,
        _batch_bounds(net.module_),
        getattr(net.module_, "rows_per_step", 1),
        rows.data.shape[1],
    )
    budget = None
    if outlook is None:
        epochs = defaults.n_epochs(len(rows), net.batch_size, max_epochs)
    else:
        steps_per_epoch = math.ceil(len(rows) / net.batch_size)
        n_values = rows.data.shape[1] if net.module_.is_in_nats else None
        budget = budget_for(outlook, steps_per_epoch, n_values)
        epochs = budget.most_epochs(steps_per_epoch)
    asked = _asked(net.module_, "peak_rate")
    net.lr = defaults.peak_rate(estimator.learning_rate, budget, asked)
    patience = None
    if estimator.early_stopping and budget is None:
        patience = defaults.patience(epochs, estimator.n_iter_no_change)
    callbacks = dict(net.callbacks_)
    kl_warmup = getattr(callbacks.get("kl_warmup"), "share", 0.0)
    callbacks["keep_best"].set_params(
        patience=patience, grace=round(max(WARM_UP, kl_warmup) * epochs)
    )
    callbacks["follow_budget"].set_params(budget=budget)
    with net.drawing(seed) as generator, telling(net, estimator._progress):
        interrupted = net.train(rows, epochs, scheduled, budget, generator)
    if interrupted and not net.history:
        raise KeyboardInterrupt


def present_copy(net):
    """Return a net with the present weights of one in training, which goes on alone.

    Its optimizer is a new one.
    """
    twin = type(net).__new__(type(net))
    # The buffers of a step are left out, and the generator of draws, which has no copy.
    vars(twin).update({k: v for k, v in vars(net).items() if k != "steps_"})
    twin.generator_ = None
    twin.module_ = copy.deepcopy(net.module_, {id(net.generator_): None})
    if net.leave_space_ is not None:
        net.leave_space_(twin.module_)
        twin.leave_space_ = None
    twin.history_ = copy.copy(net.history)
    twin.callbacks_ = [
        (name, copy.copy(callback))
        for name, callback in net.callbacks_
        if not isinstance(callback, TellProgress)
    ]
    twin.initialize_optimizer()
    return twin


@contextmanager
def restored_on_error(net):
    """Put weights, optimiser and history back if the block raises."""
    module = net.module_
    weights = copy.deepcopy(module.state_dict())
    networks_on = module.networks_on
    state = copy.deepcopy(net.optimizer_.state_dict())
    history = list(net.history)
    try:
        yield
    except BaseException:
        module.load_state_dict(weights)
        module.use_networks(networks_on)
        net.optimizer_.load_state_dict(state)
        net.history[:] = history
        raise


def forget_moments(net):
    """Drop what the optimizer has gathered: two numbers for each weight.

    Training that goes on gathers it anew.
    """
    net._release()
    net.optimizer_.state.clear()


def tell_interrupt(net):
    """Warn a user at a prompt that Ctrl-C ended training; raise it again elsewhere.

    What called the fit, a search or a script, is meant to end as well.
    """
    if not net.interrupted_:
        return
    message = (
        f"Training was interrupted after {len(net.history)} epochs; the estimator "
        "keeps what was learned so far, call fit again for more."
    )
    if not _is_called_from_prompt():
        raise KeyboardInterrupt(message)
    warn(message, ConvergenceWarning, stacklevel=3)


def _is_called_from_prompt():
    """Whether a line or a cell of an interactive session called the fit itself."""
    frame = inspect.currentframe()
    while frame is not None and _is_of_fit(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return (
        frame is not None
        and hasattr(sys, "ps1")
        and frame.f_locals is frame.f_globals
        and frame.f_globals.get("__name__") == "__main__"
        # A script run from the prompt has one.
        and "__file__" not in frame.f_globals
    )


def _is_of_fit(module):
    """Whether a module is ours, or has scikit-learn's wrappers around fit."""
    ours, wrappers = "sklearn_ae", ("sklearn.base", "sklearn.utils._set_output")
    return module.partition(".")[0] == ours or module in wrappers
