"""Axes by the moments of codes: PCA's convention, prefixes, orders, lengths."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from sklearn_ae._components.axes import (
    kept_axes,
    own_deviations,
    principal_axes,
    sorted_axes,
    triangular_axes,
)
from sklearn_ae._components.moments import Moments

SCALE = np.array([3.0, 0.5, 7.0, 1.0, 2.0])
CENTRED = [principal_axes, triangular_axes]
ALL = [*CENTRED, sorted_axes]


@pytest.fixture
def codes(rng):
    """Inner codes that are correlated and away from zero."""
    return rng.normal(size=(400, 5)) @ rng.normal(size=(5, 5)) + rng.normal(size=5)


@pytest.fixture
def rows(rng, codes):
    """Features that depend on the codes."""
    return codes @ rng.normal(size=(5, 8)) + rng.normal(size=(400, 8))


def moments_of(codes, rows):
    centred = codes - codes.mean(axis=0)
    return Moments(
        mean=codes.mean(axis=0),
        covariance=np.cov(codes, rowvar=False),
        with_features=(rows - rows.mean(axis=0)).T @ centred,
    )


def handed_out(axes, codes):
    matrix, _, shift = axes
    return codes @ matrix + shift


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("axes", ALL)
def test_the_inverse_leads_back(axes, codes, rows, whiten):
    found = axes(moments_of(codes, rows), SCALE, whiten)
    _, inverse, shift = found
    back = (handed_out(found, codes) - shift) @ inverse
    np.testing.assert_allclose(back, codes, atol=1e-9)


@pytest.mark.parametrize("axes", CENTRED)
def test_codes_are_centred_uncorrelated_and_in_order(axes, codes, rows):
    out = handed_out(axes(moments_of(codes, rows), SCALE), codes)
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(np.corrcoef(out, rowvar=False), np.eye(5), atol=1e-9)
    variances = out.var(axis=0)
    assert (np.diff(variances) <= 1e-9 * variances[:-1]).all()


@pytest.mark.parametrize("axes", ALL)
def test_whitened_codes_have_unit_variance_as_pca_s(axes, codes, rows):
    out = handed_out(axes(moments_of(codes, rows), SCALE, True), codes)
    np.testing.assert_allclose(out.std(axis=0, ddof=1), 1, rtol=1e-9)


@pytest.mark.parametrize("axes", ALL)
def test_signs_are_those_of_the_largest_covariance(axes, codes, rows):
    out = handed_out(axes(moments_of(codes, rows), SCALE), codes)
    covariances = (rows - rows.mean(axis=0)).T @ out
    largest = np.abs(covariances).argmax(axis=0)
    assert (covariances[largest, range(5)] > 0).all()


@pytest.mark.parametrize("whiten", [False, True])
def test_principal_axes_of_scores_are_pca_s(rng, rows, whiten):
    """Whatever basis of the components' space codes come in."""
    pca = PCA(4, whiten=whiten).fit(rows)
    basis = pca.components_.T @ np.linalg.qr(rng.normal(size=(4, 4)))[0]
    scale = np.array([2.0, 0.1, 1.0, 30.0])
    codes = rows @ basis / scale
    out = handed_out(principal_axes(moments_of(codes, rows), scale, whiten), codes)
    np.testing.assert_allclose(out, pca.transform(rows), atol=1e-9)


def test_a_triangle_keeps_prefixes(codes, rows):
    moments = moments_of(codes, rows)
    matrix, inverse, shift = triangular_axes(moments, SCALE)
    for array in (matrix, inverse):
        np.testing.assert_array_equal(array, np.triu(array))
    first = Moments(
        moments.mean[:3], moments.covariance[:3, :3], moments.with_features[:, :3]
    )
    for whole, part in zip(
        (matrix[:3, :3], inverse[:3, :3], shift[:3]),
        triangular_axes(first, SCALE[:3]),
        strict=True,
    ):
        np.testing.assert_allclose(whole, part, atol=1e-12)


def test_a_sorted_map_is_a_permutation_with_signs(codes, rows):
    matrix, _, shift = sorted_axes(moments_of(codes, rows), SCALE)
    assert not shift.any()
    np.testing.assert_array_equal((matrix != 0).sum(axis=0), np.ones(5))
    np.testing.assert_array_equal(np.abs(matrix).sum(axis=1), SCALE)
    spread = (codes @ matrix).std(axis=0)
    assert (np.diff(spread) <= 0).all()


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("axes", ALL)
@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_constant_columns_stay_finite(axes, codes, rows, whiten, constant):
    codes[:, 1] = constant
    codes[:, 3] = codes[:, 0]
    found = axes(moments_of(codes, rows), SCALE, whiten)
    assert all(np.isfinite(array).all() for array in found)
    back = (handed_out(found, codes) - found[2]) @ found[1]
    np.testing.assert_allclose(back, codes, atol=1e-8)
    spread = handed_out(found, codes).std(axis=0)
    n_live = 4 if axes is sorted_axes else 3
    assert (spread > 1e-3).sum() == n_live
    if axes is not triangular_axes:
        assert (spread[n_live:] < 1e-6).all()


@pytest.mark.parametrize("axes", ALL)
def test_codes_that_are_all_alike(axes):
    codes, rows = np.full((9, 5), 2.0), np.ones((9, 8))
    for whiten in (False, True):
        found = axes(moments_of(codes, rows), SCALE, whiten)
        assert all(np.isfinite(array).all() for array in found)


def test_columns_that_are_kept_change_their_length_alone(codes, rows):
    matrix, inverse, shift = kept_axes(SCALE)
    np.testing.assert_array_equal(matrix, np.diag(SCALE))
    np.testing.assert_array_equal(inverse, np.diag(1 / SCALE))
    assert not shift.any()
    codes[:, 2] = 4.0
    out = handed_out(kept_axes(SCALE, own_deviations(moments_of(codes, rows))), codes)
    live = [0, 1, 3, 4]
    np.testing.assert_allclose(out[:, live].std(axis=0, ddof=1), 1)
    np.testing.assert_array_equal(out[:, 2], 4.0)
