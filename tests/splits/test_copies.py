"""Which rows are held out: a row's copies are never on both sides."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits, load_iris, make_swiss_roll
from sklearn.decomposition import PCA

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._splits.copies import originals, row_hashes
from sklearn_ae._splits.held_out import hold_out, split_rows
from sklearn_ae._splits.told import Told
from sklearn_ae._training.defaults import n_validation_rows

NET = SimpleNamespace(device="cpu")


def split(rows, fraction="auto", seed=0):
    """Return the rows to train on and those held out, as arrays."""
    rows = rows.astype(np.float32)
    stream = np.random.RandomState(seed)
    held = hold_out(rows, NET, split_rows(rows, Told(fraction), stream))
    return held.data.numpy(), held.valid.data.numpy()


def distinct(rows):
    return np.unique(rows, axis=0)


def repeated(rows):
    return np.repeat(rows, 10, axis=0)


def oversampled(rows):
    """Ten of each of a tenth of the rows, as `RandomOverSampler` would give."""
    return np.concatenate([rows, np.repeat(rows[: len(rows) // 10], 9, axis=0)])


def shuffled(rows):
    return np.random.RandomState(1).permutation(repeated(rows))


def incomplete(rows):
    rows = np.array(rows)
    rows[::2, 1] = np.nan
    rows[1::3, 2] = np.nan
    return shuffled(rows)


def bootstrapped(rows):
    return rows[np.random.RandomState(1).randint(len(rows), size=len(rows))]


COPIED = [repeated, oversampled, shuffled, incomplete, bootstrapped]


@pytest.mark.parametrize("shape", [(2, 1), (7, 3), (60, 20), (1000, 2), (20_000, 3)])
@pytest.mark.parametrize("fraction", ["auto", 0.01, 0.3, 0.9])
def test_without_copies_the_first_of_a_random_order_are_held_out(rng, shape, fraction):
    rows = rng.normal(size=shape).astype(np.float32)
    order = np.random.RandomState(3).permutation(len(rows))
    n_valid = n_validation_rows(len(rows), fraction)
    training, valid = split(rows, fraction, seed=3)
    np.testing.assert_array_equal(valid, rows[order[:n_valid]])
    np.testing.assert_array_equal(training, rows[order[n_valid:]])


@pytest.mark.parametrize("copy", COPIED)
@pytest.mark.parametrize("fraction", ["auto", 0.3])
@pytest.mark.parametrize("n_rows", [4, 60, 300])
def test_copies_are_on_one_side(rng, copy, fraction, n_rows):
    rows = copy(rng.normal(size=(n_rows, 6)).astype(np.float32))
    # NumPy's unique rows tell NaN from NaN.
    training, valid = (np.nan_to_num(part) for part in split(rows, fraction))
    rows = np.nan_to_num(rows)
    n_distinct = len(distinct(rows))
    # Each held-out row is there once, as many as of a table without copies.
    assert len(valid) == len(distinct(valid)) == n_validation_rows(n_distinct, fraction)
    assert len(distinct(training)) + len(valid) == n_distinct
    # Rows that are trained on keep all their copies.
    both, counts = np.unique(rows, axis=0, return_counts=True)
    kept, kept_counts = np.unique(training, axis=0, return_counts=True)
    counts = dict(zip(map(tuple, both), counts, strict=True))
    assert [counts[tuple(row)] for row in kept] == list(kept_counts)


def test_every_distinct_row_is_as_likely_to_be_held_out(rng):
    """Not those more often that have more copies."""
    rows = oversampled(rng.normal(size=(100, 4)).astype(np.float32))
    held_out = [split(rows, 0.1, seed)[1] for seed in range(300)]
    from_oversampled = np.isin(np.concatenate(held_out)[:, 0], rows[:10, 0]).sum()
    # One in ten of 3000, give or take five standard deviations.
    assert abs(from_oversampled - 300) < 5 * np.sqrt(3000 * 0.1 * 0.9)


def test_missing_values_and_zeros_of_any_sign_are_equal(rng):
    rows = rng.normal(size=(20, 4)).astype(np.float32)
    rows[:, 0] = 0.0
    rows[:, 1] = np.nan
    others = rows.copy()
    others[:, 0] = -0.0
    others[:, 1] = np.uint32(0xFFC00001).view(np.float32)
    assert np.isnan(others[:, 1]).all()
    both = np.concatenate([rows, others])
    before = both.tobytes()
    np.testing.assert_array_equal(originals(both), np.tile(np.arange(20), 2))
    assert both.tobytes() == before


def test_values_missing_elsewhere_are_not_equal():
    nan = np.nan
    rows = np.array([[1, nan, 2], [1, 2, nan], [nan, 1, 2], [1, 2, 0], [1, 2, 1]])
    assert len(set(row_hashes(rows.astype(np.float32)))) == len(rows)


@pytest.mark.parametrize("n_features", [1, 2, 3, 64, 1000])
def test_rows_that_differ_a_little_have_other_hashes(rng, n_features):
    row = rng.normal(size=n_features).astype(np.float32)
    rows = np.tile(row, (2 * n_features + 1, 1))
    for j in range(n_features):
        rows[1 + j, j] *= -1  # the highest bit alone
        rows[1 + n_features + j, j] = np.nextafter(row[j], np.float32(np.inf))
    assert len(set(row_hashes(rows))) == len(rows)
    assert len(set(row_hashes(np.array([row, row[::-1]])))) == min(2, n_features)


def centred(rows, mean):
    """Return rows less a mean: dense ones, and sparse ones with another fill."""
    mean = mean.astype(np.float32)
    sparse_rows = SparseRows(sparse.csr_array(rows.astype(np.float32)))
    return rows.astype(np.float32) - mean, sparse_rows.mapped(
        lambda values, columns: values - mean[columns]
    )


def test_sparse_rows_have_the_hashes_of_dense_ones(rng):
    rows = rng.normal(size=(200, 30)) * (rng.uniform(size=(200, 30)) < 0.1)
    rows[7] = 0.0
    dense, sparse_rows = centred(rows, rows.mean(axis=0))
    np.testing.assert_array_equal(row_hashes(dense), row_hashes(sparse_rows))


@pytest.mark.parametrize("kind", ["numbers", "bits"])
def test_sparse_rows_are_held_out_as_dense_ones(rng, kind):
    rows = rng.normal(size=(60, 9)) if kind == "numbers" else np.ones((60, 9))
    rows = np.repeat(rows * (rng.uniform(size=(60, 9)) < 0.2), 4, axis=0)
    dense, sparse_rows = centred(rows, rows.mean(axis=0))
    np.testing.assert_array_equal(originals(dense), originals(sparse_rows))
    trained_on, held = split(dense)
    sides = split_rows(sparse_rows, Told(), np.random.RandomState(0))
    found = hold_out(sparse_rows, NET, sides)
    np.testing.assert_array_equal(found.data, trained_on)
    np.testing.assert_array_equal(found.valid.data, held)


def test_hashes_do_not_depend_on_the_layout_or_the_rows_beside(rng, monkeypatch):
    rows = rng.normal(size=(500, 30)).astype(np.float32)
    hashes = row_hashes(rows)
    np.testing.assert_array_equal(row_hashes(np.asfortranarray(rows)), hashes)
    np.testing.assert_array_equal(row_hashes(rows[::7]), hashes[::7])
    monkeypatch.setattr("sklearn_ae._splits.copies.HASHED_VALUES", 100)
    np.testing.assert_array_equal(row_hashes(rows), hashes)


def _bits(rng):
    bits = (rng.random_sample((500, 8)) < 0.5).astype(np.float32)
    bits[:, 4:] = bits[:, :4]
    return bits


def _one_hot(rng):
    return np.concatenate([np.eye(4)[rng.randint(4, size=150)] for _ in range(3)], 1)


def _rare_events(rng):
    return rng.random_sample((400, 30)) < 0.03


def _small_counts(rng):
    return rng.poisson(1.0, size=(300, 4))


def _one_column_of_counts(rng):
    return rng.poisson(3.0, size=(300, 1))


def _bits_of_two_factors(rng):
    odds = 2 * rng.normal(size=(500, 2)) @ rng.normal(size=(2, 20))
    return rng.random_sample(odds.shape) < 1 / (1 + np.exp(-odds))


def _iris(rng):
    return load_iris().data


BY_CHANCE = [
    _bits,
    _one_hot,
    _rare_events,
    _small_counts,
    _one_column_of_counts,
    _bits_of_two_factors,
    _iris,
]


@pytest.mark.parametrize("draw", BY_CHANCE)
def test_rows_that_are_equal_by_chance_are_no_copies(rng, draw):
    """New rows will equal those trained on as well, so that all may be compared."""
    rows = draw(rng).astype(np.float32)
    assert len(distinct(rows)) < len(rows)
    np.testing.assert_array_equal(originals(rows), np.arange(len(rows)))


@pytest.mark.parametrize("n_rows", [20, 200, 1797])
@pytest.mark.parametrize("bits", [False, True])
def test_images_of_few_values_can_be_copies(n_rows, bits):
    images = load_digits().data[:n_rows].astype(np.float32)
    if bits:
        images = (images > 8).astype(np.float32)
    assert len(np.unique(originals(shuffled(images)))) == len(distinct(images))


@pytest.mark.parametrize("seed", range(10))
def test_a_row_that_makes_up_much_of_the_data_is_trained_on(rng, seed):
    """As rows without any count may be."""
    rows = rng.normal(size=(200, 5)).astype(np.float32)
    rows[50:150] = 0.0
    training, valid = split(rows, seed=seed)
    assert (training == 0.0).all(axis=1).sum() == 100
    assert not (valid == 0.0).all(axis=1).any()
    assert len(valid) == n_validation_rows(101, "auto")


def test_no_fraction_holds_out_nothing_and_draws_nothing(rng):
    stream = np.random.RandomState(0)
    rows = rng.normal(size=(9, 2))
    held = hold_out(rows, NET, split_rows(rows, Told(None), stream))
    assert held.valid is None
    assert len(held) == 9
    assert stream.randint(2**31) == np.random.RandomState(0).randint(2**31)


@pytest.mark.filterwarnings("ignore:Training left only 0")
@pytest.mark.parametrize("n_distinct", [1, 2, 3])
@pytest.mark.parametrize("n_features", [1, 3, 20])
def test_few_distinct_rows_still_fit(make, rng, n_distinct, n_features):
    X = np.repeat(rng.normal(size=(n_distinct, n_features)), 40, axis=0)
    model = make(n_components=1).fit(X)
    codes = model.transform(X)
    assert np.isfinite(codes).all()
    assert np.isfinite(model.inverse_transform(codes)).all()
    if n_distinct == 1 or n_features == 20:
        assert model.gain_over_pca_ == 0.0


@pytest.mark.filterwarnings("ignore:Training left only 0")
@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson", "student_t"])
@pytest.mark.parametrize("n_distinct", [1, 2])
def test_few_distinct_rows_fit_by_other_likelihoods(
    make_vae, rng, likelihood, n_distinct
):
    X = np.repeat(rng.randint(2, size=(n_distinct, 30)), 40, axis=0)
    model = make_vae(n_components=1, likelihood=likelihood).fit(X)
    assert np.isfinite(model.score(X))


# ---- what users see


def _factors(seed):
    """Draw rows of three factors in twenty columns, and noise."""
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(3, 20))
    return lambda n: rng.normal(size=(n, 3)) @ loadings + rng.normal(size=(n, 20))


def _error(model, X):
    return np.mean((X - model.inverse_transform(model.transform(X))) ** 2)


TABLES = {
    "60 rows, ten of each": lambda draw: repeated(draw(60)),
    "60 rows, ten of each, in random order": lambda draw: shuffled(draw(60)),
    "300 rows, ten of each of 30": lambda draw: oversampled(draw(300)),
    "a bootstrap sample of 300 rows": lambda draw: bootstrapped(draw(300)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "table"), list(enumerate(TABLES)))
@pytest.mark.parametrize("estimator", [AutoencoderTransformer, VAETransformer])
def test_a_gain_is_not_that_of_copies(table, estimator, seed):
    draw = _factors(seed)
    fresh, X = draw(4000), TABLES[table](draw)
    model = estimator(3, random_state=seed).fit(X)
    pca = PCA(3).fit(X)
    # Without a gain a VAE's error is that of probabilistic PCA, which shrinks codes.
    assert _error(model, fresh) <= 1.05 * _error(pca, fresh)
    if estimator is VAETransformer:
        assert model.score(fresh) > pca.score(fresh) - 0.5


@pytest.mark.slow
@pytest.mark.parametrize("copy", [lambda rows: rows, repeated])
def test_what_is_to_be_learned_is_learned_from_copies_too(copy):
    X = make_swiss_roll(1500, random_state=0)[0]
    train, fresh = copy(X[:300]), X[300:]
    model = AutoencoderTransformer(2, max_epochs=60, random_state=0).fit(train)
    assert model.gain_over_pca_ > 0
    assert _error(model, fresh) < 0.7 * _error(PCA(2).fit(train), fresh)
