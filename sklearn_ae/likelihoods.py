"""Likelihoods of `VAETransformer`: from a decoder's output to a distribution over x.

A likelihood is a small estimator without torch state; ``build`` gives its module.
Built likelihoods share one interface:

- ``link``: how a decoder's output means a centred reconstruction;
- ``nll(x, parameter)``: negative log-likelihood of each row in nats, in X's units;
- ``sample(parameter, generator)``: centred draws of x;
- ``is_discrete``: whether draws are whole numbers once the centre is added;
- ``noise_variance``: that of its normal noise before training, or None.
"""

import math
from abc import ABCMeta, abstractmethod
from numbers import Real

import torch
from sklearn.base import BaseEstimator
from torch import nn
from torch.nn import functional

from sklearn_ae._links import IdentityLink, LogitLink, check_unit_interval
from sklearn_ae._utils import Interval, StrOptions, check_parameters

__all__ = ["Bernoulli", "Gaussian"]


class _Likelihood(BaseEstimator, metaclass=ABCMeta):
    """Base class of the likelihoods."""

    _parameter_constraints: dict = {}
    #: Whether the likelihood refuses negative data.
    positive_only = False

    def check_data(self, X, owner):
        """Raise ValueError if X is outside the likelihood's domain."""

    @abstractmethod
    def build(self, *, center, noise_scale, noise_floor):
        """Return the module of the likelihood.

        Parameters
        ----------
        center : ndarray of shape (n_features,)
            What was subtracted from X.
        noise_scale : float or ndarray of shape (n_features,)
            Standard deviation of the noise before training, in X's units.
        noise_floor : float
            The smallest standard deviation that training may reach.
        """


class _BuiltGaussian(nn.Module):
    """Normal noise around the decoder's output; its scale may be learned.

    The variance is ``floor**2 + (start**2 - floor**2) * exp(2 * rate * correction)``:
    where training starts it is ``start**2``, and it stays above the floor. `rate` lets
    a correction learned at the networks' learning rate cross several nats in a fit.
    """

    rate = 5.0
    is_discrete = False
    #: False leaves the noise where training started, at probabilistic PCA's.
    networks_on = True

    def __init__(self, scale, floor, learned_size):
        super().__init__()
        self.link = IdentityLink()
        self.unit = float(scale)
        #: What probabilistic PCA has to start from to agree with this likelihood.
        self.noise_variance = self.unit**2
        self.floor = float(floor) / self.unit
        self.learned = learned_size is not None
        self.register_buffer("start", torch.ones(()))
        if self.learned:
            self.correction = nn.Parameter(torch.zeros(learned_size))

    def relative_variance(self):
        """Return the variance over the starting one, a scalar or one a feature."""
        if not (self.learned and self.networks_on):
            return self.start
        excess = 1.0 - self.floor**2
        return self.floor**2 + excess * torch.exp(2 * self.rate * self.correction)

    def nll(self, x, parameter):
        n_features = x.shape[1]
        error = (x - parameter) / self.unit
        constant = n_features * (0.5 * math.log(2 * math.pi) + math.log(self.unit))
        variance = self.relative_variance().expand(n_features)
        log_terms = 0.5 * variance.log().sum() + constant
        return 0.5 * (error.square() / variance).sum(1) + log_terms

    def sample(self, parameter, generator):
        noise = torch.randn(
            parameter.shape, generator=generator, device=parameter.device
        )
        scale = self.relative_variance().sqrt()
        return parameter + self.unit * scale * noise


class Gaussian(_Likelihood):
    """Normal distribution around the reconstruction.

    Parameters
    ----------
    scale : {"learned", "per_feature"} or float, default="learned"
        Standard deviation of the noise, in X's units: one learned for all features,
        one learned for each, or a given one. Training starts at the noise of
        probabilistic PCA.

    Examples
    --------
    >>> from sklearn_ae import VAETransformer
    >>> from sklearn_ae.likelihoods import Gaussian
    >>> VAETransformer(likelihood=Gaussian(scale=0.1))
    VAETransformer(likelihood=Gaussian(scale=0.1))
    """

    _parameter_constraints: dict = {
        "scale": [
            StrOptions({"learned", "per_feature"}),
            Interval(Real, 0, None, closed="neither"),
        ]
    }

    def __init__(self, scale="learned"):
        self.scale = scale

    def build(self, *, center, noise_scale, noise_floor):
        """Return the module; see the base class."""
        check_parameters(self)
        if not isinstance(self.scale, str):
            return _BuiltGaussian(self.scale, 0.0, None)
        learned_size = (len(center),) if self.scale == "per_feature" else ()
        # At the floor nothing could be learned: keep a little room above it.
        noise_scale = max(noise_scale, 1.01 * noise_floor)
        return _BuiltGaussian(noise_scale, noise_floor, learned_size)


class _BuiltBernoulli(nn.Module):
    noise_variance = None
    is_discrete = True

    def __init__(self, center):
        super().__init__()
        self.link = LogitLink(center)

    def nll(self, x, parameter):
        return functional.binary_cross_entropy_with_logits(
            parameter, self.link.target(x), reduction="none"
        ).sum(1)

    def sample(self, parameter, generator):
        uniform = torch.rand(
            parameter.shape, generator=generator, device=parameter.device
        )
        return (uniform < parameter.sigmoid()).float() - self.link.center


class Bernoulli(_Likelihood):
    """Independent bits, for values in [0, 1]; grey values count as probabilities.

    Examples
    --------
    >>> from sklearn_ae import VAETransformer
    >>> VAETransformer(likelihood="bernoulli")
    VAETransformer(likelihood='bernoulli')
    """

    positive_only = True

    def check_data(self, X, owner):
        """Raise ValueError if X is outside the domain."""
        check_unit_interval(X, f"likelihood='bernoulli' of {owner}")

    def build(self, *, center, noise_scale, noise_floor):
        """Return the module; see the base class."""
        return _BuiltBernoulli(center)


LIKELIHOODS = {"gaussian": Gaussian, "bernoulli": Bernoulli}
