"""skorch's callbacks that write and read files, against stock skorch."""

import os
import pickle

import pytest
import torch
from skorch.callbacks import Checkpoint, LoadInitState, TrainEndCheckpoint
from stock import (
    COMMON,
    EPOCHS,
    OURS,
    X_VALID,
    Tiny,
    X,
    assert_same,
    train_stock,
)

from sklearn_ae._training.batches import Rows
from sklearn_ae._training.net import Net


@pytest.fixture(params=OURS)
def train(request):
    """Train our net with callbacks, in one of the two loops."""
    return request.param


def always(net):
    return len(net.history) != 2


def first_only(net):
    return len(net.history) == 1


CHECKPOINTS = {
    "default": Checkpoint,
    "each": lambda **p: Checkpoint(monitor=None, **p),
    "named": lambda **p: Checkpoint(monitor="valid_loss_best", **p),
    "training": lambda **p: Checkpoint(monitor="train_loss_best", **p),
    "function": lambda **p: Checkpoint(monitor=always, **p),
    "best": lambda **p: Checkpoint(load_best=True, **p),
    "first": lambda **p: Checkpoint(monitor=first_only, load_best=True, **p),
    "no event": lambda **p: Checkpoint(event_name=None, **p),
    "nothing": lambda **p: Checkpoint(
        f_params=None, f_optimizer=None, f_criterion=None, f_history=None, **p
    ),
    "prefix": lambda **p: Checkpoint(fn_prefix="own_", **p),
    "formats": lambda **p: Checkpoint(
        monitor=None,
        f_params="e{last_epoch[epoch]}_{last_batch[valid_batch_size]}.pt",
        **p,
    ),
    "end": TrainEndCheckpoint,
    "end, formats": lambda **p: TrainEndCheckpoint(
        f_params="{net.batch_size}_{last_epoch[epoch]}.pt", **p
    ),
    "safetensors": lambda **p: Checkpoint(f_optimizer=None, use_safetensors=True, **p),
    "end, safetensors": lambda **p: TrainEndCheckpoint(
        f_optimizer=None, use_safetensors=True, **p
    ),
    "pickle": lambda **p: Checkpoint(monitor=None, f_pickle="net.pkl", **p),
}


def loaded(path):
    if path.suffix == ".pt":
        return torch.load(path)
    return path.stat().st_size > 0


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_writes_the_same_files(train, name, tmp_path):
    if "safetensors" in name:
        pytest.importorskip("safetensors")
    make, told = CHECKPOINTS[name], []
    ours, stock = tmp_path / "ours", tmp_path / "stock"
    net = train([make(dirname=str(ours), sink=told.append)])
    assert_same(net, train_stock([make(dirname=str(stock))]))
    assert not any("Unable" in text for text in told)
    assert sorted(os.listdir(ours)) == sorted(os.listdir(stock))
    for path in ours.glob("*params*.pt"):
        if "safetensors" in name:
            continue
        expected = torch.load(stock / path.name)
        for key, value in torch.load(path).items():
            torch.testing.assert_close(value, expected[key], rtol=1e-5, atol=1e-6)


def test_the_default_without_held_out_rows_is_an_error(tmp_path):
    net = Net(Tiny, **COMMON, callbacks=[Checkpoint(dirname=str(tmp_path))])
    with pytest.raises(ValueError, match="Checkpoint among the callbacks watches"):
        net.initialize().train(Rows(X), 2)


def test_a_monitor_whose_best_is_meant_is_told(train, tmp_path):
    checkpoint = Checkpoint(monitor="valid_loss", dirname=str(tmp_path))
    with pytest.warns(UserWarning, match="Perhaps you meant"):
        train([checkpoint])


def test_a_net_pickled_in_mid_training(train, tmp_path):
    """The net that is trained goes on as if nothing had happened."""
    checkpoint = Checkpoint(monitor=first_only, f_pickle="net.pkl", dirname=tmp_path)
    net = train([checkpoint])
    assert_same(net, train_stock([]))
    with open(tmp_path / "net.pkl", "rb") as file:
        copied = pickle.load(file)
    assert len(copied.history) == 1
    copied.train(Rows(X, Rows(X_VALID)), EPOCHS - 1, scheduled=False)
    torch.testing.assert_close(copied.module_.state_dict(), net.module_.state_dict())


@pytest.mark.parametrize("kind", [Checkpoint, TrainEndCheckpoint])
def test_training_goes_on_from_a_file(train, kind, tmp_path):
    def callbacks(name):
        checkpoint = kind(dirname=str(tmp_path / name))
        return [checkpoint, LoadInitState(checkpoint)]

    for _ in range(2):
        ours = train(callbacks("ours"))
        stock = train_stock(callbacks("stock"))
        assert_same(ours, stock)
    assert len(ours.history) == 2 * EPOCHS


def test_training_goes_on_from_an_epoch_s_file(train, tmp_path):
    def callbacks(name):
        checkpoint = Checkpoint(
            monitor=first_only,
            f_params="{last_epoch[epoch]}.pt",
            dirname=str(tmp_path / name),
        )
        return [checkpoint, LoadInitState(checkpoint)]

    for _ in range(2):
        ours = train(callbacks("ours"))
        assert_same(ours, train_stock(callbacks("stock")))
    assert len(ours.history) == 1 + EPOCHS
