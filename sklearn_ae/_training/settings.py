"""From an estimator's parameters to a net that is ready to train."""

import inspect
from numbers import Integral, Real

import torch
from skorch import NeuralNet
from skorch.callbacks import EpochTimer
from skorch.dataset import Dataset
from skorch.history import History
from skorch.setter import optimizer_setter

from sklearn_ae._optim.adamw import FlatAdamW
from sklearn_ae._training import defaults
from sklearn_ae._training.callbacks import KeepBest, check_callbacks, renewed
from sklearn_ae._training.net import Net
from sklearn_ae._training.schedule import FollowBudget
from sklearn_ae._utils import Described, Interval, StrOptions

# What a trained net holds of skorch's, beside its own attributes.
OF_SKORCH = (Dataset, EpochTimer, History, optimizer_setter)
OPTIMIZERS = {"adamw": FlatAdamW}
AUTO_OR_COUNT = [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")]
# Parameters of both estimators that say how to train.
TRAINING_CONSTRAINTS = {
    "optimizer": [
        StrOptions(set(OPTIMIZERS)),
        Described(callable, "a class such as torch.optim.Adam"),
    ],
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
# Those that are not about the net, but about who trains it.
WHO_TRAINS = ("distributed", "distributed_timeout")
# What may be set of the batches, which are slices of one tensor.
BATCH_PARAMS = ("iterator_train__shuffle", "iterator_valid__batch_size")
OF_DATA_LOADERS = ("dataset", "drop_last", "iterator", "num_workers", "pin_memory")


# Whose parameters are taken as ``owner__name``, beside the optimizer's.
NET_OWNERS = ("callbacks", "iterator_train", "iterator_valid")


def _taken(function):
    """Return the names of a callable's arguments; None where it takes any."""
    parameters = inspect.signature(function).parameters
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return None
    return set(parameters)


def _check_known(name, optimizer, start):
    """Raise ValueError if a name of `net_params` is nobody's."""
    owner, is_nested, rest = str(name).partition("__")
    if is_nested and owner == "optimizer":
        taken = _taken(optimizer)
        if taken is None or rest.startswith("param_groups") or rest in taken:
            return
        known = sorted(taken - {"self", "params"})
        raise ValueError(
            f"{start} cannot set {name!r}: the optimizer takes {', '.join(known)}."
        )
    known = {*inspect.signature(NeuralNet).parameters, *NET_CHOICES, *WHO_TRAINS}
    known |= {"max_grad_norm"}
    known -= {*OWN_NET_PARAMS, *NET_OWNERS, "dataset", "kwargs"}
    if owner in NET_OWNERS if is_nested else name in known:
        return
    raise ValueError(
        f"{start} cannot set {name!r}: it takes {', '.join(sorted(known))}, and "
        "parameters of the optimizer as optimizer__eps."
    )


def _check_net_params(given, optimizer, owner):
    """Raise ValueError if `net_params` has what the net cannot take."""
    start = f"The 'net_params' parameter of {owner}"
    for name in given:
        if name in OWN_NET_PARAMS:
            raise ValueError(
                f"{start} cannot set {name!r}; use {OWN_NET_PARAMS[name]} instead."
            )
        if str(name).startswith(OF_DATA_LOADERS) and name not in BATCH_PARAMS:
            raise ValueError(
                f"{start} cannot set {name!r}: batches are slices of one tensor, which "
                f"leave no row out and need no workers; only {BATCH_PARAMS[0]!r} and "
                f"{BATCH_PARAMS[1]!r} can be set."
            )
        _check_known(name, optimizer, start)
    for name, choices in NET_CHOICES.items():
        if given.get(name, choices[0]) not in choices:
            raise ValueError(
                f"{start} must have one of {choices} for {name!r}. "
                f"Got {given[name]!r} instead."
            )


def make_net(estimator, factory, device, callbacks, seed, kind=Net):
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
    kind : callable, default=Net
        Makes the net.
    """
    given = dict(estimator.net_params or {})
    optimizer = estimator.optimizer
    if isinstance(optimizer, str):
        optimizer = OPTIMIZERS[optimizer]
    _check_net_params(given, optimizer, type(estimator).__name__)
    given = {name: given[name] for name in given if name not in WHO_TRAINS}
    own = renewed(estimator.callbacks or [])
    check_callbacks(own)
    settings = {
        "optimizer": optimizer,
        "lr": defaults.peak_rate(estimator.learning_rate),
        "weight_decay": float(estimator.weight_decay),
        "callbacks": [
            ("keep_best", KeepBest(patience=None, grace=0)),
            ("follow_budget", FollowBudget()),
            *callbacks,
            *own,
        ],
        "device": str(device),
        "verbose": int(estimator.verbose),
    }
    ours = {"module__seed": seed, "module__device": device}
    net = kind(factory, **{**settings, **given, **ours})
    return net.initialize()


def check_validation(estimator):
    """Raise ValueError if nothing is held out for what needs it."""
    needed = estimator.early_stopping or estimator.guard
    if estimator.validation_fraction is None and needed:
        raise ValueError(
            "validation_fraction=None holds out no rows, which early_stopping=True "
            "and guard need; set both to False or give a validation_fraction."
        )
