"""How an estimator scores rows, at the end of a pipeline or alone."""

import numpy as np

from sklearn_ae._pipelines import steps_of


def last_step(estimator):
    """Return what scores: the last step of a pipeline, or the estimator itself."""
    return steps_of(estimator)[-1]


def explains_features(estimator):
    """Whether scores can be told feature by feature."""
    return hasattr(last_step(estimator), "_feature_scores")


def outlier_scores(estimator, X):
    """Return scores of rows, the lower the more unusual, as float64."""
    own = getattr(last_step(estimator), "_outlier_scores", None)
    if own is None:
        return np.asarray(estimator.score_samples(X), dtype=np.float64)
    return np.asarray(own(before_last_step(estimator, X)), dtype=np.float64)


def feature_scores(estimator, X):
    """Return how unusual each feature of rows is, as the last step has them."""
    return last_step(estimator)._feature_scores(before_last_step(estimator, X))


def before_last_step(estimator, X):
    """Return rows as the last step gets them."""
    for step in steps_of(estimator)[:-1]:
        X = step.transform(X)
    return X
