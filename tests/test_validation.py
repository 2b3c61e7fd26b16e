"""What methods are given: dtypes, layouts, shapes, and what is refused."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae._validation import check_codes, check_count, check_rows


def outputs(model, X):
    codes = model.transform(X)
    return codes, model.inverse_transform(codes)


INTEGERS = {
    "int64": lambda rng: rng.randint(0, 10, size=(60, 5)),
    "int8": lambda rng: rng.randint(-128, 128, size=(60, 5)).astype(np.int8),
    "uint8": lambda rng: rng.randint(0, 256, size=(60, 16)).astype(np.uint8),
    "uint64": lambda rng: rng.randint(0, 99, size=(60, 5)).astype(np.uint64),
    "bool": lambda rng: rng.uniform(size=(60, 5)) < 0.4,
}


@pytest.mark.parametrize("dtype", INTEGERS)
def test_whole_numbers_are_their_float32_copies(make, rng, dtype):
    X = INTEGERS[dtype](rng)
    given = X.copy()
    as_given = outputs(make().fit(X), X)
    as_float = outputs(make().fit(X.astype(np.float32)), X.astype(np.float32))
    for one, other in zip(as_given, as_float, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
        assert one.dtype.kind == "f"
    np.testing.assert_array_equal(X, given)


def test_large_integers_keep_their_digits(make, rng):
    """2**24 is where float32 begins to skip integers."""
    X = 2**40 + rng.randint(0, 1000, size=(60, 2))
    model = make(n_components=2).fit(X)
    _, X_back = outputs(model, X)
    # A VAE shrinks codes a little.
    assert np.abs(X_back - X).max() < 5


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.longdouble])
def test_other_precisions(make, curved, dtype):
    X = curved.astype(dtype)
    codes, X_back = outputs(make().fit(X), X)
    # The same numbers in float32.
    reference, _ = outputs(make().fit(X.astype(np.float32)), X.astype(np.float32))
    np.testing.assert_allclose(codes, reference, atol=1e-5)
    assert codes.dtype == np.float32
    assert X_back.dtype == (np.float32 if dtype == np.float16 else np.float64)


def test_a_fitted_model_takes_either_precision(make, curved):
    model = make().fit(curved)
    np.testing.assert_allclose(
        model.transform(curved), model.transform(curved.astype(np.float32)), atol=1e-6
    )


def test_out_of_a_scaler(make, curved):
    pipeline = make_pipeline(StandardScaler(), make()).fit(curved)
    direct = make().fit(StandardScaler().fit_transform(curved))
    np.testing.assert_array_equal(
        pipeline.transform(curved),
        direct.transform(StandardScaler().fit_transform(curved)),
    )


def read_only(X, tmp_path):
    X = X.copy()
    X.setflags(write=False)
    return X


def memory_map(X, tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


def fortran(X, tmp_path):
    return np.asfortranarray(X)


def strided(X, tmp_path):
    wide = np.zeros((2 * X.shape[0], 2 * X.shape[1]), dtype=X.dtype)
    wide[::2, ::2] = X
    return wide[::2, ::2]


def reversed_rows(X, tmp_path):
    return X[::-1].copy()[::-1]


def big_endian(X, tmp_path):
    return X.astype(X.dtype.newbyteorder(">"))


def as_lists(X, tmp_path):
    return X.tolist()


@pytest.mark.parametrize(
    "layout",
    [read_only, memory_map, fortran, strided, reversed_rows, big_endian, as_lists],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_layout_does_not_matter(make, curved, tmp_path, layout, dtype):
    X = curved.astype(dtype)
    given = layout(X, tmp_path)
    model = make(corruption="gaussian").fit(given)
    reference = make(corruption="gaussian").fit(X)
    # PCA's arithmetic depends on the order in memory by rounding only.
    np.testing.assert_allclose(
        model.transform(given), reference.transform(X), atol=1e-4
    )
    np.testing.assert_array_equal(np.asarray(given), X)


def test_read_only_codes(make, curved):
    model = make().fit(curved)
    codes = model.transform(curved)
    expected = model.inverse_transform(codes)
    codes.setflags(write=False)
    np.testing.assert_array_equal(model.inverse_transform(codes), expected)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("method", ["fit", "partial_fit", "fit_transform"])
def test_infinity_in_training(make, curved, value, method):
    curved[3, 2] = value
    curved[4, 2] = np.nan
    model = make()
    with pytest.raises(ValueError, match="Input X contains infinity"):
        getattr(model, method)(curved)
    with pytest.raises(NotFittedError):
        model.transform(curved)


@pytest.mark.parametrize("method", ["transform", "score", "score_samples", "impute"])
def test_infinity_later(make, curved, method):
    model = make().fit(curved)
    curved[3, 2] = np.inf
    with pytest.raises(ValueError, match="Input X contains infinity"):
        getattr(model, method)(curved)


def test_a_column_without_values(make, curved):
    curved[:, 4] = np.nan
    model = make()
    message = f"X has no value in column 4, .*{type(model).__name__}"
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(curved)
    with pytest.raises(NotFittedError):
        model.transform(curved)


def test_not_finite_codes(make, curved):
    model = make().fit(curved)
    codes = model.transform(curved).astype(np.float64)
    name = type(model).__name__
    for value, word in ((np.nan, "NaN"), (np.inf, "infinity")):
        codes[0, 0] = value
        with pytest.raises(ValueError, match=f"(?s)Input X contains {word}.*") as error:
            model.inverse_transform(codes)
        assert word == "infinity" or name in str(error.value)


def test_sparse_rows_are_read_and_not_modified(make):
    model = make()
    data, columns = np.array([3.0, 1.0, 2.0, 4.0]), np.array([2, 0, 0, 1])
    for values in (data, columns):
        values.flags.writeable = False
    # The first row is out of order, and has a value in two parts.
    X = sparse.csr_array((data, columns, [0, 3, 3, 4]), shape=(3, 3))
    rows = check_rows(model, X, reset=True)
    np.testing.assert_array_equal(rows, [[3, 0, 3], [0, 0, 0], [0, 4, 0]])
    assert rows.matrix.has_canonical_format
    np.testing.assert_array_equal(X.data, [3, 1, 2, 4])
    np.testing.assert_array_equal(X.indices, [2, 0, 0, 1])
    assert model.n_features_in_ == 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_rows_that_are_in_order_are_shared(make, dtype):
    X = sparse.random(30, 5, density=0.3, format="csr", random_state=0, dtype=dtype)
    rows = check_rows(make(), X, reset=True)
    assert np.shares_memory(rows.matrix.data, X.data)
    assert rows.dtype == dtype


@pytest.mark.parametrize(
    ("dtype", "taken"),
    [(np.int64, np.float32), (bool, np.float32), (np.longdouble, np.float64)],
)
def test_sparse_whole_numbers_become_floats(make, dtype, taken):
    X = sparse.csr_array(np.eye(4).astype(dtype))
    rows = check_rows(make(), X, reset=True)
    assert rows.dtype == taken
    np.testing.assert_array_equal(rows, np.eye(4))


def test_sparse_nan_and_infinity_are_refused(make):
    for value, message in (
        (np.nan, r"X is sparse and has NaN in column 2, but .* use X.toarray\(\)\."),
        (np.inf, "infinity"),
    ):
        X = sparse.csc_array(np.diag([1.0, 2.0, value, 4.0]))
        with pytest.raises(ValueError, match=message):
            check_rows(make(), X, reset=True)


def test_codes_are_dense(make, curved):
    model = make().fit(curved)
    with pytest.raises(TypeError, match="dense data is required"):
        model.inverse_transform(sparse.csr_array(model.transform(curved)))


def test_widths(make, rng):
    model = make(n_components=3).fit(rng.normal(size=(100, 10)))
    for method, n_given in (("transform", 9), ("partial_fit", 11), ("score", 1)):
        message = f"X has {n_given} features, but .* expecting 10 features"
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(rng.normal(size=(5, n_given)))
    for n_given in (4, 10):
        with pytest.raises(
            ValueError, match=f"X has {n_given} columns, .* codes of 3 columns"
        ):
            model.inverse_transform(rng.normal(size=(5, n_given)))
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        model.inverse_transform(np.zeros(3))
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        model.transform(np.zeros(10))


@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform"])
def test_images_have_to_be_flattened(make, rng, method):
    model = make(n_components=4)
    if method == "transform":
        model.fit(rng.uniform(size=(64, 64)))
    with pytest.raises(
        ValueError,
        match=r"X has 4 dimensions, but .* needs 2; .*reshape.*Conv\(image_shape=",
    ):
        getattr(model, method)(rng.uniform(size=(64, 1, 8, 8)))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_one_row_is_too_few(make, method):
    with pytest.raises(ValueError, match=r"1 sample.*minimum of 2 is required"):
        getattr(make(), method)(np.zeros((1, 3)))


def test_one_row_is_enough_later(make, curved):
    model = make().fit(curved)
    assert model.transform(curved[:1]).shape == (1, 2)
    assert model.partial_fit(curved[:1])


def test_no_rows_and_no_columns(make, curved):
    with pytest.raises(ValueError, match="0 feature"):
        make().fit(np.zeros((5, 0)))
    with pytest.raises(ValueError, match="0 sample"):
        make().fit(curved).transform(curved[:0])


# ---- what else has numbers: nullable, Arrow, polars, objects, dates


def frame(values):
    return pd.DataFrame(values, columns=list("abc"))


WHOLE = frame(np.random.RandomState(0).randint(0, 9, size=(40, 3)))
DAYS = np.datetime64("2020-01-01") + WHOLE.to_numpy().astype("m8[D]")


def with_gap(values):
    values = values.copy()
    values.iloc[3, 1] = pd.NA
    return values


def decimals(values):
    return np.array([[Decimal(str(x)) for x in row] for row in values], dtype=object)


NUMBERS = {
    "Float64": WHOLE.astype("Float64"),
    "Int64": WHOLE.astype("Int64"),
    "boolean": (WHOLE > 4).astype("boolean"),
    "arrow": WHOLE.convert_dtypes(dtype_backend="pyarrow"),
    "arrow decimals": WHOLE.astype(pd.ArrowDtype(pa.decimal128(25, 2))),
    "one nullable": WHOLE.astype({"b": "Int64", "a": float}),
    "categories": WHOLE.astype({"b": "category"}),
    "objects": WHOLE.astype(object),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("gap", [False, True])
def test_columns_that_are_numbers_are_their_float_copy(make, name, gap):
    given = with_gap(NUMBERS[name]) if gap else NUMBERS[name]
    copy = (WHOLE > 4 if name == "boolean" else WHOLE).astype(float)
    if gap:
        copy.iloc[3, 1] = np.nan
    model, reference = make().fit(given), make().fit(copy)
    assert list(model.feature_names_in_) == list("abc")
    np.testing.assert_array_equal(model.transform(given), reference.transform(copy))
    assert model.score(given) == reference.score(copy)


OBJECTS = {
    "objects": WHOLE.to_numpy(dtype=object),
    "decimals": decimals(WHOLE.to_numpy()),
    "polars": pl.DataFrame(WHOLE),
    "polars decimals": pl.DataFrame(WHOLE).cast(pl.Decimal(5, 1)),
    "digits as text": WHOLE.to_numpy().astype(str),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_arrays_that_are_numbers_are_their_float_copy(make, name):
    copy = WHOLE.to_numpy(dtype=float)
    expected = make().fit(copy).transform(copy)
    given = OBJECTS[name]
    np.testing.assert_array_equal(make().fit(given).transform(given), expected)
    assert PCA(2).fit(given)


@pytest.mark.parametrize("gap", [pd.NA, None, np.nan, Decimal("NaN"), pd.NaT])
def test_gaps_among_objects(gap):
    given = WHOLE.to_numpy(dtype=object).copy()
    given[3, 1] = gap
    rows = check_rows(BaseEstimator(), given, reset=True)
    copy = WHOLE.to_numpy(dtype=float).copy()
    copy[3, 1] = np.nan
    np.testing.assert_array_equal(rows, copy)
    assert given[3, 1] is gap


def test_gaps_of_polars():
    given = pl.DataFrame({"a": [1, 2, None], "b": [1.0, None, 3.0]})
    rows = check_rows(BaseEstimator(), given, reset=True)
    np.testing.assert_array_equal(rows, [[1, 1], [2, np.nan], [np.nan, 3]])


TIMES = {
    "dates": DAYS,
    "nanoseconds": DAYS.astype("M8[ns]"),
    "frame of dates": frame(DAYS.astype("M8[s]")),
    "of two units": frame(DAYS.astype("M8[s]")).astype({"b": "M8[ns]"}),
    "durations": DAYS - DAYS[0, 0],
    "frame of durations": frame((DAYS - DAYS[0, 0]).astype("m8[ms]")),
}


@pytest.mark.parametrize("name", TIMES)
def test_dates_alone_are_numbers_as_they_are_for_pca(make, name):
    given = TIMES[name]
    pca = PCA(2).fit(given)
    model = make().fit(given)
    np.testing.assert_allclose(model.mean_, pca.mean_)
    assert np.isfinite(model.transform(given)).all()


@pytest.mark.parametrize("name", TIMES)
def test_a_date_that_is_missing(name):
    given = TIMES[name].copy()
    if isinstance(given, np.ndarray):
        given[3, 1] = np.array("NaT", given.dtype)
    else:
        given.iloc[3, 1] = pd.NaT
    rows = check_rows(BaseEstimator(), given, reset=True)
    np.testing.assert_array_equal(np.argwhere(np.isnan(rows)), [[3, 1]])


DATED = frame(DAYS.astype("M8[ns]"))["b"]
MIXED_TIMES = {
    "dates": DATED,
    "zoned dates": DATED.dt.tz_localize("UTC"),
    "durations": DATED - DATED[0],
    "arrow": DATED.astype(pd.ArrowDtype(pa.timestamp("ns"))),
    "arrow days": DATED.dt.date.astype(pd.ArrowDtype(pa.date32())),
}


@pytest.mark.parametrize("name", MIXED_TIMES)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "score"])
def test_dates_beside_numbers_are_refused_by_column(make, name, method):
    model = make()
    if method in ("transform", "score"):
        model.fit(WHOLE)
    with pytest.raises(TypeError, match=r"X has dates or durations \(.*column 'b'"):
        getattr(model, method)(WHOLE.assign(b=MIXED_TIMES[name]))


@pytest.mark.parametrize("dtype", [float, object, "M8[ns]", "Int64", "category"])
def test_one_column_alone_is_no_table(make, dtype):
    with pytest.raises(ValueError, match="Expected a 2-dimensional"):
        make().fit(WHOLE["a"].astype(dtype))
    with pytest.raises(ValueError, match="Expected 2D array, got 1D"):
        make().fit(WHOLE["a"].to_numpy())


NO_NUMBERS = {
    "text": (np.full((9, 3), "a"), "could not convert string to float: .*a"),
    "bytes": (np.full((9, 3), b"a"), "could not convert string to float: .*a"),
    "complex": (np.full((9, 3), 1j), "Complex data"),
    "list": ([["a", "b"]] * 9, "could not convert string to float: 'a'"),
    "column": (WHOLE.assign(b="w"), "could not convert string to float: 'w'"),
    "string": (WHOLE.assign(b=pd.array(["w"] * 40, "string")), "to float: 'w'"),
    "categories": (WHOLE.assign(b=pd.Categorical(["w"] * 40)), "to float: 'w'"),
    "with a gap": (
        WHOLE.assign(b=pd.array(["w", pd.NA] * 20, "string")),
        "to float: 'w'",
    ),
    "polars": (pl.DataFrame({"a": ["w"] * 9, "b": [1.0] * 9}), "to float: 'w'"),
    "periods": (
        WHOLE.assign(b=pd.period_range("2020", periods=40, freq="D")),
        r"float\(\) argument must be .* not 'Period'",
    ),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_not_numbers(make, name):
    X, message = NO_NUMBERS[name]
    with pytest.raises((ValueError, TypeError), match=message):
        make().fit(X)


def test_codes_that_are_numbers(make, curved):
    model = make().fit(curved)
    codes = model.transform(curved).round(2).astype(float)
    for given in (codes.astype(object), pd.DataFrame(codes).astype("Float64")):
        np.testing.assert_array_equal(check_codes(model, given, [2]), codes)
    with pytest.raises(ValueError, match="could not convert string to float"):
        model.inverse_transform(np.full((2, 2), "a"))


@pytest.mark.parametrize("value", [0, -1, 2.0, "3", None, np.nan])
def test_check_count(value):
    message = r"'n' parameter of draw must be an int in the range \[1, inf\). Got "
    with pytest.raises(ValueError, match=message):
        check_count(value, "n", "draw")


def test_check_count_takes_numpy_integers():
    check_count(np.int64(1), "n", "draw")
