"""Rows and small fitted autoencoders for the displays."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae.networks import MLP


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def rows():
    """60 rows of 6 features on a curved surface."""
    t = np.random.RandomState(0).uniform(-2, 2, size=(60, 2))
    return np.concatenate([t, t**2, np.sin(2 * t)], axis=1)


@pytest.fixture(scope="module")
def images():
    """40 rows of 12 non-negative numbers: images of 4 by 3, or 3 channels of 2 by 2."""
    return np.random.RandomState(0).uniform(size=(40, 12))


@pytest.fixture(scope="module")
def ae(rows):
    """Return a fitted autoencoder."""
    return AutoencoderTransformer(
        network=MLP((8,)), max_epochs=4, random_state=0, device="cpu"
    ).fit(rows)


@pytest.fixture(scope="module")
def vae(rows):
    """Return a fitted variational autoencoder."""
    return VAETransformer(
        network=MLP((8,)), max_epochs=2, random_state=0, device="cpu"
    ).fit(rows)


@pytest.fixture(params=["ae", "vae"])
def fitted(request):
    """Either of them."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def ordered(rows):
    """Return a fitted autoencoder whose number of columns is chosen."""
    return AutoencoderTransformer(
        0.8, network=MLP((8,)), max_epochs=4, random_state=0, device="cpu"
    ).fit(rows)
