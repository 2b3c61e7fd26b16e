"""Ctrl-C in a fit, through the public verbs."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from torch import nn

from sklearn_ae import VAETransformer
from sklearn_ae._fitting import (
    autoencoder,
    beginning,
    fit,
    generative,
    guard,
    row_space,
)
from sklearn_ae._modules.autoencoder import TwoPaths
from sklearn_ae._modules.axes import CodeAxes
from sklearn_ae._splits.held_out import RowChooser
from sklearn_ae._training.callbacks import KeepBest
from sklearn_ae._training.net import Net
from sklearn_ae.networks import Custom
from sklearn_ae.priors import GaussianMixture


class Watching(Callback):
    def on_batch_end(self, net, **kwargs):
        pass


class InterruptingEncoder(nn.Module):
    """Ctrl-C comes at a given step of training."""

    def __init__(self, at, n_outputs):
        super().__init__()
        self.layer = nn.Linear(6, n_outputs)
        self.at = at
        self.calls = 0

    def forward(self, x):
        if self.training and torch.is_grad_enabled():
            self.calls += 1
            if self.calls == self.at:
                raise KeyboardInterrupt
        return self.layer(x)


def interrupted(make, at):
    """Return an estimator of 5 steps an epoch, interrupted at one of them."""
    factor = 2 if "likelihood" in make().get_params() else 1
    encoder = InterruptingEncoder(at, 2 * factor)
    # Batch events keep the steps plain, so that each of them calls the encoder.
    return make(
        network=Custom(encoder, nn.Linear),
        batch_size=30,
        max_epochs=6,
        callbacks=[Watching()],
    )


@pytest.mark.parametrize("at", [6, 12])
def test_ctrl_c_after_the_first_epoch_keeps_what_was_learned(make, curved, at):
    model = interrupted(make, at)
    epochs = (at - 1) // 5
    with pytest.raises(KeyboardInterrupt, match=f"interrupted after {epochs} epoch"):
        model.fit(curved)
    assert model.n_iter_ == len(model.history_) == epochs
    assert np.isfinite(model.transform(curved)).all()
    assert np.isfinite(model.sample(3)).all()
    assert np.isfinite(model.score(curved))


@pytest.mark.parametrize("at", [1, 3])
def test_ctrl_c_in_the_first_epoch_is_raised(make, curved, at):
    model = interrupted(make, at)
    with pytest.raises(KeyboardInterrupt):
        model.fit(curved)
    with pytest.raises(NotFittedError):
        model.transform(curved)


def test_ctrl_c_ends_a_search(make, curved):
    model = interrupted(make, 12)
    fits = []

    def score(estimator, X, y=None):
        fits.append(estimator)
        return 0.0

    search = GridSearchCV(model, {"weight_decay": [0.0, 0.01]}, scoring=score, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(curved)
    assert not fits
    pipeline = make_pipeline(StandardScaler(), interrupted(make, 12))
    with pytest.raises(KeyboardInterrupt):
        pipeline.fit(curved)
    assert pipeline[-1].n_iter_ == 2


PROMPT = """
import sys, warnings
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn_ae import AutoencoderTransformer as AE
import sklearn_ae._training.net as net
plain = net.Net.run_single_epoch

def interrupted(self, *args, **kwargs):
    plain(self, *args, **kwargs)
    if len(self.history) == 3: raise KeyboardInterrupt

warnings.simplefilter("always")
net.Net.run_single_epoch = interrupted
X = np.random.default_rng(0).normal(size=(60, 4))

def at_once():
    return ae.fit(X)

"""


FITS = ["_ = ae.fit(X)", "_ = ae.fit_transform(X)"]
CALLS_OF_FITS = ["_ = make_pipeline(ae).fit(X)", "_ = at_once()"]
# The session prints the line to both streams, and goes on after it.
LINE = """
ae = AE(2, max_epochs=9)
print({line!r}, file=sys.stderr)
{line}
print({line!r}, 'fitted', ae.n_iter_)
"""


@pytest.fixture(scope="module")
def at_the_prompt():
    """Return what an interactive session prints of each line."""
    lines = FITS + CALLS_OF_FITS
    session = subprocess.run(
        [sys.executable, "-i", "-q"],
        input=PROMPT + "".join(LINE.format(line=line) for line in lines),
        capture_output=True,
        text=True,
        check=True,
    )
    told, rest = {}, session.stderr
    for line in reversed(lines):
        assert f"{line} fitted 2" in session.stdout
        rest, _, told[line] = rest.rpartition(f"{line}\n")
    return told


@pytest.mark.parametrize("line", FITS)
def test_ctrl_c_at_the_prompt_is_a_warning(line, at_the_prompt):
    told = at_the_prompt[line]
    assert "ConvergenceWarning: Training was interrupted after 2 epochs" in told
    assert "KeyboardInterrupt" not in told


@pytest.mark.parametrize("line", CALLS_OF_FITS)
def test_ctrl_c_in_what_was_called_at_the_prompt_ends_that(line, at_the_prompt):
    told = at_the_prompt[line]
    assert "KeyboardInterrupt: Training was interrupted after 2" in told


def test_ctrl_c_in_a_second_training_keeps_the_first(make_vae, curved, monkeypatch):
    """Which a warm-up of the divergence starts afresh."""
    trained = []
    plain = Net.run_single_epoch

    def counting(self, *args, **kwargs):
        plain(self, *args, **kwargs)
        if self not in trained:
            trained.append(self)
        if len(trained) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Net, "run_single_epoch", counting)
    model = make_vae(init="random", learning_rate=1e-12)
    with pytest.raises(KeyboardInterrupt, match="after 2 epochs"):
        model.fit(curved)
    assert len(trained) == 2
    assert model.net_ is trained[0]
    assert np.isfinite(model.score(curved))


# ---- anywhere in a fit

# Where it comes, at which call, and in which fits: partial_fit is a second one, too.
# Of a first epoch, and of all but training, nothing is kept.
IN_BOTH = [
    ("PCA", beginning, "fit_start", 1, ["first"]),
    ("the net", beginning, "make_net", 1, ["first"]),
    ("the split", RowChooser, "choose", 1, ["first", "warm"]),
    ("the losses at the start", Net, "row_losses", 1, ["first", "warm"]),
    ("the first batches", Net, "get_iterator", 2, ["first", "warm", "partial"]),
    ("an epoch", Net, "_train_on", 1, ["first", "warm", "partial"]),
    ("a later epoch", Net, "_train_on", 2, ["first", "warm"]),
    ("validation", Net, "_evaluate_on", 1, ["first", "warm"]),
    ("later validation", Net, "_evaluate_on", 2, ["first", "warm"]),
    ("an epoch's end", KeepBest, "on_epoch_end", 1, ["first", "warm", "partial"]),
    ("training's end", KeepBest, "on_train_end", 1, ["first", "warm", "partial"]),
    ("the range", TwoPaths, "lift_ranges", 1, ["first", "warm", "partial"]),
    ("its end", fit.Fitting, "_bound_networks", 1, ["first", "warm", "partial"]),
    ("what is told", Net, "curves", 1, ["first", "warm", "partial"]),
]
IN_AUTOENCODERS = [
    ("the verdict", autoencoder, "look_for_structure", 1, ["auto"]),
    ("the guard", guard, "paired_t_test", 1, ["first", "warm"]),
    ("the axes", CodeAxes, "take", 1, ["first", "warm"]),
    ("the codes", TwoPaths, "all_codes", 1, ["first", "warm", "partial"]),
    ("the way to the rows' space", row_space._Space, "enter", 1, ["wide"]),
    ("training in the rows' space", Net, "_train_on", 2, ["wide"]),
    ("the way back", row_space._Space, "leave", 1, ["wide"]),
]
IN_VAES = [
    ("the verdict", generative, "look_for_likelihood", 1, ["auto"]),
    ("the noise", generative.GenerativeFitting, "_cautious_mean", 2, ["first", "warm"]),
    ("the guard", generative, "paired_t_test", 1, ["first", "warm"]),
    ("the axes", CodeAxes, "take", 1, ["first", "warm"]),
    ("the mixture", GaussianMixture, "fit", 1, ["first", "warm"]),
    ("its verdict", generative, "paired_t_test", 2, ["first", "warm"]),
    ("the moments", generative.GenerativeFitting, "_moments", 1, ["first", "warm"]),
]


def flat(points):
    return [
        pytest.param(owner, name, at, case, id=f"{where}-{case}")
        for where, owner, name, at, cases in points
        for case in cases
    ]


def struck(monkeypatch, owner, name, at):
    """Have Ctrl-C come at a call of a function, and at no later one."""
    plain = getattr(owner, name)
    calls = []

    def interrupting(*args, **kwargs):
        calls.append(name)
        if len(calls) == at:
            raise KeyboardInterrupt
        return plain(*args, **kwargs)

    monkeypatch.setattr(owner, name, interrupting)


def state(model, X):
    """Return the codes of rows, and the weights, which may have no part in them."""
    parameters = [value.detach().flatten() for value in model.net_.module_.parameters()]
    return np.concatenate([model.transform(X).ravel(), *parameters])


def check_ctrl_c_anywhere(monkeypatch, model, X, case, *where):
    """It is as it was, and does next what it would have done, or is fitted."""
    again = model.partial_fit if case == "partial" else model.fit
    if case in ("warm", "partial"):
        model.fit(X)
        before, history = state(model, X), [dict(row) for row in model.history_]
    twin = pickle.loads(pickle.dumps(model))
    names = set(vars(model))
    with monkeypatch.context() as patch:
        struck(patch, *where)
        with pytest.raises(KeyboardInterrupt) as interrupt:
            again(X)
    if "interrupted after" in str(interrupt.value):
        assert model.n_iter_ == len(model.history_)
        assert all("train_loss" in row for row in model.history_)
        assert np.isfinite(model.transform(X)).all()
        assert np.isfinite(model.score(X))
        assert np.isfinite(model.sample(3)).all()
        again(X)
        return
    assert set(vars(model)) == names
    if case in ("warm", "partial"):
        np.testing.assert_array_equal(state(model, X), before)
        assert model.history_ == history
    else:
        with pytest.raises(NotFittedError):
            model.transform(X)
    if case == "auto":
        # It takes long.
        return
    again(X)
    (twin.partial_fit if case == "partial" else twin.fit)(X)
    np.testing.assert_array_equal(state(model, X), state(twin, X))
    assert model.n_iter_ == twin.n_iter_


@pytest.mark.parametrize(("owner", "name", "at", "case"), flat(IN_BOTH))
def test_ctrl_c_anywhere(make, curved, monkeypatch, owner, name, at, case):
    model = make(warm_start=True, max_epochs=3, guard=0.5)
    check_ctrl_c_anywhere(monkeypatch, model, curved, case, owner, name, at)


@pytest.mark.parametrize(("owner", "name", "at", "case"), flat(IN_AUTOENCODERS))
def test_ctrl_c_anywhere_in_an_autoencoder(
    make_ae, curved, rng, monkeypatch, owner, name, at, case
):
    model = make_ae(warm_start=True, guard=0.5)
    if case == "auto":
        model.set_params(max_epochs="auto")
    X = rng.normal(size=(30, 80)).cumsum(axis=1) if case == "wide" else curved
    check_ctrl_c_anywhere(monkeypatch, model, X, case, owner, name, at)


@pytest.mark.parametrize(("owner", "name", "at", "case"), flat(IN_VAES))
def test_ctrl_c_anywhere_in_a_vae(make_vae, curved, monkeypatch, owner, name, at, case):
    model = make_vae(
        prior="gaussian_mixture", warm_start=True, guard=0.5, kl_warmup=0.0
    )
    if case == "auto":
        model = VAETransformer(2, random_state=0, device="cpu")
    check_ctrl_c_anywhere(monkeypatch, model, curved, case, owner, name, at)


def test_ctrl_c_while_a_density_is_fitted_for_samples(make_ae, curved, monkeypatch):
    model = make_ae().fit(curved)
    with monkeypatch.context() as patch:
        struck(patch, GaussianMixture, "fit", 1)
        with pytest.raises(KeyboardInterrupt):
            model.sample(3)
    assert np.isfinite(model.sample(3)).all()
