"""What pipelines consist of."""

from sklearn.pipeline import Pipeline


def steps_of(estimator):
    """Return what an estimator consists of, in order; a single one is one step.

    Pipelines within pipelines are steps of theirs, a fitted search is what it found.
    Steps that do nothing are left out.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    if not isinstance(estimator, Pipeline):
        return [estimator]
    parts = [step for _, step in estimator.steps if step not in (None, "passthrough")]
    return [step for part in parts for step in steps_of(part)] or [estimator]
