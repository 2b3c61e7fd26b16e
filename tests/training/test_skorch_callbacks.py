"""Every callback that skorch has, on our net in both epoch loops, against stock skorch.

The stock net takes the same steps: so callbacks have to see and to do the same.
"""

import warnings
from types import SimpleNamespace

import pytest
import skorch.callbacks
import torch
from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    Freezer,
    GradientNormClipping,
    Initializer,
    InputShapeSetter,
    LRScheduler,
    MlflowLogger,
    NeptuneLogger,
    ParamMapper,
    PassthroughScoring,
    PrintLog,
    ProgressBar,
    SacredLogger,
    TensorBoard,
    Unfreezer,
    WandbLogger,
)
from skorch.dataset import Dataset
from stock import EPOCHS, OURS, assert_same, train_ours, train_stock
from torch import nn

from sklearn_ae._training.callbacks import renewed


@pytest.fixture(params=OURS)
def train(request):
    """Train our net with callbacks, in one of the two loops."""
    return request.param


# ---- those that change training, or the history


def noop(*args):
    pass


def mean_term(net, rows, y=None):
    """Score rows of either net, whatever it is told of targets."""
    x = getattr(rows, "data", rows)
    x = x.X if isinstance(rows, Dataset) else x
    with torch.no_grad():
        return float(net.module_(torch.as_tensor(x))["size"].mean())


def fill(parameter):
    nn.init.constant_(parameter, 0.1)


def by_turns(net):
    utils = skorch.utils
    is_even = len(net.history) % 2 == 0
    return utils.freeze_parameter if is_even else utils.unfreeze_parameter


def stop_late(**params):
    params = {"patience": 2, "threshold": 1e9, "threshold_mode": "abs", **params}
    return EarlyStopping(sink=noop, **params)


DOING = {
    "nothing": [],
    "timer": [EpochTimer()],
    "stop": [stop_late()],
    "stop by training": [stop_late(monitor="train_loss")],
    "stop, best": [stop_late(load_best=True, lower_is_better=False)],
    "steps": [LRScheduler("StepLR", step_size=2, gamma=0.1)],
    "restarts": [LRScheduler("WarmRestartLR", base_period=2, max_lr=0.03)],
    "steps by batch": [
        LRScheduler("StepLR", step_size=4, gamma=0.5, step_every="batch")
    ],
    "plateau": [
        LRScheduler("ReduceLROnPlateau", monitor="valid_loss", patience=0, threshold=9)
    ],
    "plateau by batch": [
        LRScheduler(
            "ReduceLROnPlateau", step_every="batch", patience=2, monitor="train_loss"
        )
    ],
    "clip": [GradientNormClipping(0.1)],
    "clip to nothing": [GradientNormClipping(0.0)],
    "clip the largest": [GradientNormClipping(0.1, gradient_clip_norm_type="inf")],
    "no clip": [GradientNormClipping()],
    "map": [ParamMapper("second.*", fn=fill, at=3)],
    "map by condition": [
        ParamMapper(["first.weight", "*.bias"], fill, lambda net: len(net.history) == 2)
    ],
    "map by turns": [ParamMapper("first*", schedule=by_turns)],
    "initialise": [Initializer("*.weight", fn=fill)],
    "freeze": [Freezer("first*")],
    "freeze late": [Freezer("*.weight", at=3)],
    "freeze, unfreeze": [Freezer("first*"), Unfreezer("first*", at=3)],
    "pass loss": [PassthroughScoring("train_loss", on_train=True)],
    "pass held out": [PassthroughScoring("valid_loss")],
    "pass, highest": [PassthroughScoring("valid_loss", lower_is_better=False)],
    "score": [EpochScoring(mean_term, name="size_", use_caching=False)],
    "score rows": [
        EpochScoring(
            mean_term,
            name="size_",
            on_train=True,
            use_caching=False,
            lower_is_better=False,
        )
    ],
    "score batches": [BatchScoring(mean_term, name="size_", use_caching=False)],
    "score train batches": [
        BatchScoring(mean_term, name="size_", on_train=True, use_caching=False)
    ],
    "score, stop": [
        EpochScoring(mean_term, name="size_", use_caching=False),
        stop_late(monitor="size_"),
    ],
}


@pytest.mark.parametrize("name", DOING)
def test_does_the_same(train, name):
    assert_same(train(renewed(DOING[name])), train_stock(renewed(DOING[name])))


def test_a_score_of_predictions_that_are_cached(train):
    """They are the terms of each row."""

    def total(net, rows, y=None):
        return sum(float(terms["size"].sum()) for terms in net.forward_iter(rows))

    net = train([EpochScoring(total, name="total")])
    for epoch in net.history:
        assert epoch["total"] == pytest.approx(3 * 8 * epoch["valid_size"], rel=1e-5)


def test_a_value_of_batches_is_passed_on():
    class Keeping(Callback):
        def on_batch_end(self, net, training=False, **kwargs):
            if training:
                net.history.record_batch("own", 2.0)

    net = train_ours([Keeping(), PassthroughScoring("own", on_train=True)])
    assert net.history[:, "own"] == [2.0] * EPOCHS


@pytest.mark.parametrize("term", ["reconstruction", "size"])
@pytest.mark.parametrize("part", ["train", "valid"])
def test_terms_are_passed_on(train, part, term):
    plain = train([]).history[:, f"{part}_{term}"]
    passed = PassthroughScoring(f"{part}_{term}", on_train=part == "train")
    history = train([passed]).history
    assert history[:, f"{part}_{term}"] == pytest.approx(plain, rel=1e-6)
    assert len(history[:, f"{part}_{term}_best"]) == EPOCHS


# ---- those that tell


class Told(list):
    """Takes the place of whatever a callback tells things to."""

    dir = "."
    info = SimpleNamespace(run_id="run")

    def __init__(self, directory="."):
        super().__init__()
        self.dir = str(directory)

    def add_scalar(self, tag, scalar_value, global_step):
        self.append((tag, scalar_value, global_step))

    def log_scalar(self, name, value, step=None):
        self.append((name, value, step))

    def log_metric(self, run, name, value, step):
        self.append((name, value, step))

    def log(self, values):
        self.extend((name, value, None) for name, value in values.items())

    def log_artifact(self, run, path):
        self.append((path.name, path.exists(), None))

    def set_terminated(self, run):
        self.append(("terminated", run, None))

    def watch(self, module):
        self.append(("watched", type(module).__name__, None))

    def close(self):
        self.append(("closed", True, None))


class Paths:
    """Neptune's run: values at paths."""

    def __init__(self, told, path=""):
        self.told, self.path = told, path

    def __getitem__(self, name):
        return Paths(self.told, f"{self.path}/{name}")

    def __setitem__(self, name, value):
        self.told.append((f"{self.path}/{name}", str(value), None))

    def append(self, value):
        self.told.append((self.path, value, None))


class Neptune(NeptuneLogger):
    """Without the files of a package that is not there."""

    @staticmethod
    def _model_summary_file(model):
        return "summary"


TELLING = {
    "tensorboard": TensorBoard,
    "tensorboard, open": lambda told: TensorBoard(
        told, close_after_train=False, keys_ignored="train_loss"
    ),
    "tensorboard, names": lambda told: TensorBoard(told, key_mapper=lambda key: key),
    "neptune": lambda told: Neptune(Paths(told), close_after_train=False),
    "neptune, batches": lambda told: Neptune(
        Paths(told), close_after_train=False, log_on_batch_end=True
    ),
    "wandb": WandbLogger,
    "wandb, no model": lambda told: WandbLogger(told, save_model=False),
    "sacred": SacredLogger,
    "sacred, batches": lambda told: SacredLogger(told, log_on_batch_end=True),
    "mlflow": lambda told: MlflowLogger(told, told),
    "mlflow, batches": lambda told: MlflowLogger(
        told, told, log_on_batch_end=True, create_artifact=False
    ),
}
# Of the nets, not of training.
OTHER = ("dur", "config", "model_type")


@pytest.mark.parametrize("name", TELLING)
def test_tells_the_same(train, name, tmp_path):
    """And what `Net` has in its history beside that, the loss terms."""
    ours, stock = Told(tmp_path), Told(tmp_path)
    train([TELLING[name](ours)])
    train_stock([TELLING[name](stock)])
    for what, value, step in stock:
        if not any(other in what for other in OTHER):
            given = next(g for name, g, at in ours if (name, at) == (what, step))
            ours.remove((what, given, step))
            if isinstance(value, float):
                value = pytest.approx(value, rel=1e-5)
            assert given == value, what
    assert (tmp_path / "best_model.pth").exists() == (name == "wandb")


def test_tensorboard_s_own_writer(train, tmp_path):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        writer = tensorboard.SummaryWriter(str(tmp_path))
    train([TensorBoard(writer)])
    assert list(tmp_path.glob("events*"))


def test_prints_each_epoch(train):
    lines = []
    train([PrintLog(sink=lines.append)])
    assert {"epoch", "train_loss", "valid_loss", "dur"} <= set(lines[0].split())
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "3", "4", "5"]
    # Ours falls in each epoch, and is marked in each.
    assert all("\x1b" in line for line in lines[2:])


@pytest.mark.parametrize("count", ["auto", "count", 4])
def test_shows_progress(train, count, capfd):
    net = train([ProgressBar(count, detect_notebook=False)])
    assert len(net.history) == EPOCHS
    assert "/4" in capfd.readouterr().err


# ---- all of them


def test_none_is_left_out():
    """What is not here is refused by name."""
    here = {"Checkpoint", "TrainEndCheckpoint", "LoadInitState", "PrintLog"}
    here |= {"ProgressBar", "TensorBoard", "NeptuneLogger", "WandbLogger"}
    here |= {"SacredLogger", "MlflowLogger", "Callback"}
    here |= {type(c).__name__ for callbacks in DOING.values() for c in callbacks}
    # A schedule of LRScheduler's.
    here.add("WarmRestartLR")
    refused = {InputShapeSetter.__name__}
    assert here | refused == set(skorch.callbacks.__all__)
