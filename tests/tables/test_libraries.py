"""Frames come back as they came: library, columns, dtypes and categories."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from sklearn_ae._tables.libraries import Arrays, Pandas, Polars, library_of


def dtypes(frame):
    return dict(zip(frame.columns, frame.dtypes, strict=True))


def n_missing(frame):
    return sum(
        library_of(frame).missing(c).sum() for c in library_of(frame).columns(frame)
    )


GIVEN = {"text": "WEST", "rooms": 2, "age": 500, "flag": False, "day": "2020-03-01"}
TABLES = {
    "sample": lambda table, X: table.sample(20, random_state=0),
    "given": lambda table, X: table.sample(20, given=GIVEN, random_state=0),
    "impute": lambda table, X: table.impute(X),
    "draw": lambda table, X: table.impute(X, draw=True, random_state=0),
    "reconstruct": lambda table, X: table.reconstruct(X),
    "inverse": lambda table, X: table.inverse_transform(table.transform(X)),
}


def test_tables_come_back_as_they_came(make_table, holed):
    table = make_table().fit(holed)
    assert n_missing(holed)
    for name, make in TABLES.items():
        found = make(table, holed)
        assert type(found) is type(holed), name
        assert dtypes(found) == dtypes(holed), name
        assert not n_missing(found), name


def test_values_lie_where_the_data_s_do(make_table, people):
    drawn = make_table().fit(people).sample(200, random_state=0)
    for name in ("rent", "age", "day", "moment", "took"):
        assert drawn[name].between(people[name].min(), people[name].max()).all()
    assert (drawn["rent"].round(2) == drawn["rent"]).all()
    assert (drawn["day"] == drawn["day"].dt.normalize()).all()
    assert set(drawn["rooms"]) <= {1, 2, 3, 4}
    assert list(drawn["city"].cat.categories) == list(people["city"].cat.categories)
    assert "unused" not in set(drawn["city"])


def test_observed_values_and_the_index_are_kept(make_table, people):
    holed = people.copy()
    holed.loc[1003:1030, ["rent", "city", "day", "nullable"]] = None
    before = holed.copy()
    table = make_table().fit(holed)
    for draw in (False, True):
        imputed = table.impute(holed, draw=draw)
        pd.testing.assert_frame_equal(imputed.mask(holed.isna()), holed)
    pd.testing.assert_index_equal(table.reconstruct(holed).index, holed.index)
    pd.testing.assert_frame_equal(holed, before)


def test_libraries_give_the_same(make_table, people):
    other = pl.from_pandas(people)
    of_pandas, of_polars = make_table().fit(people), make_table().fit(other)
    codes = of_pandas.transform(people)
    np.testing.assert_allclose(of_polars.transform(other), codes, atol=1e-5)
    # Frames of one library go into a model of the other.
    np.testing.assert_allclose(of_pandas.transform(other), codes, atol=1e-5)
    np.testing.assert_allclose(of_polars.transform(people), codes, atol=1e-5)
    assert isinstance(of_polars.reconstruct(people), pl.DataFrame)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_give_arrays(make_table, curved, dtype):
    X = curved.astype(dtype)
    X[::7, 2] = np.nan
    table = make_table().fit(X)
    for found in (table.sample(4), table.impute(X), table.reconstruct(X)):
        assert isinstance(found, np.ndarray)
        assert found.dtype == dtype
        assert np.isfinite(found).all()
    assert list(table.column_kinds_) == [f"x{place}" for place in range(6)]
    assert (table.sample(3, given={"x1": 0.25})[:, 1] == 0.25).all()


def test_the_library_of_a_frame(people):
    assert library_of(people) is Pandas
    assert library_of(pl.from_pandas(people)) is Polars
    assert library_of(people.to_numpy()) is Arrays


@pytest.mark.parametrize("of_fit", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("of_rows", [pd.DataFrame, pl.DataFrame])
def test_texts_where_numbers_were_are_refused_by_name(make_table, of_fit, of_rows):
    numbers = {"age": np.arange(90.0), "few": np.arange(90) % 3}
    table = make_table().fit(of_fit(numbers))
    for name in numbers:
        with pytest.raises(ValueError, match=f"column '{name}'"):
            table.transform(of_rows({**numbers, name: ["old"] * 90}))
        with pytest.raises(ValueError, match=f"column '{name}'"):
            table.sample(given={name: "old"})


@pytest.mark.parametrize("of", [lambda frame: frame, pl.from_pandas])
@pytest.mark.parametrize(
    "given", [{"age": 30.5}, {"age": 1e300}, {"flag": 2}, {"flag": "no"}]
)
def test_values_are_not_changed_to_those_of_a_dtype(make_table, people, of, given):
    table = make_table().fit(of(people[["age", "flag", "rent"]]))
    with pytest.raises(ValueError, match="given has values in column"):
        table.sample(2, given=given)
    assert table.sample(1, given={"age": 30.0, "flag": 0})["age"][0] == 30


def test_unseen_categories_of_another_library_are_refused(make_table, people):
    X = people[["city", "rent"]]
    table = make_table(handle_unknown="error").fit(X)
    other = pl.from_pandas(X.astype({"city": str}).assign(city="elsewhere"))
    with pytest.raises(ValueError, match="category 'elsewhere' in column 'city'"):
        table.transform(other)
    with pytest.raises(ValueError, match="'elsewhere' for column 'city'"):
        table.sample(2, given={"city": "elsewhere"})
    lenient = make_table().fit(X)
    assert lenient.impute(other)["city"].tolist() == ["elsewhere"] * len(X)


@pytest.mark.parametrize("levels", [1, 2])
def test_the_header_of_a_frame_is_kept(make_table, people, levels):
    X = people[["city", "rent"]].rename_axis(columns="field")
    X = X if levels == 1 else pd.concat({"flat": X}, axis=1)
    table = make_table().fit(X)
    for name, make in TABLES.items():
        if name != "given":
            pd.testing.assert_index_equal(make(table, X).columns, X.columns)


def test_names_of_columns(make_table, curved):
    X = pd.DataFrame(curved)
    table = make_table(column_kinds={3: "numeric"}).fit(X)
    assert table.sample(2, given={3: 0.5}).columns.tolist() == list(range(6))
    X.columns = list("abcdea")
    with pytest.raises(ValueError, match="2 columns that share a name, 'a'"):
        table.fit(X)


def test_sparse_rows_are_refused(make_table):
    with pytest.raises(TypeError, match="X is sparse"):
        make_table().fit(sparse.csr_array(np.eye(5)))
