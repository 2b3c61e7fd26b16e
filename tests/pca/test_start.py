"""The centre, the scales and the PCA that training starts from."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA

from sklearn_ae._modules.frames import NOISE_FLOOR
from sklearn_ae._pca.start import centred_float32, column_means, fit_start
from sklearn_ae._rows.sparse import SparseRows


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


@pytest.mark.parametrize("shape", [(30, 400), (60, 1000), (400, 20)])
@pytest.mark.parametrize("n_components", [1, 5, 15])
def test_noise_is_that_of_fresh_rows(rng, shape, n_components):
    """Neither few rows nor many components make it another."""
    noise = start_of(rng.normal(size=shape), n_components).noise_variance
    assert 0.6 < noise < 1.1


def test_a_shortened_start_has_the_noise_of_its_own_axes(X):
    short, own = start_of(X, 3).shortened(1), start_of(X, 1)
    assert short.noise_variance == pytest.approx(own.noise_variance, rel=1e-5)


def test_rank_deficient_data_are_exact(rng):
    X = rng.normal(size=(50, 2)) @ rng.normal(size=(2, 6))
    start = start_of(X, 3)
    assert start.is_exact
    assert start.variances[2] == 0
    assert (start.components[2] == 0).all()
    assert start.noise_variance >= (0.99 * NOISE_FLOOR * start.scale) ** 2


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


def log_likelihood(start, X):
    """Return the mean log-likelihood of rows' values by probabilistic PCA."""
    axes, noise = start.components, start.noise_variance
    covariance = (axes.T * np.maximum(start.variances - noise, 0.0)) @ axes
    covariance += noise * np.eye(X.shape[1])
    total = 0.0
    for row in X - start.mean:
        known = ~np.isnan(row)
        part = covariance[np.ix_(known, known)]
        total -= row[known] @ np.linalg.solve(part, row[known])
        total -= np.linalg.slogdet(part)[1]
    return 0.5 * total / len(X)


@pytest.fixture
def unscaled(rng):
    """Rows of rank 2 and noise, in columns of very different units, and with gaps.

    Of each row there is the opposite, so that gaps leave the means where they are.
    """
    X = rng.normal(size=(150, 2)) @ rng.normal(size=(2, 8)) * np.logspace(-1, 3, 8)
    X += 0.1 * rng.normal(size=X.shape)
    gaps = rng.uniform(size=X.shape) < 0.2
    X, gaps = np.vstack([X, -X]), np.vstack([gaps, gaps])
    return X, np.where(gaps, np.nan, X)


@pytest.mark.parametrize("n_components", [1, 2])
def test_a_start_of_rows_that_miss_values_is_the_likeliest(unscaled, n_components):
    X, holed = unscaled
    found = log_likelihood(start_of(holed, n_components), holed)
    assert found > log_likelihood(start_of(X, n_components), holed) - 0.01


def test_a_start_fills_the_column_that_dominates_an_axis(unscaled):
    X, holed = unscaled
    start, complete = start_of(holed), start_of(X)
    overlap = np.linalg.svd(start.components @ complete.components.T)[1]
    assert overlap.min() > 1 - 1e-4
    np.testing.assert_allclose(start.variances, complete.variances, rtol=0.1)
    assert start.noise_variance == pytest.approx(complete.noise_variance, rel=0.2)


def test_a_round_takes_few_of_many_rows(unscaled, monkeypatch):
    _, holed = unscaled
    whole = start_of(holed)
    monkeypatch.setattr("sklearn_ae._pca.observed.ROUND_BUDGET", 1)
    monkeypatch.setattr("sklearn_ae._pca.observed.FEWEST_ROWS", 150)
    monkeypatch.setattr("sklearn_ae._pca.axes.CHUNK", 70)
    some = start_of(holed)
    overlap = np.linalg.svd(some.components @ whole.components.T)[1]
    assert overlap.min() > 1 - 1e-4
    np.testing.assert_allclose(some.feature_scale, whole.feature_scale)


def test_rows_in_one_step_are_those_in_many(unscaled, monkeypatch):
    _, holed = unscaled
    whole = vars(start_of(holed))
    monkeypatch.setattr("sklearn_ae._pca.axes.MOST_DOUBLES", 8 * 8 * 37)
    for name, value in vars(start_of(holed)).items():
        np.testing.assert_allclose(value, whole[name], rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("n_components", [1, 3, 9])
def test_a_start_of_two_rows_that_miss_values(init, n_components):
    X = np.array([[1.0, np.nan, 3.0], [2.0, 5.0, np.nan]])
    start = start_of(X, n_components, init)
    for value in vars(start).values():
        assert value is None or np.isfinite(value).all()


OFFSETS = [0.0, 1e6, -3e-4]


@pytest.mark.parametrize("n_components", [1, 3, 6])
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_start_of_chunks_is_pca(rng, dtype, offset, n_components):
    """More rows than a chunk has, and not a multiple of it."""
    X = rng.normal(size=(20_000, 2)) @ rng.normal(size=(2, 6))
    X = (X + rng.uniform(-1, 1, size=(20_000, 6)) + offset).astype(dtype)
    pca = PCA(n_components, svd_solver="full").fit(X.astype(np.float64))
    start = start_of(X, n_components)
    np.testing.assert_allclose(start.variances, pca.explained_variance_, rtol=1e-5)
    np.testing.assert_allclose(start.components, pca.components_, atol=1e-5)
    if n_components < 6:
        noise = pca.noise_variance_
        assert start.noise_variance == pytest.approx(noise, rel=1e-5)
    np.testing.assert_allclose(
        start.feature_scale, X.std(axis=0, ddof=1, dtype=np.float64), rtol=1e-5
    )
    residual = X - pca.inverse_transform(pca.transform(X.astype(np.float64)))
    np.testing.assert_allclose(
        start.residual_scale,
        residual.std(axis=0, ddof=1),
        rtol=1e-5,
        atol=1e-5 * start.scale,
    )


def test_long_rank_deficient_data_are_exact(rng):
    X = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 6))
    start = start_of(X, 3)
    assert start.is_exact
    assert start.variances[2] == 0
    assert (start.components[2] == 0).all()


def test_a_small_column_has_no_more_left_than_it_had(rng):
    X = rng.normal(size=(2000, 6)) * [1e6, 1e6, 1e6, 1.0, 1e-3, 0.0]
    start = start_of(X)
    assert (start.residual_scale <= start.feature_scale).all()
    assert start.feature_scale[5] == 0


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_long_tables_are_not_copied_in_double_precision(rng, init, dtype):
    """There are the float32 rows, flags and chunks."""
    X = rng.normal(size=(400_000, 10)).astype(dtype)
    tracemalloc.start()
    try:
        _, rows = fit_start(X, 2, init, np.random.RandomState(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < rows.nbytes + 0.3 * X.size * 8


def test_scales_without_axes_are_those_of_observed_values(X, rng):
    X[rng.uniform(size=X.shape) < 0.2] = np.nan
    start = start_of(X, init="random")
    np.testing.assert_allclose(start.feature_scale, np.nanstd(X, axis=0, ddof=1))
    assert start.components is None


def test_scores_are_uncorrelated_where_the_solver_is_randomized(rng):
    """And the axes are nearer to the exact ones than its own."""
    X = rng.normal(size=(700, 520))
    given = PCA(4, random_state=np.random.RandomState(0)).fit(X)
    exact = PCA(4, svd_solver="full").fit(X)
    start = start_of(X, 4)
    scores = (X - start.mean) @ start.components.T
    correlation = np.corrcoef(scores, rowvar=False) - np.eye(4)
    assert np.abs(correlation).max() < 1e-10
    assert (
        np.abs(np.corrcoef(given.transform(X), rowvar=False) - np.eye(4)).max() > 1e-5
    )
    np.testing.assert_allclose(start.variances, scores.var(axis=0, ddof=1), rtol=1e-10)
    errors = np.abs(
        exact.explained_variance_ - [start.variances, given.explained_variance_]
    )
    assert (errors[0] <= errors[1]).all()
    np.testing.assert_allclose(
        start.components @ start.components.T, np.eye(4), atol=1e-9
    )


def sparse_counts(shape, dtype):
    rng = np.random.default_rng(0)
    rates = np.exp(
        0.5 * rng.normal(size=(shape[0], 3)) @ rng.normal(size=(3, shape[1]))
    )
    counts = rng.poisson(rates) * (rng.uniform(size=shape) < 0.2)
    counts[:, 1] = 0
    return counts.astype(dtype)


# By the covariance, by the randomized solver on long and on wide tables, exactly as one
# block, and exactly by the covariance or by products where that is too large for one.
@pytest.mark.parametrize(
    ("shape", "n_components", "most"),
    [
        ((400, 30), 4, 2**21),
        ((900, 200), 5, 2**21),
        ((200, 900), 5, 2**21),
        ((60, 40), 5, 2**21),
        ((900, 200), 180, 1),
        ((40, 900), 36, 1),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_start_of_sparse_rows_is_that_of_dense_ones(
    shape, n_components, most, dtype, monkeypatch
):
    monkeypatch.setattr("sklearn_ae._pca.axes.MOST_TOGETHER", most)
    X = sparse_counts(shape, dtype)
    given = SparseRows(sparse.csr_array(X))
    (dense, rows), (start, sparse_rows) = (
        fit_start(table, n_components, "pca", np.random.RandomState(0))
        for table in (X, given)
    )
    np.testing.assert_array_equal(start.mean, dense.mean)
    np.testing.assert_array_equal(sparse_rows, rows)
    assert start.n_rows == dense.n_rows
    close = {"rtol": 1e-6, "atol": 1e-7 * dense.scale}
    for name in ("scale", "noise_variance", "feature_scale", "residual_scale"):
        np.testing.assert_allclose(getattr(start, name), getattr(dense, name), **close)
    np.testing.assert_allclose(start.variances, dense.variances, rtol=1e-6)
    overlap = np.einsum("ij,ij->i", start.components, dense.components)
    np.testing.assert_allclose(overlap, 1.0, atol=1e-6)


def test_a_random_start_of_sparse_rows_is_that_of_dense_ones():
    X = sparse_counts((80, 30), np.float64)
    dense, start = (
        start_of(X, init="random"),
        start_of(SparseRows(sparse.csr_array(X)), init="random"),
    )
    np.testing.assert_allclose(start.feature_scale, dense.feature_scale)
    np.testing.assert_array_equal(start.feature_scale, start.residual_scale)
    assert start.components is None
