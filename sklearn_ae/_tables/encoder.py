"""The first half of a fitted TableVAETransformer, as a step before its VAE."""

import numpy as np


class TableEncoder:
    """From tables to the rows that the VAE gets, and back to the numbers of tables.

    Parameters
    ----------
    model : TableVAETransformer
        A fitted one.
    """

    def __init__(self, model):
        self.model = model

    def transform(self, X):
        """Return the rows of a table as the VAE gets them, NaN for what is missing."""
        columns, _ = self.model._columns(X)
        return self.model._encoded(columns)

    def inverse_transform(self, rows):
        """Return a table of numbers as an array."""
        table = self.model._table
        return np.asarray(table.frame(table.decode(rows)), dtype=np.float64)

    def get_feature_names_out(self, names=None):
        """Return names of the columns that the VAE gets; categories have several."""
        names = []
        for column in self.model._table.order:
            if column.is_category:
                names += [f"{column.name}_{value}" for value in column.categories]
            else:
                names.append(str(column.name))
        return np.array(names, dtype=object)
