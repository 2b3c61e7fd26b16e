"""The weights of fills, from values that were hidden from all of them."""

import numpy as np
from scipy.optimize import nnls

# Hidden values of all columns that a column's own are weighed against.
PRIOR_VALUES = 50


def rms_errors(errors):
    """Return the root mean square of each column of errors; NaN of none."""
    if not len(errors):
        return np.full(errors.shape[1], np.nan)
    return np.sqrt(np.mean(np.square(errors), axis=0))


def blend_weights(errors):
    """Return the weights of fills whose weighted mean errs least.

    They are not negative and sum to one, so the weighted mean errs no more than the
    best of the fills does, on the values that are given.

    Parameters
    ----------
    errors : ndarray of shape (n_values, n_fills)
        Of each fill of each hidden value. Without values the first fill is all.

    Returns
    -------
    weights : ndarray of shape (n_fills,)
    """
    n_fills = errors.shape[1]
    first = np.eye(n_fills)[0]
    scale = np.sqrt(np.mean(np.square(errors))) if len(errors) else 0.0
    if scale == 0:
        return first
    triangle = np.linalg.qr(errors / scale, mode="r")
    # Weights that need not sum to one, and a penalty of how far their sum is from it:
    # over their sum they are the best of those that do, whatever the penalty's weight.
    rows = np.vstack([triangle, np.ones(n_fills)])
    aim = np.zeros(len(rows))
    aim[-1] = 1.0
    weights, _ = nnls(rows, aim)
    return weights / weights.sum()


def column_weights(errors, hidden):
    """Return the weights of fills in each column.

    A column has few hidden values, so all of them count as `PRIOR_VALUES` of its own.
    In total the weighted means still err no more than the best of the fills does.

    Parameters
    ----------
    errors : ndarray of shape (n_values, n_fills)
        Of each fill of each hidden value.
    hidden : ndarray of bool of shape (n_rows, n_columns)
        Where these were, in the order of ``errors``: row by row.

    Returns
    -------
    weights : ndarray of shape (n_fills, n_columns)
    """
    if not len(errors):
        return np.repeat(blend_weights(errors)[:, np.newaxis], hidden.shape[1], axis=1)
    shared = np.linalg.qr(errors, mode="r") * np.sqrt(PRIOR_VALUES / len(errors))
    columns = np.nonzero(hidden)[1]
    each = [
        blend_weights(np.vstack([errors[columns == column], shared]))
        for column in range(hidden.shape[1])
    ]
    return np.stack(each, axis=1)
