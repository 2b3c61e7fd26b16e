"""Rows of two tables are those of the two as one."""

import numpy as np
import pytest

from sklearn_ae._pca.start import centred_rows
from sklearn_ae._rows import stored
from sklearn_ae._rows.stacked import StackedRows
from sklearn_ae._rows.stored import StoredRows


@pytest.fixture(params=["both stay", "the first", "the second"])
def parts(request, rng, monkeypatch):
    mean = np.ones(5, np.float32)
    first, second = rng.normal(size=(2, 40, 5)).astype(np.float32)
    monkeypatch.setattr(stored, "BLOCK", 30)
    monkeypatch.setattr(stored, "LARGE", 1)
    rows = [centred_rows(table, mean) for table in (first, second)]
    if request.param == "the first":
        rows[1] = np.asarray(rows[1])
    if request.param == "the second":
        rows[0] = np.asarray(rows[0])
    return rows


def test_they_are_both_tables_one_after_the_other(parts):
    rows, dense = StackedRows(*parts), np.concatenate([np.asarray(x) for x in parts])
    assert rows.shape == dense.shape
    assert rows.size == dense.size
    assert not rows.is_incomplete
    np.testing.assert_array_equal(rows, dense)
    np.testing.assert_array_equal(np.concatenate(list(rows.blocks())), dense)


def test_they_are_selected_as_arrays_are(parts, rng):
    rows, dense = StackedRows(*parts), np.concatenate([np.asarray(x) for x in parts])
    mask = rng.uniform(size=80) < 0.3
    for index in (slice(30, 60, 3), rng.permutation(80)[:20], mask, [3, 70], [2], [75]):
        np.testing.assert_array_equal(rows[index], dense[index])
        np.testing.assert_array_equal(rows[index][::-1], dense[index][::-1])


def test_rows_of_one_table_are_that_table_s(parts):
    rows = StackedRows(*parts)
    for chosen, part in zip((slice(40), slice(40, 80)), parts, strict=True):
        assert type(rows[chosen]) is type(part)


@pytest.mark.parametrize("large", ["both", "X", "X_val"])
def test_fits_with_rows_to_hold_out_are_those_of_copies(make, rng, monkeypatch, large):
    X = rng.normal(size=(150, 3)) @ rng.normal(size=(3, 6))
    X, X_val = (X[:100], X[100:]) if large != "X_val" else (X[:50], X[50:])
    copied = make().fit(X, X_val=X_val)
    sizes = {"both": 1, "X": 600, "X_val": 600}
    monkeypatch.setattr(stored, "LARGE", sizes[large])
    monkeypatch.setattr(stored, "BLOCK", 50)
    whole = StackedRows.__array__
    dense = []

    def watched(self, dtype=None, copy=None):
        dense.append(len(self))
        return whole(self, dtype, copy)

    monkeypatch.setattr(StackedRows, "__array__", watched)
    kept = make().fit(X, X_val=X_val)
    np.testing.assert_allclose(kept.transform(X), copied.transform(X), rtol=1e-4)
    assert repr(kept.guard_) == repr(copied.guard_)
    # Both sides are looked at, but never as one array.
    assert not dense


def test_gaps_of_either_table_count(rng, monkeypatch):
    monkeypatch.setattr(stored, "LARGE", 1)
    X, gaps = rng.normal(size=(2, 20, 3))
    gaps[3, 1] = np.nan
    whole, missing = (StoredRows(x, np.zeros(3)) for x in (X, gaps))
    missing.is_incomplete = True
    for parts in ((whole, missing), (missing, whole), (whole, gaps), (gaps, whole)):
        assert StackedRows(*parts).is_incomplete
