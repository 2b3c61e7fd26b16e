"""Networks fade beyond the rows they were fitted to."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from sklearn_ae._training.batches import Rows


@pytest.fixture
def rays(curved, rng):
    """Rows along rays from the mean, by distance in standard deviations."""
    directions = rng.normal(size=(50, curved.shape[1])) * curved.std(axis=0)
    return {t: curved.mean(axis=0) + t * directions for t in (10, 100, 1000, 1e6)}


def test_far_rows_are_pca_s(make_ae, curved, rays):
    model = make_ae(n_components=2, max_epochs=60).fit(curved)
    pca = PCA(2).fit(curved)
    assert model.gain_over_pca_ > 0
    for distance, far in list(rays.items())[1:]:
        expected = pca.inverse_transform(pca.transform(far))
        np.testing.assert_allclose(
            model.reconstruct(far), expected, rtol=1e-4, atol=1e-4 * distance
        )


def test_scores_fall_along_rays_out_of_the_data(make_ae, curved, rays):
    model = make_ae(n_components=2, max_epochs=60).fit(curved)
    assert model.gain_over_pca_ > 0
    scores = np.array([model.score_samples(far) for far in rays.values()])
    assert (np.diff(scores, axis=0) < 0).all()


@pytest.mark.parametrize("init", ["pca", "random"])
def test_rows_of_the_fit_are_as_without_a_range(make, curved, init):
    model = make(n_components=2, init=init, guard=False).fit(curved)
    module = model.net_.module_
    # With nothing to fade to there is no range.
    assert module.input_range.is_known == (init == "pca")
    codes = model.transform(curved)
    module.lift_ranges()
    np.testing.assert_array_equal(model.transform(curved), codes)


def test_another_fit_and_further_rows_widen_the_range(make, curved):
    model = make(n_components=2, guard=False).fit(curved)
    high = model.net_.module_.input_range.high.clone()
    model.partial_fit(2 * curved)
    assert (model.net_.module_.input_range.high >= high).all()
    assert (model.net_.module_.input_range.high > high).any()


def test_where_pca_is_kept_the_vae_reconstructs_as_pca(make_vae, noise):
    model = make_vae(n_components=3).fit(noise)
    pca = PCA(3).fit(noise)
    assert model.gain_over_pca_ == 0
    np.testing.assert_allclose(
        model.reconstruct(noise),
        pca.inverse_transform(pca.transform(noise)),
        atol=1e-4 * noise.std(),
    )


def test_likelier_rows_do_not_pay_for_any_error(make_vae, curved, rng):
    model = make_vae(max_epochs=20).fit(curved)
    assert model.guard_.error_ratio > 0
    baseline = 1 + 0.1 * rng.normal(size=50)
    rows = Rows(torch.zeros(50, 1), valid=Rows(torch.zeros(50, 1)))
    nothing = np.zeros(50)
    found = {
        ratio: model._judged(rows, nothing, baseline, nothing, baseline, ratio)
        for ratio in (0.5, 1.05, 1.06, np.inf)
    }
    kept = {ratio: result.pca_kept for ratio, result in found.items()}
    assert kept == {0.5: False, 1.05: False, 1.06: True, np.inf: True}


def test_without_a_guard_the_error_is_told_all_the_same(make_vae, curved, noise):
    for X in (curved, noise):
        model = make_vae(guard=False).fit(X)
        errors = np.square(X - model.reconstruct(X)).sum()
        pca = PCA(2).fit(X)
        least = np.square(X - pca.inverse_transform(pca.transform(X))).sum()
        assert model.guard_.error_ratio == pytest.approx(errors / least, rel=0.3)
        assert not model.guard_.pca_kept
