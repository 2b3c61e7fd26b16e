"""KeepBest and EpochLog on nets that play back validation losses."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ae._training.callbacks import EpochLog, KeepBest
from sklearn_ae._training.schedule import Budget, FollowBudget


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
        self.is_over_ = False
        callback.on_train_begin(self)
        for epoch, loss in enumerate(self.losses, start=1):
            callback.on_epoch_begin(self, dataset_valid=valid or None)
            self._set(epoch)
            self.history.append({"valid_loss": loss})
            callback.on_epoch_end(self)
            if self.is_over_:
                break
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


class Talker(PlayBack):
    """A net that plays back, with a linear path, and prints."""

    verbose = 1

    def __init__(self, start, losses, terms=()):
        super().__init__(start, losses)
        self.module_.encode_weight = torch.ones(1)
        self.module_.use_networks = lambda on: None
        self.terms = terms
        self.max_epochs = len(losses)

    def log(self, valid=True):
        """Return the words of each line of a training."""
        lines = []
        log = EpochLog(sink=lines.append).initialize()
        log.on_train_begin(self, X=SimpleNamespace(valid=valid or None))
        for epoch, loss in enumerate(self.losses, start=1):
            losses = {"train_loss": loss + 1.25, "train_reconstruction": loss + 1.25}
            if valid:
                losses |= {"valid_loss": loss, "valid_reconstruction": loss}
            for term in self.terms:
                losses |= {"train_loss": loss + 2.5, f"train_{term}": 1.25}
            self.history.append({"epoch": epoch, **losses, "dur": 0.125})
            log.on_epoch_end(self)
        return [line.split() for line in lines]


def test_a_log_has_pca_s_level_and_marks_the_best_epoch():
    level, header, _, *epochs = Talker(5.5, [5.75, 5.25, 5.5, 5.125, 6.5]).log()
    assert level == ["PCA:", "valid_loss", "5.5000"]
    assert header == [
        *["epoch", "train_loss", "valid_loss", "pca_loss", "best", "best_epoch"],
        *["dur", "time_left"],
    ]
    assert [line[0] for line in epochs if "+" in line] == ["2", "4"]
    assert [line[-3] for line in epochs] == ["0", "2", "2", "4", "4"]
    assert all("5.5000" in line for line in epochs)


@pytest.mark.parametrize(
    ("n_epochs", "left"), [(9, "0:01"), (500, "1:02"), (40_000, "1:23:20")]
)
def test_a_log_tells_the_time_left(n_epochs, left):
    """Epochs take an eighth of a second."""
    net = Talker(5.5, [5.75])
    net.max_epochs = n_epochs
    assert net.log()[-1][-1] == left


def test_a_log_does_not_print_a_number_twice():
    for line in Talker(5.5, [5.75, 5.25]).log():
        numbers = [word for word in line if "." in word]
        assert len(set(numbers)) == len(numbers)


def test_a_log_prints_several_terms():
    header = Talker(5.5, [5.75, 5.25], terms=["penalty"]).log()[1]
    assert {"train_loss", "train_reconstruction", "train_penalty"} <= set(header)


def test_a_log_of_a_random_start_or_a_further_training_has_no_pca():
    net = Talker(5.5, [5.25])
    net.module_.encode_weight = None
    assert net.log()[0][:2] == ["Before", "training:"]
    net = Talker(5.5, [5.25])
    net.log()
    assert net.log()[0][:2] == ["Before", "training:"]
    assert "pca_loss" not in net.log()[1]


def test_a_log_without_held_out_rows_is_plain():
    header = Talker(5.5, [5.25]).log(valid=False)[0]
    assert header == ["epoch", "train_loss", "dur", "time_left"]


def test_an_offer_is_taken_if_it_is_the_lowest():
    net, callback = PlayBack(9, []), KeepBest(None, 0)
    callback.on_train_begin(net)
    callback.on_epoch_begin(net, dataset_valid=True)
    for weight, loss in [(1, 5.0), (2, 6.0), (3, 4.0), (4, math.nan)]:
        net._set(weight)
        callback.offer(net, loss)
    callback.on_train_end(net)
    assert int(net.module_.weight) == 3


class Looking(PlayBack):
    """Its loss is the distance of its one weight from 10."""

    def __init__(self):
        super().__init__(0, [])
        self.step_ = 0
        self.is_over_ = False
        self.callbacks_ = [("keep_best", KeepBest(None, 0))]
        self.recorded = []
        self.history = SimpleNamespace(record=lambda *item: self.recorded.append(item))
        best = dict(self.callbacks_)["keep_best"]
        best.on_train_begin(self)
        best.on_epoch_begin(self, dataset_valid=True)

    def row_losses(self, rows):
        return np.array([abs(self.module_.weight.item() - 10)])

    def wander(self, callback, n_epochs, steps_per_epoch=10):
        callback.on_train_begin(self, X=SimpleNamespace(valid=True))
        for epoch in range(n_epochs):
            callback.on_epoch_begin(self)
            for _ in range(steps_per_epoch):
                self.step_ += 1
                self._set(10 + (3 if self.step_ % 8 else -3))
                callback.on_step_end(self)
            callback.on_epoch_end(self)
            if self.is_over_:
                return epoch + 1
        return n_epochs


def test_a_budget_is_told_of_averages_and_weights_stay():
    net, callback = Looking(), FollowBudget(Budget(200, 200, 400))
    net.wander(callback, 20)
    assert net.module_.weight.item() in (7, 13)
    ((name, loss),) = net.recorded
    assert name == "average_valid_loss"
    # Each set of weights is three away, their average nearly there.
    assert loss < 1
    best = dict(net.callbacks_)["keep_best"]
    assert best.best_loss_ == loss
    best.on_train_end(net)
    assert abs(net.module_.weight.item() - 10) == pytest.approx(loss, abs=1e-5)


def test_the_end_of_the_budget_is_the_end_of_training():
    callback = FollowBudget(Budget(200, 200, 400))
    n_epochs = Looking().wander(callback, 1000)
    assert 10 * n_epochs >= callback.budget.ends_at > 10 * (n_epochs - 1)
    callback.on_train_end(None)
    assert callback.average_ is callback.parameters_ is callback.rows_ is None


def test_without_a_budget_nothing_is_followed():
    net = Looking()
    assert net.wander(FollowBudget(), 100) == 100
    assert net.recorded == []
