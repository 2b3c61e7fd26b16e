"""Moments of codes: those of all rows, whatever the chunks."""

import numpy as np
import pytest
import torch

from sklearn_ae._components.moments import code_moments


@pytest.fixture
def moments(make_ae, curved):
    """Return the moments of a fit's codes by chunks of some rows."""
    model = make_ae(n_components=3, init="random").fit(curved)

    def of(X, n_rows):
        return code_moments(model.net_, X, model._centred, n_rows, model._unit)

    of.model = model
    return of


def inner_codes(model, X):
    with torch.no_grad():
        rows = torch.from_numpy(model._centred(X))
        return model.net_.module_.inner_codes(rows).numpy().astype(np.float64)


@pytest.mark.parametrize("n_rows", [1, 7, 4096])
@pytest.mark.parametrize("missing", [False, True])
def test_moments_are_those_of_all_codes(moments, curved, n_rows, missing):
    # Other rows than those trained on: their mean is not zero.
    X = curved + 1
    if missing:
        X[::3, 1] = np.nan
    found = moments(X, n_rows)
    codes = inner_codes(moments.model, X)
    np.testing.assert_allclose(found.mean, codes.mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        found.covariance, np.cov(codes, rowvar=False), rtol=1e-4, atol=1e-6
    )
    rows = np.nan_to_num(X - moments.model.mean_)
    rows -= rows.mean(axis=0)
    expected = rows.T @ codes / moments.model._unit
    np.testing.assert_allclose(found.with_features, expected, rtol=1e-3, atol=1e-3)


def test_codes_far_from_zero_lose_no_digits(moments, curved):
    found = moments(curved, 50)
    module = moments.model.net_.module_
    inner_codes_of = module.inner_codes
    module.inner_codes = lambda x: inner_codes_of(x) + 2.0**10
    moved = moments(curved, 50)
    np.testing.assert_allclose(moved.mean - 2.0**10, found.mean, atol=1e-4)
    np.testing.assert_allclose(moved.covariance, found.covariance, rtol=1e-2, atol=1e-4)


def test_codes_that_are_not_finite_are_refused(moments, curved):
    module = moments.model.net_.module_
    module.inner_codes = lambda x: torch.full((len(x), 3), torch.nan)
    with pytest.raises(ValueError, match="not finite"):
        moments(curved, 50)
