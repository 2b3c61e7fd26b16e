"""From rows to trained weights: how long, in which batches."""

from warnings import warn

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from sklearn_ae._training import defaults
from sklearn_ae._training.batches import Rows
from sklearn_ae._training.net import WARM_UP


def all_rows(rows, net, valid=None):
    """Return all rows to train on, with those held out."""
    rows = torch.from_numpy(np.ascontiguousarray(rows))
    return Rows.for_device(rows, torch.device(net.device), valid)


def run(estimator, rows, seed, *, max_epochs, scheduled):
    """Train an estimator's net on rows, all draws from one seed.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C came before the first epoch was over; later it is a warning.
    """
    net = estimator.net_
    net.lr = defaults.peak_rate(estimator.learning_rate)
    largest = getattr(net.module_.encoder, "largest_batch", defaults.LARGEST_BATCH)
    net.batch_size = defaults.batch_rows(len(rows), estimator.batch_size, largest)
    epochs = defaults.n_epochs(len(rows), net.batch_size, max_epochs)
    patience = None
    if estimator.early_stopping:
        patience = defaults.patience(epochs, estimator.n_iter_no_change)
    callbacks = dict(net.callbacks_)
    kl_warmup = getattr(callbacks.get("kl_warmup"), "share", 0.0)
    callbacks["keep_best"].set_params(
        patience=patience, grace=round(max(WARM_UP, kl_warmup) * epochs)
    )
    with net.drawing(seed) as generator:
        interrupted = net.train(rows, epochs, scheduled, generator)
    if interrupted:
        if not net.history:
            raise KeyboardInterrupt
        warn(
            f"Training was interrupted after {len(net.history)} epochs; the estimator "
            "keeps what was learned so far, call fit again for more.",
            ConvergenceWarning,
            stacklevel=2,
        )
