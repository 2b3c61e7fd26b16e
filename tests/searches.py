"""Searches that several processes or threads make, and whether two are the same."""

import numpy as np
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV

GRID = {"n_components": [1, 2], "learning_rate": [1e-3, 1e-2]}


def halving(*args, **kwargs):
    """Return a search that drops most candidates after few rows."""
    return HalvingGridSearchCV(*args, min_resources=60, random_state=0, **kwargs)


def assert_same_search(one, other):
    assert one.best_params_ == other.best_params_
    results = one.cv_results_
    scores = [name for name in results if name.endswith("_test_score")]
    assert len(scores) > 3
    for name in scores:
        np.testing.assert_array_equal(results[name], other.cv_results_[name])
    weights, others = (
        each.best_estimator_.net_.module_.state_dict() for each in (one, other)
    )
    assert weights.keys() == others.keys()
    for name, value in weights.items():
        assert (value == others[name]).all()
