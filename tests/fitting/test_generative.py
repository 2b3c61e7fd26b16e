"""How long a VAE trains where no option says so."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from skorch.callbacks import Callback, LRScheduler

from sklearn_ae import VAETransformer, summary
from sklearn_ae._fitting import generative
from sklearn_ae._fitting.verdict import look_for_likelihood
from sklearn_ae._pca.start import fit_start
from sklearn_ae._splits.held_out import hold_out, split_rows
from sklearn_ae._splits.told import Told
from sklearn_ae._training.net import Net
from sklearn_ae._training.schedule import OUTLOOKS, LikelihoodBudget
from sklearn_ae.displays import HistoryDisplay
from sklearn_ae.likelihoods import Gaussian
from sklearn_ae.networks import MLP


def make(**params):
    settings = {"network": MLP((64,)), "random_state": 0, "device": "cpu"}
    return VAETransformer(**{**settings, **params})


@pytest.fixture(scope="module")
def curved():
    rng = np.random.RandomState(0)
    t = rng.uniform(-2, 2, size=(300, 2))
    columns = [t, t**2, np.sin(2 * t)]
    return np.concatenate(columns, axis=1) + 0.05 * rng.normal(size=(300, 6))


@pytest.fixture(scope="module")
def fitted(curved):
    return make().fit(curved)


@pytest.fixture
def noise(rng):
    return rng.normal(size=(400, 6))


@pytest.fixture
def skewed(rng):
    """Rows of which PCA leaves no structure, though codes are not normal."""
    X = rng.exponential(size=(300, 2)) @ rng.normal(size=(2, 6))
    return X + rng.normal(size=X.shape)


# ---- the verdict


@pytest.mark.parametrize("likelihood", ["gaussian", Gaussian("learned")], ids=str)
@pytest.mark.parametrize("prior", ["gaussian_mixture", "normal", "vamp"])
def test_where_nothing_can_be_gained_probabilistic_pca_is_all(noise, likelihood, prior):
    model = make(likelihood=likelihood, prior=prior).fit(noise)
    assert model.verdict_.finding == "pca"
    assert model.history_ == []
    assert model.n_iter_ == 0
    assert model.guard_ is None
    assert model.gain_over_pca_ == 0
    assert np.isfinite(model.pca_loss_)
    assert model.sample(3).shape == (3, 6)
    held = np.random.RandomState(1).normal(size=(300, 6))
    # PCA's noise is that of n - 1 rows, and some rows are held out.
    assert model.score(held) == pytest.approx(PCA(2).fit(noise).score(held), abs=0.02)


def test_why_nothing_was_trained_is_said(noise, capsys):
    model = make(verbose=1).fit(noise)
    assert str(model.verdict_) in capsys.readouterr().out
    with pytest.raises(ValueError, match="PCA leaves nothing to learn"):
        HistoryDisplay.from_estimator(model)
    assert "PCA leaves nothing to learn" in " ".join(summary(model, noise).advice)


def test_training_can_go_on_after_a_verdict(noise):
    model = make(warm_start=True).fit(noise)
    assert model.fit(noise).n_iter_ > 0
    assert model.verdict_ is None
    first = make().fit(noise)
    assert first.partial_fit(noise).n_iter_ == 1
    assert first.verdict_ is None


def test_noise_of_each_feature_s_own_is_learned(noise):
    """Features that differ are likelier by it, whatever PCA leaves."""
    scales = np.arange(1, 7)
    model = make(likelihood=Gaussian("per_feature")).fit(noise * scales)
    assert model.n_iter_ > 0
    assert outlook_of(noise, likelihood=Gaussian("per_feature")) == "doubtful"


def test_a_gain_is_followed(fitted):
    assert fitted.gain_over_pca_ > 0
    assert isinstance(fitted.net_.budget_, LikelihoodBudget)
    assert len(fitted.net_.budget_.losses) > 1


def test_history_has_a_row_for_each_epoch(fitted):
    epochs = [epoch["epoch"] for epoch in fitted.history_]
    assert epochs == list(range(1, fitted.n_iter_ + 1))


def test_codes_that_are_not_normal_are_not_given_up_unseen(skewed, fitted):
    model = make().fit(skewed)
    assert model.verdict_.finding == "doubtful"
    assert 0 < model.n_iter_ < fitted.n_iter_
    assert model.guard_ is not None


def outlook_of(X, **params):
    """Return what is expected of training before it begins."""
    model = make(max_epochs=1).fit(X).set_params(max_epochs="auto")
    rows, _ = model.set_params(**params)._begin(X, None)
    split = split_rows(rows, Told(), model._stream)
    return model._outlook(hold_out(rows, model.net_, split), 0, False)


@pytest.mark.parametrize(
    "params",
    [
        {"max_epochs": 3},
        {"n_iter_no_change": 3},
        {"early_stopping": False},
        {"callbacks": [LRScheduler("StepLR", step_size=9)]},
        {"kl_warmup": 0.3},
        {"init": "random"},
        {"likelihood": "laplace"},
        {"likelihood": Gaussian(scale=1.0)},
    ],
    ids=lambda params: next(iter(params)),
)
def test_what_says_for_how_long_leaves_one_schedule(curved, params):
    assert outlook_of(curved, **params) is None


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "clear"),
        ({"kl_warmup": 0.0}, "clear"),
        ({"prior": "vamp"}, "clear"),
        ({"n_importance_samples": 2}, "clear"),
        ({"likelihood": Gaussian("per_feature")}, "clear"),
        ({"guard": False}, "unknown"),
        ({"corruption": "gaussian"}, "unknown"),
        ({"penalty": "l1"}, "unknown"),
    ],
    ids=str,
)
def test_other_options_keep_the_budget(curved, params, expected):
    assert outlook_of(curved, **params) == expected


def test_a_gain_that_shows_late_may_be_small(rng):
    angle = rng.uniform(0, 2 * np.pi, 300)
    plane = np.c_[np.cos(angle), np.sin(angle)] @ rng.normal(size=(2, 5))
    circle = plane + 0.05 * rng.normal(size=plane.shape)
    assert outlook_of(circle, n_components=1) == "unknown"


def test_the_verdict_sees_pca_and_not_its_shrunken_codes(curved, rng):
    model = make(max_epochs=1).fit(curved)
    rows = (curved - model.mean_).astype(np.float32)
    encode, decode = model._whitening(rows)
    start, _ = fit_start(curved, 2, "pca", rng)
    projection = start.components.T @ start.components
    np.testing.assert_allclose(encode @ decode, projection, atol=1e-5)
    np.testing.assert_allclose((rows @ encode).std(axis=0), 1, rtol=1e-5)


def test_axes_that_say_nothing_are_no_codes_to_the_verdict(rng):
    X = rng.normal(size=(200, 1)) @ rng.normal(size=(1, 5))
    model = make(n_components=3, max_epochs=1).fit(X + 1e-3 * rng.normal(size=X.shape))
    encode, decode = model._whitening((X - model.mean_).astype(np.float32))
    assert np.isfinite(encode).all()
    assert np.isfinite(decode).all()


# ---- a second training


class Weights(Callback):
    """Notes the divergence's weight after each step."""

    def __init__(self, seen):
        self.seen = seen

    def on_train_begin(self, net, **kwargs):
        self.seen.append([])

    def on_step_end(self, net):
        self.seen[-1].append(float(net.module_.kl_weight))


@pytest.mark.filterwarnings("ignore:Training left only")
def test_in_a_second_training_the_weight_has_risen_by_the_first_look(
    curved, monkeypatch
):
    monkeypatch.setattr(VAETransformer, "_n_usable", lambda self, rows: 3)
    seen = []
    make(callbacks=[Weights(seen)], batch_size=50).fit(curved)
    first, second = seen
    assert set(first) == {1.0}
    n_steps = OUTLOOKS["clear"][0]
    assert second == sorted(second)
    assert 0 < second[0] < 0.01
    assert second[n_steps // 2] == pytest.approx(0.5, abs=0.01)
    assert set(second[n_steps:]) == {1.0}


@pytest.mark.filterwarnings("ignore:Training left only")
def test_a_second_training_is_of_the_same_verdict(curved, monkeypatch):
    looks = []

    def counting(*args):
        looks.append(look_for_likelihood(*args))
        return looks[-1]

    monkeypatch.setattr(VAETransformer, "_n_usable", lambda self, rows: 3)
    monkeypatch.setattr(generative, "look_for_likelihood", counting)
    model = make().fit(curved)
    assert looks == [model.verdict_]


@pytest.mark.filterwarnings("ignore:Training left only")
def test_a_second_training_that_is_worse_is_dropped(fitted, curved, monkeypatch):
    monkeypatch.setattr(VAETransformer, "_n_usable", lambda self, rows: 3)
    twice = make().fit(curved)
    assert twice.guard_.gain >= fitted.guard_.gain - 6 * 0.05


# ---- going on, stopping, repeating


def test_a_warm_start_lasts_as_long_as_it_pays(curved):
    model = make(warm_start=True).fit(curved)
    n_before = model.n_iter_
    model.fit(curved)
    assert isinstance(model.net_.budget_, LikelihoodBudget)
    assert model.n_iter_ > n_before
    assert model.set_params(max_epochs=2).fit(curved).net_.budget_ is None
    assert model.partial_fit(curved).net_.budget_ is None


def test_seeded_fits_are_equal_to_the_bit(fitted, curved):
    other = make().fit(curved)
    np.testing.assert_array_equal(other.transform(curved), fitted.transform(curved))
    assert other.n_iter_ == fitted.n_iter_


def test_units_of_x_do_not_matter(fitted, curved):
    other = make().fit(curved * 2.0**20)
    assert other.n_iter_ == fitted.n_iter_
    assert other.gain_over_pca_ == pytest.approx(fitted.gain_over_pca_, abs=1e-2)


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
    assert 0 < model.n_iter_ < 30
    assert np.isfinite(model.score(curved))


def test_wider_noise_and_the_defence_are_no_gain():
    """Of normal factors with outliers, where networks have nothing to learn."""
    rng = np.random.RandomState(6)
    loadings = rng.normal(size=(3, 15))
    X = rng.normal(size=(600, 3)) @ loadings + 0.5 * rng.normal(size=(600, 15))
    is_out = rng.uniform(size=600) < 0.05
    X[is_out] += 10 * X.std() * rng.normal(size=(is_out.sum(), 15))
    model = VAETransformer(3, random_state=6, device="cpu").fit(X)
    assert model.guard_.pca_kept
    assert model.gain_over_pca_ == 0
