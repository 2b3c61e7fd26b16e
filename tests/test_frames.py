"""Frames: what their columns may be, in every method, and what is refused by name."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._validation import check_rows

NAMES = ["a", "b", "c"]
NUMBERS = np.random.RandomState(0).randint(0, 9, size=(40, 3)).astype(float)
PANDAS = [
    *("int8", "int64", "uint16", "float16", "float32"),
    *("Int8", "Int64", "UInt32", "Float32", "Float64", "boolean"),
    *("int8[pyarrow]", "int64[pyarrow]", "uint8[pyarrow]", "bool[pyarrow]"),
    *("halffloat[pyarrow]", "float[pyarrow]", "double[pyarrow]"),
]
POLARS = [pl.Int8, pl.Int64, pl.UInt16, pl.Float32, pl.Float64, pl.Boolean]


def values(dtype):
    if dtype == "halffloat[pyarrow]":
        # Of others old versions of Arrow make none.
        return NUMBERS.astype(np.float16)
    return NUMBERS > 4 if "bool" in str(dtype).lower() else NUMBERS


def pandas_frame(dtype, gap):
    frame = pd.DataFrame(values(dtype), columns=NAMES).astype(dtype)
    if gap:
        frame.iloc[3, 1] = pd.NA
    return frame


def polars_frame(dtype, gap):
    frame = pl.DataFrame(values(dtype), schema=NAMES).cast(dtype)
    if gap:
        there = pl.when(pl.int_range(pl.len()) != 3).then(pl.col("b"))
        frame = frame.with_columns(there.alias("b"))
    return frame


# NumPy's whole numbers have no gaps, and in old versions Arrow's half precision.
WITHOUT_GAPS = ("int8", "int64", "uint16", "halffloat[pyarrow]")
FRAMES = [
    pytest.param(make_frame, dtype, gap, id=f"{library}-{dtype}-{gap}")
    for library, make_frame, dtypes in (
        ("pandas", pandas_frame, PANDAS),
        ("polars", polars_frame, POLARS),
    )
    for dtype in dtypes
    for gap in ("", "gap")
    if not (gap and dtype in WITHOUT_GAPS)
]


def as_floats(dtype, gap):
    copy = pd.DataFrame(values(dtype), columns=NAMES).astype(float)
    if gap:
        copy.iloc[3, 1] = np.nan
    return copy


@pytest.mark.parametrize(("make_frame", "dtype", "gap"), FRAMES)
def test_numbers_are_their_float_copy_whatever_their_dtype(make_frame, dtype, gap):
    given = make_frame(dtype, gap)
    estimator = BaseEstimator()
    rows = check_rows(estimator, given, reset=True)
    np.testing.assert_array_equal(rows, as_floats(dtype, gap))
    assert rows.dtype in (np.float32, np.float64)
    assert list(estimator.feature_names_in_) == NAMES
    # Beside columns of another dtype, too.
    if make_frame is pandas_frame:
        mixed = given.assign(a=NUMBERS[:, 0], c=NUMBERS[:, 2].astype("int32"))
    else:
        a, c = pl.Series("a", NUMBERS[:, 0]), pl.Series("c", NUMBERS[:, 2], pl.Float32)
        mixed = given.with_columns(a, c)
    expected = as_floats(dtype, gap).assign(a=NUMBERS[:, 0], c=NUMBERS[:, 2])
    np.testing.assert_array_equal(check_rows(estimator, mixed, reset=True), expected)
    if not gap:
        assert PCA(2).fit(given)
        assert PCA(2).fit(mixed)


VERBS = {
    "transform": lambda model, X: model.transform(X),
    "fit_transform": lambda model, X: clone(model).fit_transform(X),
    "reconstruct_by_pca": lambda model, X: model.reconstruct_by_pca(X),
    "reconstruct": lambda model, X: model.reconstruct(X),
    "component_effects": lambda model, X: model.component_effects(X),
    "score_samples": lambda model, X: model.score_samples(X),
    "score": lambda model, X: model.score(X),
    "impute": lambda model, X: model.impute(X),
    "partial_fit": lambda model, X: clone(model).partial_fit(X).partial_fit(X).mean_,
    "X_val": lambda model, X: clone(model).fit(X, X_val=X).mean_,
}
AE_VERBS = {"denoise": lambda model, X: model.denoise(X)}
VAE_VERBS = {
    "posterior": lambda model, X: model.posterior(X)[1],
    "sample_posterior": lambda model, X: model.sample_posterior(X, random_state=0),
    "imputations": lambda model, X: model.impute(X, n_draws=2, random_state=0),
}
KINDS = [
    (pandas_frame, "Int64"),
    (pandas_frame, "Float32"),
    (pandas_frame, "boolean"),
    (pandas_frame, "double[pyarrow]"),
    (polars_frame, pl.Int64),
    (polars_frame, pl.Boolean),
]


@pytest.mark.parametrize(("make_frame", "dtype"), KINDS)
def test_every_method_takes_frames_with_gaps(make, make_frame, dtype):
    given, copy = make_frame(dtype, gap=True), as_floats(dtype, gap=True)
    model, reference = make().fit(given), make().fit(copy)
    own = AE_VERBS if isinstance(model, AutoencoderTransformer) else VAE_VERBS
    for name, verb in (VERBS | own).items():
        expected = verb(reference, copy)
        np.testing.assert_array_equal(verb(model, given), expected, err_msg=name)


@pytest.mark.parametrize(("make_frame", "dtype"), KINDS)
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_codes_come_as_frames(make, make_frame, dtype, library):
    X = make_frame(dtype, gap=True)
    model = make().set_output(transform=library).fit(X)
    codes = model.transform(X)
    names = list(model.get_feature_names_out())
    assert type(codes).__module__.startswith(library)
    assert list(codes.columns) == names == list(model.get_feature_names_out(NAMES))
    if library == "pandas" and make_frame is pandas_frame:
        assert codes.index.equals(X.index)
    expected = make().fit(X)
    np.testing.assert_array_equal(codes, expected.transform(X))
    np.testing.assert_array_equal(
        model.inverse_transform(codes), expected.reconstruct(X)
    )


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_names_are_those_of_fit_in_either_library(make, library):
    model = make().fit(pandas_frame("Int64", gap=True))
    frame = pandas_frame if library == "pandas" else polars_frame
    dtype = "Int64" if library == "pandas" else pl.Int64
    other = frame(dtype, gap=False)[["b", "a", "c"]]
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(other)


@pytest.mark.parametrize("codes", ["pandas", "polars"])
def test_codes_with_gaps(make, codes):
    model = make().fit(NUMBERS)
    given = pd.DataFrame(model.transform(NUMBERS)).astype("Float64")
    given.columns = ["x", "y"]
    given.iloc[3, 1] = pd.NA
    given = given if codes == "pandas" else pl.from_pandas(given)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.inverse_transform(given)


def test_arrow_tables_are_read(make):
    table = pa.table(dict(zip(NAMES, NUMBERS.T, strict=True)))
    model = make().fit(table)
    assert list(model.feature_names_in_) == NAMES
    expected = make().fit(NUMBERS).transform(NUMBERS)
    np.testing.assert_array_equal(model.transform(table), expected)


# ---- what is refused

TEXTS = {
    "text": pd.Series(["w"] * 40),
    "text with gaps": pd.Series(["w", pd.NA] * 20, dtype="string"),
    "objects": pd.Series(["w", 1] * 20, dtype=object),
    "Arrow text": pd.Series(["w", None] * 20, dtype=pd.ArrowDtype(pa.string())),
    "categories": pd.Series(["w", "1"] * 20, dtype="category"),
    "categories with gaps": pd.Series([None, "w"] * 20, dtype="category"),
    "Arrow categories": pd.Series(
        ["w"] * 40, dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    ),
    "polars text": pl.Series(["w", None] * 20),
    "polars categories": pl.Series(["w"] * 40, dtype=pl.Categorical),
    "Arrow table": pa.array(["w"] * 40),
}


def with_column(column):
    """Return a frame whose column b is given."""
    if isinstance(column, pl.Series):
        return pl.DataFrame(NUMBERS, schema=NAMES).with_columns(column.alias("b"))
    if isinstance(column, pa.Array):
        return pa.table({"a": NUMBERS[:, 0], "b": column, "c": NUMBERS[:, 2]})
    return pd.DataFrame(NUMBERS, columns=NAMES).assign(b=column)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "score"])
def test_text_and_categories_are_refused_by_column(make, name, method):
    model = make()
    if method in ("transform", "score"):
        model.fit(pd.DataFrame(NUMBERS, columns=NAMES))
    message = "no numbers in column 'b': could not convert string to float: 'w'; encode"
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(with_column(TEXTS[name]))


def test_text_is_refused_by_column_in_arrays_and_codes(make):
    X = NUMBERS.astype(object)
    X[3, 2] = "w"
    model = make().fit(NUMBERS)
    with pytest.raises(ValueError, match="no numbers in column 2: could not convert"):
        model.fit(X)
    with pytest.raises(ValueError, match="no numbers in column 1: could not convert"):
        model.inverse_transform(X[:, 1:])
    with pytest.raises(ValueError, match=r"X_val .*no numbers in column 2: could not"):
        model.fit(NUMBERS, X_val=X)


@pytest.mark.parametrize(
    "column", [pd.Series([1.0, np.inf] * 20), pl.Series([1.0, np.inf] * 20)]
)
def test_other_errors_speak_of_no_column(make, column):
    with pytest.raises(ValueError, match=r"^Input X contains infinity"):
        make().fit(with_column(column))


def days(n_missing=0):
    start = datetime.date(2020, 1, 1)
    known = [start + datetime.timedelta(days=int(day)) for day in NUMBERS[:, 0]]
    return [*known[n_missing:], *[None] * n_missing]


TIMES = {
    "polars dates": pl.Series(days()),
    "polars instants": pl.Series(days()).cast(pl.Datetime),
    "polars zoned": pl.Series(days()).cast(pl.Datetime("us", "UTC")),
    "polars durations": pl.Series(NUMBERS[:, 0]).cast(pl.Duration),
    "polars times": pl.Series([datetime.time(8)] * 40),
    "Arrow dates": pa.array(days()),
    "Arrow instants": pa.array(days()).cast(pa.timestamp("us")),
}


@pytest.mark.parametrize("name", TIMES)
def test_dates_beside_numbers_are_refused_by_column(make, name):
    """So they are in pandas, in which PCA refuses them as well."""
    with pytest.raises(TypeError, match=r"dates or durations \(.*\) in column 'b'"):
        make().fit(with_column(TIMES[name]))


@pytest.mark.parametrize("library", [pl.DataFrame, pa.table])
def test_a_date_that_is_missing_among_dates_alone(library):
    known = check_rows(BaseEstimator(), library({"a": days(), "b": days()}), reset=True)
    gaps = library({"a": days(2), "b": days()})
    rows = check_rows(BaseEstimator(), gaps, reset=True)
    assert PCA(1).fit(library({"a": days(), "b": days()}))
    np.testing.assert_array_equal(rows[:, 1], known[:, 1])
    np.testing.assert_array_equal(rows[:-2, 0], known[2:, 0])
    assert np.isnan(rows[-2:, 0]).all()


def test_dates_and_durations_together_are_no_numbers():
    frame = pl.DataFrame({"a": pl.Series(days()), "b": TIMES["polars durations"]})
    with pytest.raises(TypeError, match=r"dates or durations .* in column 'a'"):
        check_rows(BaseEstimator(), frame, reset=True)


def test_a_lazy_frame_is_to_be_collected(make):
    with pytest.raises(TypeError, match=r"LazyFrame.*X.collect\(\)"):
        make().fit(pl.DataFrame(NUMBERS).lazy())


@pytest.mark.parametrize("frame", [pandas_frame, polars_frame])
def test_a_column_without_values_is_told_by_name(make, frame):
    if frame is pandas_frame:
        X = pandas_frame("Int64", gap=True).assign(b=pd.NA)
    else:
        X = pl.DataFrame(NUMBERS, schema=NAMES).with_columns(b=pl.lit(None))
    with pytest.raises(ValueError, match="X has no value in column 'b'"):
        make().fit(X)
