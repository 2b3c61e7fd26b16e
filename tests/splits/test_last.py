"""LastRows: the last rows are held out, a gap before them is on neither side."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score

from sklearn_ae._training.defaults import n_validation_rows
from sklearn_ae.model_selection import LastRows


def sides(splitter, n_rows):
    ((train, test),) = splitter.split(np.zeros((n_rows, 1)))
    return train, test


@pytest.mark.parametrize("gap", [0, 1, 7])
@pytest.mark.parametrize("fraction", ["auto", 0.2])
@pytest.mark.parametrize("n_rows", [30, 1000])
def test_the_last_rows_are_held_out(n_rows, fraction, gap):
    train, test = sides(LastRows(fraction, gap), n_rows)
    n_last = n_validation_rows(n_rows, fraction)
    np.testing.assert_array_equal(test, np.arange(n_rows)[-n_last:])
    np.testing.assert_array_equal(train, np.arange(n_rows - n_last - gap))


def test_a_gap_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="gap=9 leaves none of 10 rows"):
        sides(LastRows(gap=9), 10)


@pytest.mark.parametrize("params", [{"gap": -1}, {"fraction": 1.0}, {"fraction": "x"}])
def test_parameters_are_checked(params):
    with pytest.raises(ValueError, match=next(iter(params))):
        sides(LastRows(**params), 10)


def test_serves_scikit_learn(rng):
    X = rng.normal(size=(50, 3))
    splitter = LastRows(0.2)
    assert splitter.get_n_splits() == 1
    score = cross_val_score(PCA(1), X, cv=splitter)
    assert score == pytest.approx(PCA(1).fit(X[:40]).score(X[40:]))
