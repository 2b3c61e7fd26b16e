"""Distributions over codes: a VAE's prior, and the density an autoencoder samples from.

A prior is a small estimator without torch state; ``build`` gives its module, with
``kl(mean, log_variance)`` of each row, ``log_prob(z)`` and ``sample(n, generator)``. A
code density is fitted to codes after training: ``fit(codes)`` and ``sample``.
"""

import math
import warnings
from numbers import Integral

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as _SklearnMixture
from sklearn.utils import check_random_state
from torch import nn

from sklearn_ae._utils import Interval, check_parameters

__all__ = ["GaussianMixture", "StandardNormal"]


class _BuiltStandardNormal(nn.Module):
    def __init__(self, n_components):
        super().__init__()
        self.n_components = n_components

    def kl(self, mean, log_variance):
        return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)

    def log_prob(self, z):
        constant = 0.5 * self.n_components * math.log(2 * math.pi)
        return -0.5 * z.square().sum(-1) - constant

    def sample(self, n_samples, generator):
        return torch.randn(n_samples, self.n_components, generator=generator)


class StandardNormal(BaseEstimator):
    """Independent standard normal latents, the usual prior of a VAE.

    References
    ----------
    .. [1] Kingma, D. P. & Welling, M. (2014). Auto-encoding variational Bayes.
       International Conference on Learning Representations.

    Examples
    --------
    >>> from sklearn_ae import VAETransformer
    >>> from sklearn_ae.priors import StandardNormal
    >>> VAETransformer(prior=StandardNormal())
    VAETransformer(prior=StandardNormal())
    """

    def build(self, n_components):
        """Return the module of the prior over `n_components` latents."""
        return _BuiltStandardNormal(n_components)


class GaussianMixture(BaseEstimator):
    """Mixture of Gaussians fitted to training codes, for sampling an autoencoder.

    scikit-learn's mixture with full covariances; the number of its components is the
    one with the lowest BIC.

    Parameters
    ----------
    max_components : int, default=10
        The largest number of mixture components tried.
    random_state : int, RandomState or None, default=None
        For the mixture's starting points; `AutoencoderTransformer` seeds None from its
        own `random_state`.

    Attributes
    ----------
    mixture_ : sklearn.mixture.GaussianMixture
        The fitted mixture, on standardised codes.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.priors import GaussianMixture
    >>> AutoencoderTransformer(latent_density=GaussianMixture(max_components=3))
    AutoencoderTransformer(latent_density=GaussianMixture(max_components=3))
    """

    _parameter_constraints: dict = {
        "max_components": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, max_components=10, random_state=None):
        self.max_components = max_components
        self.random_state = random_state

    def fit(self, codes, y=None):
        """Fit the mixture to codes.

        Parameters
        ----------
        codes : ndarray of shape (n_samples, n_components)
            Codes of the training rows.
        y : None
            Ignored.

        Returns
        -------
        self : GaussianMixture
            The fitted density.
        """
        check_parameters(self)
        codes = np.asarray(codes, dtype=np.float64)
        self.mean_ = codes.mean(axis=0)
        scale = codes.std(axis=0)
        self.scale_ = np.where(scale > 0, scale, 1.0)
        self.constant_ = scale == 0
        standardised = (codes - self.mean_) / self.scale_
        # A component needs more rows than a covariance has columns.
        largest = len(codes) // (2 * (codes.shape[1] + 1))
        sizes = range(1, max(1, min(self.max_components, largest)) + 1)
        random_state = check_random_state(self.random_state)
        mixtures = [
            _SklearnMixture(size, reg_covar=1e-6, random_state=random_state)
            for size in sizes
        ]
        if len(codes) == 1:
            standardised = np.repeat(standardised, 2, axis=0)
        with warnings.catch_warnings():
            # A mixture that has not quite converged still competes by its BIC.
            warnings.simplefilter("ignore", ConvergenceWarning)
            for mixture in mixtures:
                mixture.fit(standardised)
        self.mixture_ = min(mixtures, key=lambda mixture: mixture.bic(standardised))
        return self

    def sample(self, n_samples=1, random_state=None):
        """Draw codes.

        Parameters
        ----------
        n_samples : int, default=1
            Number of codes.
        random_state : int, RandomState or None, default=None
            For the draws.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            The codes.
        """
        rng = check_random_state(random_state)
        counts = rng.multinomial(n_samples, self.mixture_.weights_)
        draws = [
            rng.multivariate_normal(mean, covariance, size=count)
            for mean, covariance, count in zip(
                self.mixture_.means_, self.mixture_.covariances_, counts, strict=True
            )
        ]
        draws = rng.permutation(np.concatenate(draws))
        draws[:, self.constant_] = 0.0
        return self.mean_ + self.scale_ * draws


PRIORS = {"normal": StandardNormal}
CODE_DENSITIES = {"gaussian_mixture": GaussianMixture}
