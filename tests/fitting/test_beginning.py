"""The first calls of `partial_fit`: the PCA of the rows so far, then training."""

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA

from sklearn_ae import AutoencoderTransformer, summary
from sklearn_ae._pca.start import enough_rows
from sklearn_ae.displays import HistoryDisplay

CHUNK = 25


def parts(*arrays):
    """Yield chunks of arrays, of so many rows; None stays."""
    for first in range(0, arrays[0].shape[0], CHUNK):
        yield [None if a is None else a[first : first + CHUNK] for a in arrays]


def streamed(model, X, weights=None):
    for rows, of_rows in parts(X, weights):
        model.partial_fit(rows, sample_weight=of_rows)
    return model


@pytest.fixture
def enough(curved):
    """As many rows as training starts from, which are some chunks and a bit."""
    X = curved[: enough_rows(6, 2)]
    assert len(X) > 2 * CHUNK
    assert len(X) % CHUNK
    return X


def assert_same(one, other, X):
    for name in ("mean_", "n_iter_", "n_components_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    np.testing.assert_array_equal(one.reconstruct(X), other.reconstruct(X))
    samples = (model.sample(5, random_state=0) for model in (one, other))
    np.testing.assert_array_equal(*samples)


# ---- the PCA of the rows so far


def test_the_first_calls_are_the_pca_of_all_their_rows(make_ae, enough):
    model = make_ae()
    for n_rows in range(CHUNK, len(enough), CHUNK):
        model.partial_fit(enough[n_rows - CHUNK : n_rows])
        so_far = enough[:n_rows]
        pca = PCA(2).fit(so_far)
        np.testing.assert_allclose(model.mean_, pca.mean_, rtol=1e-12)
        np.testing.assert_allclose(
            model.transform(enough), pca.transform(enough), atol=1e-5
        )
        again = model.inverse_transform(pca.transform(enough))
        expected = pca.inverse_transform(pca.transform(enough))
        np.testing.assert_allclose(again, expected, atol=1e-5)


def test_nothing_is_trained_before_there_are_enough_rows(make, enough):
    model = make()
    for rows in (enough[:CHUNK], enough[CHUNK:-1]):
        model.partial_fit(rows)
        assert model.n_iter_ == 0
        assert model.history_ == []
        assert np.isnan(model.gain_over_pca_)
        assert model.guard_ is None
        assert np.isfinite(model.score(enough))
        assert np.isfinite(model.sample(3)).all()
        assert np.isfinite(model.impute(np.where(enough > 1, np.nan, enough))).all()
        assert str(summary(model, enough))
        assert np.isfinite(model.component_effects(enough)).all()
    assert model.partial_fit(enough[-1:]).n_iter_ == 1


def test_the_pca_is_the_same_for_a_vae(make_vae, enough):
    model = streamed(make_vae(), enough[:-1])
    pca = PCA(2).fit(enough[:-1])
    expected = pca.inverse_transform(pca.transform(enough))
    np.testing.assert_allclose(model.reconstruct(enough), expected, atol=1e-4)


def test_nothing_is_trained_of_a_random_start_either(make, enough):
    model = streamed(make(init="random"), enough[:-1])
    assert model.n_iter_ == 0
    np.testing.assert_allclose(model.mean_, enough[:-1].mean(axis=0), rtol=1e-12)
    assert model.partial_fit(enough[-1:]).n_iter_ == 1


@pytest.mark.parametrize("n_components", [0.9, "auto", 3])
def test_columns_of_ordered_codes_are_chosen_anew(make_ae, enough, n_components):
    model = streamed(make_ae(n_components=n_components, ordered=True), enough[:-1])
    once = make_ae(n_components=n_components, ordered=True).partial_fit(enough[:-1])
    assert_same(model, once, enough)
    np.testing.assert_array_equal(
        model.explained_variance_ratio_, once.explained_variance_ratio_
    )
    model.partial_fit(enough[-1:])
    assert model.n_iter_ == 1


# ---- training begins with all rows so far


@pytest.mark.parametrize("init", ["pca", "random"])
def test_calls_until_training_begins_are_one_call(make, curved, enough, init):
    once = make(init=init).partial_fit(enough)
    model = streamed(make(init=init), enough)
    assert once.n_iter_ == model.n_iter_ == 1
    assert_same(model, once, curved)
    assert_same(model.partial_fit(curved), once.partial_fit(curved), curved)


@pytest.mark.parametrize("kind", ["whole", "fractions", "zeros", "alike"])
@pytest.mark.parametrize("given", [CHUNK, 200])
def test_weights_of_calls_are_on_one_scale(make, rng, curved, kind, given):
    weights = {
        "whole": rng.randint(1, 4, size=200),
        "fractions": rng.uniform(0.5, 2, size=200) * np.repeat([1, 5], 100),
        "zeros": rng.randint(0, 3, size=200),
        "alike": np.full(200, 0.3),
    }[kind]
    n_rows = np.searchsorted(np.cumsum(weights > 0), enough_rows(6, 2)) + 1
    X, weights = curved[:n_rows], weights[:n_rows].astype(float)
    once = make().partial_fit(X, sample_weight=weights)
    model = streamed(make(), X[:-1], weights[:-1])
    assert model.n_iter_ == 0
    model.partial_fit(X[-1:], sample_weight=weights[-1:])
    assert_same(model, once, curved)


def test_calls_with_and_without_weights(make, enough):
    model = make().partial_fit(enough[:20]).partial_fit(enough[20:30], sample_weight=3)
    model.partial_fit(enough[30:40], sample_weight=[2] * 10)
    weights = np.repeat([1.0, 3.0, 2.0], [20, 10, 10])
    assert_same(model, make().partial_fit(enough[:40], sample_weight=weights), enough)


def test_rows_with_gaps(make, enough, rng):
    X = np.where(rng.uniform(size=enough.shape) < 0.1, np.nan, enough)
    # In a later call a column may have no values.
    X[CHUNK : 2 * CHUNK, 0] = np.nan
    for rows in (X[:-1], X):
        assert_same(streamed(make(), rows), make().partial_fit(rows), X)


def test_sparse_rows(make, enough):
    X = enough * (np.abs(enough) > 0.5)
    given = sparse.csr_array(X)
    for n_rows in (len(X) - 1, len(X)):
        once = make().partial_fit(given[:n_rows])
        assert_same(streamed(make(), given[:n_rows]), once, X)


def test_sparse_rows_beside_dense_ones(make, enough):
    first, second = enough[:CHUNK], enough[CHUNK:]
    once = make().partial_fit(enough)
    for rows in ((sparse.csr_array(first), second), (first, sparse.csr_array(second))):
        model = make().partial_fit(rows[0]).partial_fit(rows[1])
        assert_same(model, once, enough)


def test_the_rows_are_copies(make, enough):
    model, buffer = make(), np.empty((CHUNK, 6))
    for (rows,) in parts(enough):
        buffer[: len(rows)] = rows
        model.partial_fit(buffer[: len(rows)])
    buffer[:] = np.nan
    assert_same(model, make().partial_fit(enough), enough)


def test_more_components_than_the_first_rows_have(make, enough):
    model = make(n_components=5).partial_fit(enough[:3])
    assert np.isfinite(model.transform(enough)).all()
    model.partial_fit(enough[3:])
    assert_same(model, make(n_components=5).partial_fit(enough), enough)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_between_calls_go_on(make, enough, copied):
    model = make()
    for (rows,) in parts(enough):
        model = copied(model).partial_fit(rows)
    assert_same(model, make().partial_fit(enough), enough)


def test_no_rows_are_kept_once_training_has_begun(make, enough):
    model = streamed(make(), enough)
    assert model._gathered is None
    size = len(pickle.dumps(make().partial_fit(enough)))
    assert len(pickle.dumps(model)) == pytest.approx(size, abs=100)


def test_parameters_count_that_are_set_before_training(make, enough):
    model = make(n_components=3).partial_fit(enough[:CHUNK])
    model.set_params(n_components=2, learning_rate=0.01).partial_fit(enough[CHUNK:])
    once = make(n_components=2, learning_rate=0.01).partial_fit(enough)
    assert_same(model, once, enough)
    with pytest.raises(ValueError, match="but partial_fit continues with the same"):
        model.set_params(n_components=3).partial_fit(enough)


# ---- fit, and errors, in between


def test_a_fit_takes_no_rows_of_calls_before(make, curved, enough):
    for warm_start in (False, True):
        model = make(warm_start=warm_start).partial_fit(curved[:CHUNK] + 5)
        assert_same(model.fit(enough), make().fit(enough), curved)
        # After it training relies on its centre.
        mean = model.mean_
        np.testing.assert_array_equal(model.partial_fit(curved[:9] + 5).mean_, mean)
        assert model.n_iter_ > 1


def test_a_fit_may_have_other_columns(make, curved, enough):
    model = make(warm_start=True).partial_fit(enough[:CHUNK])
    with pytest.raises(ValueError, match=r"X has 4 features, but .* expecting 6"):
        model.partial_fit(enough[:, :4])
    assert model.fit(curved[:, :4]).n_features_in_ == 4


def test_a_call_that_fails_leaves_the_rows_so_far(make, enough):
    model = make().partial_fit(enough[:CHUNK])
    codes = model.transform(enough)
    for rows, weights in (
        (np.abs(enough) * np.inf, None),
        (enough * 1e60, None),
        (enough, np.zeros(len(enough))),
    ):
        with pytest.raises(ValueError, match=r"infinity|too large|zero"):
            model.partial_fit(rows, sample_weight=weights)
    np.testing.assert_array_equal(model.transform(enough), codes)
    model.partial_fit(enough[CHUNK:])
    assert_same(model, make().partial_fit(enough), enough)


def test_rows_outside_the_domain_are_refused_at_once(make_ae, rng):
    X = rng.uniform(size=(80, 4))
    model = make_ae(loss="log_loss").partial_fit(X[:10])
    with pytest.raises(ValueError, match="log_loss"):
        model.partial_fit(X + 3)
    assert model.partial_fit(X).n_iter_ == 1


def test_the_first_call_needs_two_rows(make, enough):
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        make().partial_fit(enough[:1])
    assert make().partial_fit(enough[:2]).partial_fit(enough[2:3]).n_iter_ == 0


def test_what_is_said(make, enough, capsys):
    model = make(verbose=1).partial_fit(enough[:CHUNK])
    said = f"Not trained yet: {CHUNK} of the {len(enough)} rows to start from\n"
    assert capsys.readouterr().out == said
    model.partial_fit(enough[CHUNK:])
    lines = capsys.readouterr().out.splitlines()
    # The names, a rule, and the epoch.
    assert len(lines) == 3
    assert lines[0].split()[0] == "epoch"
    make().partial_fit(enough[:CHUNK]).partial_fit(enough[CHUNK:])
    assert capsys.readouterr().out == ""


def test_a_history_of_no_epochs_is_told_of(make, enough):
    model = make().partial_fit(enough[:CHUNK])
    with pytest.raises(ValueError, match="epoch"):
        HistoryDisplay.from_estimator(model)


# ---- what it is for


def test_columns_that_begin_as_constants_are_learned(rng):
    """With scales of the first rows the networks never saw them."""
    X = np.tanh(rng.normal(size=(2000, 3)) @ rng.normal(size=(3, 20)))
    X[:100, :10] = 0
    model = AutoencoderTransformer(3, random_state=0)
    for _ in range(3):
        for first in range(0, len(X), 100):
            model.partial_fit(X[first : first + 100])
    pca = PCA(3).fit(X[100:])
    error = np.square(X - model.reconstruct(X))[100:].mean()
    of_pca = np.square(X - pca.inverse_transform(pca.transform(X)))[100:].mean()
    assert error < 0.9 * of_pca


# ---- how many rows are enough


@pytest.mark.parametrize(
    ("n_features", "n_components", "expected"),
    [
        (6, 2, 60),
        (6, 50, 60),
        (100, 2, 1000),
        (5000, 2, 1000),
        (5000, 200, 2000),
        (5000, 0.9, 1000),
        (5000, "auto", 1000),
    ],
)
def test_enough_rows_for_features_and_components(n_features, n_components, expected):
    assert enough_rows(n_features, n_components) == expected
