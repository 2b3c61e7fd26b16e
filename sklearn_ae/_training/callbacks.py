"""Callbacks that training itself needs."""

from skorch.callbacks import Callback


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
        self.weights_ = {
            name: value.clone() for name, value in net.module_.state_dict().items()
        }

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
