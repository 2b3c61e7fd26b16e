"""From an estimator's parameters and rows to a net and a training run."""

from numbers import Integral, Real
from warnings import warn

import numpy as np
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_ae import _defaults
from sklearn_ae._batches import Rows
from sklearn_ae._callbacks import KeepBest
from sklearn_ae._net import WARM_UP, Net
from sklearn_ae._optim import FlatAdamW
from sklearn_ae._utils import Interval, StrOptions, seeded

OPTIMIZERS = {"adamw": FlatAdamW}
AUTO_OR_COUNT = [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")]
# Parameters of both estimators that say how to train.
TRAINING_CONSTRAINTS = {
    "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
    "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "batch_size": AUTO_OR_COUNT,
    "max_epochs": AUTO_OR_COUNT,
    "early_stopping": ["boolean"],
    "validation_fraction": [
        StrOptions({"auto"}),
        Interval(Real, 0, 1, closed="neither"),
        None,
    ],
    "n_iter_no_change": AUTO_OR_COUNT,
    "callbacks": [list, None],
    "net_params": [dict, None],
    "device": [str, torch.device],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}
# What `net_params` cannot set, and what sets it.
OWN_NET_PARAMS = {
    "module": "network",
    "criterion": "loss or likelihood",
    "optimizer": "optimizer",
    "lr": "learning_rate",
    "weight_decay": "weight_decay",
    "batch_size": "batch_size",
    "max_epochs": "max_epochs",
    "callbacks": "callbacks",
    "train_split": "validation_fraction",
    "device": "device",
    "verbose": "verbose",
}

# What our own parameters among `net_params` take.
NET_CHOICES = {
    "precision": ("float32", "bfloat16"),
    "steps": ("auto", "plain", "recorded"),
}


def _copied(callback):
    """Copy a callback or a (name, callback) pair: skorch changes them in place."""
    if isinstance(callback, tuple):
        name, callback = callback
        return name, clone(callback, safe=False)
    return clone(callback, safe=False)


def make_net(estimator, factory, device):
    """Return the net, not yet initialised, that trains an estimator's module.

    Parameters
    ----------
    estimator : BaseAutoencoder
        Whose parameters to use.
    factory : callable
        Builds the module.
    device : torch.device
        Where to train.
    """
    given = dict(estimator.net_params or {})
    for name, owner in OWN_NET_PARAMS.items():
        if name in given:
            raise ValueError(
                f"The 'net_params' parameter of {type(estimator).__name__} cannot set "
                f"{name!r}; use {owner} instead."
            )
    for name, choices in NET_CHOICES.items():
        if given.get(name, choices[0]) not in choices:
            raise ValueError(
                f"The 'net_params' parameter of {type(estimator).__name__} must have "
                f"one of {choices} for {name!r}. Got {given[name]!r} instead."
            )
    optimizer = estimator.optimizer
    settings = {
        "optimizer": OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer,
        "lr": _defaults.peak_rate(estimator.learning_rate),
        "weight_decay": estimator.weight_decay,
        "callbacks": [
            ("keep_best", KeepBest(patience=None, grace=0)),
            *estimator._training_callbacks(),
            *(_copied(callback) for callback in estimator.callbacks or []),
        ],
        "device": str(device),
        "verbose": int(estimator.verbose),
    }
    return Net(factory, **{**settings, **given})


def check_validation(estimator):
    """Raise ValueError if nothing is held out for what needs it."""
    needed = estimator.early_stopping or estimator.guard
    if estimator.validation_fraction is None and needed:
        raise ValueError(
            "validation_fraction=None holds out no rows, which early_stopping=True "
            "and guard need; set both to False or give a validation_fraction."
        )


def all_rows(rows, net, valid=None):
    """Return all rows to train on, with those held out."""
    rows = torch.from_numpy(np.ascontiguousarray(rows))
    return Rows.for_device(rows, torch.device(net.device), valid)


def hold_out(rows, net, fraction, rng):
    """Split rows at random into those to train on and those held out."""
    n_valid = _defaults.n_validation_rows(len(rows), fraction)
    if n_valid == 0:
        return all_rows(rows, net)
    order = rng.permutation(len(rows))
    valid = all_rows(rows[order[:n_valid]], net)
    return all_rows(rows[order[n_valid:]], net, valid)


def run(estimator, rows, seed, *, max_epochs, scheduled):
    """Train an estimator's net on rows, all draws from one seed.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C came before the first epoch was over; later it is a warning.
    """
    net = estimator.net_
    net.lr = _defaults.peak_rate(estimator.learning_rate)
    largest = getattr(net.module_.encoder, "largest_batch", _defaults.LARGEST_BATCH)
    net.batch_size = _defaults.batch_rows(len(rows), estimator.batch_size, largest)
    epochs = _defaults.n_epochs(len(rows), net.batch_size, max_epochs)
    patience = None
    if estimator.early_stopping:
        patience = _defaults.patience(epochs, estimator.n_iter_no_change)
    callbacks = dict(net.callbacks_)
    kl_warmup = getattr(callbacks.get("kl_warmup"), "share", 0.0)
    callbacks["keep_best"].set_params(
        patience=patience, grace=round(max(WARM_UP, kl_warmup) * epochs)
    )
    with seeded(seed, torch.device(net.device)):
        interrupted = net.train(rows, epochs, scheduled)
    if interrupted:
        if not net.history:
            raise KeyboardInterrupt
        warn(
            f"Training was interrupted after {len(net.history)} epochs; the estimator "
            "keeps what was learned so far, call fit again for more.",
            ConvergenceWarning,
            stacklevel=2,
        )
