"""Fills by forests: each column from the others, which another fill completed."""

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

# Rows that a tree sees at most.
MOST_ROWS = 5000
# Columns above which forests take longer than all else.
MOST_COLUMNS = 50


def count_of_trees(n_trees, n_columns):
    """Return the number of trees of a column; none where there is nothing to learn."""
    if n_columns < 2:
        return 0
    if n_trees == "auto":
        return 20 if n_columns <= MOST_COLUMNS else 0
    return n_trees


class ForestFill:
    """A forest of each column given the others.

    Parameters
    ----------
    n_trees : int
        Of each forest.

    Attributes
    ----------
    forests_ : list of ExtraTreesRegressor of length n_columns
    """

    def __init__(self, n_trees):
        self.n_trees = n_trees

    def fit(self, filled, missing, rng):
        """Fit the forests.

        Parameters
        ----------
        filled : ndarray of shape (n_rows, n_columns)
            Standardised rows that another fill completed.
        missing : ndarray of bool of shape (n_rows, n_columns)
            Where it did; each column has a value that was not missing.
        rng : RandomState
        """
        self.forests_ = []
        for column, absent in enumerate(missing.T):
            inputs = np.delete(filled[~absent], column, axis=1)
            is_long = len(inputs) > MOST_ROWS
            forest = ExtraTreesRegressor(
                self.n_trees,
                bootstrap=is_long,
                max_samples=MOST_ROWS if is_long else None,
                random_state=rng.randint(2**31),
            )
            self.forests_.append(forest.fit(inputs, filled[~absent, column]))
        return self

    def fill(self, filled, missing):
        """Return rows whose missing values are those of the forests."""
        values = filled.copy()
        for column, absent in enumerate(missing.T):
            if absent.any():
                inputs = np.delete(filled[absent], column, axis=1)
                values[absent, column] = self.forests_[column].predict(inputs)
        return values
