"""Likelihoods, against scipy's distributions."""

import numpy as np
import pytest
import torch
from scipy import stats

from sklearn_ae.likelihoods import LIKELIHOODS, Bernoulli, Gaussian

CENTER = np.array([0.3, 0.6, 0.5])
X = np.array([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
MEAN = np.array([[0.1, 0.8, 0.5], [0.9, 0.2, 0.3]])


def centred(X):
    return torch.tensor(X - CENTER, dtype=torch.float32)


def build(likelihood, noise_scale=0.7, noise_floor=1e-6):
    return likelihood.build(
        center=CENTER, noise_scale=noise_scale, noise_floor=noise_floor
    )


@pytest.mark.parametrize(
    ("scale", "expected"), [("learned", 0.7), ("per_feature", 0.7), (2.5, 2.5)]
)
def test_gaussian_nll(scale, expected):
    built = build(Gaussian(scale))
    nll = built.nll(centred(X), centred(MEAN)).detach().numpy()
    by_scipy = -stats.norm(MEAN, expected).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(nll, by_scipy, rtol=1e-5)
    assert built.noise_variance == pytest.approx(expected**2)


@pytest.mark.parametrize("scale", ["learned", "per_feature"])
def test_gaussian_nll_after_its_scale_has_moved(scale):
    built = build(Gaussian(scale))
    with torch.no_grad():
        built.correction.copy_(
            torch.tensor([0.1, -0.2, 0.05]) if scale == "per_feature" else 0.1
        )
        deviation = 0.7 * built.relative_variance().sqrt().numpy()
        assert not np.allclose(deviation, 0.7, rtol=0.05)
        nll = built.nll(centred(X), centred(MEAN)).numpy()
    by_scipy = -stats.norm(MEAN, deviation).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(nll, by_scipy, rtol=1e-5)


def test_learned_noise_stays_above_its_floor():
    built = build(Gaussian(), noise_scale=0.7, noise_floor=1e-3)
    with torch.no_grad():
        built.correction.fill_(-1e6)
        assert 0.7 * built.relative_variance().sqrt() == pytest.approx(1e-3, rel=1e-3)


def test_bernoulli_nll():
    logits = torch.logit(torch.tensor(MEAN, dtype=torch.float32))
    nll = build(Bernoulli()).nll(centred(X), logits).numpy()
    np.testing.assert_allclose(
        nll, -stats.bernoulli(MEAN).logpmf(X).sum(axis=1), rtol=1e-4
    )


@pytest.mark.parametrize("scale", ["learned", 2.5])
def test_gaussian_draws_have_the_likelihood_s_mean_and_deviation(scale):
    built = build(Gaussian(scale))
    parameter = centred(MEAN[:1]).expand(20_000, -1)
    with torch.no_grad():
        draws = built.sample(parameter, torch.Generator().manual_seed(0)).numpy()
    deviation = 0.7 if scale == "learned" else 2.5
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.03)
    np.testing.assert_allclose(
        draws.mean(axis=0) + CENTER, MEAN[0], atol=4 * deviation / np.sqrt(20_000)
    )


def test_bernoulli_draws_are_bits():
    logits = torch.logit(torch.tensor(MEAN[:1], dtype=torch.float32)).expand(20_000, -1)
    draws = build(Bernoulli()).sample(logits, torch.Generator().manual_seed(0))
    bits = draws.numpy() + CENTER
    assert np.abs(bits - bits.round()).max() < 1e-6
    np.testing.assert_allclose(bits.mean(axis=0), MEAN[0], atol=0.015)


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_observation_noise(make_vae, rng, name):
    X = (rng.uniform(size=(100, 4)) < 0.3).astype(float)
    model = make_vae(likelihood=name).fit(X)
    means = model.sample(2000, random_state=0)
    draws = model.sample(2000, observation_noise=True, random_state=0)
    assert draws.std(axis=0).min() > means.std(axis=0).max() / 2
    assert not np.array_equal(means, draws)
    np.testing.assert_array_equal(
        draws, model.sample(2000, observation_noise=True, random_state=0)
    )
    if name == "bernoulli":
        assert set(np.unique(draws)) == {0.0, 1.0}
        assert means.min() > 0
        assert means.max() < 1


@pytest.mark.parametrize(("value", "message"), [(1.5, r"value 1\.5"), (-1, "Negative")])
def test_bernoulli_needs_probabilities(make_vae, value, message):
    X = np.full((10, 3), 0.5)
    X[3, 1] = value
    with pytest.raises(ValueError, match=f"{message}.*likelihood='bernoulli' of VAE"):
        make_vae(likelihood="bernoulli").fit(X)


@pytest.mark.parametrize("scale", [0, -1.0, "shared", None])
def test_bad_scale(make_vae, curved, scale):
    with pytest.raises(ValueError, match="'scale' parameter of Gaussian must be"):
        make_vae(likelihood=Gaussian(scale)).fit(curved)
