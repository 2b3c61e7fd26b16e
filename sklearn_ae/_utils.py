"""Small helpers that belong to no single part, and scikit-learn's private names.

Every private or version-dependent name of scikit-learn that the package uses is
imported here and nowhere else, so that a new release is followed in one place.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from threading import RLock
from typing import Any, TypeVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, _fit_context
from sklearn.ensemble._base import _set_random_states as set_random_states
from sklearn.impute._base import _BaseImputer as BaseImputer
from sklearn.impute._base import _check_inputs_dtype as check_inputs_dtype
from sklearn.utils import _safe_indexing as some_rows
from sklearn.utils import check_random_state
from sklearn.utils._array_api import _convert_to_numpy as array_to_numpy
from sklearn.utils._array_api import _is_numpy_namespace as is_numpy_namespace
from sklearn.utils._array_api import _max_precision_float_dtype as longest_float
from sklearn.utils._array_api import get_namespace_and_device as namespace_and_device
from sklearn.utils._mask import _get_mask as mask_of
from sklearn.utils._missing import is_pandas_na as is_na
from sklearn.utils._missing import is_scalar_nan as is_nan
from sklearn.utils._param_validation import (
    HasMethods,
    MissingValues,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils._param_validation import Interval as _Interval
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _num_samples as num_samples
from torch import nn

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupport
except ImportError:
    # Before scikit-learn 1.9 estimators take no callbacks.
    class CallbackSupport:  # type: ignore[no-redef]
        """What is there instead: nothing."""


__all__ = [
    "BaseImputer",
    "CallbackSupport",
    "Described",
    "HasMethods",
    "Interval",
    "MissingValues",
    "RandomStateLike",
    "RealNotInt",
    "StrOptions",
    "array_to_numpy",
    "callback_context",
    "check_feature_names_in",
    "check_inputs_dtype",
    "check_parameters",
    "check_seed",
    "choose_device",
    "component",
    "draws_as_told",
    "fit_context",
    "gives_frames",
    "is_na",
    "is_nan",
    "is_numpy_namespace",
    "is_of_package",
    "is_ours",
    "longest_float",
    "mask_of",
    "namespace_and_device",
    "num_samples",
    "own_modes",
    "random_stream",
    "resolve",
    "seeded",
    "set_random_states",
    "some_rows",
    "unchanged_on_error",
    "without_callbacks",
]


# What a `random_state` parameter takes.
RandomStateLike = int | np.random.RandomState | None

_Method = TypeVar("_Method", bound=Callable[..., Any])
# scikit-learn has no types: the decorator would hide those of the methods.
fit_context: Callable[..., Callable[[_Method], _Method]] = _fit_context


# torch's CPU generator belongs to the whole process: two threads that seed it at once
# would draw from each other's stream.
_GENERATOR_LOCK = RLock()


def _renew_lock():
    """Make the lock anew in a forked process, without the thread that may hold it."""
    global _GENERATOR_LOCK
    _GENERATOR_LOCK = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


class Interval(_Interval):
    """scikit-learn's range of numbers, without True, and with all of NumPy's."""

    def is_satisfied_by(self, val):
        if isinstance(val, np.floating):
            val = float(val)
        return not isinstance(val, bool) and super().is_satisfied_by(val)


class Described(HasMethods):
    """A constraint on a parameter that says in words what would be right.

    Parameters
    ----------
    is_right : callable
        Tells whether a value is.
    words : str
        What the error says that the parameter must be.
    """

    def __init__(self, is_right, words):
        super().__init__([])
        self.is_right = is_right
        self.words = words

    def is_satisfied_by(self, val):
        return self.is_right(val)

    def __str__(self):
        return self.words


def component(words, *methods):
    """Return the constraint to an instance that has some methods; ``build`` if none."""
    methods = methods or ("build",)

    def is_right(value):
        # A class has them as well.
        return not isinstance(value, type) and all(
            callable(getattr(value, method, None)) for method in methods
        )

    return Described(is_right, words)


def resolve(value, registry):
    """Return the component meant by ``value``: a name in `registry`, or an instance.

    Parameters
    ----------
    value : str, object or None
        What the user gave.
    registry : dict of str to class
        The names that are known, and the classes they stand for.

    Returns
    -------
    component : object or None
        A new default instance for a name; `value` itself otherwise.
    """
    return registry[value]() if isinstance(value, str) else value


def is_ours(value):
    """Whether a parameter's value has nothing in it but the package's own components.

    Plain values such as names and numbers may be in them; functions and modules may
    not.
    """
    if isinstance(value, list | tuple):
        return all(map(is_ours, value))
    if isinstance(value, BaseEstimator) and is_of_package(type(value)):
        return all(map(is_ours, value.get_params(deep=False).values()))
    return not (callable(value) or hasattr(value, "build"))


# Where torch keeps layers that draw nothing, and those beside them that do.
_LAYERS_WITHOUT_DRAWS = {
    f"torch.nn.modules.{name}"
    for name in (
        "activation",
        "batchnorm",
        "container",
        "conv",
        "flatten",
        "instancenorm",
        "linear",
        "normalization",
        "padding",
        "pooling",
        "upsampling",
    )
}
_LAYERS_WITH_DRAWS = {
    nn.FractionalMaxPool2d,
    nn.FractionalMaxPool3d,
    nn.MultiheadAttention,
    nn.RReLU,
}


def draws_as_told(cls):
    """Whether instances draw nothing but from a generator that they are given.

    Parameters
    ----------
    cls : type
        Of a module, an optimizer, a callback or an iterator over batches. Of those that
        the user wrote it is not known.
    """
    if is_of_package(cls):
        return not getattr(cls, "draws_as_it_likes", False)
    if cls.__module__ in _LAYERS_WITHOUT_DRAWS:
        return cls not in _LAYERS_WITH_DRAWS
    return cls.__module__.startswith(("skorch.callbacks", "torch.optim."))


def is_of_package(cls):
    """Whether a class is one of ours."""
    return cls.__module__.partition(".")[0] == __package__


def check_parameters(component):
    """Check a component's parameters as scikit-learn checks an estimator's."""
    validate_parameter_constraints(
        component._parameter_constraints,
        component.get_params(deep=False),
        caller_name=type(component).__name__,
    )


def check_seed(random_state, method):
    """Check the `random_state` of a method as scikit-learn checks an estimator's."""
    validate_parameter_constraints(
        {"random_state": ["random_state"]},
        {"random_state": random_state},
        caller_name=method,
    )


def gives_frames(transformer):
    """Whether ``set_output``, or the configuration, has codes come as a frame."""
    return _get_output_config("transform", transformer)["dense"] != "default"


def random_stream(random_state):
    """Return the ``RandomState`` that a `random_state` parameter means.

    As everywhere in scikit-learn ``None`` is NumPy's global one, which an int leaves
    alone.
    """
    return check_random_state(random_state)


def choose_device(device, owner):
    """Return the torch device for a `device` parameter; "auto" takes the fastest.

    Parameters
    ----------
    device : str or torch.device
        What the user gave.
    owner : str
        Whose parameter it is, for the error.

    Raises
    ------
    ValueError
        If this machine has no such device.
    """
    there = _devices()
    if device == "auto":
        return torch.device(there[0])
    try:
        chosen = torch.device(device)
        # A number is all that is wanted, but "meta" has none.
        torch.zeros((), device=chosen).item()
    except Exception as error:
        raise ValueError(
            f"The 'device' parameter of {owner} must be 'auto' or a device of this "
            f"machine, which has {', '.join(map(repr, there))}. Got {device!r} instead."
        ) from error
    return chosen


def _devices():
    """Return the names of the devices that there are, the fastest first."""
    names = []
    if torch.cuda.is_available():
        names += ["cuda", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


@contextmanager
def seeded(seed, device):
    """Seed torch's generators inside the block and give them back as they were.

    Other threads that want the same wait until the block is over.
    """
    if device.type == "cpu":
        devices = []
    else:
        devices = [0 if device.index is None else device.index]
    device_type = "cuda" if device.type == "cpu" else device.type
    with (
        _GENERATOR_LOCK,
        torch.random.fork_rng(devices=devices, device_type=device_type),
    ):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(devices[0]):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        yield


@contextmanager
def own_modes(*, inference):
    """Compute as torch does by default, whatever modes the caller is in.

    Parameters
    ----------
    inference : bool
        Whether no gradients are wanted.
    """
    with ExitStack() as modes:
        modes.enter_context(torch.inference_mode(inference))
        if not inference:
            modes.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda", "mps", "xpu"):
            if torch.is_autocast_enabled(kind):
                modes.enter_context(torch.autocast(kind, enabled=False))
        yield


def callback_context(estimator, most_subtasks):
    """Set up the scikit-learn callbacks of an estimator that begins to be fitted.

    scikit-learn's `_fit_context` tears them down. What restores the estimator's
    attributes is to be inside, else it would not find those to tear down.

    Parameters
    ----------
    estimator : CallbackSupport
    most_subtasks : int
        Most tasks that the fit may have.

    Returns
    -------
    context : sklearn.callback.CallbackContext or None
        Of the fit. None if there is nobody to be told.
    """
    if not hasattr(estimator, "_init_callback_context"):
        return None
    # Of a part of a search or pipeline, to take its place in their tree of tasks.
    context = estimator._init_callback_context(max_subtasks=most_subtasks)
    return context if hasattr(estimator, "_skl_callbacks") else None


def without_callbacks(estimator):
    """Take scikit-learn's callbacks from an estimator, and return it."""
    return (
        estimator.set_callbacks() if hasattr(estimator, "set_callbacks") else estimator
    )


@contextmanager
def unchanged_on_error(estimator):
    """Give the estimator its attributes back if the block raises."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
