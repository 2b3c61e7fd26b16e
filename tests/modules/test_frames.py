"""The linear path of a module and the scales of its networks."""

import numpy as np
import pytest
from parts import ppca_of
from sklearn.decomposition import PCA

from sklearn_ae._modules.frames import pca_frame, ppca_frame
from sklearn_ae._pca.start import fit_start


def start_of(X, n_components=2, init="pca"):
    return fit_start(X, n_components, init, np.random.RandomState(0))[0]


@pytest.fixture
def X(rng):
    scales = [1.0, 3.0, 0.2, 1.0, 0.5]
    return rng.normal(size=(80, 2)) @ rng.normal(size=(2, 5)) + 0.3 * (
        rng.normal(size=(80, 5)) * scales + np.arange(5)
    )


@pytest.mark.parametrize("frame", [pca_frame, ppca_frame])
@pytest.mark.parametrize("factor", [2.0**-60, 1e-20, 1e10, 2.0**40])
def test_frames_follow_the_units_of_x(X, frame, factor):
    plain, scaled = (
        frame(start_of(x), pooled_input=False, corrupted=False) for x in (X, factor * X)
    )
    np.testing.assert_allclose(scaled.code_scale, factor * plain.code_scale, rtol=1e-6)
    np.testing.assert_allclose(
        scaled.output_branch_scale, factor * plain.output_branch_scale, rtol=1e-6
    )
    np.testing.assert_allclose(
        scaled.input_scale * factor, plain.input_scale, rtol=1e-6
    )
    np.testing.assert_allclose(
        scaled.code_branch_scale, plain.code_branch_scale, rtol=1e-6
    )
    np.testing.assert_allclose(
        np.abs(scaled.decode_weight), np.abs(factor * plain.decode_weight), rtol=1e-5
    )
    np.testing.assert_allclose(scaled.log_variance, plain.log_variance, rtol=1e-6)


def test_the_pca_frame_gives_pca_s_codes_and_reconstructions(X):
    start = start_of(X)
    frame = pca_frame(start, pooled_input=False, corrupted=False)
    pca = PCA(2).fit(X)
    inner = (X - start.mean) @ frame.encode_weight
    np.testing.assert_allclose(inner.std(axis=0, ddof=1), 1, rtol=1e-6)
    np.testing.assert_allclose(
        np.abs(inner * frame.code_scale), np.abs(pca.transform(X)), atol=1e-9
    )
    np.testing.assert_allclose(
        inner @ frame.decode_weight + start.mean,
        pca.inverse_transform(pca.transform(X)),
        atol=1e-9,
    )


def test_the_ppca_frame_is_the_exact_posterior(X):
    """Against the general formulas of probabilistic PCA, with a matrix inverse."""
    start = start_of(X)
    frame = ppca_frame(start, pooled_input=False, corrupted=False)
    loadings = frame.decode_weight.T
    noise = start.noise_variance
    precision = loadings.T @ loadings / noise + np.eye(2)
    covariance = np.linalg.inv(precision)
    centred = X - start.mean
    mean = centred @ loadings @ covariance / noise
    np.testing.assert_allclose(centred @ frame.encode_weight, mean, atol=1e-9)
    np.testing.assert_allclose(
        np.diag(np.exp(frame.log_variance)), covariance, atol=1e-9
    )
    _, expected, expected_noise = ppca_of(X, 2)
    assert noise == pytest.approx(expected_noise)
    np.testing.assert_allclose(loadings @ loadings.T, expected @ expected.T)
    # Codes are handed out on PCA's scale.
    np.testing.assert_allclose(
        np.abs(mean * frame.code_scale), np.abs(PCA(2).fit_transform(X)), atol=1e-9
    )


def flat(rng, shape):
    return np.full(shape, 7.0)


def normal(rng, shape):
    return rng.normal(size=shape)


def line(rng, shape):
    return np.arange(shape[0])[:, np.newaxis] * np.ones(shape)


@pytest.mark.parametrize("frame", [pca_frame, ppca_frame])
@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("data", [normal, line, flat])
@pytest.mark.parametrize("shape", [(2, 1), (2, 6), (3, 2), (40, 5)])
def test_frames_are_finite_on_any_data(rng, frame, init, data, shape):
    for n_components in (1, 4, 9):
        start = start_of(data(rng, shape), n_components, init)
        built = frame(start, pooled_input=False, corrupted=True)
        for name, array in vars(built).items():
            if array is not None:
                assert np.isfinite(array).all(), name
        assert (built.code_scale > 0).all()
        assert len(built.code_scale) == n_components


def test_constant_columns_tell_the_network_nothing(X):
    X[:, 1] = 7.0
    X[:, 3] = 0.0
    start = start_of(X)
    for frame in (pca_frame, ppca_frame):
        input_scale = frame(start, pooled_input=False, corrupted=False).input_scale
        assert (input_scale[[1, 3]] == 0).all()
        assert (input_scale[[0, 2, 4]] > 0).all()


def test_pooled_input_is_on_one_scale(X):
    frame = pca_frame(start_of(X), pooled_input=True, corrupted=False)
    np.testing.assert_allclose(frame.input_scale, 1 / start_of(X).scale)
