"""KeepBest on a net that plays back validation losses."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ae._training.callbacks import KeepBest


class PlayBack:
    """A net whose one weight is the number of epochs run."""

    def __init__(self, start, losses):
        self.start = start
        self.losses = losses
        self.module_ = nn.Linear(1, 1, bias=False)
        self.history = []
        self._set(0)

    def _set(self, value):
        with torch.no_grad():
            self.module_.weight.fill_(value)

    def row_losses(self, rows):
        return np.array([self.start])

    def run(self, callback, valid=True):
        """Train and return at which epoch it stopped and whose weights it has."""
        callback.on_train_begin(self, X=SimpleNamespace(valid=valid or None))
        try:
            for epoch, loss in enumerate(self.losses, start=1):
                self._set(epoch)
                self.history.append({"valid_loss": loss})
                callback.on_epoch_end(self)
        except KeyboardInterrupt:
            pass
        callback.on_train_end(self)
        return len(self.history), int(self.module_.weight)


@pytest.mark.parametrize(
    ("start", "losses", "patience", "grace", "stopped", "kept"),
    [
        (9, [5, 4, 3], None, 0, 3, 3),
        (9, [5, 2, 3], None, 0, 3, 2),
        (1, [5, 2, 3], None, 0, 3, 0),
        (9, [5, 2, 3, 4, 1], 2, 0, 4, 2),
        (9, [5, 2, 3, 1, 4, 5, 0], 2, 0, 6, 4),
        (1, [5, 4, 3, 2, 0.5], 3, 0, 3, 0),
        (1, [5, 4, 3, 2, 0.5], 3, 2, 5, 5),
        (1, [5, 4, 3, 2, 3, 3, 0.5], 3, 2, 5, 0),
        (-1, [-2, -3, -3, -3, -9], 2, 0, 4, 2),
        (1, [1, 1], 2, 0, 2, 0),
        (9, [math.nan, 5, math.nan], None, 0, 3, 2),
    ],
)
def test_keeps_the_best_and_stops(start, losses, patience, grace, stopped, kept):
    net = PlayBack(start, losses)
    assert net.run(KeepBest(patience, grace)) == (stopped, kept)


def test_without_held_out_rows_it_does_nothing():
    assert PlayBack(0, [1, 2, 3, 4]).run(KeepBest(1, 0), valid=False) == (4, 4)


def test_used_twice_it_starts_afresh():
    callback = KeepBest(None, 0)
    assert PlayBack(9, [1, 2]).run(callback) == (2, 1)
    assert PlayBack(99, [50, 40]).run(callback) == (2, 2)


def test_weights_are_let_go_after_training():
    callback = KeepBest(None, 0)
    PlayBack(9, [1]).run(callback)
    assert callback.weights_ is None
