import os
import tempfile

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.model_selection import GroupKFold

from sklearn_ae._dask import files
from sklearn_ae._dask.within_reach import within_reach


def assert_same(fitted, expected):
    weights, others = (each.net_.module_.state_dict() for each in (fitted, expected))
    assert weights.keys() == others.keys()
    for name, value in weights.items():
        assert (value == others[name]).all()
    assert type(fitted.mean_) is np.ndarray
    assert fitted.mean_.dtype == expected.mean_.dtype


def test_fits_of_arrays_are_those_of_all_rows(make, blocks, curved):
    assert_same(make().fit(blocks), make().fit(curved))
    assert_same(make().partial_fit(blocks), make().partial_fit(curved))


def test_fits_of_frames_are_those_of_all_rows(make, partitions, frame):
    fitted = make().fit(partitions)
    assert_same(fitted, make().fit(frame))
    assert fitted.feature_names_in_.tolist() == frame.columns.tolist()


def test_fits_of_unknown_sizes_of_blocks_and_of_rows_apart(make_ae, blocks, curved):
    some, of_blocks = curved[curved[:, 0] > 0], blocks[blocks[:, 0] > 0]
    fitted = make_ae().fit(of_blocks, X_val=blocks[:30])
    assert_same(fitted, make_ae().fit(some, X_val=curved[:30]))


def test_what_has_a_number_for_each_row(make_ae, da, blocks, curved, rng):
    weights = rng.uniform(0.5, 2, size=len(curved))
    groups = np.arange(len(curved)) // 10
    lazy = [da.from_array(values, chunks=40) for values in (weights, groups)]
    fitted, expected = (make_ae(validation_split=GroupKFold(5)) for _ in range(2))
    fitted.fit(blocks, sample_weight=lazy[0], groups=lazy[1])
    assert_same(fitted, expected.fit(curved, sample_weight=weights, groups=groups))


@pytest.mark.parametrize("dtype", ["float32", "int64", "Int64", "bool"])
def test_dtypes_are_those_of_the_columns(make_ae, dd, frame, dtype):
    frame = frame.round().mul(2)
    frame = (frame > 0) if dtype == "bool" else frame.astype(dtype)
    if dtype == "Int64":
        frame.loc[7, "b"] = None
    fitted = make_ae().fit(dd.from_pandas(frame, npartitions=3))
    assert_same(fitted, make_ae().fit(frame))


def test_large_tables_are_read_from_the_disk(make_ae, blocks, curved, monkeypatch):
    monkeypatch.setattr("sklearn_ae._rows.stored.LARGE", 100)
    assert_same(make_ae().fit(blocks), make_ae().fit(curved))


@pytest.mark.slow
def test_blocks_that_workers_have(on_cluster, make_ae, blocks, curved):
    assert_same(make_ae().fit(blocks), make_ae().fit(curved))


def test_nothing_is_left_on_the_disk(make_ae, blocks, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    make_ae().fit(blocks)
    with pytest.raises(ValueError, match="infinity"):
        make_ae().fit(blocks + np.inf)
    assert os.listdir(tmp_path) == []


def test_what_is_no_collection_comes_as_it_is():
    given = [[1.0, 2.0]], None, "rows"
    with within_reach(*given) as same:
        assert all(one is other for one, other in zip(given, same, strict=True))


def test_sparse_blocks_are_refused(make, blocks):
    X = blocks.rechunk({1: -1}).map_blocks(csr_array, meta=csr_array((0, 0)))
    with pytest.raises(TypeError, match="sparse blocks, but fit needs dense ones"):
        make().fit(X)


def test_words_are_refused_by_their_column(make_ae, dd, frame):
    words = dd.from_pandas(frame.assign(c="yes"), npartitions=2)
    with pytest.raises(ValueError, match="no numbers in column 'c'"):
        make_ae().fit(words)


def test_a_full_disk_is_told_before_anything_is_written(make_ae, blocks, monkeypatch):
    full = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: full)
    with pytest.raises(OSError, match="name another folder in the environment"):
        make_ae().fit(blocks)
