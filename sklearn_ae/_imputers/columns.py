"""The measures of columns: which have values, their range, mean and spread."""

import numpy as np


class Columns:
    """Measures of the observed values of each column, in double precision.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
    missing : ndarray of bool of shape (n_rows, n_columns)
        Which of its values are missing.

    Attributes
    ----------
    valued : ndarray of bool of shape (n_columns,)
        Which columns have a value; all other attributes are of these alone.
    low, high, mean, scale : ndarray of shape (n_valued,)
        Range, mean and standard deviation, 1 where that is nil.
    """

    def __init__(self, X, missing):
        self.valued = ~missing.all(axis=0)
        X = np.where(missing, np.nan, X)[:, self.valued].astype(np.float64)
        self.low, self.high = np.nanmin(X, axis=0), np.nanmax(X, axis=0)
        # So that columns of equal values have no spread, though sums are rounded.
        self.mean = np.clip(np.nanmean(X, axis=0), self.low, self.high)
        away = X - self.mean
        # So that no square is beyond float64, or nil.
        unit = np.nanmax(np.abs(away), axis=0)
        unit = np.where(unit > 0, unit, 1.0)
        scale = unit * np.sqrt(np.nanmean(np.square(away / unit), axis=0))
        self.scale = np.where(scale > 0, scale, 1.0)

    def standardised(self, X, missing=False):
        """Return rows in standard deviations from the means, with NaN where missing."""
        X = np.where(missing, np.nan, X).astype(np.float64)
        return (X - self.mean) / self.scale

    def in_units(self, rows):
        """Return standardised rows in X's units."""
        return rows * self.scale + self.mean
