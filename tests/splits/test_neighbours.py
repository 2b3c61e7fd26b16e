"""Rows that are like their neighbours are recognised, sorted ones are not."""

import numpy as np
import pytest
from sklearn.datasets import load_iris, load_wine

from sklearn_ae._splits.neighbours import ALIKE, FEWEST, share_of_neighbours


def series(rng):
    """Windows of a random walk, a step apart."""
    values = np.cumsum(rng.normal(size=450))
    return np.lib.stride_tricks.sliding_window_view(values, 20)


def subjects(rng):
    rows = np.repeat(rng.normal(size=(60, 10)), 5, axis=0)
    return rows + 0.3 * rng.normal(size=rows.shape)


@pytest.mark.parametrize("draw", [series, subjects])
def test_dependent_rows_are_alike_until_they_are_shuffled(rng, draw):
    rows = draw(rng)
    assert share_of_neighbours(rows) > ALIKE
    assert share_of_neighbours(rng.permutation(rows)) < ALIKE / 2


def test_independent_rows_are_not(rng):
    assert share_of_neighbours(rng.normal(size=(300, 5))) < 0.1


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_rows_sorted_by_class_are_not(load):
    X, y = load(return_X_y=True)
    assert (np.diff(y) >= 0).all()
    assert share_of_neighbours(X - X.mean(axis=0)) < ALIKE


def test_copies_say_nothing(rng):
    rows = np.repeat(rng.normal(size=(100, 5)), 3, axis=0)
    assert share_of_neighbours(rows) < ALIKE


def test_few_rows_say_nothing(rng):
    assert share_of_neighbours(series(rng)[: FEWEST - 1]) == 0
    assert share_of_neighbours(series(rng)[:FEWEST]) > ALIKE


def test_missing_values_are_taken_and_rows_stay_as_they_are(rng):
    rows = np.array(series(rng), dtype=np.float32)
    rows[::3, 0] = np.nan
    before = rows.tobytes()
    assert share_of_neighbours(rows - np.nanmean(rows, axis=0)) > ALIKE
    assert rows.tobytes() == before
    assert share_of_neighbours(np.zeros((50, 2))) == 0
