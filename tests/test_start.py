"""The centre, the scales and the PCA that training starts from."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from sklearn_ae._start import (
    NOISE_FLOOR,
    centred_float32,
    column_means,
    fit_start,
    pca_frame,
    ppca_frame,
)


def start_of(X, n_components=2, init="pca"):
    return fit_start(X, n_components, init, np.random.RandomState(0))[0]


@pytest.fixture
def X(rng):
    scales = [1.0, 3.0, 0.2, 1.0, 0.5]
    return rng.normal(size=(80, 2)) @ rng.normal(size=(2, 5)) + 0.3 * (
        rng.normal(size=(80, 5)) * scales + np.arange(5)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_start_is_pca(X, dtype):
    X = X.astype(dtype)
    pca = PCA(2).fit(X.astype(np.float64))
    start, rows = fit_start(X, 2, "pca", np.random.RandomState(0))
    assert start.mean.dtype == dtype
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, X - X.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(start.variances, pca.explained_variance_, rtol=1e-5)
    overlap = np.abs(np.sum(start.components * pca.components_, axis=1))
    np.testing.assert_allclose(overlap, 1, rtol=1e-6)
    np.testing.assert_allclose(start.feature_scale, X.std(axis=0, ddof=1), rtol=1e-5)
    residual = X - pca.inverse_transform(pca.transform(X))
    np.testing.assert_allclose(
        start.residual_scale, residual.std(axis=0, ddof=1), rtol=1e-5
    )
    assert start.noise_variance == pytest.approx(pca.noise_variance_, rel=1e-5)
    assert start.scale == pytest.approx(np.sqrt(np.mean(start.feature_scale**2)))
    assert not start.is_exact


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
    np.testing.assert_allclose(
        loadings @ loadings.T + noise * np.eye(5), PCA(2).fit(X).get_covariance()
    )
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


def test_rank_deficient_data_are_exact(rng):
    X = rng.normal(size=(50, 2)) @ rng.normal(size=(2, 6))
    start = start_of(X, 3)
    assert start.is_exact
    assert start.variances[2] == 0
    assert (start.components[2] == 0).all()
    assert start.noise_variance >= (0.99 * NOISE_FLOOR * start.scale) ** 2


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


def test_centring_keeps_the_digits_of_a_timestamp(rng):
    X = 1.7e9 + rng.uniform(-1000, 1000, size=(50, 1))
    centred = centred_float32(X, column_means(X))
    np.testing.assert_allclose(centred, X - X.mean(), atol=1e-4)


def test_means_are_summed_in_double_precision():
    X = np.full((100_000, 1), 16777.215, dtype=np.float32)
    np.testing.assert_array_equal(column_means(X), X[0])


def test_values_beyond_float32(rng):
    with pytest.raises(ValueError, match=r"too large for float32.*StandardScaler"):
        start_of(1e40 * rng.normal(size=(10, 3)))
    with pytest.raises(ValueError, match=r"too small for float32.*StandardScaler"):
        start_of(1e-40 * rng.normal(size=(10, 3)))


def test_a_start_of_rows_that_miss_values(rng):
    """Of low rank and hardly any noise, axes are those of the complete rows."""
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 8)) + np.arange(8.0)
    X += 0.01 * rng.normal(size=X.shape)
    missing = rng.uniform(size=X.shape) < 0.2
    observed = np.where(missing, np.nan, X)
    start, rows = fit_start(observed, 2, "pca", np.random.RandomState(0))
    assert start.is_incomplete
    np.testing.assert_array_equal(np.isnan(rows), missing)
    np.testing.assert_allclose(start.mean, np.nanmean(observed, axis=0))
    np.testing.assert_allclose(start.feature_scale, np.nanstd(observed, axis=0, ddof=1))
    complete = start_of(X)
    overlap = np.linalg.svd(start.components @ complete.components.T)[1]
    assert overlap.min() > 0.999
    np.testing.assert_allclose(start.variances, complete.variances, rtol=0.1)
    assert start.noise_variance < 0.1 * np.mean(start.feature_scale**2)


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("n_components", [1, 3, 9])
def test_a_start_of_two_rows_that_miss_values(init, n_components):
    X = np.array([[1.0, np.nan, 3.0], [2.0, 5.0, np.nan]])
    start = start_of(X, n_components, init)
    for value in vars(start).values():
        assert value is None or np.isfinite(value).all()
