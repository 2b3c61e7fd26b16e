"""Rows of large tables stay where they are, and fit as copies of them do."""

import numpy as np
import pytest

from sklearn_ae import VAETransformer
from sklearn_ae._inference import MOST_CODES
from sklearn_ae._pca import start
from sklearn_ae._pca.start import centred_float32, centred_rows
from sklearn_ae._rows import stored
from sklearn_ae._rows.stored import StoredRows, is_large
from sklearn_ae._validation import check_rows


@pytest.fixture(params=["float32", "float64", "by_column", "strided", "memmap"])
def table(request, rng, tmp_path):
    X = 5 + rng.normal(size=(120, 6)) @ rng.normal(size=(6, 6))
    if request.param == "by_column":
        return np.asfortranarray(X)
    if request.param == "strided":
        return np.repeat(X, 2, axis=1)[::-1, ::2]
    if request.param != "memmap":
        return X.astype(request.param)
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    return np.load(tmp_path / "X.npy", mmap_mode="r")


@pytest.fixture
def _all_large(monkeypatch):
    monkeypatch.setattr(stored, "LARGE", 1)
    monkeypatch.setattr(stored, "BLOCK", 50)


def test_they_are_the_centred_rows(table):
    mean = table.mean(axis=0)
    rows, dense = StoredRows(table, mean), centred_float32(table, mean)
    np.testing.assert_array_equal(rows, dense)
    assert rows.shape == dense.shape
    assert rows.size == dense.size
    assert np.asarray(rows).dtype == rows.dtype == np.float32
    np.testing.assert_array_equal(np.concatenate(list(rows.blocks())), dense)


def test_they_are_selected_as_arrays_are(table, rng):
    mean = table.mean(axis=0)
    rows, dense = StoredRows(table, mean), centred_float32(table, mean)
    chosen = rng.permutation(120)[:50]
    for index in (slice(3, 90, 4), chosen, chosen < 60, [2, 2, 0], np.arange(0)):
        if isinstance(index, np.ndarray) and index.dtype == bool:
            index = np.resize(index, 120)
        once, expected = rows[index], dense[index]
        np.testing.assert_array_equal(once, expected)
        np.testing.assert_array_equal(once[::2], expected[::2])
        twice = np.arange(len(expected))[::-1]
        np.testing.assert_array_equal(once[twice], expected[twice])


def test_only_large_tables_stay(monkeypatch, table):
    assert not is_large(table)
    monkeypatch.setattr(stored, "LARGE", table.size)
    assert is_large(table)
    assert isinstance(centred_rows(table, np.zeros(6, table.dtype)), StoredRows)


@pytest.mark.usefixtures("_all_large")
def test_rows_with_gaps_say_so(table):
    X = np.array(table)
    assert not centred_rows(X, np.zeros(6, X.dtype)).is_incomplete
    X[7, 2] = np.nan
    rows = centred_rows(X, np.zeros(6, X.dtype))
    assert isinstance(rows, StoredRows)
    assert rows.is_incomplete
    assert rows[[3, 7]][:1].is_incomplete


@pytest.mark.usefixtures("_all_large")
def test_fits_take_rows_with_gaps(make, table, rng):
    X = np.array(table)
    X[rng.uniform(size=X.shape) < 0.1] = np.nan
    model = make().fit(X)
    assert model.net_.module_.incomplete
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(make(init="random").fit(X).score(X))


@pytest.mark.usefixtures("_all_large")
def test_values_out_of_range_are_refused():
    X = np.full((4, 2), 1e200)
    with pytest.raises(ValueError, match="too large for float32"):
        centred_rows(X, np.zeros(2))


@pytest.mark.parametrize("weights", [None, "whole"])
def test_fits_are_those_of_copies(make, table, monkeypatch, weights):
    said = {} if weights is None else {"sample_weight": np.arange(120) % 3}
    copied = make().fit(table, **said)
    monkeypatch.setattr(stored, "LARGE", 1)
    before = np.array(table)
    kept = make().fit(table, **said)
    np.testing.assert_array_equal(kept.transform(table), copied.transform(table))
    np.testing.assert_array_equal(kept.reconstruct(table), copied.reconstruct(table))
    np.testing.assert_array_equal(
        kept.sample(3, random_state=0), copied.sample(3, random_state=0)
    )
    assert repr(kept.guard_) == repr(copied.guard_)
    np.testing.assert_array_equal(table, before)


@pytest.fixture(params=["bool", "uint8", "int16", "int64"])
def whole(request, rng):
    X = 50 + 20 * rng.normal(size=(120, 3)) @ rng.normal(size=(3, 6))
    if request.param == "bool":
        return X > 50
    # Beyond 2 ** 24 float32 is not exact.
    factor = 2**22 if request.param == "int64" else 1
    return (factor * np.clip(X, 0, 255)).astype(request.param)


def test_fits_to_whole_numbers_are_those_to_floats(make, whole, monkeypatch):
    cast = make().fit(whole)
    filled = cast.impute(whole)
    monkeypatch.setattr(stored, "LARGE", 1)
    monkeypatch.setattr(stored, "BLOCK", 50 * whole.shape[1])
    kept = make().fit(whole)
    np.testing.assert_allclose(kept.mean_, cast.mean_, rtol=1e-6)
    assert kept.mean_.dtype == cast.mean_.dtype
    np.testing.assert_allclose(kept.transform(whole), cast.transform(whole), rtol=1e-4)
    assert kept.reconstruct(whole).dtype == cast.reconstruct(whole).dtype
    assert kept.impute(whole).dtype == filled.dtype
    np.testing.assert_array_equal(kept.impute(whole), filled)


@pytest.mark.usefixtures("_all_large")
def test_whole_numbers_are_never_cast_together(make, whole):
    stays = check_rows(make(), whole, reset=True)
    assert stays is whole or np.shares_memory(stays, whole)
    assert isinstance(centred_rows(stays, np.zeros(6, np.float32)), StoredRows)


@pytest.mark.usefixtures("_all_large")
@pytest.mark.parametrize("name", ["bernoulli", "poisson", "negative_binomial"])
def test_domains_of_whole_numbers_are_checked_as_those_of_floats(name):
    bits = np.arange(60).reshape(10, 6) % 7 == 0
    for dtype in ("bool", "uint8", "int32"):
        model = VAETransformer(1, likelihood=name, max_epochs=1, random_state=0)
        assert np.isfinite(model.fit(bits.astype(dtype)).transform(bits)).all()
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        model.fit(-bits.astype("int32"))


@pytest.mark.usefixtures("_all_large")
def test_further_fits_and_other_arguments_take_them(make, table):
    groups = np.arange(120) // 10
    assert make().fit(table, groups=groups).guard_.n_groups > 1
    assert make().fit(table[20:], X_val=table[:20]).guard_.n_rows == 20
    model = make(warm_start=True).fit(table)
    assert np.isfinite(model.fit(table).score(table))
    assert np.isfinite(model.partial_fit(table).score(table))
    assert np.isfinite(make(init="random").fit(table).transform(table)).all()


def test_training_never_has_them_all(make, table, monkeypatch):
    """No more than a few rows are dense at a time."""
    largest = []
    dense = StoredRows.__array__

    def watched(self, dtype=None, copy=None):
        largest.append(len(self))
        return dense(self, dtype, copy)

    monkeypatch.setattr(stored, "LARGE", 1)
    monkeypatch.setattr(stored, "BLOCK", 60)
    monkeypatch.setattr(start.StoredRows, "__array__", watched)
    monkeypatch.setattr("sklearn_ae._training.batches.GATHERED_VALUES", 60)
    monkeypatch.setattr("sklearn_ae._splits.copies.HASHED_VALUES", 60)
    many = np.tile(table, (250, 1))
    many += np.arange(len(many))[:, np.newaxis] * np.float32(1e-4)
    make(batch_size=256, max_epochs=1).fit(many)
    # Those that codes are looked at of.
    assert 0 < max(largest) <= MOST_CODES
