"""Distributions over codes: a VAE's prior, and the density an autoencoder samples from.

A prior is a small estimator without torch state; ``build`` gives its module, whose
``given(posterior)`` returns the prior for the encoder's present weights: a module with

- ``kl_terms(mean, log_variance, code)``: terms of each row's KL divergence, perhaps
  estimated at the one draw `code`;
- ``log_prob(code)`` and ``sample(n_samples, generator)``.

A code density is fitted to codes after training: ``fit(codes)`` and ``sample``. A prior
that has ``as_module`` is refitted, to the codes by ``fit(codes, normal_weight=...)`` or
to posteriors by ``fit_posteriors(means, deviations, normal_weight=...)``, where the
standard normal distribution has that weight, and ``as_module`` is then the density. Its
module has ``refit(density)``, which makes that module part of its own, ``fitted``;
``refit(None)`` forgets it.
"""

import math
import warnings
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as _SklearnMixture
from sklearn.utils import check_random_state
from torch import nn

from sklearn_ae._modules.codes import (
    DiagonalMixture,
    FittedMixture,
    PosteriorCodes,
    RefittedCodes,
    StandardNormalCodes,
)
from sklearn_ae._utils import Interval, RandomStateLike, check_parameters

# Numbers of components grow by this factor, until the BIC has risen so often in a row.
GROWTH, RISES = 1.4, 2

__all__ = ["AggregatePosterior", "GaussianMixture", "StandardNormal", "VampPrior"]


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

    def build(self, n_components, rows, feature_scale):
        """Return the module of the prior.

        Parameters
        ----------
        n_components : int
            Number of latents.
        rows : ndarray of shape (n_rows, n_features)
            Some centred training rows.
        feature_scale : ndarray of shape (n_features,)
            Standard deviation of each column.
        """
        return StandardNormalCodes(n_components)


def _mixture_sizes(largest):
    yield (size := 1)
    while size < largest:
        yield (size := min(math.ceil(GROWTH * size), largest))


class GaussianMixture(BaseEstimator):
    """Mixture of Gaussians fitted to training codes.

    scikit-learn's mixture with full covariances; the number of its components is the
    one with the lowest BIC of those tried. `AutoencoderTransformer` samples from it.
    `VAETransformer` trains with a standard normal prior and fits the mixture to draws
    of the training rows' codes afterwards; it is kept as the prior if it makes held-out
    rows significantly more likely.

    Parameters
    ----------
    max_components : int, default=40
        The largest number of mixture components tried: after 1, 2, 3, 5, 7, 10 and so
        on, each 1.4 times the last, until the BIC has risen twice.
    random_state : int, RandomState or None, default=None
        For the mixture's starting points; the autoencoders seed None from their own
        `random_state`.

    Attributes
    ----------
    mixture_ : sklearn.mixture.GaussianMixture
        The fitted mixture, on standardised codes.
    normal_weight_ : float
        Weight of a standard normal distribution beside it. A `VAETransformer` gives it
        the weight of one row, so that no row can become less likely than under the
        prior of training by more than the logarithm of their number [1]_; it is 0.0 in
        an `AutoencoderTransformer`.

    References
    ----------
    .. [1] Hesterberg, T. (1995). Weighted average importance sampling and defensive
       mixture distributions. Technometrics 37, 185-194.

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

    def __init__(
        self,
        max_components: int = 40,
        random_state: RandomStateLike = None,
    ) -> None:
        self.max_components = max_components
        self.random_state = random_state

    def build(self, n_components, rows, feature_scale):
        """Return the module of the prior in training, a standard normal one."""
        check_parameters(self)
        return RefittedCodes(n_components, FittedMixture)

    def as_module(self):
        """Return the fitted density as a module with ``log_prob`` and ``sample``."""
        mixture = self.mixture_
        # From codes to what is standard normal in each component.
        factors = mixture.precisions_cholesky_ / self.scale_[:, np.newaxis]
        means = self.mean_ + self.scale_ * mixture.means_
        arrays = {
            "factors": factors,
            "offsets": np.einsum("cj,cjk->ck", means, factors),
            "log_factors": np.log(mixture.weights_)
            + np.linalg.slogdet(factors)[1]
            - 0.5 * means.shape[1] * math.log(2 * math.pi),
            "weights": np.append(
                self.normal_weight_,
                (1 - self.normal_weight_) * mixture.weights_,
            ),
        }
        return FittedMixture(arrays)

    def fit(
        self, codes: ArrayLike, y: Any = None, *, normal_weight: float = 0.0
    ) -> Self:
        """Fit the mixture to codes.

        Parameters
        ----------
        codes : ndarray of shape (n_samples, n_components)
            Codes of the training rows.
        y : None
            Ignored.
        normal_weight : float, default=0.0
            Weight of a standard normal distribution beside the mixture, below one.

        Returns
        -------
        self : GaussianMixture
            The fitted density.
        """
        check_parameters(self)
        self.normal_weight_ = normal_weight
        codes = np.asarray(codes, dtype=np.float64)
        self.mean_ = codes.mean(axis=0)
        scale = codes.std(axis=0)
        self.scale_ = np.where(scale > 0, scale, 1.0)
        self.constant_ = scale == 0
        standardised = (codes - self.mean_) / self.scale_
        if len(codes) == 1:
            standardised = np.repeat(standardised, 2, axis=0)
        # Codes are NumPy's, whatever X was.
        with warnings.catch_warnings(), config_context(array_api_dispatch=False):
            # A mixture that has not quite converged still competes by its BIC.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.mixture_ = self._best_mixture(standardised)
        return self

    def _best_mixture(self, codes):
        # A component needs more rows than a covariance has columns.
        largest = min(
            int(self.max_components), len(codes) // (2 * (codes.shape[1] + 1))
        )
        random_state = check_random_state(self.random_state)
        best, least, rises = None, np.inf, 0
        for size in _mixture_sizes(max(1, largest)):
            mixture = _SklearnMixture(size, reg_covar=1e-6, random_state=random_state)
            bic = mixture.fit(codes).bic(codes)
            if bic < least:
                best, least, rises = mixture, bic, 0
                continue
            rises += 1
            if rises == RISES:
                # The larger, the dearer: enough of them.
                break
        return best

    def sample(
        self,
        n_samples: int = 1,
        random_state: RandomStateLike = None,
    ) -> np.ndarray:
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
        n_normal = rng.binomial(n_samples, self.normal_weight_)
        counts = rng.multinomial(n_samples - n_normal, self.mixture_.weights_)
        draws = [
            rng.multivariate_normal(mean, covariance, size=count)
            for mean, covariance, count in zip(
                self.mixture_.means_, self.mixture_.covariances_, counts, strict=True
            )
        ]
        fitted = np.concatenate(draws)
        fitted[:, self.constant_] = 0.0
        normal = rng.standard_normal((n_normal, fitted.shape[1]))
        return rng.permutation(
            np.concatenate([self.mean_ + self.scale_ * fitted, normal])
        )


class AggregatePosterior(BaseEstimator):
    """Mean of the training rows' posteriors.

    `VAETransformer` trains with a standard normal prior and takes the mean of the
    posteriors of the training rows afterwards [1]_; it is kept as the prior if it makes
    held-out rows significantly more likely. A draw is then a code that some training
    row may have. It suits codes that form no few clouds, as those of small tables do.

    Parameters
    ----------
    max_rows : int, default=1000
        The most rows whose posteriors are taken, drawn at random. Scores take time in
        proportion to their number.
    random_state : int, RandomState or None, default=None
        For the choice of rows; the autoencoders seed None from their own
        `random_state`.

    Attributes
    ----------
    means_, deviations_ : ndarray of shape (n_rows, n_components)
        Of the posteriors.
    normal_weight_ : float
        As for `GaussianMixture`.

    References
    ----------
    .. [1] Norouzi, S., Fleet, D. J. & Norouzi, M. (2020). Exemplar VAE: Linking
       generative models, nearest neighbor retrieval, and data augmentation. Advances in
       Neural Information Processing Systems 33.

    Examples
    --------
    >>> from sklearn_ae import VAETransformer
    >>> from sklearn_ae.priors import AggregatePosterior
    >>> VAETransformer(prior=AggregatePosterior(max_rows=500))
    VAETransformer(prior=AggregatePosterior(max_rows=500))
    """

    _parameter_constraints: dict = {
        "max_rows": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self, max_rows: int = 1000, random_state: RandomStateLike = None
    ) -> None:
        self.max_rows = max_rows
        self.random_state = random_state

    def build(self, n_components, rows, feature_scale):
        """Return the module of the prior in training, a standard normal one."""
        check_parameters(self)
        return RefittedCodes(n_components, PosteriorCodes)

    def as_module(self):
        """Return the fitted density as a module with ``log_prob`` and ``sample``."""
        arrays = {"means": self.means_, "deviations": self.deviations_}
        return PosteriorCodes(arrays | {"weight": self.normal_weight_})

    def fit_posteriors(
        self, means: np.ndarray, deviations: np.ndarray, *, normal_weight: float = 0.0
    ) -> Self:
        """Take the posteriors of rows.

        Parameters
        ----------
        means, deviations : ndarray of shape (n_samples, n_components)
            Of the training rows' posteriors.
        normal_weight : float, default=0.0
            As for `GaussianMixture.fit`.

        Returns
        -------
        self : AggregatePosterior
            The fitted density.
        """
        check_parameters(self)
        rng = check_random_state(self.random_state)
        chosen = rng.permutation(len(means))[: int(self.max_rows)]
        self.means_, self.deviations_ = means[chosen], deviations[chosen]
        self.normal_weight_ = normal_weight
        return self


class _BuiltVamp(nn.Module):
    #: False is the standard normal prior, probabilistic PCA's.
    networks_on = True

    def __init__(self, rows, feature_scale, n_components):
        super().__init__()
        self.standard = StandardNormalCodes(n_components)
        scale = np.where(feature_scale > 0, feature_scale, 1.0)
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float32))
        rows = torch.as_tensor(rows / scale, dtype=torch.float32)
        self.pseudo_rows = nn.Parameter(rows)

    def given(self, posterior):
        if not self.networks_on:
            return self.standard
        return DiagonalMixture(*posterior(self.pseudo_rows * self.scale))


class VampPrior(BaseEstimator):
    """Mixture of the posteriors of learned pseudo-rows.

    The pseudo-rows start at training rows and are trained with the networks.

    Parameters
    ----------
    n_pseudo_rows : int, default=100
        Number of pseudo-rows; at most that of training rows.

    References
    ----------
    .. [1] Tomczak, J. M. & Welling, M. (2018). VAE with a VampPrior. International
       Conference on Artificial Intelligence and Statistics.

    Examples
    --------
    >>> from sklearn_ae import VAETransformer
    >>> from sklearn_ae.priors import VampPrior
    >>> VAETransformer(prior=VampPrior(n_pseudo_rows=50))
    VAETransformer(prior=VampPrior(n_pseudo_rows=50))
    """

    _parameter_constraints: dict = {
        "n_pseudo_rows": [Interval(Integral, 1, None, closed="left")]
    }

    def __init__(self, n_pseudo_rows: int = 100) -> None:
        self.n_pseudo_rows = n_pseudo_rows

    def build(self, n_components, rows, feature_scale):
        """Return the module of the prior; see `StandardNormal.build`."""
        check_parameters(self)
        # The rows are in random order.
        return _BuiltVamp(rows[: self.n_pseudo_rows], feature_scale, n_components)


PRIORS = {
    "normal": StandardNormal,
    "gaussian_mixture": GaussianMixture,
    "vamp": VampPrior,
    "aggregate": AggregatePosterior,
}
CODE_DENSITIES = {"gaussian_mixture": GaussianMixture}
