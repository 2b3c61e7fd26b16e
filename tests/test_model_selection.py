"""The one-standard-error rule, and LastRows."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    ShuffleSplit,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline

from sklearn_ae import fewest_components
from sklearn_ae._training.defaults import n_validation_rows
from sklearn_ae.model_selection import LastRows


def results(scores, sizes, name="n_components", **others):
    """Return what a search would give for the scores of some candidates by fold."""
    scores = np.array(scores, dtype=float)
    params = [{name: size} for size in sizes]
    for other, values in others.items():
        for candidate, value in zip(params, values, strict=True):
            candidate[other] = value
    return {
        "params": params,
        **{f"param_{each}": None for each in params[0]},
        **{f"split{i}_test_score": fold for i, fold in enumerate(scores.T)},
        "mean_test_score": scores.mean(axis=1),
        "std_test_score": scores.std(axis=1),
    }


# The best candidate's standard error is 0.1.
BEST = [0.8, 1.0, 0.8, 1.0, 0.9 - 0.2, 0.9 + 0.2]
STANDARD_ERROR = np.std(BEST, ddof=1) / np.sqrt(6)


@pytest.mark.parametrize(("below", "chosen"), [(0.99, 0), (1.01, 1)])
@pytest.mark.parametrize("name", ["n_components", "reduce__n_components"])
def test_the_smallest_within_one_standard_error_is_chosen(below, chosen, name):
    scores = [np.full(6, 0.9 - below * STANDARD_ERROR), BEST]
    assert fewest_components(results(scores, [2, 5], name)) == chosen
    assert fewest_components(results(scores[::-1], [5, 2], name)) == 1 - chosen


def test_the_best_is_chosen_where_it_is_the_smallest():
    scores = [BEST, np.subtract(BEST, 0.01)]
    assert fewest_components(results(scores, [2, 5])) == 0


def test_of_one_size_the_better_score_is_chosen():
    scores = [[0.84] * 6, [0.88] * 6, [0.86] * 6, BEST]
    found = results(scores, [2, 2, 2, 5], reduce__C=[1, 2, 3, 4])
    assert fewest_components(found) == 1


def test_shares_of_variance_are_sizes_as_well():
    scores = [[0.5] * 6, [0.89] * 6, BEST]
    assert fewest_components(results(scores, [0.5, 0.8, 0.95])) == 1


def test_what_could_not_be_scored_is_left_out():
    scores = [[np.nan] * 6, [0.89] * 6, BEST]
    assert fewest_components(results(scores, [1, 2, 5])) == 1
    with pytest.raises(ValueError, match="all candidates' means are NaN"):
        fewest_components(results([[np.nan] * 6], [1]))


def test_one_split_has_no_standard_error():
    scores = [[0.89], [0.9]]
    assert fewest_components(results(scores, [2, 5])) == 1


def test_other_parameters_that_end_alike_are_none():
    found = results([[0.5, 0.5]], [2], name="max_n_components")
    with pytest.raises(ValueError, match=r"over one n_components.*Got none instead"):
        fewest_components(found)


def test_two_of_them_are_named():
    found = results([[0.5, 0.5]], [2], name="a__n_components", b__n_components=[3])
    match = r"Got \['a__n_components', 'b__n_components'\] instead"
    with pytest.raises(ValueError, match=match):
        fewest_components(found)


@pytest.mark.parametrize("sizes", [[2, 0.9], [2, "auto"], [2, None]])
def test_sizes_that_do_not_compare(sizes):
    with pytest.raises(ValueError, match="'n_components' that can be compared"):
        fewest_components(results([[0.5, 0.5]] * 2, sizes))


def test_candidates_without_a_size_do_not_compare():
    found = results([[0.5, 0.5]] * 2, [2, 3])
    del found["params"][1]["n_components"]
    with pytest.raises(ValueError, match=r"can be compared.*Got \[2, None\]"):
        fewest_components(found)


@pytest.mark.parametrize("scoring", [["accuracy"], {"mine": "accuracy"}])
def test_one_metric_may_have_a_name(scoring):
    X, y = load_iris(return_X_y=True)
    plain, named = (
        GridSearchCV(
            make_pipeline(PCA(), LogisticRegression(max_iter=500)),
            {"pca__n_components": [1, 2, 3, 4]},
            scoring=given,
            refit=fewest_components,
        ).fit(X, y)
        for given in ("accuracy", scoring)
    )
    assert plain.best_params_ == named.best_params_


def test_several_metrics_are_named():
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(
        make_pipeline(PCA(), LogisticRegression()),
        {"pca__n_components": [1, 2]},
        scoring=["accuracy", "neg_log_loss"],
        refit=fewest_components,
    )
    match = r"one metric, and the search has \['accuracy', 'neg_log_loss'\]"
    with pytest.raises(ValueError, match=match):
        search.fit(X, y)


@pytest.mark.parametrize("kind", [GridSearchCV, RandomizedSearchCV])
def test_searches_take_it(kind):
    X, y = load_iris(return_X_y=True)
    more = {"n_iter": 4} if kind is RandomizedSearchCV else {}
    search = kind(
        make_pipeline(PCA(random_state=0), LogisticRegression(max_iter=500)),
        {"pca__n_components": np.array([1, 2, 3, 4])},
        refit=fewest_components,
        cv=ShuffleSplit(10, random_state=0),
        **more,
    ).fit(X, y)
    means = search.cv_results_["mean_test_score"]
    chosen = search.best_params_["pca__n_components"]
    assert search.best_index_ == fewest_components(search.cv_results_)
    assert search.best_estimator_[0].n_components_ == chosen
    best = np.argmax(means)
    error = search.cv_results_["std_test_score"][best] / np.sqrt(9)
    good = [
        params["pca__n_components"]
        for params, mean in zip(search.cv_results_["params"], means, strict=True)
        if mean >= means[best] - error
    ]
    assert chosen == min(good)


# ---- LastRows


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
