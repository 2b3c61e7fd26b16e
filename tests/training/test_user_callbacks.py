"""Callbacks of the user's, through the public verbs."""

import io
import pickle
from threading import Lock

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    InputShapeSetter,
    LoadInitState,
    LRScheduler,
    PassthroughScoring,
    TensorBoard,
    TrainEndCheckpoint,
    WandbLogger,
)

FREE = {"early_stopping": False, "guard": False, "validation_fraction": None}


class Watching(Callback):
    """Has a batch event, so that skorch's own loop runs."""

    def on_batch_end(self, net, **kwargs):
        pass


@pytest.fixture(params=[False, True], ids=["ours", "skorch's"])
def more(request):
    """Callbacks beside those of a test: they choose the epoch loop."""
    return [Watching()] if request.param else []


@pytest.fixture
def make_once(make):
    """Make either estimator; a second training of a VAE's would be told of as well."""
    once = {"kl_warmup": 0.0} if "kl_warmup" in make().get_params() else {}
    return lambda **params: make(**once, **params)


# ---- what callbacks hold


class Holding(Callback):
    """Puts each epoch's loss into a list, under a lock."""

    def __init__(self, losses, lock=None):
        self.losses = losses
        self.lock = lock
        self.seen = []

    def on_epoch_end(self, net, **kwargs):
        self.losses.append(net.history[-1]["train_loss"])
        self.seen.append(len(net.history))


@pytest.mark.parametrize("named", [False, True])
def test_what_a_callback_was_given_is_the_user_s(make_once, curved, named):
    losses = []
    callback = Holding(losses, lock=Lock())
    callbacks = [("own", callback) if named else callback]
    model = make_once(callbacks=callbacks).fit(curved)
    assert losses[-2:] == [epoch["train_loss"] for epoch in model.history_]
    # What it made itself is each fit's.
    assert callback.seen == []
    assert model.callbacks is callbacks


def test_clones_and_searches_share_it(make, curved):
    losses = []
    callback = Holding(losses, lock=Lock())
    model = make(callbacks=[callback], max_epochs=1, **FREE)
    copied = clone(model)
    assert copied.callbacks is not model.callbacks
    (new,) = copied.callbacks
    assert new is not callback
    assert new.losses is losses
    assert new.lock is callback.lock
    assert copied.get_params().keys() == model.get_params().keys()
    GridSearchCV(model, {"weight_decay": [0.0, 0.1]}, cv=2, refit=False).fit(curved)
    assert len(losses) == 4
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(model)


def test_a_clone_keeps_its_output_setting(make):
    model = make(callbacks=[Watching()]).set_output(transform="pandas")
    assert clone(model)._sklearn_output_config == {"transform": "pandas"}


@pytest.mark.parametrize("callbacks", [None, [], "early", 3])
def test_a_clone_leaves_checks_to_fit(make, curved, callbacks):
    copied = clone(make(callbacks=callbacks))
    assert copied.callbacks == callbacks
    if not isinstance(callbacks, list | None):
        with pytest.raises(ValueError, match="'callbacks' parameter"):
            copied.fit(curved)


def test_a_checkpoint_in_memory(make, curved, more):
    file = io.BytesIO()
    checkpoint = Checkpoint(
        monitor=None, f_params=file, f_optimizer=None, f_criterion=None, f_history=None
    )
    make(callbacks=[checkpoint, *more], max_epochs=1).fit(curved)
    file.seek(0)
    assert "encode_weight" in torch.load(file)


def test_a_writer_of_tensorboard(make, curved, tmp_path):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    writer = tensorboard.SummaryWriter(str(tmp_path))
    model = make(callbacks=[TensorBoard(writer)])
    clone(model).fit(curved)
    assert list(tmp_path.glob("events*"))


def test_a_class_is_made_an_instance(make, curved):
    model = make(callbacks=[Watching, ("other", Watching)]).fit(curved)
    found = [c for _, c in model.net_.callbacks_ if isinstance(c, Watching)]
    assert len(found) == 2


class Forgetful(Callback):
    def __init__(self, losses):
        self.own_losses = losses


@pytest.mark.parametrize("item", ["early", 3, object(), ("name", "early"), Lock])
def test_items_that_are_no_callbacks(make, curved, item):
    with pytest.raises(TypeError, match="'callbacks' parameter must be a list of sk"):
        make(callbacks=[item]).fit(curved)


def test_a_callback_that_keeps_no_arguments(make, curved):
    with pytest.raises(TypeError, match=r"Forgetful cannot be made anew .* attribute"):
        make(callbacks=[Forgetful([])]).fit(curved)


# ---- checkpoints


@pytest.mark.parametrize("params", [{}, {"monitor": None}, {"load_best": True}])
def test_checkpoints(make_once, curved, more, params, tmp_path):
    checkpoint = Checkpoint(dirname=str(tmp_path), f_pickle="net.pkl", **params)
    # From random weights each epoch is better than the start.
    setting = {"max_epochs": 4, "guard": False, "init": "random"}
    model = make_once(callbacks=[checkpoint, *more], **setting).fit(curved)
    plain = make_once(callbacks=more, **setting).fit(curved)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "params.pt",
        "optimizer.pt",
        "criterion.pt",
        "history.json",
        "net.pkl",
    }
    if not params:
        np.testing.assert_array_equal(model.transform(curved), plain.transform(curved))
        # The best epoch's weights are those that were kept.
        before = model.transform(curved)
        model.net_.load_params(f_params=tmp_path / "params.pt")
        np.testing.assert_array_equal(model.transform(curved), before)


def test_the_last_checkpoint_is_what_was_kept(make_once, curved, more, tmp_path):
    """Not the weights of the last epoch."""
    model = make_once(
        callbacks=[TrainEndCheckpoint(dirname=str(tmp_path)), *more],
        max_epochs=9,
        learning_rate=0.5,
        guard=False,
    )
    model.fit(curved)
    kept = torch.load(tmp_path / "train_end_params.pt")
    for name, value in model.net_.module_.state_dict().items():
        # Axes of codes and ranges are told afterwards; a VAE widens its noise, learns
        # how much its means shrink, and fits its mixture.
        afterwards = ("axes", "input_range", "code_range", "unshrinking")
        if not name.startswith((*afterwards, "cost", "prior")):
            torch.testing.assert_close(kept[name], value)


@pytest.mark.parametrize("kind", [Checkpoint, TrainEndCheckpoint])
def test_training_goes_on_from_a_checkpoint(make_ae, curved, more, kind, tmp_path):
    checkpoint = kind(dirname=str(tmp_path))
    callbacks = [checkpoint, LoadInitState(checkpoint), *more]
    first = make_ae(callbacks=callbacks, guard=False).fit(curved)
    # Too small a rate to learn more.
    then = make_ae(callbacks=callbacks, guard=False, learning_rate=1e-12).fit(curved)
    assert then.n_iter_ > first.n_iter_ - 1
    np.testing.assert_allclose(
        then.transform(curved), first.transform(curved), atol=1e-4
    )


# ---- early stopping and the history


class Counting(Callback):
    def __init__(self, epochs):
        self.epochs = epochs

    def on_epoch_end(self, net, **kwargs):
        self.epochs.append(len(net.history))


def test_all_are_told_of_the_last_epoch(make, noise, more):
    """Our own early stopping waits for those behind it."""
    epochs = []
    model = make(
        callbacks=[Counting(epochs), *more],
        max_epochs=60,
        n_iter_no_change=2,
        learning_rate=0.1,
    ).fit(noise)
    assert model.n_iter_ < 60
    assert epochs[-1] == model.n_iter_


def test_history_has_no_columns_for_callbacks_alone(make, curved, more):
    passed = PassthroughScoring("train_loss", on_train=True)
    model = make(callbacks=[passed, *more]).fit(curved)
    plain = make().fit(curved)
    assert model.history_[0].keys() == plain.history_[0].keys()
    marks = model.net_.history[:, "train_loss_best"]
    losses = [epoch["train_loss"] for epoch in model.history_]
    assert marks[-2:] == [True, losses[-1] < losses[-2]]


# ---- what cannot be


@pytest.mark.parametrize(
    ("callback", "match"),
    [
        (InputShapeSetter(), "InputShapeSetter cannot be among the callbacks: fit"),
        (InputShapeSetter, "InputShapeSetter cannot be among the callbacks: fit"),
        (EpochScoring("r2"), r"EpochScoring .* needs a function .* Got 'r2'"),
        (EpochScoring(None), r"EpochScoring .* needs a function .* Got None"),
        (BatchScoring("r2"), r"BatchScoring .* needs a function .* Got 'r2'"),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_refused_by_name(make, curved, callback, match, named):
    with pytest.raises(ValueError, match=match):
        make(callbacks=[("own", callback) if named else callback]).fit(curved)


WATCHING = {
    "EarlyStopping": lambda: EarlyStopping(),
    "Checkpoint": lambda: Checkpoint(),
    "LRScheduler": lambda: LRScheduler("ReduceLROnPlateau", monitor="valid_loss"),
    "WandbLogger": lambda: WandbLogger([]),
}


@pytest.mark.parametrize("name", WATCHING)
@pytest.mark.parametrize("partial", [False, True])
def test_nothing_held_out_to_watch(make, curved, name, partial):
    model = make(callbacks=[WATCHING[name]()])
    fit = model.partial_fit if partial else model.set_params(**FREE).fit
    with pytest.raises(ValueError, match=rf"{name} .* watches 'valid_loss\w*', but no"):
        fit(curved)


def test_training_rows_can_be_watched(make, curved, tmp_path):
    callbacks = [
        EarlyStopping(monitor="train_loss"),
        Checkpoint(monitor="train_loss_best", dirname=str(tmp_path)),
        LRScheduler("StepLR", step_size=9),
    ]
    assert make(callbacks=callbacks, **FREE).fit(curved).n_iter_ == 2
    assert make(callbacks=callbacks).partial_fit(curved).n_iter_ == 1
