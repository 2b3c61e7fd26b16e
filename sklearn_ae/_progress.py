"""What scikit-learn's callbacks are told of a fit: its trainings and their epochs.

A fit is a task; its trainings, of which there are two at most, are tasks of it, and
their epochs tasks of theirs. This is the only file that makes such tasks.
"""

import copy
from contextlib import contextmanager

from sklearn_ae._splits.told import Told, weighted_rows
from sklearn_ae._training.run import present_copy
from sklearn_ae._utils import callback_context
from sklearn_ae._validation import check_rows


@contextmanager
def told_to_callbacks(estimator, X, y, sample_weight, *, keeps_axes=False):
    """Tell the estimator's callbacks that a fit begins and, if it does, that it ends.

    In the block the estimator has the `Progress` to tell of trainings, if there is
    anybody to be told.

    Parameters
    ----------
    estimator : Fitting
        Inside scikit-learn's `_fit_context`.
    X : array-like of shape (n_samples, n_features)
        As given by the user.
    y : array-like of shape (n_samples,) or None
        None tells them X, which is what an autoencoder is to give: what has no targets
        is not scored.
    sample_weight : array-like of shape (n_samples,) or None
        Weights of the rows.
    keeps_axes : bool, default=False
        Whether codes keep the axes that they have.
    """
    context = callback_context(estimator, estimator._most_trainings())
    if context is None:
        yield
        return
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    y = X if y is None else y
    data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
    context.call_on_fit_task_begin(**data)
    estimator._progress = Progress(context, data, keeps_axes)
    try:
        yield
    finally:
        del estimator._progress
    context.call_on_fit_task_end(
        **data, reconstruction_attributes=lambda: _what_changes(estimator)
    )


class Progress:
    """Tells callbacks of trainings and epochs.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        Of the fit.
    data : dict
        What callbacks are given: the `estimator`, `X`, `y` and `metadata`.
    keeps_axes : bool
        Whether codes keep the axes that they have.
    """

    def __init__(self, context, data, keeps_axes):
        self.context = context
        self.data = data
        self.keeps_axes = keeps_axes

    def begin_training(self, n_epochs):
        """Tell that a training begins.

        Parameters
        ----------
        n_epochs : int
            Most epochs that it may have.
        """
        self.training = self.context.subcontext("training", max_subtasks=n_epochs)
        self.training.call_on_fit_task_begin(**self.data)

    def begin_epoch(self):
        """Tell that an epoch begins."""
        self.epoch = self.training.subcontext("epoch")
        self.epoch.call_on_fit_task_begin(
            **self.data, reconstruction_attributes=self._fitted_so_far
        )

    def end_epoch(self):
        """Tell that an epoch is over; return whether training is to end with it."""
        return self.epoch.call_on_fit_task_end(
            **self.data, reconstruction_attributes=self._fitted_so_far
        )

    def end_training(self):
        """Tell that a training is over."""
        self.training.call_on_fit_task_end(**self.data)

    def _fitted_so_far(self):
        estimator, X = self.data["estimator"], self.data["X"]
        sample_weight = (self.data["metadata"] or {}).get("sample_weight")
        return fitted_so_far(estimator, X, sample_weight, self.keeps_axes)


def fitted_so_far(estimator, X, sample_weight, keeps_axes):
    """Return the attributes of an estimator that is fitted with the present weights.

    Its networks take part, whatever the guard will say of them. It shares nothing with
    the one in training that either of them would change.

    Parameters
    ----------
    estimator : Fitting
        In training.
    X : array-like of shape (n_samples, n_features)
        The rows of the fit.
    sample_weight : array-like of shape (n_samples,) or None
        Their weights.
    keeps_axes : bool
        Whether codes keep the axes that they have.

    Returns
    -------
    attributes : dict of str to object
    """
    twin = copy.copy(estimator)
    twin._progress = None
    # Of the rows of this process alone: another may have nobody to be told.
    vars(twin).pop("_ranks", None)
    vars(twin).update(_what_changes(estimator))
    twin._forget_comparison()
    X = check_rows(twin, X, reset=False)
    X, weights = weighted_rows(twin, X, sample_weight, fewest=1)
    twin._bound_networks(X)
    # One row tells no variance.
    if not keeps_axes and len(X) > 1:
        twin._choose_axes(X, continued=True, weights=weights)
    X = Told(weights=weights).as_weighted(X, twin._stream)
    twin._describe_fit(X, None)
    return vars(twin)


def _what_changes(estimator):
    """Return copies of the attributes that change in place, by name."""
    return {
        "net_": present_copy(estimator.net_),
        "_stream": copy.deepcopy(estimator._stream),
        "_chooser": copy.copy(estimator._chooser),
    }
