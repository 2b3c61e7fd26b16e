"""From an estimator's parameters to a net that is ready to train."""

from numbers import Integral, Real

import torch
from sklearn.base import clone

from sklearn_ae._training import defaults
from sklearn_ae._training.callbacks import KeepBest
from sklearn_ae._training.net import Net
from sklearn_ae._training.optim import FlatAdamW
from sklearn_ae._utils import Interval, StrOptions

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


def make_net(estimator, factory, device, callbacks, seed):
    """Return the net that trains an estimator's module, initialised.

    Parameters
    ----------
    estimator : Fitting
        Whose parameters to use.
    factory : callable
        Builds the module on the CPU: ``factory(seed=, device=)``, where `device` is
        that of the fit.
    device : torch.device
        Where to train.
    callbacks : list of (str, Callback)
        Those that the estimator's own options need.
    seed : int
        Seeds the weights.
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
        "lr": defaults.peak_rate(estimator.learning_rate),
        "weight_decay": float(estimator.weight_decay),
        "callbacks": [
            ("keep_best", KeepBest(patience=None, grace=0)),
            *callbacks,
            *(_copied(callback) for callback in estimator.callbacks or []),
        ],
        "device": str(device),
        "verbose": int(estimator.verbose),
    }
    ours = {"module__seed": seed, "module__device": device}
    net = Net(factory, **{**settings, **given, **ours})
    return net.initialize()


def check_validation(estimator):
    """Raise ValueError if nothing is held out for what needs it."""
    needed = estimator.early_stopping or estimator.guard
    if estimator.validation_fraction is None and needed:
        raise ValueError(
            "validation_fraction=None holds out no rows, which early_stopping=True "
            "and guard need; set both to False or give a validation_fraction."
        )
