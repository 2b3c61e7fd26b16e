"""Callbacks that training itself needs."""

import copy
import math

from skorch.callbacks import Callback, PrintLog


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
        self.weights_ = copy.deepcopy(net.module_.state_dict())

    def on_train_begin(self, net, X=None, **kwargs):
        self.weights_ = None
        self.epochs_ = 0
        if X.valid is not None:
            self._keep(net, net.row_losses(X.valid).mean())

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
                # skorch's way to say that training is over.
                raise KeyboardInterrupt

    def on_train_end(self, net, **kwargs):
        if self.weights_ is not None:
            net.module_.load_state_dict(self.weights_)
            self.weights_ = None


class KLWarmUp(Callback):
    """Raise the KL divergence's weight from zero to beta, epoch by epoch.

    Parameters
    ----------
    share : float
        Share of the epochs over which it rises; with 0 it is beta throughout.
    """

    def __init__(self, share):
        self.share = share

    def on_train_begin(self, net, **kwargs):
        self.epochs_ = 0

    def on_epoch_begin(self, net, **kwargs):
        # The middle of the epoch, so that the first has some weight.
        progress = (self.epochs_ + 0.5) / net.max_epochs
        self.epochs_ += 1
        risen = min(1.0, progress / self.share) if self.share else 1.0
        net.module_.kl_weight.fill_(net.module_.beta * risen)


class EpochLog(PrintLog):
    """Print PCA's level, then a line for each epoch with a mark where it is the best.

    A loss of one term is printed once, not as the term as well.

    Parameters
    ----------
    **kwargs
        As for `skorch.callbacks.PrintLog`.
    """

    def on_train_begin(self, net, X=None, **kwargs):
        self.least_ = math.inf
        if X.valid is None:
            return
        self.first_iteration_ = True
        self.least_ = net.row_losses(X.valid).mean()
        is_pca = net.module_.encode_weight is not None and not net.history
        who = "PCA" if is_pca else "Before training"
        level = format(self.least_, self.floatfmt)
        self._sink(f"{who}: valid_loss {level}", net.verbose)

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
            self.least_ = min(self.least_, row["valid_loss"])
        return super().table(row)
