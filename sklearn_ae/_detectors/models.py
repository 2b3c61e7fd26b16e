"""The models of a detector: what they are fitted to, and with what."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.validation import check_consistent_length, has_fit_parameter

from sklearn_ae._detectors.scoring import last_step
from sklearn_ae._estimators.vae import VAETransformer
from sklearn_ae._splits.told import checked_groups
from sklearn_ae._utils import some_rows
from sklearn_ae._weights import check_weights

FEWEST_ROWS = 3
# Of the default model.
FEWEST_COMPONENTS, MOST_COMPONENTS = 2, 4


@dataclass(frozen=True)
class Told:
    """What ``fit`` was told of rows; those of no weight are left out.

    Attributes
    ----------
    kept : ndarray of int
        The rows that are left.
    y : ndarray or None
        Of all rows.
    weights, groups : ndarray of shape (n_kept,) or None
    weight : float
        The weight of all, one for each row without weights.
    """

    kept: np.ndarray
    y: Any
    weights: np.ndarray | None
    groups: np.ndarray | None
    weight: float


def told_of(detector, rows, y, sample_weight, groups):
    """Return what ``fit`` was told, if it can be done.

    Raises
    ------
    ValueError
        If there are too few rows or groups, or something is not as long as X.
    """
    name = type(detector).__name__
    weights = check_weights(sample_weight, rows)
    kept = np.arange(len(rows)) if weights is None else np.flatnonzero(weights)
    if len(kept) < FEWEST_ROWS:
        raise ValueError(
            f"{name} needs at least {FEWEST_ROWS} rows of some weight, to train on and "
            f"to calibrate by, but n_samples={len(kept)}."
        )
    if y is not None:
        y = np.asarray(y)
        check_consistent_length(rows, y)
    if groups is not None:
        groups = checked_groups(groups, rows)[kept]
        if len(np.unique(groups)) < 2:
            raise ValueError(
                f"groups has 1 group, but {name} needs at least 2, to train on one and "
                "to calibrate by another."
            )
    if weights is not None:
        weights = weights[kept]
    weight = float(len(kept) if weights is None else weights.sum())
    return Told(kept, y, weights, groups, weight)


def base_model(detector, n_rows=0):
    """Return what the detector's models are copies of.

    That of a detector without an estimator depends on X's size, if it is told.
    """
    if detector.estimator is not None:
        return detector.estimator
    n_features = getattr(detector, "n_features_in_", 0)
    n_components = min(n_features // 4, int(n_rows) // 20)
    n_components = min(max(n_components, FEWEST_COMPONENTS), MOST_COMPONENTS)
    # Of one column there is no second component.
    return VAETransformer(min(n_components, max(n_features, 1)))


def seeded(model, stream):
    """Return a copy of which each random part without a seed has one."""
    model = clone(model)
    seeds = {
        name: stream.randint(2**31)
        for name, value in sorted(model.get_params(deep=True).items(), key=_name)
        if name.rpartition("__")[2] == "random_state" and value is None
    }
    return model.set_params(**seeds)


def _name(item):
    return item[0]


def fitted(detector, model, X, told, chosen):
    """Return a copy of a model, fitted to some of the rows.

    Parameters
    ----------
    detector : AnomalyDetector
        Routes metadata.
    model : estimator
    X : array-like or frame of shape (n_rows, n_features)
    told : Told
    chosen : ndarray of shape (n_kept,), bool
    """
    index = told.kept[chosen]
    arguments = {
        name: values[chosen]
        for name, values in (
            ("sample_weight", told.weights),
            ("groups", told.groups),
        )
        if values is not None
    }
    y = None if told.y is None else told.y[index]
    arguments = _routed(detector, model, arguments)
    return clone(model).fit(some_rows(X, index), y, **arguments)


def _routed(detector, model, arguments):
    """Return arguments by the names that the model's ``fit`` has for them."""
    if get_config()["enable_metadata_routing"]:
        return process_routing(detector, "fit", **arguments).estimator.fit
    last, prefix = last_step(model), ""
    while isinstance(model, Pipeline):
        name, model = model.steps[-1]
        prefix += f"{name}__"
    if "sample_weight" in arguments and not has_fit_parameter(last, "sample_weight"):
        raise ValueError(
            f"sample_weight cannot be used: fit of {type(last).__name__} takes none."
        )
    return {
        prefix + name: values
        for name, values in arguments.items()
        if has_fit_parameter(last, name)
    }
