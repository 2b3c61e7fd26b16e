"""Callbacks that training itself needs, and new ones of the user's arguments."""

import copy
import inspect
import math
from contextlib import contextmanager

from skorch.callbacks import (
    Callback,
    InputShapeSetter,
    LRScheduler,
    PrintLog,
    WandbLogger,
)
from skorch.callbacks.scoring import ScoringBase

# The places of columns that do not come first in what is printed of an epoch.
AT_THE_END = {"pca_loss": 1, "event_best": 2, "best_epoch": 3, "dur": 4, "time_left": 5}


class StopTraining(KeyboardInterrupt):
    """A callback asked for the end of training."""


class KeepBest(Callback):
    """Keep the weights of the lowest validation loss, those before training included.

    Without held-out rows it does nothing.

    Parameters
    ----------
    patience : int or None
        Stop after so many epochs in a row without a lower loss; None never stops.
    grace : int
        Epochs at the beginning that do not count, those of the warm-up.
    """

    def __init__(self, patience, grace):
        self.patience = patience
        self.grace = grace

    def _keep(self, net, loss):
        self.best_loss_ = loss
        self.misses_ = 0
        # There are never two copies at a time.
        self.weights_ = None
        self.weights_ = copy.deepcopy(net.module_.state_dict())

    def offer(self, net, loss):
        """Keep the present weights if their loss is the lowest so far."""
        if loss < self.best_loss_:
            self._keep(net, loss)

    def on_train_begin(self, net, **kwargs):
        self.weights_ = None
        self.epochs_ = 0

    def on_epoch_begin(self, net, dataset_valid=None, **kwargs):
        # Not before: another callback may load weights when training begins.
        if self.weights_ is None and dataset_valid is not None:
            self._keep(net, net.row_losses(dataset_valid).mean())

    def on_epoch_end(self, net, **kwargs):
        if self.weights_ is None:
            return
        self.epochs_ += 1
        loss = net.history[-1]["valid_loss"]
        if loss < self.best_loss_:
            self._keep(net, loss)
        elif self.epochs_ > self.grace:
            self.misses_ += 1
            if self.patience is not None and self.misses_ >= self.patience:
                net.is_over_ = True

    def on_train_end(self, net, **kwargs):
        if self.weights_ is not None:
            net.module_.load_state_dict(self.weights_)
            self.weights_ = None


class KLWarmUp(Callback):
    """Raise the KL divergence's weight from zero to beta.

    Epoch by epoch; step by step where a budget ends training.

    Parameters
    ----------
    share : float
        Share of the epochs, or of the steps before a budget's first look, over which
        it rises; with 0 it is beta throughout.
    """

    def __init__(self, share):
        self.share = share

    def _set_weight(self, net, progress):
        risen = min(1.0, progress / self.share) if self.share else 1.0
        net.module_.kl_weight.fill_(net.module_.beta * risen)

    def on_train_begin(self, net, **kwargs):
        self.epochs_ = 0

    def on_epoch_begin(self, net, **kwargs):
        if net.budget_ is None:
            # The middle of the epoch, so that the first has some weight.
            self._set_weight(net, (self.epochs_ + 0.5) / net.max_epochs)
            self.epochs_ += 1
        else:
            self.on_step_end(net)

    def on_step_end(self, net):
        """Raise the weight for the next step."""
        if net.budget_ is not None:
            self._set_weight(net, (net.step_ + 0.5) / net.budget_.first)


class TellProgress(Callback):
    """Tell scikit-learn's callbacks of a training and of each epoch.

    Parameters
    ----------
    progress : Progress
        Whom to tell.
    """

    def __init__(self, progress):
        self.progress = progress

    def on_train_begin(self, net, **kwargs):
        self.progress.begin_training(net.max_epochs)

    def on_epoch_begin(self, net, **kwargs):
        self.progress.begin_epoch()

    def on_epoch_end(self, net, **kwargs):
        if self.progress.end_epoch():
            net.is_over_ = True

    def on_train_end(self, net, **kwargs):
        self.progress.end_training()


@contextmanager
def telling(net, progress):
    """Have a net tell of the trainings in the block; None tells nobody."""
    if progress is None:
        yield
        return
    # In front of callbacks of the user's, which may end training in an epoch's end.
    net.callbacks_.insert(0, ("progress", TellProgress(progress)))
    try:
        yield
    finally:
        # What it refers to, the rows among it, is for no pickle.
        del net.callbacks_[0]


class EpochLog(PrintLog):
    """Print PCA's level, then a line for each epoch with a mark where it is the best.

    Each line has PCA's level, the best epoch so far and the time that is left, if
    nothing ends training earlier. A loss of one term is printed once, not as the term
    as well.

    Parameters
    ----------
    **kwargs
        As for `skorch.callbacks.PrintLog`.
    """

    def on_train_begin(self, net, X=None, **kwargs):
        self.least_ = math.inf
        self.pca_level_ = None
        # Those that were trained before have numbers, too.
        self.first_ = self.best_epoch_ = len(net.history)
        self.seconds_ = 0.0
        if X.valid is None:
            return
        self.first_iteration_ = True
        level = self.least_ = net.row_losses(X.valid).mean()
        is_pca = net.module_.encode_weight is not None and not net.history
        if is_pca:
            # With the networks on, reconstructions may be clipped, which PCA's are not.
            net.module_.use_networks(False)
            level = self.pca_level_ = net.row_losses(X.valid).mean()
            net.module_.use_networks(True)
        who = "PCA" if is_pca else "Before training"
        self._sink(f"{who}: valid_loss {format(level, self.floatfmt)}", net.verbose)

    def on_epoch_end(self, net, **kwargs):
        n_epochs = len(net.history) - self.first_
        self.seconds_ += net.history[-1].get("dur", math.nan)
        self.left_ = self.seconds_ / n_epochs * (net.max_epochs - n_epochs)
        super().on_epoch_end(net, **kwargs)

    def table(self, row):
        if self.first_iteration_:
            self.repeated_ = {
                name
                for name, value in row.items()
                for loss in ("train_loss", "valid_loss")
                if name.startswith(loss[:6]) and name != loss and value == row.get(loss)
            }
        row = {name: row[name] for name in row if name not in self.repeated_}
        if "valid_loss" in row:
            row["event_best"] = bool(row["valid_loss"] < self.least_)
            if row["event_best"]:
                self.least_, self.best_epoch_ = row["valid_loss"], row["epoch"]
            row["best_epoch"] = self.best_epoch_
        if self.pca_level_ is not None:
            row["pca_loss"] = self.pca_level_
        if math.isfinite(self.left_):
            row["time_left"] = _clock(self.left_)
        return super().table(row)

    def _sorted_keys(self, keys):
        keys = super()._sorted_keys(keys)
        return sorted(keys, key=lambda key: AT_THE_END.get(key, 0))


def _clock(seconds):
    """Return a duration as minutes and seconds, or hours as well."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def renewed(callbacks):
    """Return new callbacks of the same arguments.

    skorch changes callbacks in place, so each fit has its own. What they were given is
    shared, not copied: a writer, a lock or an open file has no copy, and a list is
    given to be filled. One callback given to another, as `Checkpoint` is to
    `LoadInitState`, stays one.

    Parameters
    ----------
    callbacks : list of Callback, class or (name, either) tuple

    Returns
    -------
    callbacks : list
        As given, with new instances.

    Raises
    ------
    TypeError
        If an item is not a callback, or one does not keep its arguments.
    """
    known = {}
    return [
        (item[0], _renewed(item[1], known))
        if isinstance(item, tuple) and len(item) == 2
        else _renewed(item, known)
        for item in callbacks
    ]


def _renewed(callback, known):
    if isinstance(callback, type) and issubclass(callback, Callback):
        return callback
    if not isinstance(callback, Callback):
        raise TypeError(
            "The 'callbacks' parameter must be a list of skorch callbacks or of (name, "
            f"callback) tuples. Got an item {callback!r} instead."
        )
    if id(callback) not in known:
        known[id(callback)] = _with_same_arguments(callback, known)
    return known[id(callback)]


def _with_same_arguments(callback, known):
    kind = type(callback)
    parameters = inspect.signature(kind).parameters.values()
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
    names = {p.name for p in parameters}
    arguments = {
        name: _renewed(value, known) if isinstance(value, Callback) else value
        for name, value in callback.get_params(deep=False).items()
        if name in names or (takes_all and not name.startswith("_"))
    }
    try:
        return kind(**arguments)
    except TypeError as error:
        raise TypeError(
            f"The callback {kind.__name__} cannot be made anew for a fit: its class "
            f"must keep each argument as an attribute of the same name ({error})."
        ) from error


def check_callbacks(callbacks):
    """Raise ValueError for a callback of skorch's that cannot do its work here."""
    for name, callback in _with_names(callbacks):
        if isinstance(callback, InputShapeSetter) or callback is InputShapeSetter:
            raise ValueError(
                f"{name} cannot be among the callbacks: fit builds the network for the "
                "columns of X; remove it."
            )
        if isinstance(callback, ScoringBase) and not _is_function(callback.scoring):
            raise ValueError(
                f"{name} among the callbacks needs a function (net, X, y) -> float as "
                "its scoring, since there are no targets to compare predictions with. "
                f"Got {callback.scoring!r} instead."
            )


def _with_names(callbacks):
    for item in callbacks:
        callback = item[1] if isinstance(item, tuple) else item
        kind = callback if isinstance(callback, type) else type(callback)
        yield kind.__name__, callback


def _is_function(scoring):
    module = getattr(scoring, "__module__", None) or ""
    return callable(scoring) and not module.startswith("sklearn.metrics")


def check_watched(callbacks):
    """Raise ValueError if a callback watches held-out rows, of which there are none."""
    for name, callback in _with_names(callbacks):
        watched = _watched(callback)
        if isinstance(watched, str) and watched.startswith("valid_"):
            raise ValueError(
                f"{name} among the callbacks watches {watched!r}, but no rows are held "
                f"out; let it watch {watched.replace('valid', 'train')!r}, or fit with "
                "a validation_fraction (partial_fit holds none out)."
            )


def _watched(callback):
    """Return the column of the history that a callback cannot do without, if any."""
    if isinstance(callback, WandbLogger):
        return "valid_loss_best" if callback.save_model else None
    if isinstance(callback, LRScheduler):
        by_loss = getattr(callback.policy, "__name__", callback.policy)
        return callback.monitor if by_loss == "ReduceLROnPlateau" else None
    return getattr(callback, "monitor", None)
