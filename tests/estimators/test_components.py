"""How much each column of a code moves each feature."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

# Float32 arithmetic, whose errors are in proportion to the largest effect.
ROUNDING = 1e-5


def expected_of_pca(X, n_components):
    """Return the effects that follow from PCA's parameters alone."""
    pca = PCA(n_components).fit(X)
    return np.abs(pca.components_) * pca.transform(X).std(axis=0)[:, None]


@pytest.mark.parametrize("ordered", [False, True])
def test_effects_of_a_kept_pca_are_its_components_in_scores(make_ae, noise, ordered):
    X = noise * [4.0, 2.5, 1.5, 1.0, 0.7, 0.4]
    ae = make_ae(n_components=3, ordered=ordered).fit(X)
    assert ae.gain_over_pca_ == 0
    effects = ae.component_effects(X)
    assert effects.dtype == np.float64
    expected = expected_of_pca(X, 3)
    np.testing.assert_allclose(effects, expected, atol=ROUNDING * expected.max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mean_far_off_takes_no_digits(make_ae, noise, dtype):
    X = (noise * [4.0, 2.5, 1.5, 1.0, 0.7, 0.4] + 2.0**14).astype(dtype)
    expected = expected_of_pca(X.astype(np.float64), 2)
    effects = make_ae().fit(X).component_effects(X)
    np.testing.assert_allclose(effects, expected, atol=ROUNDING * expected.max())


def test_effects_are_half_the_change_of_what_is_decoded(make, curved):
    estimator = make().fit(curved)
    codes = estimator.transform(curved).astype(np.float64)
    effects = estimator.component_effects(curved)
    assert effects.shape == (2, 6)
    for column, step in enumerate(codes.std(axis=0)):
        move = step * np.eye(2)[column]
        change = estimator.inverse_transform(codes + move)
        change -= estimator.inverse_transform(codes - move)
        expected = np.abs(change).mean(axis=0) / 2
        np.testing.assert_allclose(
            effects[column], expected, atol=ROUNDING * effects.max()
        )


def test_units_are_the_features(make_ae, noise):
    scale = 2.0**10
    effects = make_ae().fit(noise).component_effects(noise)
    scaled = make_ae().fit(scale * noise).component_effects(scale * noise)
    np.testing.assert_allclose(scaled, scale * effects, rtol=1e-4)


@pytest.mark.parametrize("ordered", [False, True])
def test_whitening_changes_no_effect(make_ae, curved, ordered):
    plain, white = (
        make_ae(ordered=ordered, whiten=whiten).fit(curved) for whiten in (False, True)
    )
    effects = plain.component_effects(curved)
    np.testing.assert_allclose(
        white.component_effects(curved), effects, atol=ROUNDING * effects.max()
    )


def test_rows_with_missing_values_and_frames_are_taken(make, curved):
    missing = curved.copy()
    missing[::7, 2] = np.nan
    given = missing.copy()
    estimator = make().fit(missing)
    effects = estimator.component_effects(given)
    assert np.isfinite(effects).all()
    np.testing.assert_array_equal(given, missing)
    frame = pd.DataFrame(missing, columns=list("abcdef"))
    named = make().set_output(transform="pandas").fit(frame)
    np.testing.assert_array_equal(named.component_effects(frame), effects)


def test_effects_leave_the_estimator_as_it_was(make, curved):
    estimator = make().fit(curved)
    names, codes = set(vars(estimator)), estimator.transform(curved)
    first = estimator.component_effects(curved)
    assert set(vars(estimator)) == names
    np.testing.assert_array_equal(estimator.transform(curved), codes)
    np.testing.assert_array_equal(estimator.component_effects(curved), first)


def test_truncated_codes_have_effects_of_their_own(make_ae, curved):
    ae = make_ae(n_components=3, ordered=True).fit(curved)
    shorter = ae.truncate(2)
    codes = shorter.transform(curved).astype(np.float64)
    move = [codes[:, 0].std(), 0]
    change = shorter.inverse_transform(codes + move)
    change -= shorter.inverse_transform(codes - move)
    effects = shorter.component_effects(curved)
    assert effects.shape == (2, 6)
    expected = np.abs(change).mean(axis=0) / 2
    np.testing.assert_allclose(effects[0], expected, atol=ROUNDING * effects.max())


def test_what_has_no_effects_is_told_so(make, curved):
    with pytest.raises(NotFittedError):
        make().component_effects(curved)
    estimator = make().fit(curved)
    with pytest.raises(ValueError, match="X has 1 row, but component_effects needs"):
        estimator.component_effects(curved[:1])
    with pytest.raises(ValueError, match="features"):
        estimator.component_effects(curved[:, :3])
