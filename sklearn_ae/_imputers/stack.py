"""The weighted mean of fills, and of forests that go by the mean of the others."""

import numpy as np

from sklearn_ae._imputers.blend import blend_weights, column_weights, rms_errors
from sklearn_ae._imputers.forests import ForestFill

# Times that forests take turns with the mean of all: what they fill in better is of use
# to the forests of other columns.
TURNS = 2


def mixed(functions, rows, *weights):
    """Return weighted means of what functions fill in, each of weights of its own.

    Parameters
    ----------
    functions : list of callables
        Each takes rows with NaN, and returns them without.
    rows : ndarray of shape (n_rows, n_columns)
    *weights : ndarrays of shape (n_functions,) or (n_functions, n_columns)

    Returns
    -------
    means : list of ndarrays of shape (n_rows, n_columns)
    """
    means = [np.zeros_like(rows) for _ in weights]
    for function, *each in zip(functions, *weights, strict=True):
        if any(np.any(weight > 0) for weight in each):
            fill = function(rows)
            for mean, weight in zip(means, each, strict=True):
                mean += weight * fill
    return means


class Stack:
    """Weights of fills by their errors of hidden values.

    Parameters
    ----------
    n_trees : int
        Of the forest of a column; without any there are no forests.

    Attributes
    ----------
    shared_ : ndarray of shape (n_functions,)
        Weights of the mean that forests go by.
    weights_ : ndarray of shape (n_fills, n_columns)
        Of the functions and then, if there are any, of the forests.
    errors_ : ndarray of shape (n_fills,)
        Root mean squares of the errors of hidden values.
    error_ : float
        The same of the weighted mean.
    forests_ : list of ForestFill
        Of each turn.
    """

    def __init__(self, n_trees):
        self.n_trees = n_trees

    def fit(self, functions, rows, hidden, rng):
        """Weigh functions, which have not seen the hidden values, and the forests.

        Parameters
        ----------
        functions : list of callables
            Each takes rows with NaN, and returns them without.
        rows : ndarray of shape (n_rows, n_columns)
        hidden : ndarray of bool of shape (n_rows, n_columns)
            Which of their values were hidden.
        rng : RandomState
        """
        touched = hidden.any(axis=1)
        truth, places = rows[hidden], hidden[touched]
        holed = np.where(hidden, np.nan, rows)
        errors = np.empty((hidden.sum(), len(functions)))
        if len(truth):
            for number, function in enumerate(functions):
                errors[:, number] = function(holed[touched])[places] - truth
        self.shared_, self.forests_ = blend_weights(errors), []
        if self.n_trees and len(truth):
            missing = np.isnan(holed)
            (filled,) = mixed(functions, holed, self.shared_)
            forests = ForestFill(self.n_trees).fit(filled, missing, rng)
            self.forests_ = [forests]
            values = forests.fill(filled[touched], missing[touched])
            errors = np.column_stack([errors, values[places] - truth])
        self.weights_ = column_weights(errors, hidden)
        self.errors_ = rms_errors(errors)
        of_values = self.weights_[:, np.nonzero(hidden)[1]].T
        self.error_ = float(rms_errors((errors * of_values).sum(axis=1)[:, None])[0])
        return self

    def refit_forests(self, functions, rows, rng):
        """Let forests learn from all values, in turns; without a weight they go."""
        if not self.forests_:
            return
        self.forests_ = []
        weights = self.weights_[-1]
        if not np.any(weights > 0):
            return
        missing = np.isnan(rows)
        mean, filled = self._means(functions, rows)
        for _ in range(TURNS):
            forests = ForestFill(self.n_trees).fit(filled, missing, rng)
            self.forests_.append(forests)
            filled = mean + weights * forests.fill(filled, missing)

    def fill(self, functions, rows):
        """Return rows with the weighted means of their missing values."""
        if not self.forests_:
            return mixed(functions, rows, self.weights_[: len(functions)])[0]
        missing = np.isnan(rows)
        mean, filled = self._means(functions, rows)
        for forests in self.forests_:
            filled = mean + self.weights_[-1] * forests.fill(filled, missing)
        return filled

    def _means(self, functions, rows):
        """Return what functions add to the mean of all, and what forests start at."""
        weights = self.weights_[: len(functions)]
        return mixed(functions, rows, weights, self.shared_)
