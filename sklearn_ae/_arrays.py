"""Arrays of other libraries than NumPy: how they come in, and how results go out.

Within the package all is NumPy or torch's own business. What users give is read here,
and where scikit-learn dispatches (``array_api_dispatch=True``) what they get is put
into the library, and onto the device, of what they gave.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from typing import Any, TypeVar, cast

import numpy as np
import torch
from sklearn import config_context, get_config

from sklearn_ae._utils import (
    array_to_numpy,
    is_numpy_namespace,
    longest_float,
    namespace_and_device,
)

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Kind:
    """The library and the device of an array.

    Attributes
    ----------
    namespace : str
        The name of the library's module, which pickles, as the module does not.
    device : object
        The device, as the library has it.
    """

    namespace: str
    device: Any

    def of(self, array):
        """Return a NumPy array in this kind."""
        xp = import_module(self.namespace)
        if array.dtype == np.float64 and longest_float(xp, self.device) == xp.float32:
            # As Apple's GPUs.
            array = array.astype(np.float32)
        # torch warns of memory that it must not write to.
        return xp.asarray(np.require(array, requirements="W"), device=self.device)

    def __str__(self):
        return f"{self.namespace.rpartition('.')[2]} on {self.device}"


def kind_of(X):
    """Return X's kind where scikit-learn dispatches; None for NumPy and what it reads.

    Without ``array_api_dispatch`` it is always None.
    """
    if not get_config()["array_api_dispatch"]:
        return None
    xp, is_array, device = namespace_and_device(X)
    if not is_array or is_numpy_namespace(xp):
        return None
    return Kind(xp.__name__, device)


def as_given(out, X):
    """Return a NumPy array in the kind of X."""
    kind = kind_of(X)
    return out if kind is None else kind.of(out)


def as_numpy(X, name="X"):
    """Return an array of another library as a NumPy array; anything else as it is.

    There is no copy where the memory can be shared. Errors speak of `name`.
    """
    if isinstance(X, torch.Tensor):
        return _tensor_as_numpy(X, name)
    if kind_of(X) is not None:
        return array_to_numpy(X, namespace_and_device(X)[0])
    if hasattr(X, "__dlpack__") and not hasattr(X, "__array__"):
        return np.from_dlpack(X)
    return X


def _tensor_as_numpy(X, name):
    if X.requires_grad:
        raise ValueError(
            f"{name} is a torch tensor that requires grad, but no gradients come back "
            f"to it; give {name}.detach()."
        )
    if X.layout != torch.strided:
        raise TypeError(
            f"Sparse data was passed for {name}, as a torch tensor, but dense data is "
            "required. Use '.to_dense()' to convert it."
        )
    if X.is_floating_point() and X.itemsize < 4 and X.dtype != torch.float16:
        # NumPy has no bfloat16.
        X = X.float()
    return X.numpy(force=True)


def in_numpy(function: _Function) -> _Function:
    """Have a function that only looks at arrays be given NumPy's, and no dispatch."""

    def read(value):
        return as_numpy(value) if hasattr(value, "__dlpack__") else value

    @wraps(function)
    def called(*args, **kwargs):
        args = [read(value) for value in args]
        kwargs = {name: read(value) for name, value in kwargs.items()}
        with config_context(array_api_dispatch=False):
            return function(*args, **kwargs)

    return cast(_Function, called)


# ---- of fitted estimators


def keep_kind(estimator, X):
    """Have an estimator's `FittedArray` attributes be of X's kind."""
    kind = kind_of(X)
    if kind is None:
        # Without it they are NumPy's.
        vars(estimator).pop("_kind", None)
    else:
        estimator._kind = kind


def check_kind(estimator, X):
    """Raise ValueError unless X is of the kind that ``fit`` was given.

    So does scikit-learn where it dispatches. Without that any kind is read.
    """
    if not get_config()["array_api_dispatch"]:
        return
    before, now = getattr(estimator, "_kind", None), kind_of(X)
    if now != before:
        raise ValueError(
            f"X given to {type(estimator).__name__}.transform() and the other methods "
            "must use the same namespace and device as X in fit: that was of "
            f"{before or 'NumPy'}, this is of {now or 'NumPy'}; convert X, or do "
            "without array_api_dispatch, which gives NumPy arrays."
        )


def with_kind_converted(estimator, converter):
    """Have an estimator's `FittedArray` attributes be of another kind.

    Parameters
    ----------
    estimator : estimator
        It is changed.
    converter : callable
        From a NumPy array to one of the other kind.
    """
    with config_context(array_api_dispatch=True):
        keep_kind(estimator, converter(np.zeros(1, dtype=np.float32)))
    return estimator


def in_kind(array, estimator):
    """Return a fitted NumPy array in the kind that ``fit`` was given."""
    kind = getattr(estimator, "_kind", None)
    return array if kind is None else kind.of(array)


class FittedArray:
    """An attribute that is kept as NumPy and read in the kind that ``fit`` was given.

    A pickle then needs neither the other library nor its device.
    """

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, estimator, owner=None):
        if estimator is None:
            return self
        if self.name not in vars(estimator):
            raise AttributeError(
                f"{type(estimator).__name__!r} object has no attribute {self.name!r}"
            )
        return in_kind(vars(estimator)[self.name], estimator)

    def __set__(self, estimator, value):
        vars(estimator)[self.name] = value


def kept(estimator, name):
    """Return a `FittedArray` as it is kept: NumPy's."""
    return vars(estimator)[name]
