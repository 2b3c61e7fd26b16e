"""Fills by forests."""

import numpy as np
import pytest

from sklearn_ae._imputers import forests
from sklearn_ae._imputers.forests import MOST_COLUMNS, ForestFill, count_of_trees


@pytest.mark.parametrize(
    ("n_trees", "n_columns", "expected"),
    [
        ("auto", MOST_COLUMNS, 20),
        ("auto", MOST_COLUMNS + 1, 0),
        (7, MOST_COLUMNS + 1, 7),
        (0, 5, 0),
        ("auto", 1, 0),
        (7, 0, 0),
    ],
)
def test_trees_are_for_narrow_tables_unless_they_are_counted(
    n_trees, n_columns, expected
):
    assert count_of_trees(n_trees, n_columns) == expected


def test_a_column_is_filled_in_from_the_others(rng):
    X = rng.uniform(size=(200, 3))
    X[:, 2] = X[:, 0] > 0.5
    missing = np.zeros(X.shape, dtype=bool)
    missing[::5, 2] = True
    filled = np.where(missing, 7.0, X)
    given = filled.copy()
    fill = ForestFill(10).fit(filled, missing, rng)
    values = fill.fill(filled, missing)
    np.testing.assert_array_equal(filled, given)
    np.testing.assert_array_equal(values[~missing], X[~missing])
    assert np.abs(values - X)[missing].mean() < 0.1
    np.testing.assert_array_equal(fill.fill(filled[:1], missing[:1]), values[:1])


def test_trees_see_some_of_many_rows(rng, monkeypatch):
    monkeypatch.setattr(forests, "MOST_ROWS", 50)
    X = rng.normal(size=(300, 2))
    fill = ForestFill(2).fit(X, np.zeros(X.shape, dtype=bool), rng)
    for tree in fill.forests_[0].estimators_:
        assert tree.tree_.weighted_n_node_samples[0] == 50
