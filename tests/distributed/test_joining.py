"""What a fit of several ranks needs, and what it does not take."""

import re

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.model_selection import ShuffleSplit
from skorch.callbacks import Callback
from torch import distributed, nn, optim

from sklearn_ae.networks import Custom

TOGETHER = {"distributed": True}


class ForBatches(Callback):
    def on_batch_end(self, net, **kwargs):
        pass


class FitsAnother(Callback):
    def __init__(self, estimator, X):
        self.estimator, self.X = estimator, X

    def on_train_begin(self, net, **kwargs):
        self.estimator.fit(self.X)


def normalised(n_in, n_out):
    return nn.Sequential(nn.BatchNorm1d(n_in), nn.Linear(n_in, n_out))


@pytest.fixture(scope="module")
def _group():
    """A process group of this process alone."""
    store = distributed.HashStore()
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def test_a_process_group_is_needed(make, noise):
    with pytest.raises(RuntimeError, match="start the script by torchrun"):
        make(net_params=TOGETHER).fit(noise)


def test_a_group_that_could_be_up_is_named(make, noise, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match=r"this process: call torch\.distributed"):
        make(net_params=TOGETHER).fit(noise)


def test_it_is_off_by_default(make, noise):
    given = make(net_params={"distributed": False}).fit(noise)
    assert (
        given.history_[0]["train_loss"] == make().fit(noise).history_[0]["train_loss"]
    )


@pytest.mark.usefixtures("_group")
@pytest.mark.parametrize("optimizer", ["adamw", optim.SGD])
def test_a_group_of_one_fits_what_a_process_does(make, curved, optimizer):
    together, alone = (
        make(net_params=params, optimizer=optimizer).fit(curved)
        for params in (TOGETHER, None)
    )
    np.testing.assert_allclose(
        together.transform(curved), alone.transform(curved), rtol=1e-4, atol=1e-5
    )


REFUSED = {
    "warm_start": ({"warm_start": True}, {}),
    "corruption": ({"corruption": "gaussian"}, {}),
    "penalty": ({"penalty": "l1"}, {}),
    "validation_split": ({"validation_split": "last"}, {}),
    "validation_split=ShuffleSplit": ({"validation_split": ShuffleSplit(1)}, {}),
    "batch normalisation": ({"network": Custom(normalised, normalised)}, {}),
    "batch events": ({"callbacks": [ForBatches()]}, {}),
    "closure": ({"optimizer": optim.LBFGS}, {}),
    "X_val": ({}, {"X_val": np.ones((5, 6))}),
    "groups": ({}, {"groups": np.arange(120)}),
    "sample_weight": ({}, {"sample_weight": np.ones(120)}),
    "'distributed_timeout'": ({"net_params": {"distributed_timeout": 0}}, {}),
    "'distributed'": ({"net_params": {"distributed": 1}}, {}),
}


@pytest.mark.usefixtures("_group")
@pytest.mark.parametrize("named", REFUSED)
def test_what_is_not_supported_is_named(make, noise, named):
    params, given = REFUSED[named]
    params = {**params, "net_params": {**TOGETHER, **params.get("net_params", {})}}
    estimator = make(**params)
    with pytest.raises(ValueError, match=re.escape(named)) as caught:
        estimator.fit(noise, **given)
    assert str(caught.value).count(". ") <= 1
    assert not hasattr(estimator, "net_")


@pytest.mark.usefixtures("_group")
@pytest.mark.parametrize(
    ("name", "X"),
    [
        ("sparse", csr_array(np.eye(9))),
        ("NaN", np.where(np.eye(9), np.nan, 1.0)),
        ("10000 features", np.zeros((2, 10001), dtype=np.float32)),
        ("1 row", np.ones((1, 3))),
    ],
)
def test_rows_that_cannot_be_shared_are_named(make, name, X):
    with pytest.raises(ValueError, match=name):
        make(net_params=TOGETHER).fit(X)


@pytest.mark.usefixtures("_group")
def test_memory_and_free_bits_are_named(make_ae, make_vae, noise, tmp_path):
    with pytest.raises(ValueError, match="memory"):
        make_ae(net_params=TOGETHER, memory=str(tmp_path)).fit(noise)
    with pytest.raises(ValueError, match="free_bits"):
        make_vae(net_params=TOGETHER, free_bits=0.1).fit(noise)


def test_partial_fit_is_of_one_process(make, noise):
    with pytest.raises(ValueError, match="partial_fit cannot be used"):
        make(net_params=TOGETHER).partial_fit(noise)


@pytest.mark.usefixtures("_group")
def test_one_fit_at_a_time(make, noise):
    another = FitsAnother(make(net_params=TOGETHER), noise)
    with pytest.raises(RuntimeError, match="one fit at a time"):
        make(net_params=TOGETHER, callbacks=[another]).fit(noise)
    make(net_params=TOGETHER).fit(noise)


@pytest.mark.usefixtures("_group")
def test_a_fit_leaves_the_group_as_it_was(make, noise):
    with pytest.raises(ValueError, match="groups"):
        make(net_params=TOGETHER).fit(noise, groups=np.arange(120))
    make(net_params=TOGETHER).fit(noise)
    assert distributed.is_initialized()
    distributed.barrier()
