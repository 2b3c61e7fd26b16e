"""Fits of AutoencoderTransformer that ask whether, and how long, it pays to train."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from skorch.callbacks import Callback, LRScheduler
from torch import nn

from sklearn_ae import AutoencoderTransformer, summary
from sklearn_ae._training.net import Net
from sklearn_ae.displays import HistoryDisplay
from sklearn_ae.networks import MLP, Custom


def make(**params):
    settings = {"network": MLP((16,)), "random_state": 0, "device": "cpu"}
    return AutoencoderTransformer(**{**settings, **params})


@pytest.fixture
def noise(rng):
    return rng.normal(size=(200, 6))


@pytest.fixture
def circle(rng):
    angle = rng.uniform(0, 2 * np.pi, 300)
    plane = np.c_[np.cos(angle), np.sin(angle)] @ rng.normal(size=(2, 5))
    return plane + 0.05 * rng.normal(size=plane.shape)


@pytest.fixture(scope="module")
def curved():
    rng = np.random.RandomState(0)
    t = rng.uniform(-2, 2, size=(300, 2))
    columns = [t, t**2, np.sin(2 * t)]
    return np.concatenate(columns, axis=1) + 0.05 * rng.normal(size=(300, 6))


@pytest.fixture(scope="module")
def fitted(curved):
    return make().fit(curved)


def same_fits(one, other, X):
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    assert one.verdict_ == other.verdict_
    for ours, others in zip(one.history_, other.history_, strict=True):
        assert {**ours, "dur": 0} == {**others, "dur": 0}


# ---- the verdict ends the fit


def test_where_nothing_can_be_learned_pca_is_all(noise):
    model = make().fit(noise)
    assert model.verdict_.finding == "pca"
    assert model.n_iter_ == 0
    assert model.history_ == []
    assert model.gain_over_pca_ == 0.0
    assert model.pca_loss_ > 0
    pca = PCA(2).fit(noise)
    reconstructed = model.inverse_transform(model.transform(noise))
    expected = pca.inverse_transform(pca.transform(noise))
    np.testing.assert_allclose(reconstructed, expected, atol=1e-4)
    assert model.sample(3).shape == (3, 6)


def test_why_nothing_was_trained_is_said(noise):
    model = make().fit(noise)
    with pytest.raises(ValueError, match="PCA leaves nothing to learn"):
        HistoryDisplay.from_estimator(model)
    assert "PCA leaves nothing to learn" in " ".join(summary(model, noise).advice)


def test_training_can_go_on_after_a_verdict(noise):
    model = make(warm_start=True).fit(noise)
    assert model.n_iter_ == 0
    assert model.fit(noise).n_iter_ > 0
    assert model.verdict_ is None
    first = make().fit(noise)
    assert first.partial_fit(noise).n_iter_ == 1
    assert first.verdict_ is None


def test_curved_rows_are_learned(fitted):
    assert fitted.verdict_.finding == "clear"
    assert fitted.gain_over_pca_ > 0.1


def test_a_circle_is_not_refused(circle):
    model = make(n_components=1, max_epochs="auto").fit(circle)
    assert model.verdict_.finding == "hidden"
    assert model.n_iter_ > 0


@pytest.mark.parametrize(
    "params",
    [
        {"guard": False},
        {"init": "random"},
        {"loss": "huber"},
        {"corruption": "gaussian"},
        {"penalty": "l1"},
    ],
    ids=str,
)
def test_where_the_tests_do_not_apply_training_lasts_as_long_as_it_pays(noise, params):
    model = make(**params).fit(noise)
    assert model.verdict_ is None
    assert model.net_.budget_ is not None
    assert 0 < model.n_iter_ < 2 * 200


def test_networks_of_other_kinds_are_trained(noise):
    network = Custom(nn.Linear(6, 2), nn.Linear(2, 6))
    model = make(network=network).fit(noise)
    assert model.verdict_ is None
    assert model.net_.budget_ is not None


def test_missing_values_are_trained_on(noise):
    noise[::3, 1] = np.nan
    model = make().fit(noise)
    assert model.verdict_ is None
    assert model.n_iter_ > 0


@pytest.mark.parametrize(
    ("params", "n_epochs"),
    [
        ({"max_epochs": 3}, 3),
        ({"early_stopping": False, "batch_size": 100}, 300),
        ({"n_iter_no_change": 1, "learning_rate": 1e-12}, None),
        ({"callbacks": [LRScheduler("StepLR", step_size=9)], "batch_size": 100}, None),
    ],
    ids=["max_epochs", "early_stopping", "n_iter_no_change", "scheduler"],
)
def test_what_a_user_bounds_is_bounded(noise, params, n_epochs):
    model = make(**params).fit(noise)
    assert model.verdict_ is None
    assert model.net_.budget_ is None
    assert model.n_iter_ == (n_epochs or model.n_iter_) <= 300


def test_a_default_guard_is_lower_with_a_second_witness(fitted, noise):
    assert fitted._guard_level() == 0.05
    assert make().fit(noise)._guard_level() == 0.01
    curved_again = clone(fitted).set_params(guard=0.02)
    curved_again.verdict_, curved_again._chooser = fitted.verdict_, fitted._chooser
    assert curved_again._guard_level() == 0.02


def test_a_verdict_is_no_witness_where_rows_depend(fitted, curved):
    groups = np.arange(len(curved)) // 2
    model = make().fit(curved, groups=groups)
    assert model.verdict_.expects_gain
    assert model._guard_level() == 0.01


# ---- the budget


def test_seeded_fits_are_equal_to_the_bit(fitted, curved):
    same_fits(fitted, make().fit(curved), curved)


def test_units_of_x_do_not_matter(fitted, curved):
    other = make().fit(curved * 2.0**20)
    assert other.verdict_ == fitted.verdict_
    assert other.n_iter_ == fitted.n_iter_


def test_the_best_weights_come_back(fitted, curved):
    held = [epoch["valid_loss"] for epoch in fitted.history_]
    averages = [epoch.get("average_valid_loss", np.inf) for epoch in fitted.history_]
    best = min(held + averages)
    assert min(averages) < np.inf
    assert fitted.gain_over_pca_ == pytest.approx(1 - best / fitted.pca_loss_, abs=1e-5)


class InterruptAt(Callback):
    def __init__(self, step):
        self.step = step

    def on_epoch_end(self, net, **kwargs):
        if net.step_ >= self.step:
            raise KeyboardInterrupt


def test_a_callback_may_end_it_sooner(fitted, curved):
    model = make(callbacks=[InterruptAt(150)]).fit(curved)
    assert 0 < model.n_iter_ < fitted.n_iter_
    model.transform(curved)


def test_ctrl_c_keeps_what_was_learned(curved, monkeypatch):
    whole = Net._step_optimizer

    def interrupted(net, step_fn):
        if net.step_ == 200:
            raise KeyboardInterrupt
        whole(net, step_fn)

    monkeypatch.setattr(Net, "_step_optimizer", interrupted)
    model = make()
    with pytest.raises(KeyboardInterrupt, match="interrupted"):
        model.fit(curved)
    assert model.n_iter_ > 0
    assert model.gain_over_pca_ >= 0


def test_batch_events_change_nothing(fitted, curved):
    """skorch's own loop takes the same steps."""

    class Watching(Callback):
        def on_batch_end(self, net, **kwargs):
            pass

    watched = make(callbacks=[Watching()]).fit(curved)
    assert watched.n_iter_ == fitted.n_iter_
    assert watched.gain_over_pca_ == pytest.approx(fitted.gain_over_pca_, abs=1e-3)
