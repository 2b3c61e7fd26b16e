"""Trainings that fits share: those of the same rows that differ in `n_components`."""

import os
from contextlib import contextmanager, suppress
from importlib.metadata import version
from numbers import Integral
from pickle import PicklingError

import numpy as np
import torch
from joblib.hashing import NumpyHasher
from sklearn.base import clone
from sklearn.utils.validation import check_memory

from sklearn_ae._components.ordered import OrderedFitting
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._utils import without_callbacks
from sklearn_ae._version import __version__

try:
    import fcntl
except ImportError:
    # Windows: fits at the same time may then train the same.
    fcntl = None  # type: ignore[assignment]

# Parameters that change nothing of what is trained.
UNRELATED = {"memory", "verbose"}
# Packages beside this one whose versions change what is trained, or cannot read what
# another version has kept.
TRAINED_WITH = ("numpy", "scikit-learn", "skorch", "torch")


class SharedFitting(OrderedFitting):
    """Base class of the fit of an autoencoder that may take over another's training.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    def _recalled(self, X, told):
        """Take over the training that `memory` has, or will have, of such rows."""
        if self.memory is None:
            return False
        # Sizes that are not possible are not trained either.
        self._n_columns(X)
        size = self._size_of_training()
        state = _trained(self, size, X, told)
        if size != self.n_components and not self._is_within(state):
            state = _trained(self, self.n_components, X, told)
        if isinstance(self.random_state, np.random.RandomState):
            # As a training from it would, which was done from a copy.
            self.random_state.randint(2**31)
        vars(self).update(state)
        self._n_asked = self.n_components
        if self.explained_variance_curve_ is not None:
            self._hand_out(self._chosen_size())
        return True

    def _is_within(self, state):
        """Whether what was trained for any size gives this one's columns, or share.

        Where codes that bend fall short of a share, PCA's scores are tried for it.
        """
        curve = state["explained_variance_curve_"]
        module = state["net_"].module_
        if isinstance(self.n_components, Integral):
            return self.n_components <= module.n_trained
        return (
            self.n_components == "auto"
            or curve.reached[-1] >= self.n_components
            or not module.codes_bend
        )


def _trained(estimator, n_components, X, told):
    """Return what a fit with `n_components` sets, from the memory if it is there."""
    twin = without_callbacks(clone(estimator))
    twin.set_params(n_components=n_components, memory=None)
    memory = _memory(estimator.memory)
    X, arguments = told.call(X)
    key = _key(twin, X, arguments)
    try:
        with _one_at_a_time(memory, key):
            return memory.cache(
                _state_after_fit, ignore=["estimator", "X", "arguments"]
            )(twin, X.matrix if isinstance(X, SparseRows) else X, arguments, key)
    except KeyboardInterrupt:
        # What was trained so far is good for this fit, but not to be kept.
        if not (hasattr(twin, "net_") and twin.net_.interrupted_):
            raise
        return _fitted_state(twin)


def _state_after_fit(estimator, X, arguments, key):
    """Fit an estimator; `key` stands for all of it where results are kept."""
    return _fitted_state(estimator.fit(X, **arguments))


def _fitted_state(estimator):
    """Return the attributes that fit has set, by name."""
    unfitted = vars(clone(estimator))
    return {name: vars(estimator)[name] for name in vars(estimator).keys() - unfitted}


def _memory(memory):
    if isinstance(memory, os.PathLike):
        memory = os.fspath(memory)
    return check_memory(memory)


def _key(estimator, X, arguments):
    """Return a string that is the same for the same training."""
    params = estimator.get_params(deep=False)
    parts = {
        name: _hash_of_parameter(estimator, name, params[name])
        for name in params.keys() - UNRELATED
    }
    versions = [__version__, *map(version, TRAINED_WITH)]
    return _hash([versions, type(estimator), parts, X, arguments])


def _hash_of_parameter(estimator, name, value):
    try:
        return _hash(value)
    except (PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"The {name!r} parameter of {type(estimator).__name__} must be picklable "
            f"for trainings to be kept in memory. Got {value!r} instead; set "
            "memory=None to do without."
        ) from error


def _hash(value):
    return _Hasher("md5", coerce_mmap=True).hash(value)


class _Hasher(NumpyHasher):
    """joblib's, to which equal tensors are the same as well."""

    def save(self, obj):
        if isinstance(obj, torch.Tensor):
            flat = obj.detach().cpu().contiguous().reshape(-1)
            obj = (obj.dtype, tuple(obj.shape), flat.view(torch.uint8).numpy())
        super().save(obj)


@contextmanager
def _one_at_a_time(memory, key):
    """Wait while another process or thread trains the same.

    The system unlocks what a process that has died had locked. The empty files stay:
    who waits for one has it open.
    """
    location = getattr(memory, "location", None)
    if fcntl is None or location is None or not os.path.isdir(location):
        yield
        return
    folder = os.path.join(location, "locks")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, key), "ab") as file:
        # Some file systems have no locks.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
