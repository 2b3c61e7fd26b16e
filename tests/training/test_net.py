"""The epoch loop, its steps and the schedule."""

import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Freezer, LRScheduler, Unfreezer
from torch import nn

from sklearn_ae._optim.adamw import FlatAdamW
from sklearn_ae._training.batches import Rows
from sklearn_ae._training.net import Net
from sklearn_ae._training.run import restored_on_error
from sklearn_ae._training.schedule import warm_up_and_cosine


class Tiny(nn.Module):
    """A linear autoencoder of two terms a row."""

    natural_scale = 4.0
    networks_on = True

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def use_networks(self, on):
        self.networks_on = on

    def forward(self, x):
        y = self.layer(x)
        return {"reconstruction": (x - y).square().sum(1), "size": y.abs().sum(1)}


def rows(n_rows=20, n_valid=0):
    data = torch.randn(n_rows, 3, generator=torch.Generator().manual_seed(0))
    valid = Rows(data[:n_valid]) if n_valid else None
    return Rows(data, valid)


def make_net(**params):
    torch.manual_seed(0)
    return Net(Tiny, **{"batch_size": 8, "lr": 0.01, **params}).initialize()


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.module_.parameters()])


def test_schedule():
    shares = [warm_up_and_cosine(progress) for progress in np.linspace(0, 1, 1001)]
    assert shares[0] == 0
    assert shares[150] == 1 == max(shares)
    assert shares[-1] == pytest.approx(0)
    assert (np.diff(shares[:151]) > 0).all()
    assert (np.diff(shares[150:]) < 0).all()


class RateKeeper(Callback):
    """Remembers the learning rate of each step; a batch event."""

    def on_train_begin(self, net, **kwargs):
        self.rates_ = []

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.rates_.append(net.optimizer_.param_groups[0]["lr"])


@pytest.mark.parametrize("optimizer", [None, torch.optim.SGD])
def test_the_schedule_reaches_the_optimizer(optimizer):
    params = {"optimizer": optimizer} if optimizer else {}
    net = make_net(callbacks=[("keeper", RateKeeper())], **params)
    net.train(rows(), epochs=10)
    rates = dict(net.callbacks_)["keeper"].rates_
    assert len(rates) == 30
    assert 0 < rates[0] < max(rates)
    assert max(rates) == pytest.approx(0.01, rel=0.05)
    assert 0 < rates[-1] < 1e-3 * max(rates) * 10


def test_without_a_schedule_the_rate_is_the_peak_again():
    net = make_net(callbacks=[("keeper", RateKeeper())])
    net.train(rows(), epochs=3)
    net.train(rows(), epochs=1, scheduled=False)
    assert set(dict(net.callbacks_)["keeper"].rates_) == {0.01}


def test_a_scheduler_of_the_user_s_takes_over():
    net = make_net(
        callbacks=[
            ("keeper", RateKeeper()),
            ("own", LRScheduler("StepLR", step_size=1, gamma=0.5)),
        ]
    )
    net.train(rows(), epochs=3)
    rates = dict(net.callbacks_)["keeper"].rates_
    np.testing.assert_allclose(rates, np.repeat([0.01, 0.005, 0.0025], 3))


class Watching(Callback):
    """Overrides a batch event, so that skorch's own loop runs."""

    def on_batch_end(self, net, **kwargs):
        pass


class Silent(Callback):
    """Overrides no batch event."""


@pytest.mark.parametrize("optimizer", [None, torch.optim.SGD])
def test_both_loops_take_the_same_steps(optimizer):
    params = {"optimizer": optimizer} if optimizer else {}
    trained = []
    for callback in (Silent(), Watching()):
        net = make_net(callbacks=[("own", callback)], weight_decay=0.1, **params)
        torch.manual_seed(1)
        net.train(rows(n_valid=5), epochs=4)
        assert net.has_batch_events_ == isinstance(callback, Watching)
        trained.append(net)
    fast, slow = trained
    torch.testing.assert_close(weights(fast), weights(slow), rtol=1e-6, atol=1e-7)
    for one, other in zip(fast.history, slow.history, strict=True):
        for name in one:
            if name not in ("dur", "batches"):
                assert one[name] == pytest.approx(other[name], rel=1e-5)


def test_history_holds_means_over_rows_in_natural_units():
    """Not means over batches, whose sizes differ."""
    net = make_net(lr=1e-30)
    net.train(rows(n_rows=21, n_valid=6), epochs=1)
    with torch.no_grad():
        for part, x in (("train", rows(21).data), ("valid", rows(21).data[:6])):
            terms = net.module_(x)
            for name, term in terms.items():
                expected = 4 * term.mean().item()
                assert net.history[-1][f"{part}_{name}"] == pytest.approx(expected)
            total = 4 * sum(terms.values()).mean().item()
            assert net.history[-1][f"{part}_loss"] == pytest.approx(total)


@pytest.mark.parametrize("callback", [Silent(), Watching()])
def test_history_keeps_the_last_batch_alone(callback):
    net = make_net(callbacks=[("own", callback)])
    for _ in range(2):
        net.train(rows(), epochs=3)
    assert [epoch["epoch"] for epoch in net.history] == [1, 2, 3, 4, 5, 6]
    assert [len(epoch["batches"]) for epoch in net.history] == [1] * 6
    assert not any("batches" in epoch for epoch in net.curves())


def test_row_losses():
    net = make_net()
    data = rows(9)
    with torch.no_grad():
        expected = 4 * sum(net.module_(data.data).values())
    losses = net.row_losses(data)
    assert losses.dtype == np.float64
    np.testing.assert_allclose(losses, expected.numpy(), rtol=1e-6)


def test_decay_is_for_matrices_only():
    net = make_net(weight_decay=0.1)
    decays = {
        parameter.ndim: group["weight_decay"]
        for group in net.optimizer_.param_groups
        for parameter in group["params"]
    }
    assert decays == {2: 0.1, 1: 0.0}


def test_an_optimizer_without_decay_serves():
    net = make_net(optimizer=torch.optim.Rprop, weight_decay=0.1)
    net.train(rows(), epochs=1)
    assert math.isfinite(net.history[-1]["train_loss"])


def test_frozen_parameters_stay():
    net = make_net()
    net.module_.layer.bias.requires_grad_(False)
    net.initialize_optimizer()
    before = net.module_.layer.bias.clone()
    net.train(rows(), epochs=2)
    assert torch.equal(net.module_.layer.bias, before)


class Weights(Callback):
    """Remembers the weights at the end of each epoch."""

    def on_train_begin(self, net, **kwargs):
        self.kept_ = []

    def on_epoch_end(self, net, **kwargs):
        state = net.module_.state_dict()
        self.kept_.append({name: value.clone() for name, value in state.items()})


class WatchedWeights(Weights):
    """The same by skorch's own loop."""

    def on_batch_end(self, net, **kwargs):
        pass


def moves(net, name, epochs=6):
    """Return for each epoch after the first whether a weight moved."""
    net.train(rows(), epochs=epochs)
    kept = [epoch[name] for epoch in dict(net.callbacks_)["weights"].kept_]
    return [not torch.equal(*pair) for pair in pairwise(kept)]


every_way = pytest.mark.parametrize(
    ("optimizer", "watching", "steps"),
    [
        (optimizer, watching, steps)
        for optimizer in (FlatAdamW, torch.optim.AdamW, torch.optim.SGD)
        for watching, steps in (
            (WatchedWeights, "auto"),
            (Weights, "plain"),
            (Weights, "recorded"),
        )
    ],
)


def watched_net(optimizer, watching, steps, *callbacks, **params):
    if optimizer is torch.optim.SGD:
        params["optimizer__momentum"] = 0.9
    callbacks = [("weights", watching()), *callbacks]
    return make_net(
        optimizer=optimizer,
        weight_decay=0.1,
        steps=steps,
        callbacks=callbacks,
        **params,
    )


@every_way
def test_a_freezer_freezes(optimizer, watching, steps):
    freezer = ("freezer", Freezer("layer.weight", at=4))
    net = watched_net(optimizer, watching, steps, freezer)
    assert moves(net, "layer.weight") == [True, True, False, False, False]
    assert moves(net, "layer.bias") == [True] * 5


@every_way
def test_an_unfreezer_sets_free(optimizer, watching, steps):
    freezer = ("freezer", Freezer("layer.weight", at=1))
    unfreezer = ("unfreezer", Unfreezer("layer.weight", at=4))
    net = watched_net(optimizer, watching, steps, freezer, unfreezer)
    assert moves(net, "layer.weight") == [False, False, True, True, True]


class FrozenAtFirst(Tiny):
    def __init__(self):
        super().__init__()
        self.layer.weight.requires_grad_(False)


@every_way
def test_what_is_frozen_from_the_start_may_be_set_free(optimizer, watching, steps):
    unfreezer = ("unfreezer", Unfreezer("layer.weight", at=4))
    net = watched_net(optimizer, watching, steps, unfreezer)
    net.set_params(module=FrozenAtFirst).initialize()
    assert moves(net, "layer.weight") == [False, False, True, True, True]


class Unreached(Tiny):
    """Has a weight that no loss depends on."""

    def __init__(self):
        super().__init__()
        self.other = nn.Linear(3, 3)


@every_way
def test_weights_that_no_step_reaches_stay(optimizer, watching, steps):
    net = watched_net(optimizer, watching, steps)
    net.set_params(module=Unreached).initialize()
    assert moves(net, "other.weight") == [False] * 5


class Diverging(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == self.epoch:
            with torch.no_grad():
                net.module_.layer.weight.fill_(math.inf)


@pytest.mark.parametrize("epoch", [1, 3])
def test_divergence_names_the_epoch(epoch):
    net = make_net(callbacks=[("own", Diverging(epoch))])
    with pytest.raises(
        FloatingPointError, match=rf"epoch {epoch}; lower learning_rate or scale X"
    ):
        net.train(rows(), epochs=5)


def test_restored_on_error():
    net = make_net(callbacks=[("own", Diverging(4))])
    net.train(rows(), epochs=2)
    kept, history = weights(net), list(net.history)
    with pytest.raises(FloatingPointError), restored_on_error(net):
        net.train(rows(), epochs=5)
    assert torch.equal(weights(net), kept)
    assert list(net.history) == history
    net.train(rows(), epochs=1)
    assert torch.isfinite(weights(net)).all()


def test_pickled_in_mid_training_it_goes_on_the_same():
    net = make_net()
    net.train(rows(), epochs=2)
    copied = pickle.loads(pickle.dumps(net))
    assert torch.equal(weights(net), weights(copied))
    for each in (net, copied):
        torch.manual_seed(2)
        each.train(rows(), epochs=2)
    assert torch.equal(weights(net), weights(copied))


class Interrupting(Tiny):
    """Ctrl-C comes at a step of training."""

    at = 0
    calls = 0

    def forward(self, x):
        if self.training:
            self.calls += 1
            if self.calls == self.at:
                raise KeyboardInterrupt
        return super().forward(x)


@pytest.mark.parametrize(("at", "epochs"), [(1, 0), (3, 0), (5, 1), (7, 2)])
def test_ctrl_c(at, epochs):
    net = Net(Interrupting, batch_size=8, lr=0.01).initialize()
    net.module_.at = at
    assert net.train(rows(), epochs=4) is True
    assert len(net.history) == epochs
    assert net.train(rows(), epochs=1) is False
    assert len(net.history) == epochs + 1


@pytest.mark.parametrize("call", [1, 2])
def test_ctrl_c_between_two_trainings_loses_no_epoch(call, monkeypatch):
    """It comes before the first epoch of the second."""
    net = make_net()
    net.train(rows(n_valid=5), epochs=2)
    plain, calls = Net.get_iterator, []

    def interrupting(*args, **kwargs):
        calls.append(args)
        # The first call counts the batches.
        if len(calls) == 1 + call:
            raise KeyboardInterrupt
        return plain(*args, **kwargs)

    monkeypatch.setattr(Net, "get_iterator", interrupting)
    assert net.train(rows(n_valid=5), epochs=2) is True
    assert len(net.history) == 2


class StoppingAtOnce(Callback):
    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 3:
            raise KeyboardInterrupt


def test_an_epoch_that_a_callback_stops_before_its_end_is_forgotten():
    net = make_net(callbacks=[("own", StoppingAtOnce())])
    assert net.train(rows(), epochs=9) is False
    assert [epoch["epoch"] for epoch in net.history] == [1, 2]


class Stopping(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_a_callback_s_stop_is_no_ctrl_c():
    net = make_net(callbacks=[("own", Stopping())])
    assert net.train(rows(), epochs=9) is False
    assert len(net.history) == 2


class Plain(torch.optim.SGD):
    """A step that takes no closure."""

    def step(self):
        return super().step()


@pytest.mark.parametrize("optimizer", [Plain, torch.optim.LBFGS])
def test_optimizers_with_and_without_a_closure(optimizer):
    params = {"optimizer__max_iter": 2} if optimizer is torch.optim.LBFGS else {}
    net = make_net(optimizer=optimizer, **params)
    assert net.needs_closure_ == (optimizer is torch.optim.LBFGS)
    net.train(rows(), epochs=8)
    losses = [epoch["train_loss"] for epoch in net.history]
    assert losses[-1] < losses[0]


def test_nothing_of_a_step_is_kept_when_training_fails():
    net = make_net()
    data = rows()
    data.data[0] = float("nan")
    with pytest.raises(FloatingPointError):
        net.train(data, epochs=2)
    assert not hasattr(net, "steps_")
