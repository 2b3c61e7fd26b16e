"""The promise on held-out rows: never worse than PCA, better where there is a curve.

A small version of `docs/benchmarks/versus_pca.py`; estimators have their defaults.
"""

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer, VAETransformer


def _arc(rng):
    # Half a circle: where the one number of a whole circle jumps, rounding decides how
    # well training ends.
    angle = rng.uniform(0, np.pi, 300)
    plane = np.c_[np.cos(angle), np.sin(angle)] @ rng.normal(size=(2, 5))
    return plane + 0.05 * rng.normal(size=plane.shape)


def _tanh_factors(rng):
    signal = np.tanh(2 * rng.normal(size=(400, 2)) @ rng.normal(size=(2, 12)))
    return signal + 0.05 * rng.normal(size=signal.shape)


def _one_hot(rng):
    return np.concatenate([np.eye(4)[rng.randint(0, 4, 150)] for _ in range(3)], axis=1)


CURVED = {
    "swiss roll": (lambda rng: make_swiss_roll(500, random_state=rng)[0], 2, 0.7),
    "arc": (_arc, 1, 0.3),
    "tanh factors": (_tanh_factors, 2, 0.5),
}
HOSTILE = {
    "noise": (lambda rng: rng.normal(size=(150, 10)), 2),
    "heavy tails": (lambda rng: rng.standard_t(2, size=(150, 6)), 2),
    "low rank": (lambda rng: rng.normal(size=(60, 2)) @ rng.normal(size=(2, 8)), 2),
    "few rows": (lambda rng: rng.normal(size=(20, 40)), 2),
    "one-hot": (_one_hot, 3),
    "iris": (lambda rng: load_iris().data, 2),
}


def _split(draw):
    X = draw(np.random.RandomState(0))
    return train_test_split(X, test_size=0.25, random_state=0)


def _error(model, X):
    return np.mean((X - model.inverse_transform(model.transform(X))) ** 2)


def _errors(draw, k):
    train, test = _split(draw)
    ours = AutoencoderTransformer(k, random_state=0).fit(train)
    # Below a millionth of the data's spread float32 decides.
    rounding = (1e-6 * train.std()) ** 2
    return _error(ours, test), _error(PCA(k).fit(train), test) + rounding


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_not_worse_where_there_is_little_to_learn(name):
    ours, pca = _errors(*HOSTILE[name])
    assert ours <= 1.001 * pca


@pytest.mark.slow
@pytest.mark.parametrize("name", CURVED)
def test_better_on_curved_data(name):
    draw, k, share = CURVED[name]
    ours, pca = _errors(draw, k)
    assert ours < share * pca


@pytest.mark.slow
@pytest.mark.parametrize("name", ["noise", "few rows"])
def test_likelihood_is_not_below_that_of_probabilistic_pca(name):
    draw, k = HOSTILE[name]
    train, test = _split(draw)
    ours = VAETransformer(k, random_state=0).fit(train).score(test)
    assert ours > PCA(k).fit(train).score(test) - 0.01 * train.shape[1]
