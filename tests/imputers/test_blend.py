"""The weights of fills."""

import numpy as np
import pytest

from sklearn_ae._imputers.blend import blend_weights, rms_errors


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
