"""Ctrl-C in training, through the public verbs."""

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

from sklearn_ae._training.net import Net
from sklearn_ae.networks import Custom


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
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn_ae import AutoencoderTransformer as AE
import sklearn_ae._training.net as net
plain = net.Net.run_single_epoch

def interrupted(self, *args, **kwargs):
    plain(self, *args, **kwargs)
    if len(self.history) == 3: raise KeyboardInterrupt

net.Net.run_single_epoch = interrupted
X = np.random.default_rng(0).normal(size=(60, 4))
ae = AE(2, max_epochs=9)

def at_once():
    return ae.fit(X)

"""


def at_the_prompt(line):
    """Return what an interactive session prints of a line, and whether it went on."""
    session = subprocess.run(
        [sys.executable, "-i", "-q"],
        input=f"{PROMPT}\n{line}\nprint('fitted', ae.n_iter_)\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "fitted 2" in session.stdout
    return session.stderr


@pytest.mark.parametrize("line", ["_ = ae.fit(X)", "_ = ae.fit_transform(X)"])
def test_ctrl_c_at_the_prompt_is_a_warning(line):
    told = at_the_prompt(line)
    assert "ConvergenceWarning: Training was interrupted after 2 epochs" in told
    assert "KeyboardInterrupt" not in told


@pytest.mark.parametrize("line", ["_ = make_pipeline(ae).fit(X)", "_ = at_once()"])
def test_ctrl_c_in_what_was_called_at_the_prompt_ends_that(line):
    assert "KeyboardInterrupt: Training was interrupted after 2" in at_the_prompt(line)


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
