"""Shared fixtures; torch stays on one thread so that tests can run side by side."""

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae._pca.start import fit_start
from sklearn_ae.networks import MLP


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _one_thread_elsewhere():
    """Many small products on threads that wait for a core take seconds."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def rng():
    """A seeded stream of a test's own."""
    return np.random.RandomState(0)


SMALL = {"max_epochs": 2, "random_state": 0, "device": "cpu"}


@pytest.fixture
def make_ae():
    """Make an AutoencoderTransformer that trains for two epochs on a small network."""
    return lambda **params: AutoencoderTransformer(
        **{"network": MLP((8,)), **SMALL, **params}
    )


@pytest.fixture
def make_vae():
    """Make a VAETransformer that trains for two epochs on a small network."""
    return lambda **params: VAETransformer(**{"network": MLP((8,)), **SMALL, **params})


@pytest.fixture(params=["autoencoder", "vae"])
def make(request, make_ae, make_vae):
    """Make either estimator, small."""
    return make_ae if request.param == "autoencoder" else make_vae


@pytest.fixture
def short_fits(monkeypatch):
    """Have fits of ``max_epochs="auto"`` end after a few epochs."""
    monkeypatch.setattr("sklearn_ae._training.schedule.FIRST_EPOCHS", 1)
    monkeypatch.setattr("sklearn_ae._training.schedule.LAST_EPOCHS", 2)
    monkeypatch.setattr("sklearn_ae._training.defaults.MOST_EPOCHS", 3)


@pytest.fixture
def curved(rng):
    """200 rows of 6 features on a curved surface, with noise: PCA can be beaten."""
    t = rng.uniform(-2, 2, size=(200, 2))
    columns = [t, t**2, np.sin(2 * t)]
    return np.concatenate(columns, axis=1) + 0.05 * rng.normal(size=(200, 6))


@pytest.fixture
def noise(rng):
    """Rows of independent normal numbers: nothing can beat PCA."""
    return rng.normal(size=(120, 6))


@pytest.fixture
def start():
    """Where training of one component starts, for rows of 4 features."""
    X = np.random.RandomState(0).normal(size=(60, 4)) * [3.0, 2.0, 1.0, 0.5] + 5
    return fit_start(X, 1, "pca", np.random.RandomState(0))[0]


@pytest.fixture
def x():
    """Nine centred rows of 4 features."""
    return torch.tensor(np.random.RandomState(1).normal(size=(9, 4))).float()
