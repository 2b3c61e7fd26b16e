"""From an estimator's parameters to a training run, through the public verbs."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from torch import nn

from sklearn_ae import VAETransformer
from sklearn_ae._estimators.generative import GenerativeAutoencoder
from sklearn_ae.networks import MLP, Custom

FREE = {"early_stopping": False, "guard": False, "validation_fraction": None}


class Watching(Callback):
    def on_batch_end(self, net, **kwargs):
        pass


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.net_.module_.parameters()])


def named_callback(model, name):
    return dict(model.net_.callbacks_)[name]


def normed(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 8), nn.BatchNorm1d(8), nn.Linear(8, n_out))


@pytest.mark.parametrize("batch_size", [32, 64, 128])
@pytest.mark.parametrize("validation_fraction", [None, 0.1])
def test_a_last_batch_of_one_row_with_batch_normalisation(
    make, rng, batch_size, validation_fraction
):
    n_valid = 0 if validation_fraction is None else round(batch_size / 9)
    n_rows = batch_size + 1 + n_valid
    X = rng.normal(size=(n_rows, 10)).astype(np.float32)
    model = make(
        network=Custom(normed, normed), batch_size=batch_size, init="random", **FREE
    )
    if n_valid:
        model.set_params(validation_fraction=n_valid / n_rows)
    codes = model.fit(X).transform(X)
    assert codes.shape == (n_rows, 2)
    assert np.isfinite(codes).all()
    assert np.isfinite(model.inverse_transform(codes)).all()


def statistics(model):
    state = model.net_.module_.state_dict()
    return [value.clone() for name, value in state.items() if "running" in name]


@pytest.mark.parametrize("steps", ["plain", "recorded"])
@pytest.mark.parametrize("callbacks", [None, [Watching()]])
def test_one_row_goes_by_the_statistics_of_those_before(make, curved, steps, callbacks):
    model = make(
        network=Custom(normed, normed),
        net_params={"steps": steps},
        callbacks=callbacks,
    )
    model.partial_fit(curved)
    before = statistics(model)
    weights_before = weights(model)
    model.partial_fit(curved[:1])
    assert len(before) == 4
    for one, other in zip(before, statistics(model), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(weights(model), weights_before)
    model.partial_fit(curved[:2])
    assert not torch.equal(before[0], statistics(model)[0])
    assert np.isfinite(model.transform(curved)).all()


def convolved(n_in, n_out):
    return nn.Sequential(
        nn.Unflatten(1, (1, n_in)),
        nn.Conv1d(1, 3, 1),
        nn.BatchNorm1d(3),
        nn.Flatten(),
        nn.Linear(3 * n_in, n_out),
    )


@pytest.mark.parametrize("network", [normed, convolved])
@pytest.mark.parametrize("n_rows", [2, 3, 5])
def test_batches_of_one_row_with_batch_normalisation(make, curved, network, n_rows):
    """All of them, or the one row that is left when another is held out."""
    model = make(network=Custom(network, network), batch_size=1, init="random")
    model.set_params(guard=False).fit(curved[:n_rows])
    assert np.isfinite(model.transform(curved)).all()


@pytest.mark.parametrize("batch_size", ["auto", 50, 1024])
def test_fewer_rows_than_a_batch_still_train(make, rng, batch_size):
    X = rng.normal(size=(50, 2)) @ rng.normal(size=(2, 8))
    X += 0.05 * rng.normal(size=X.shape)
    model = make(init="random", batch_size=batch_size, max_epochs=200, **FREE)
    model.set_params(learning_rate=0.03).fit(X)
    assert model.n_iter_ == 200
    if "likelihood" not in model.get_params():
        assert all(0 < epoch["train_loss"] < np.inf for epoch in model.history_)
    assert all(np.isfinite(epoch["train_loss"]) for epoch in model.history_)
    error = X - model.inverse_transform(model.transform(X))
    assert np.square(error).mean() < 0.5 * X.var(axis=0).mean()


class KeepRows(Callback):
    """Remembers the rows of training and validation; changes itself in training."""

    def __init__(self, option=3):
        self.option = option

    def on_train_begin(self, net, X=None, **kwargs):
        self.rows_ = X

    def on_epoch_end(self, net, **kwargs):
        self.option += 1


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_best_weights_come_back(make, rng, early_stopping, monkeypatch):
    # It would lower the loss further, afterwards.
    monkeypatch.setattr(GenerativeAutoencoder, "_widen_noise", lambda self, rows: None)
    X = rng.normal(size=(80, 30))
    X += rng.normal(size=(80, 2)) @ rng.normal(size=(2, 30))
    model = make(
        network=MLP((64,)),
        init="random",
        guard=False,
        early_stopping=early_stopping,
        validation_fraction=0.25,
        learning_rate=0.03,
        max_epochs=60,
        n_iter_no_change=10,
        callbacks=[("keep", KeepRows())],
    ).fit(X)
    recorded = [epoch["valid_loss"] for epoch in model.history_]
    final = model.net_.row_losses(named_callback(model, "keep").rows_.valid).mean()
    assert final == pytest.approx(min(recorded), rel=1e-5)
    assert recorded[-1] > min(recorded)


def test_early_stopping_waits_as_long_as_told(make, rng):
    """The rate is too small to learn anything: PCA stays best."""
    X = rng.normal(size=(80, 5))
    params = {"learning_rate": 1e-12, "max_epochs": 40}
    patient = make(n_iter_no_change=7, **params).fit(X)
    never = make(early_stopping=False, **params).fit(X)
    grace = round(0.15 * 40)
    # The loss may fall by rounding, which starts the count anew.
    assert grace + 7 <= patient.n_iter_ <= never.n_iter_ == 40


@pytest.mark.parametrize(
    "params", [{}, {"early_stopping": False}, {"guard": False}, {"guard": 0.1}]
)
def test_nothing_held_out_with_stopping_or_guard(make, curved, params):
    if params == {"guard": 0.1}:
        params["early_stopping"] = False
    model = make(validation_fraction=None, **params)
    with pytest.raises(
        ValueError, match=r"validation_fraction=None .*early_stopping=True and guard"
    ):
        model.fit(curved)
    with pytest.raises(NotFittedError):
        model.transform(curved)


@pytest.mark.parametrize("fraction", [1.0, 0.0, -0.1, 1.5, 2, "half", np.nan])
def test_bad_validation_fraction(make, curved, fraction):
    with pytest.raises(ValueError, match="'validation_fraction' parameter of"):
        make(validation_fraction=fraction).fit(curved)


def test_held_out_rows_are_not_trained_on(make, curved):
    model = make(validation_fraction=0.3, callbacks=[("keep", KeepRows())]).fit(curved)
    rows = named_callback(model, "keep").rows_
    assert len(rows.valid) == 60
    together = torch.cat([rows.data, rows.valid.data]).numpy() + model.mean_
    order = np.lexsort(curved.T)
    np.testing.assert_allclose(
        together[np.lexsort(together.T)], curved[order], atol=1e-5
    )


def test_no_validation_leaves_no_trace_of_it(make, curved):
    model = make(**FREE).fit(curved)
    assert "valid_loss" not in model.history_[0]
    assert np.isnan(model.gain_over_pca_)


@pytest.mark.parametrize("named", [False, True])
def test_callbacks_are_copied(make, curved, named):
    callback = KeepRows(option=3)
    given = [("own", callback) if named else callback]
    model = make(callbacks=given).fit(curved)
    assert vars(callback) == {"option": 3}
    assert model.callbacks is given
    copies = [c for _, c in model.net_.callbacks_ if isinstance(c, KeepRows)]
    assert [c.option for c in copies] == [5]


def test_skorch_s_early_stopping(make, curved):
    """It ends training through the same door as Ctrl-C, but is no interruption."""
    callback = EarlyStopping(
        monitor="valid_loss", patience=2, threshold=1e9, threshold_mode="abs"
    )
    model = make(max_epochs=30, early_stopping=False, callbacks=[callback]).fit(curved)
    assert model.n_iter_ == 3


def test_a_scheduler_of_the_user_s_replaces_ours(make, curved):
    scheduler = LRScheduler("StepLR", step_size=1000)
    params = {"learning_rate": 0.02, "max_epochs": 4}
    model = make(callbacks=[scheduler], **params).fit(curved)
    assert model.net_.optimizer_.param_groups[0]["lr"] == 0.02
    ours = make(**params).fit(curved)
    assert ours.net_.optimizer_.param_groups[0]["lr"] < 0.001


def test_batch_events_change_nothing(make, curved):
    params = {"init": "random", "max_epochs": 3}
    fast = make(**params).fit(curved)
    slow = make(callbacks=[Watching()], **params).fit(curved)
    np.testing.assert_allclose(
        slow.transform(curved), fast.transform(curved), rtol=1e-4, atol=1e-5
    )
    for one, other in zip(fast.history_, slow.history_, strict=True):
        for name in one:
            if name != "dur":
                assert one[name] == pytest.approx(other[name], rel=1e-4)


class KeepDtypes(Callback):
    """See what a layer of the encoder computes in."""

    def on_train_begin(self, net, **kwargs):
        self.found = {True: set(), False: set()}
        layer = next(
            m for m in net.module_.encoder.modules() if isinstance(m, nn.Linear)
        )

        def keep(layer, args, output):
            self.found[layer.training].add(output.dtype)

        layer.register_forward_hook(keep)


@pytest.mark.parametrize("steps", ["plain", "recorded"])
def test_bfloat16_is_for_the_networks_and_training_alone(make, curved, steps):
    params = {"max_epochs": 5, "guard": False, "init": "pca"}
    model = make(
        net_params={"precision": "bfloat16", "steps": steps},
        callbacks=[("keep", KeepDtypes())] if steps == "plain" else None,
        **params,
    ).fit(curved)
    if steps == "plain":
        found = dict(model.net_.callbacks_)["keep"].found
        assert found == {True: {torch.bfloat16}, False: {torch.float32}}
    weights = model.net_.module_.state_dict().values()
    dtypes = {value.dtype for value in weights if value.is_floating_point()}
    assert dtypes == {torch.float32}
    exact = make(**params).fit(curved)
    for one, other in zip(model.history_, exact.history_, strict=True):
        assert one["valid_loss"] == pytest.approx(other["valid_loss"], rel=0.1)


@pytest.mark.parametrize(("name", "value"), [("precision", "float16"), ("steps", True)])
def test_net_params_of_ours_are_checked(make, curved, name, value):
    with pytest.raises(ValueError, match=f"one of .* for '{name}'. Got {value!r}"):
        make(net_params={name: value}).fit(curved)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_other_optimizers(make, curved, optimizer):
    model = make(optimizer=optimizer, init="random", max_epochs=10)
    model.set_params(learning_rate=0.03).fit(curved)
    assert type(model.net_.optimizer_) is optimizer
    first, last = model.history_[0], model.history_[-1]
    assert last["train_loss"] < first["train_loss"]
    assert np.isfinite(model.partial_fit(curved).transform(curved)).all()


def test_net_params_reach_skorch(make, curved):
    params = {"optimizer__betas": (0.5, 0.95), "max_grad_norm": 0.1}
    model = make(net_params=params).fit(curved)
    assert model.net_.optimizer_.param_groups[0]["betas"] == (0.5, 0.95)
    assert model.net_.max_grad_norm == 0.1
    assert params == {"optimizer__betas": (0.5, 0.95), "max_grad_norm": 0.1}


@pytest.mark.parametrize(
    ("name", "owner"),
    [("lr", "learning_rate"), ("module", "network"), ("callbacks", "callbacks")],
)
def test_net_params_leave_alone_what_has_a_parameter(make, curved, name, owner):
    with pytest.raises(
        ValueError, match=f"'net_params' .* cannot set '{name}'; use {owner} instead"
    ):
        make(net_params={name: None}).fit(curved)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("foo", "it takes .*max_grad_norm, .*precision, .* optimizer__eps"),
        (1, "it takes .*max_grad_norm"),
        ("optimizr__betas", "it takes .* optimizer__eps"),
        ("module__hidden", "it takes"),
        ("criterion__weight", "it takes"),
        ("optimizer__beta", "the optimizer takes .*betas.*eps"),
    ],
)
def test_net_params_that_nobody_takes(make, curved, name, message):
    with pytest.raises(
        ValueError, match=f"'net_params' parameter of .* cannot set {name!r}: {message}"
    ):
        make(net_params={name: 1}).fit(curved)


def test_an_optimizer_that_takes_any_parameter_is_asked_itself(make, curved):
    def sgd(params, **kwargs):
        assert kwargs.pop("mine") == 1
        return torch.optim.SGD(params, **kwargs)

    make(optimizer=sgd, net_params={"optimizer__mine": 1}).fit(curved)


class Stopping(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_a_callback_may_stop_training(make, curved):
    assert make(max_epochs=9, callbacks=[Stopping()]).fit(curved).n_iter_ == 2


def test_history(make, curved):
    model = make(max_epochs=3).fit(curved)
    assert model.n_iter_ == len(model.history_) == 3
    assert [epoch["epoch"] for epoch in model.history_] == [1, 2, 3]
    terms = ["reconstruction"] + ["kl"] * ("likelihood" in model.get_params())
    for epoch in model.history_:
        assert epoch["dur"] > 0
        for part in ("train", "valid"):
            named = [epoch[f"{part}_{term}"] for term in terms]
            assert epoch[f"{part}_loss"] == pytest.approx(sum(named))
        known = {"epoch", "dur", "train_loss", "valid_loss"}
        known |= {f"{part}_{term}" for part in ("train", "valid") for term in terms}
        assert epoch.keys() == known


@pytest.mark.filterwarnings("ignore:Training left only 0")
def test_decay_shrinks_matrices(make, curved):
    params = {"init": "random", "max_epochs": 20, "learning_rate": 0.01, **FREE}
    free = make(weight_decay=0, **params).fit(curved)
    held = make(weight_decay=10.0, **params).fit(curved)
    norms = [
        sum(p.square().sum() for p in m.net_.module_.parameters() if p.ndim > 1)
        for m in (free, held)
    ]
    assert norms[1] < 0.5 * norms[0]


def test_threads_stay_as_they_are(make, curved):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model = make().fit(curved)
        model.transform(curved)
        assert torch.get_num_threads() == 2
        curved[0, 0] = np.inf
        with pytest.raises(ValueError, match="infinity"):
            model.fit(curved)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_verbose(make, curved, capfd):
    model = make(max_epochs=3).fit(curved)
    model.set_params(n_components=3).fit(curved).transform(curved)
    assert capfd.readouterr() == ("", "")
    model = make(max_epochs=3, verbose=1)
    if isinstance(model, VAETransformer):
        # A second training would print lines of its own.
        model.set_params(kl_warmup=0.0)
    model.fit(curved)
    out, err = capfd.readouterr()
    assert err == ""
    lines = [line.split() for line in out.splitlines()]
    columns = ["epoch", "valid_loss", "pca_loss", "best_epoch", "time_left"]
    assert set(columns) <= set(lines[1])
    assert [line[0] for line in lines[3:-1]] == ["1", "2", "3"]
    model.score(curved)
    model.inverse_transform(model.transform(curved))
    model.sample(3)
    assert capfd.readouterr() == ("", "")
