"""The weights of fills."""

import numpy as np
import pytest

from sklearn_ae._imputers.blend import blend_weights, column_weights, rms_errors


def test_weights_are_the_best_of_those_that_sum_to_one(rng):
    errors = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4))
    weights = blend_weights(errors)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    least = np.sum((errors @ weights) ** 2)
    for other in rng.dirichlet(np.ones(4), size=2000):
        assert np.sum((errors @ other) ** 2) >= least * (1 - 1e-9)
    scaled = blend_weights(1e-6 * errors)
    np.testing.assert_allclose(scaled, weights, atol=1e-8)


def test_a_fill_without_error_is_all(rng):
    errors = rng.normal(size=(50, 3))
    errors[:, 1] = 0.0
    np.testing.assert_allclose(blend_weights(errors), [0, 1, 0], atol=1e-8)


def test_without_hidden_values_the_first_is_all():
    errors = np.empty((0, 3))
    np.testing.assert_array_equal(blend_weights(errors), [1, 0, 0])
    assert np.isnan(rms_errors(errors)).all()
    np.testing.assert_array_equal(blend_weights(np.zeros((4, 3))), [1, 0, 0])


def test_a_column_has_the_weights_that_are_best_there(rng):
    hidden = rng.uniform(size=(1000, 3)) < 0.3
    errors = rng.normal(size=(1000, 3, 2))
    # The first fill is good in the first column, the second in the others.
    errors[:, 0, 0] *= 0.1
    errors[:, 1:, 1] *= 0.1
    weights = column_weights(errors[hidden], hidden)
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    assert weights[0, 0] > 0.5
    assert weights[1, 1:].min() > 0.9
    scaled = column_weights(1e-6 * errors[hidden], hidden)
    np.testing.assert_allclose(scaled, weights, atol=1e-6)


def test_columns_of_few_hidden_values_have_the_weights_of_all(rng):
    hidden = rng.uniform(size=(500, 3)) < 0.3
    hidden[:, 2] = False
    errors = rng.normal(size=(hidden.sum(), 4))
    weights = column_weights(errors, hidden)
    np.testing.assert_allclose(weights[:, 2], blend_weights(errors), atol=1e-8)
    columns = np.nonzero(hidden)[1]
    blended = np.sum(errors * weights[:, columns].T, axis=1)
    assert np.square(blended).sum() <= np.square(errors).sum(axis=0).min()
    nothing = column_weights(np.empty((0, 4)), np.zeros((5, 3), dtype=bool))
    np.testing.assert_array_equal(nothing, np.eye(4)[:, [0, 0, 0]])
