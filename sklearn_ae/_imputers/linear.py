"""Fills by probabilistic PCA: means given the observed values, of several ranks."""

import numpy as np
import torch

from sklearn_ae._modules.gaps import linear_fill
from sklearn_ae._pca.start import fit_start

# Axes at most: each further one costs more than the last.
MOST_AXES = 64


def ranks(n_rows, n_columns):
    """Return the numbers of axes to try; none at all fills in the mean."""
    most = max(min(n_columns - 1, n_rows - 2, MOST_AXES), 0)
    return np.unique([0, min(2, most), most])


class LinearFill:
    """Probabilistic PCA of standardised rows with gaps.

    Parameters
    ----------
    n_axes : int
        None at all fills in the mean.

    Attributes
    ----------
    mean_ : ndarray of shape (n_columns,)
    loadings_ : Tensor of shape (n_axes, n_columns) or None
        Over the noise's standard deviation.
    rank_ : int
        Number of axes along which there is variance.
    """

    def __init__(self, n_axes):
        self.n_axes = n_axes

    def fit(self, X, rng):
        """Fit the axes; each column of X has a value."""
        if self.n_axes == 0:
            self.mean_ = np.nanmean(X, axis=0)
            self.loadings_, self.rank_ = None, 0
            return self
        start, _ = fit_start(X, self.n_axes, "pca", rng)
        noise = start.noise_variance
        signal = np.maximum(start.variances - noise, 0.0) / noise
        loadings = start.components * np.sqrt(signal)[:, np.newaxis]
        self.mean_, self.rank_ = start.mean, start.rank
        self.loadings_ = torch.from_numpy(loadings)
        return self

    def fill(self, X):
        """Return rows with the means of their missing values."""
        missing = np.isnan(X)
        if self.loadings_ is None:
            return np.where(missing, self.mean_, X)
        centred = torch.from_numpy(np.where(missing, 0.0, X - self.mean_))
        filled = linear_fill(centred, torch.from_numpy(missing), self.loadings_)
        return np.where(missing, filled.numpy() + self.mean_, X)
