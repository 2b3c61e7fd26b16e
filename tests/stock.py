"""Stock skorch's net and ours, which take the same steps."""

import numpy as np
import pytest
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import nn

from sklearn_ae._training.batches import Rows
from sklearn_ae._training.net import Net

EPOCHS = 5


class Tiny(nn.Module):
    """A linear autoencoder of three columns, with two loss terms a row."""

    # Gradients are those of the loss over the number of columns; so is the loss, here.
    natural_scale = 1 / 3
    networks_on = True

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 2)
        self.second = nn.Linear(2, 3)

    def use_networks(self, on):
        self.networks_on = on

    def forward(self, x):
        y = self.second(self.first(x))
        return {"reconstruction": (x - y).square().sum(1), "size": y.abs().sum(1)}


class Third(nn.Module):
    """What `Net` makes of the terms."""

    def forward(self, terms, y=None):
        return sum(terms.values()).mean() / 3


class Watching(Callback):
    """Has a batch event, so that skorch's own loop runs."""

    def on_batch_end(self, net, **kwargs):
        pass


X, X_VALID = torch.randn(2, 24, 3, generator=torch.Generator().manual_seed(0))
X_VALID = X_VALID[:8]
COMMON = {
    "optimizer": torch.optim.SGD,
    "lr": 0.02,
    "batch_size": 8,
    "iterator_train__shuffle": False,
}


def train_stock(callbacks, epochs=EPOCHS):
    torch.manual_seed(0)
    net = NeuralNet(
        Tiny,
        Third,
        **COMMON,
        callbacks=callbacks,
        train_split=predefined_split(Dataset(X_VALID, torch.zeros(len(X_VALID)))),
        max_epochs=epochs,
        verbose=0,
    )
    return net.fit(X, torch.zeros(len(X)))


def train_ours(callbacks, epochs=EPOCHS):
    torch.manual_seed(0)
    net = Net(Tiny, **COMMON, max_grad_norm=np.inf, callbacks=callbacks).initialize()
    net.train(Rows(X, Rows(X_VALID)), epochs, scheduled=False)
    return net


def train_ours_in_skorch_s_loop(callbacks, epochs=EPOCHS):
    return train_ours([*callbacks, Watching()], epochs)


OURS = [train_ours, train_ours_in_skorch_s_loop]


def assert_same(ours, stock):
    """The same weights, and the same columns in the history."""
    state = stock.module_.state_dict()
    assert ours.module_.state_dict().keys() == state.keys()
    for name, value in ours.module_.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=1e-5, atol=1e-6)
    assert len(ours.history) == len(stock.history)
    for one, other in zip(ours.history, stock.history, strict=True):
        for name in other.keys() - {"batches", "dur"}:
            assert one[name] == pytest.approx(other[name], rel=1e-5), name
