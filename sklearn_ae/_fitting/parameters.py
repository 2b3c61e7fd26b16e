"""What `clone`, `set_params` and pickles of the estimators do beside the usual."""

import copy
from typing import Any, Self

from sklearn.base import BaseEstimator

from sklearn_ae._training.callbacks import renewed
from sklearn_ae._utils import CallbackSupport
from sklearn_ae._version import __version__

# To be raised where what a fit leaves changes, so that older code cannot read it.
STATE_FORMAT = 1


class Parameters(CallbackSupport, BaseEstimator):
    """Base class of what has components and callbacks among its parameters.

    The callbacks of scikit-learn 1.9, which `set_callbacks` takes, are no parameters.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    def __sklearn_clone__(self):
        if not isinstance(self.callbacks, list):
            return super().__sklearn_clone__()
        # What callbacks hold, such as a writer, may have no copy.
        without = copy.copy(self)
        without.callbacks = None
        cloned = BaseEstimator.__sklearn_clone__(without)
        cloned.callbacks = renewed(self.callbacks)
        return cloned

    def __getstate__(self):
        return {**super().__getstate__(), "_stored_by": (STATE_FORMAT, __version__)}

    def __setstate__(self, state):
        state = dict(state)
        form, version = state.pop("_stored_by", (0, "an older version"))
        if form != STATE_FORMAT:
            raise ValueError(
                f"This {type(self).__name__} was stored by sklearn_ae {version}, in "
                f"format {form}, and sklearn_ae {__version__} reads format "
                f"{STATE_FORMAT}; load it with the version that stored it, or fit anew."
            )
        super().__setstate__(state)

    def set_params(self, **params: Any) -> Self:
        """Set parameters; those of components as ``network__activation``.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If a name is unknown, or belongs to a component that is a short name such as
            "mlp", or None.
        """
        for name in params:
            owner, is_nested, _ = name.partition("__")
            value = params.get(owner, getattr(self, owner, self))
            if is_nested and (value is None or isinstance(value, str)):
                raise ValueError(
                    f"{name!r} cannot be set while {owner}={value!r} has no "
                    f"parameters; set {owner} to an instance first."
                )
        return super().set_params(**params)
