"""PCA of sparse rows beside scikit-learn's of dense ones."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA

from sklearn_ae._rows.axes import (
    CentredRows,
    axes_by_products,
    is_randomized,
    randomized_axes,
)
from sklearn_ae._rows.sparse import SparseRows


def sparse_rows(n_rows, n_features, seed=0):
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(n_rows, 6)) @ rng.normal(size=(6, n_features)) + 3
    dense *= rng.uniform(size=dense.shape) < 0.2
    return SparseRows(sparse.csr_array(dense))


def centred(rows):
    return CentredRows(rows, np.asarray(rows).mean(axis=0), 1.0)


@pytest.mark.parametrize("shape", [(30, 12), (12, 30)])
def test_centred_rows_do_to_vectors_what_dense_ones_do(shape, rng):
    rows = sparse_rows(*shape)
    mean, unit = rng.normal(size=shape[1]), 4.0
    dense = (np.asarray(rows) - mean) / unit
    operator = CentredRows(rows, mean, unit)
    right, left = rng.normal(size=(shape[1], 3)), rng.normal(size=(shape[0], 3))
    np.testing.assert_allclose(operator @ right, dense @ right, atol=1e-12)
    np.testing.assert_allclose(operator.T @ left, dense.T @ left, atol=1e-12)
    np.testing.assert_allclose(operator.products(), dense @ dense.T, atol=1e-12)


@pytest.mark.parametrize("shape", [(900, 300), (300, 900)])
@pytest.mark.parametrize("n_axes", [4, 60])
def test_the_randomized_solver_is_pca_s(shape, n_axes):
    rows = sparse_rows(*shape)
    assert is_randomized(shape, n_axes)
    axes, variances = randomized_axes(centred(rows), n_axes, np.random.RandomState(0))
    pca = PCA(n_axes, svd_solver="randomized", random_state=0).fit(np.asarray(rows))
    np.testing.assert_allclose(variances, pca.explained_variance_, rtol=1e-9)
    signs = np.sign(np.einsum("ij,ij->i", axes, pca.components_))
    np.testing.assert_allclose(axes * signs[:, None], pca.components_, atol=1e-8)


def test_where_pca_is_exact_so_are_products():
    rows = sparse_rows(40, 900)
    assert not is_randomized(rows.shape, 36)
    axes, variances = axes_by_products(centred(rows), 36)
    pca = PCA(36, svd_solver="full").fit(np.asarray(rows))
    np.testing.assert_allclose(variances, pca.explained_variance_, rtol=1e-9)
    agreement = np.abs(np.einsum("ij,ij->i", axes, pca.components_))
    np.testing.assert_allclose(agreement, 1.0, atol=1e-8)


def test_products_tell_no_axis_without_variance():
    rows = sparse_rows(40, 900)[np.repeat(np.arange(4), 10)]
    axes, variances = axes_by_products(centred(rows), 40)
    assert np.count_nonzero(variances) == np.count_nonzero(axes.any(axis=1)) == 3
