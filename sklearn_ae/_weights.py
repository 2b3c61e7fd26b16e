"""Weights of rows: how they are read, and rows drawn by them."""

from numbers import Real

import numpy as np
from sklearn.utils.validation import check_array, check_consistent_length

from sklearn_ae._arrays import as_numpy


def check_weights(sample_weight, X):
    """Return the weights of rows as an array; None where all count alike.

    Their sum is the number of rows that they stand for. Whole numbers tell how often a
    row is there, others are relative: they are scaled so that rows of any weight count
    one on average.

    Parameters
    ----------
    sample_weight : array-like of shape (n_rows,), float or None
    X : ndarray of shape (n_rows, n_features)

    Returns
    -------
    weights : ndarray of shape (n_rows,), float64, or None

    Raises
    ------
    ValueError
        If one is negative or not finite, if all are zero, or if there are not as many
        as rows.
    """
    if sample_weight is None:
        return None
    if np.isscalar(sample_weight):
        is_number = isinstance(sample_weight, Real)
        if not is_number or not 0 < sample_weight < np.inf:
            raise ValueError(
                "sample_weight must be a weight for each row, a number above 0 or "
                f"None. Got {sample_weight!r} instead."
            )
        return None
    weights = as_numpy(sample_weight, "sample_weight")
    weights = check_array(
        weights, dtype=np.float64, ensure_2d=False, input_name="sample_weight"
    )
    if weights.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar, and sample_weight has "
            f"{weights.ndim} dimensions."
        )
    check_consistent_length(X, weights)
    if (weights < 0).any():
        raise ValueError(
            f"sample_weight must not be negative. Got {weights.min():g} for one row."
        )
    positive = weights > 0
    if not positive.any():
        raise ValueError(
            "Sample weights must contain at least one non-zero number; all values of "
            "sample_weight are zero."
        )
    if (weights == weights[0]).all():
        return None
    if (weights != np.rint(weights)).any():
        weights = weights * (positive.sum() / weights.sum())
    return weights


def given_weights(sample_weight, X):
    """Return checked weights as they were given, one for each row; one where none were.

    Parameters
    ----------
    sample_weight : array-like of shape (n_rows,), float or None
        What `check_weights` takes.
    X : ndarray of shape (n_rows, n_features)
    """
    if sample_weight is None:
        return np.ones(len(X))
    return np.full(len(X), as_numpy(sample_weight, "sample_weight"), dtype=np.float64)


def resampled(weights, n_draws, start):
    """Draw rows in proportion to their weights, as evenly as can be.

    Of ``n_draws * weight / sum`` each row gets the whole number below or above.

    Parameters
    ----------
    weights : ndarray of shape (n_rows,)
    n_draws : int
    start : float
        Uniform in [0, 1): all that is left to chance.

    Returns
    -------
    indices : ndarray of shape (n_draws,)
        In ascending order.
    """
    edges = np.cumsum(weights)
    places = (np.arange(n_draws) + start) * (edges[-1] / n_draws)
    return np.minimum(np.searchsorted(edges, places, side="right"), len(weights) - 1)
