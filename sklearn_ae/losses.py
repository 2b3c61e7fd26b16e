"""Reconstruction losses of `AutoencoderTransformer`.

A loss is a small estimator without torch state; ``build`` gives the module that
computes it. Built losses share one interface:

- ``link``: how a decoder's output means a reconstruction;
- ``terms(x, parameter)``: loss of each value, divided by ``natural_scale``, so that
  data of any units train alike;
- ``forward(x, parameter)``: loss of each row, summed over its features;
- ``natural_scale``: what to multiply by to have the loss in its own units;
- ``minimised_by_pca``: whether nothing is left to learn where PCA reproduces the rows.
"""

from abc import ABCMeta, abstractmethod
from numbers import Real
from typing import Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import nn
from torch.nn import functional

from sklearn_ae._modules.links import (
    IdentityLink,
    LogitLink,
    LogLink,
    bit_terms,
    check_not_negative,
    check_unit_interval,
    count_terms,
    error_unit_and_weight,
)
from sklearn_ae._utils import Interval, StrOptions, check_parameters

__all__ = ["AbsoluteError", "Huber", "LogLoss", "Poisson", "SquaredError"]


class _Loss(BaseEstimator, metaclass=ABCMeta):
    """Base class of the losses."""

    _parameter_constraints: dict = {}
    #: Whether reconstructions may be clipped to a range of the user's.
    clippable = False
    #: Whether the loss refuses negative data.
    positive_only = False

    def check_data(self, X, owner):
        """Raise ValueError if X is outside the loss's domain."""

    @abstractmethod
    def build(self, *, center, unit, link=None):
        """Return the module that computes the loss.

        Parameters
        ----------
        center : ndarray of shape (n_features,)
            What was subtracted from X.
        unit : float
            Typical size of an error, in X's units.
        link : IdentityLink or None, default=None
            For a clippable loss, the link to use; None for the plain one.
        """


class _BuiltLoss(nn.Module, metaclass=ABCMeta):
    minimised_by_pca = False

    def __init__(self, link, natural_scale):
        super().__init__()
        self.link = link
        self.natural_scale = float(natural_scale)

    @abstractmethod
    def terms(self, x, parameter):
        """Return the loss of each value, over `natural_scale`."""

    def forward(self, x, parameter):
        return self.terms(x, parameter).sum(1)


class _BuiltError(_BuiltLoss):
    """A loss of the errors, which are counted in typical ones."""

    def __init__(self, link, unit, natural_scale):
        super().__init__(link, natural_scale)
        self.unit = unit

    def error(self, x, parameter):
        return (x - self.link.mean(parameter)) / self.unit


class _BuiltSquaredError(_BuiltError):
    minimised_by_pca = True

    def __init__(self, link, unit, natural_scale):
        super().__init__(link, unit, natural_scale)
        self.error_unit, self.weight = error_unit_and_weight(unit)

    def terms(self, x, parameter):
        squares = functional.mse_loss(
            self.link.mean(parameter) / self.error_unit,
            x / self.error_unit,
            reduction="none",
        )
        return squares * self.weight


class _BuiltAbsoluteError(_BuiltError):
    def terms(self, x, parameter):
        return self.error(x, parameter).abs()


class _BuiltHuber(_BuiltError):
    def __init__(self, link, unit, delta):
        super().__init__(link, unit, unit**2)
        self.delta = delta / unit

    def terms(self, x, parameter):
        error = self.error(x, parameter)
        return functional.huber_loss(
            error, torch.zeros_like(error), reduction="none", delta=self.delta
        )


class _BuiltLogLoss(_BuiltLoss):
    def terms(self, x, parameter):
        return bit_terms(self.link.target(x), parameter)


class _BuiltPoisson(_BuiltLoss):
    def terms(self, x, parameter):
        return count_terms(self.link.target(x), parameter.clamp(max=self.link.largest))


class SquaredError(_Loss):
    """Squared error, summed over features: the loss that PCA minimises.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.losses import SquaredError
    >>> AutoencoderTransformer(loss=SquaredError())
    AutoencoderTransformer(loss=SquaredError())
    """

    clippable = True

    def build(self, *, center, unit, link=None):
        """Return the module; see the base class."""
        return _BuiltSquaredError(link or IdentityLink(), unit, unit**2)


class AbsoluteError(_Loss):
    """Absolute error, summed over features; reconstructions aim at the median.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> AutoencoderTransformer(loss="absolute_error")
    AutoencoderTransformer(loss='absolute_error')
    """

    clippable = True

    def build(self, *, center, unit, link=None):
        """Return the module; see the base class."""
        return _BuiltAbsoluteError(link or IdentityLink(), unit, unit)


class Huber(_Loss):
    """Huber's loss: half the squared error near zero, linear far from it.

    Parameters
    ----------
    delta : float or "auto", default="auto"
        Where the loss turns linear, in X's units. "auto" is 1.35 times the root mean
        squared error that PCA leaves.

    References
    ----------
    .. [1] Huber, P. J. (1964). Robust estimation of a location parameter. Annals of
       Mathematical Statistics 35, 73-101.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.losses import Huber
    >>> AutoencoderTransformer(loss=Huber(delta=0.5)).set_params(loss__delta=0.1)
    AutoencoderTransformer(loss=Huber(delta=0.1))
    """

    _parameter_constraints: dict = {
        "delta": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")]
    }
    clippable = True

    def __init__(self, delta: Literal["auto"] | float = "auto") -> None:
        self.delta = delta

    def build(self, *, center, unit, link=None):
        """Return the module; see the base class."""
        check_parameters(self)
        delta = 1.35 * unit if self.delta == "auto" else float(self.delta)
        return _BuiltHuber(link or IdentityLink(), unit, delta)


class LogLoss(_Loss):
    """Binary cross-entropy, summed over features, for values in [0, 1].

    Reconstructions are probabilities.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> AutoencoderTransformer(loss="log_loss")
    AutoencoderTransformer(loss='log_loss')
    """

    positive_only = True

    def check_data(self, X, owner):
        """Raise ValueError if X is outside the domain."""
        check_unit_interval(X, f"loss='log_loss' of {owner}")

    def build(self, *, center, unit, link=None):
        """Return the module; see the base class."""
        return _BuiltLogLoss(LogitLink(center), 1.0)


class Poisson(_Loss):
    """Poisson deviance up to a constant, summed over features, for counts and rates.

    The loss of a value x at rate m is ``m - x log m``; reconstructions are rates. As in
    `sklearn.linear_model.PoissonRegressor` values need not be whole numbers: means of
    counts have a deviance, too.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> AutoencoderTransformer(loss="poisson")
    AutoencoderTransformer(loss='poisson')
    """

    positive_only = True

    def check_data(self, X, owner):
        """Raise ValueError if X is outside the domain."""
        check_not_negative(X, f"loss='poisson' of {owner}")

    def build(self, *, center, unit, link=None):
        """Return the module; see the base class."""
        return _BuiltPoisson(LogLink(np.asarray(center)), 1.0)


LOSSES = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "log_loss": LogLoss,
    "poisson": Poisson,
}
