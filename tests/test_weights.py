"""Weights of rows: whole numbers are as many rows, none at all is no row."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from scipy.stats import chisquare
from sklearn import config_context
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae._pca.start import fit_start
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._training.batches import Batches, Rows
from sklearn_ae._weights import check_weights, resampled

SHAPES = [(60, 5), (20, 40), (2000, 12), (700, 600)]


def linear(rng, n_rows, n_features):
    rank = min(n_rows, n_features)
    scores = rng.normal(size=(n_rows, rank)) * 0.9 ** np.arange(rank)
    return 5 + scores @ rng.normal(size=(rank, n_features))


def start_of(X, weights=None, init="pca"):
    return fit_start(X, 3, init, np.random.RandomState(0), weights)[0]


def assert_same_start(one, other, tol=1e-9):
    for name in ("mean", "feature_scale", "variances", "residual_scale"):
        expected = getattr(other, name)
        atol = tol * np.abs(expected).max()
        np.testing.assert_allclose(getattr(one, name), expected, rtol=tol, atol=atol)
    assert one.noise_variance == pytest.approx(other.noise_variance, rel=tol)
    assert one.n_rows == other.n_rows


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("init", ["pca", "random"])
def test_a_start_of_whole_weights_is_that_of_repeated_rows(rng, shape, init):
    X = linear(rng, *shape)
    weights = rng.randint(1, 4, size=len(X)).astype(float)
    weighted = start_of(X, weights, init)
    repeated = start_of(np.repeat(X, weights.astype(int), axis=0), init=init)
    # Randomized solvers find the same axes to some digits.
    tol = 1e-3 if max(shape) < 1000 and min(shape) > 500 else 1e-9
    assert_same_start(weighted, repeated, tol)
    if init == "pca":
        overlap = np.abs(np.sum(weighted.components * repeated.components, axis=1))
        np.testing.assert_allclose(overlap, 1, atol=tol)


def test_so_is_one_of_rows_with_gaps(rng):
    X = linear(rng, 60, 6)
    X[rng.random_sample(X.shape) < 0.2] = np.nan
    weights = rng.randint(1, 4, size=len(X)).astype(float)
    repeated = start_of(np.repeat(X, weights.astype(int), axis=0))
    assert_same_start(start_of(X, weights), repeated)


def test_weights_are_read(rng):
    X = np.zeros((4, 2))
    assert check_weights(None, X) is None
    assert check_weights(3.0, X) is None
    assert check_weights([2, 2, 2, 2], X) is None
    whole = [0, 1, 3, 2]
    np.testing.assert_array_equal(check_weights(whole, X), whole)
    # Others are relative.
    for scale in (1.0, 1e-6, 7.3):
        weights = check_weights(scale * np.array([0, 0.1, 0.3, 0.2]), X)
        np.testing.assert_allclose(weights, [0, 0.5, 1.5, 1.0])


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1, -1, 1, 1], "must not be negative"),
        ([0, 0, 0, 0], "zero"),
        ([1, 2, 3], "inconsistent numbers of samples"),
        ([1, np.nan, 1, 1], "sample_weight contains NaN"),
        ([[1], [1], [1], [2]], "1D array or scalar"),
        ([0, 0, 0, 2], "above zero for 1 row"),
    ],
)
def test_weights_are_checked(make, rng, weights, words):
    X = rng.normal(size=(4, 2))
    with pytest.raises(ValueError, match=words):
        make().fit(X, sample_weight=weights)


@pytest.mark.parametrize("weight", ["balanced", -1, 0, np.nan, np.inf, True])
def test_a_single_weight_is_a_number_above_zero(make, rng, weight):
    X = rng.normal(size=(40, 3))
    if weight is True:
        make().fit(X, sample_weight=weight)
        return
    model = make()
    with pytest.raises(ValueError, match="sample_weight must be a weight"):
        model.fit(X, sample_weight=weight)
    with pytest.raises(ValueError, match="sample_weight must be a weight"):
        make().fit(X).score(X, sample_weight=weight)


def test_a_column_without_values_is_found_among_rows_of_some_weight(make):
    X = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, 1.0]])
    with pytest.raises(ValueError, match="no value in column 1"):
        make().fit(X, sample_weight=[1, 1, 0])


@pytest.mark.parametrize("n_draws", [1, 7, 100])
def test_draws_are_as_even_as_can_be(rng, n_draws):
    weights = rng.random_sample(30)
    for start in (0.0, 0.3, 0.999999):
        drawn = resampled(weights, n_draws, start)
        counts = np.bincount(drawn, minlength=30)
        expected = n_draws * weights / weights.sum()
        assert len(drawn) == n_draws
        assert (np.abs(counts - expected) < 1).all()
    whole = rng.randint(0, 3, size=30)
    counts = np.bincount(resampled(whole, whole.sum(), 0.5), minlength=30)
    np.testing.assert_array_equal(counts, whole)


def test_draws_are_in_proportion(rng):
    weights = np.array([0.2, 0.5, 1.3, 2.0])
    drawn = [resampled(weights, 2, start) for start in rng.random_sample(4000)]
    counts = np.bincount(np.concatenate(drawn))
    assert chisquare(counts, 8000 * weights / weights.sum()).pvalue > 1e-4


# ---- batches


def test_training_has_rows_as_often_as_they_weigh():
    rows = Rows(torch.arange(6.0)[:, None], weights=np.array([1.0, 2, 3, 1, 2, 3]))
    batches = Batches(rows, 4, shuffle=True, generator=torch.Generator().manual_seed(0))
    batches.draws_by_weight = True
    epochs = [torch.cat([x for x, _ in batches])[:, 0] for _ in range(600)]
    assert all(len(epoch) == 6 for epoch in epochs)
    counts = torch.bincount(torch.cat(epochs).long())
    np.testing.assert_allclose(counts / 600, [0.5, 1, 1.5] * 2, atol=0.1)
    # In an order of their own.
    assert len({tuple(epoch.tolist()) for epoch in epochs}) > 100


def test_evaluation_has_weights_beside_rows():
    rows = Rows(torch.arange(6.0)[:, None], weights=np.array([1.0, 2, 3, 1, 2, 3]))
    pairs = list(Batches(rows, 4))
    np.testing.assert_array_equal(torch.cat([x for x, _ in pairs]), rows.data)
    np.testing.assert_allclose(torch.cat([w for _, w in pairs]), [0.5, 1, 1.5] * 2)


# ---- fits


def test_no_weight_is_no_row(make, rng):
    X = rng.normal(size=(80, 5))
    weights = np.where(np.arange(80) % 4 == 0, 0, 1)
    y = [None if weight == 0 else 1 for weight in weights]
    weighted = make().fit(X, y, sample_weight=weights)
    without = make().fit(X[weights > 0])
    np.testing.assert_array_equal(weighted.transform(X), without.transform(X))
    assert repr(weighted.guard_) == repr(without.guard_)
    groups = np.arange(80) // 8
    weighted = make().fit(X, sample_weight=weights, groups=groups)
    without = make().fit(X[weights > 0], groups=groups[weights > 0])
    assert repr(weighted.guard_) == repr(without.guard_)


def test_equal_weights_are_none(make, rng):
    X = rng.normal(size=(60, 4))
    plain = make().fit(X)
    for weights in (2.5, np.ones(60), np.full(60, 0.1), pd.Series(np.ones(60))):
        other = make().fit(X, sample_weight=weights)
        np.testing.assert_array_equal(other.transform(X), plain.transform(X))


def test_a_kept_pca_is_that_of_repeated_rows(make_ae, rng):
    X = linear(rng, 100, 6)
    weights = rng.randint(0, 4, size=100)
    repeated = np.repeat(X, weights, axis=0)
    model = make_ae(max_epochs="auto").fit(X, sample_weight=weights)
    assert model.gain_over_pca_ == 0
    pca = PCA(2).fit(repeated)
    np.testing.assert_allclose(model.mean_, repeated.mean(axis=0))
    np.testing.assert_allclose(model.transform(X), pca.transform(X), atol=1e-4)


def two_curves(rng):
    """Rows of two curves that one component cannot tell both of."""
    t = rng.uniform(-1, 1, size=600)
    curve = np.column_stack([t, t**2, np.zeros(600)])
    curve[300:] = np.column_stack([t[300:], -(t[300:] ** 2), 0.5 + 0 * t[300:]])
    return 10 * curve + 0.02 * rng.normal(size=(600, 3)), np.arange(600) >= 300


@pytest.mark.parametrize("estimator", [AutoencoderTransformer, VAETransformer])
def test_what_weighs_more_is_learned_better(estimator, rng):
    X, is_second = two_curves(rng)
    errors = {}
    for heavy in (False, True):
        weights = np.where(is_second == heavy, 1.0, 0.01)
        model = estimator(1, max_epochs=60, random_state=0)
        model.fit(X, sample_weight=weights)
        assert model.gain_over_pca_ > 0
        squares = np.square(X - model.reconstruct(X)).mean(axis=1)
        errors[heavy] = [squares[is_second == side].mean() for side in (False, True)]
    assert errors[False][0] < 0.2 * errors[True][0]
    assert errors[True][1] < 0.2 * errors[False][1]


def test_held_out_losses_are_weighted_means(make, rng):
    X = linear(rng, 90, 4)
    X_val = np.concatenate([X[:9], 3 * X[:1]])
    plain = make().fit(X, X_val=X_val)
    # Rows that are given have no weights.
    weights = rng.uniform(0.5, 2, size=90)
    weighted = make().fit(X, X_val=X_val, sample_weight=weights)
    assert weighted.guard_.n_rows == plain.guard_.n_rows == 10
    # Of those held out from X the weights count.
    for heavy in (0, 1):
        weights = np.where(np.arange(90) % 2 == heavy, 1.0, 1e-9)
        model = make(validation_split="last", validation_fraction=0.1).fit(
            X, sample_weight=weights
        )
        counted = X[81:][np.arange(81, 90) % 2 == heavy]
        if model.guard_.pca == "PCA":
            pca = PCA(2).fit(X[weights == 1])
            left = counted - pca.inverse_transform(pca.transform(counted))
            expected = np.square(left).sum(axis=1).mean()
            assert model.pca_loss_ == pytest.approx(expected, rel=1e-2)


class PerBatch(Callback):
    """Asks for batch events, so that skorch's own loop runs."""

    def on_batch_end(self, net, **kwargs):
        pass


def test_skorch_s_loop_takes_weights_as_well(make, curved):
    weights = np.random.RandomState(0).uniform(0.1, 3, size=len(curved))
    losses = []
    for callbacks in (None, [PerBatch()]):
        model = make(callbacks=callbacks).fit(curved, sample_weight=weights)
        losses.append([row["valid_loss"] for row in model.history_])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_the_mixture_is_of_weighted_codes(make, rng):
    X = np.concatenate([rng.normal(size=(100, 3)), 20 + rng.normal(size=(100, 3))])
    weights = np.repeat([1.0, 0.1], 100)
    model = make(max_epochs=2).fit(X, sample_weight=weights)
    samples = model.sample(2000, random_state=0)
    share = (samples.mean(axis=1) > 10).mean()
    assert share == pytest.approx(0.1 / 1.1, abs=0.04)
    codes = GaussianMixture(2, random_state=0).fit(model.transform(X))
    assert codes.weights_ == pytest.approx([0.5, 0.5], abs=0.01)


@pytest.mark.filterwarnings("ignore:Training left only")
def test_partial_fit_takes_weights(make, rng):
    X = linear(rng, 60, 4)
    weights = rng.randint(0, 3, size=60)
    model = make().partial_fit(X, sample_weight=weights)
    np.testing.assert_allclose(
        model.mean_, np.repeat(X, weights, axis=0).mean(axis=0), rtol=1e-9
    )
    before = model.transform(X)
    model.partial_fit(X[:3], sample_weight=[0, 0, 1])
    assert not np.array_equal(model.transform(X), before)


def test_scores_are_weighted(make, rng):
    X = linear(rng, 60, 4)
    weights = rng.randint(0, 3, size=60)
    model = make().fit(X)
    repeated = np.repeat(X, weights, axis=0)
    assert model.score(X, sample_weight=weights) == pytest.approx(model.score(repeated))
    assert model.score(X, sample_weight=2) == model.score(X)
    # A row of no weight may be anything.
    X[0], weights[0] = 1e30, 0
    assert np.isfinite(model.score(X, sample_weight=weights))


def test_weights_are_routed(make, rng):
    X = rng.normal(size=(60, 4))
    weights = rng.randint(1, 3, size=60)
    with config_context(enable_metadata_routing=True):
        reducer = make().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        pipeline = make_pipeline(scaler, reducer).fit(X, sample_weight=weights)
    alone = make().fit(pipeline[0].transform(X), sample_weight=weights)
    np.testing.assert_allclose(
        pipeline.transform(X), alone.transform(pipeline[0].transform(X))
    )


def test_weights_and_rows_stay_as_they_are(make, rng):
    X, weights = rng.normal(size=(60, 4)), rng.uniform(size=60)
    weights[::5] = 0
    before = X.tobytes(), weights.tobytes()
    make().fit(X, sample_weight=weights)
    assert (X.tobytes(), weights.tobytes()) == before


@pytest.mark.parametrize("shape", [(60, 5), (300, 700), (1500, 2000)])
def test_sparse_rows_start_as_dense_ones_do(rng, shape):
    X = rng.normal(size=shape) * (rng.random_sample(shape) < 0.2)
    weights = rng.randint(1, 4, size=len(X)).astype(float)
    rows = SparseRows(sparse.csr_array(X))
    assert_same_start(start_of(rows, weights), start_of(X, weights), 1e-3)
    for init in ("pca", "random"):
        one, other = start_of(rows, weights, init), start_of(X, weights, init)
        np.testing.assert_allclose(one.mean, other.mean, atol=1e-12)
        np.testing.assert_allclose(one.feature_scale, other.feature_scale, rtol=1e-9)


def test_sparse_rows_take_weights_and_held_out_rows(make, rng):
    X = rng.poisson(0.5, size=(80, 6)).astype(float)
    weights = rng.randint(0, 3, size=80)
    rows = sparse.csr_array(X)
    for arguments in ({"sample_weight": weights}, {"groups": np.arange(80) // 8}):
        one = make().fit(rows, **arguments)
        other = make().fit(X, **arguments)
        np.testing.assert_allclose(one.transform(rows), other.transform(X), atol=1e-5)
    given = [make().fit(rows, X_val=part) for part in (X[:9], rows[:9])]
    given += [make().fit(X, X_val=part) for part in (X[:9], rows[:9])]
    for model in given:
        assert model.guard_.n_rows == 9
        np.testing.assert_allclose(model.transform(X), given[0].transform(X), atol=1e-5)


@pytest.mark.parametrize("fit", ["fit", "partial_fit"])
def test_codes_are_white_by_the_weights(make_ae, curved, fit):
    weights = np.where(curved[:, 0] > 0, 20.0, 1.5)
    model = make_ae(whiten=True, guard=False, max_epochs=4)
    codes = getattr(model, fit)(curved, sample_weight=weights).transform(curved)
    mean = np.average(codes, axis=0, weights=weights)
    np.testing.assert_allclose(mean, 0, atol=1e-4)
    total = weights.sum()
    if (weights != np.rint(weights)).any():
        total = len(weights)
    covariance = np.cov(codes, rowvar=False, aweights=weights, ddof=0)
    np.testing.assert_allclose(covariance * total / (total - 1), np.eye(2), atol=1e-3)
