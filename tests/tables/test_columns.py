"""Kinds of columns: as inferred, and as told."""

import numpy as np
import pandas as pd
import pytest


def test_kinds_are_inferred(make_table, holed):
    kinds = make_table().fit(holed).column_kinds_
    categorical = {"city", "text", "flag", "maybe"}
    expected = {
        name: "categorical" if name in categorical else "numeric"
        for name in holed.columns
    }
    assert kinds == {**expected, "rooms": "discrete"}


def test_kinds_can_be_told(make_table, people):
    told = {"age": "categorical", "rooms": "numeric", "rent": "numeric"}
    X = people[["age", "rooms", "rent", "city"]].assign(age=people["age"] // 100)
    table = make_table(column_kinds=told).fit(X)
    assert table.column_kinds_ == {**told, "city": "categorical"}
    assert table.categories_["age"] == sorted(X["age"].unique())
    assert (table.sample(5).dtypes == X.dtypes).all()


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA])
def test_objects_that_are_numbers_are_numbers(make_table, people, gap):
    X = people[["age", "rooms", "rent"]]
    objects = X.astype(object)
    objects.iloc[::7] = gap
    table = make_table().fit(objects)
    assert table.column_kinds_ == make_table().fit(X).column_kinds_
    found = table.impute(objects)
    assert set(found.dtypes) == {np.dtype(object)}
    assert np.isfinite(found.astype(float)).all(axis=None)
    numbers = X.astype(float)
    numbers.iloc[::7] = np.nan
    np.testing.assert_array_equal(table.transform(numbers), table.transform(objects))


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({"no": "numeric"}, "column_kinds names the column 'no'"),
        ({"age": "number"}, "says 'number' of column 'age'.*among"),
        ({"text": "numeric"}, "says 'numeric' of column 'text'.* no numbers"),
        ({"city": "discrete"}, "says 'discrete' of column 'city'.* no numbers"),
    ],
)
def test_kinds_that_cannot_be(make_table, people, kinds, message):
    with pytest.raises(ValueError, match=message):
        make_table(column_kinds=kinds).fit(people)


def test_columns_that_nothing_can_be_learned_of(make_table, people):
    with pytest.raises(ValueError, match="no value in column 'empty'"):
        make_table().fit(people.assign(empty=np.nan))
    names = pd.Series(range(len(people) * 3)).astype(str)
    with pytest.raises(ValueError, match="720 categories in column 'name'"):
        make_table().fit(pd.DataFrame({"name": names, "x": range(720)}))


def test_dates_that_are_objects_are_told_of(make_table):
    days = pd.Series(pd.date_range("2020-01-01", periods=600))
    for column in (days.dt.date, days.astype(str), days.dt.to_period("D")):
        X = pd.DataFrame({"day": column, "x": np.arange(600.0)})
        with pytest.raises(ValueError, match=r"600 categories in column 'day'.*dates"):
            make_table().fit(X)


def test_infinite_values_are_refused_by_name(make_table, people):
    table = make_table().fit(people)
    bad = people.assign(rent=np.inf)
    for method in (table.fit, table.transform, table.score_samples):
        with pytest.raises(ValueError, match="infinite values in column 'rent'"):
            method(bad)


def test_unseen_categories_are_missing_or_refused_by_name(make_table, people):
    new = people.assign(text="NOWHERE")
    gone = people.assign(text=pd.Series(None, people.index, dtype=people["text"].dtype))
    table = make_table().fit(people)
    np.testing.assert_array_equal(table.transform(new), table.transform(gone))
    np.testing.assert_array_equal(table.score_samples(new), table.score_samples(gone))
    assert (table.impute(new)["text"] == "NOWHERE").all()
    strict = make_table(handle_unknown="error").fit(people)
    with pytest.raises(ValueError, match="category 'NOWHERE' in column 'text'"):
        strict.transform(new)
    strict.transform(gone)


def test_of_few_numbers_the_nearest_is_taken(make_table, people):
    table = make_table(handle_unknown="error").fit(people)
    beyond, last = people.assign(rooms=9), people.assign(rooms=4)
    np.testing.assert_array_equal(table.transform(beyond), table.transform(last))


def test_a_constant_column_comes_back(make_table, people):
    X = people[["age", "city"]].assign(one=3.5, word="a")
    drawn = make_table().fit(X).sample(20, random_state=0)
    assert (drawn["one"] == 3.5).all()
    assert (drawn["word"] == "a").all()


def test_values_that_are_no_categories(make_table):
    table = make_table(1).fit(pd.DataFrame({"word": ["a", "b"] * 20}))
    lists = pd.DataFrame({"word": [["a"], ["b"]] * 20})
    for method in (make_table().fit, table.transform):
        with pytest.raises(TypeError, match=r"value \['a'\] in column 'word'"):
            method(lists)
