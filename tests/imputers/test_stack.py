"""The weighted mean of fills, and of forests that go by it."""

import numpy as np
import pytest

from sklearn_ae._imputers.stack import Stack


def by(value):
    return lambda rows: np.where(np.isnan(rows), value, rows)


@pytest.fixture
def squares(rng):
    """Columns that tell each other in steps, a fifth of them hidden."""
    X = np.floor(4 * rng.uniform(size=(200, 1))) * [1.0, -1.0, 2.0]
    return X, rng.uniform(size=X.shape) < 0.2


def test_without_forests_functions_are_all(squares, rng):
    X, hidden = squares
    stack = Stack(0).fit([by(0.0), by(1.0)], X, hidden, rng)
    stack.refit_forests([by(0.0), by(1.0)], X, rng)
    assert stack.forests_ == []
    assert stack.weights_.shape == (2, 3)
    assert stack.error_ <= stack.errors_.min()
    filled = stack.fill([by(5.0), by(5.0)], np.where(hidden, np.nan, X))
    np.testing.assert_allclose(filled, np.where(hidden, 5.0, X))


def test_forests_take_turns(squares, rng):
    X, hidden = squares
    stack = Stack(5).fit([by(0.0)], X, hidden, rng)
    assert len(stack.forests_) == 1
    assert stack.weights_[-1].min() > 0.5
    holed = np.where(hidden, np.nan, X)
    stack.refit_forests([by(0.0)], holed, rng)
    assert len(stack.forests_) > 1
    filled = stack.fill([by(0.0)], holed)
    assert np.abs(filled - X)[hidden].mean() < 0.5 * np.abs(X)[hidden].mean()
    np.testing.assert_allclose(filled[~hidden], X[~hidden])


def test_forests_without_a_weight_go(squares, rng):
    X, hidden = squares
    stack = Stack(2).fit([by(0.0)], X, hidden, rng)
    stack.weights_[-1] = 0.0
    stack.refit_forests([by(0.0)], X, rng)
    assert stack.forests_ == []


def test_without_hidden_values_the_first_function_is_all(squares, rng):
    X, hidden = squares
    stack = Stack(5).fit([by(0.0), by(1.0)], X, np.zeros_like(hidden), rng)
    assert stack.forests_ == []
    np.testing.assert_array_equal(stack.weights_, [[1, 1, 1], [0, 0, 0]])
    assert np.isnan(stack.error_)
