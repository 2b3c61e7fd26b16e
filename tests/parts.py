"""Parts made by hand, for the tests of the torch modules."""

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

from sklearn_ae._modules.autoencoder import Autoencoder
from sklearn_ae._modules.frames import pca_frame, ppca_frame
from sklearn_ae._modules.variational import VariationalAutoencoder
from sklearn_ae.likelihoods import Gaussian
from sklearn_ae.losses import SquaredError
from sklearn_ae.priors import StandardNormal


def ppca_of(X, n_components):
    """Return PCA's mean, and the loadings and noise variance of probabilistic PCA.

    As scikit-learn has it, but for wide tables. There eigenvalues are the likeliest,
    and mean and axes have taken degrees of freedom of the noise.
    """
    n_rows, n_features = X.shape
    pca = PCA(n_components, svd_solver="full").fit(X)
    if n_rows > n_features:
        noise, eigenvalues = pca.noise_variance_, pca.explained_variance_
        signal = np.maximum(eigenvalues - noise, 0.0)
        return pca.mean_, pca.components_.T * np.sqrt(signal), noise
    left = n_rows * X.var(axis=0).sum() - (n_rows - 1) * pca.explained_variance_.sum()
    noise = left / (n_rows - 1 - n_components) / (n_features - n_components)
    eigenvalues = pca.explained_variance_ * (n_rows - 1) / n_rows
    signal = np.maximum(eigenvalues - noise, 0.0)
    return pca.mean_, pca.components_.T * np.sqrt(signal), noise


def ppca_scores(X, rows, n_components):
    """Return log-likelihoods of rows by the probabilistic PCA of X, exactly."""
    mean, loadings, noise = ppca_of(X, n_components)
    covariance = loadings @ loadings.T + noise * np.eye(len(mean))
    left = rows - mean
    distances = np.sum(left * np.linalg.solve(covariance, left.T).T, axis=1)
    volume = np.linalg.slogdet(covariance)[1] + len(mean) * np.log(2 * np.pi)
    return -0.5 * (distances + volume)


class Constant(nn.Module):
    """Gives the same row whatever it gets."""

    def __init__(self, *row):
        super().__init__()
        self.register_buffer("row", torch.tensor(row))

    def forward(self, x):
        return self.row.expand(len(x), -1)


def autoencoder(start, encoder=None, decoder=None, loss=None, **parts):
    frame = pca_frame(start, pooled_input=False, corrupted=False)
    loss = loss or SquaredError()
    cost = loss.build(center=start.mean, unit=start.residual_rms)
    encoder = encoder or Constant(0.0)
    decoder = decoder or Constant(0.0, 0.0, 0.0, 0.0)
    return Autoencoder(encoder, decoder, frame, cost, **parts).eval()


def built_prior(prior, start):
    rows = np.random.RandomState(1).normal(size=(20, len(start.mean)))
    rows = (rows * start.feature_scale).astype(np.float32)
    return prior.build(len(start.variances), rows, start.feature_scale)


def variational(start, encoder=None, decoder=None, likelihood=None, **parts):
    frame = ppca_frame(start, pooled_input=False, corrupted=False)
    cost = (likelihood or Gaussian()).build(
        center=start.mean, noise_scale=np.sqrt(start.noise_variance), noise_floor=1e-6
    )
    encoder = encoder or Constant(0.0, 0.0)
    decoder = decoder or Constant(0.0, 0.0, 0.0, 0.0)
    prior = built_prior(parts.pop("prior", StandardNormal()), start)
    parts = {"corruption": None, "penalty": None, **parts}
    return VariationalAutoencoder(
        encoder, decoder, frame, cost, **parts, prior=prior
    ).eval()


def legend_of(figure):
    """Return the only legend of a figure, or None."""
    legends = [ax.get_legend() for ax in figure.axes if ax.get_legend() is not None]
    assert len(legends) <= 1
    return legends[0] if legends else None


def legend_texts(figure):
    return [text.get_text() for text in legend_of(figure).get_texts()]
