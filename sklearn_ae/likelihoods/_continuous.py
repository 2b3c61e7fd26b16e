"""Likelihoods of real values: noise around the reconstruction, in X's units."""

import math
from abc import abstractmethod
from numbers import Real
from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from sklearn_ae._modules.links import IdentityLink, error_unit_and_weight
from sklearn_ae._utils import Interval, StrOptions, check_parameters
from sklearn_ae.likelihoods._base import BuiltLikelihood, Likelihood

SCALE_CONSTRAINT = [
    StrOptions({"learned", "per_feature"}),
    Interval(Real, 0, None, closed="neither"),
]


class _BuiltNoise(BuiltLikelihood):
    """Noise of one shape around the decoder's output; its scale may be learned.

    The squared scale is ``floor**2 + (start**2 - floor**2) * exp(2 * rate *
    correction)``: where training starts it is ``start**2``, and it stays above the
    floor. `rate` lets a correction learned at the networks' learning rate cross several
    nats in a fit.

    Parameters
    ----------
    scale, floor : float
        The scale before training and the smallest one, in X's units.
    learned_size : tuple of int or None
        Shape of what is learned; None learns nothing.
    variance : float
        Variance of the noise before training.
    """

    rate = 5.0
    #: False leaves the noise where training started, at probabilistic PCA's.
    networks_on = True

    def __init__(self, scale, floor, learned_size, variance):
        super().__init__()
        self.link = IdentityLink()
        self.unit = float(scale)
        self.noise_variance = float(variance)
        self.floor = float(floor) / self.unit
        self.learned = learned_size is not None
        self.register_buffer("start", torch.ones((), dtype=torch.float32))
        if self.learned:
            self.correction = nn.Parameter(
                torch.zeros(learned_size, dtype=torch.float32)
            )

    def relative_variance(self):
        """Return the squared scale over the starting one: one, or one a feature."""
        if not (self.learned and self.networks_on):
            return self.start
        excess = 1.0 - self.floor**2
        return self.floor**2 + excess * torch.exp(2 * self.rate * self.correction)

    def widen(self, factor):
        """Multiply the learned scale, but for the floor's part, by a factor."""
        if not self.learned:
            return
        with torch.no_grad():
            if self.networks_on:
                self.correction += math.log(factor) / self.rate
            else:
                self.start *= factor**2

    def terms(self, x, parameter):
        variance = self.relative_variance()
        error = (x - parameter) / self.unit
        return self.shape_terms(error, variance) + (
            0.5 * variance.log() + math.log(self.unit)
        )

    def sample(self, parameter, generator):
        scale = self.unit * self.relative_variance().sqrt()
        return parameter + scale * self.standard_noise(parameter, generator)


class _BuiltGaussian(_BuiltNoise):
    def __init__(self, scale, floor, learned_size, variance):
        super().__init__(scale, floor, learned_size, variance)
        self.has_one_variance = not learned_size
        # Around rows that are reproduced, noise that is given may still say too much.
        self.minimised_by_pca = self.learned
        self.error_unit, self.weight = error_unit_and_weight(self.unit)

    @property
    def has_exact_posterior(self):
        """Whether noise is that of the start: see the base class."""
        return not self.networks_on and bool(self.start == 1)

    def shape_terms(self, error, variance):
        return 0.5 * (error.square() / variance) + 0.5 * math.log(2 * math.pi)

    def nll(self, x, parameter):
        variance = self.relative_variance()
        if variance.ndim > 0:
            return super().nll(x, parameter)
        # With one variance for all, half of the operations on single values go.
        squares = functional.mse_loss(
            parameter / self.error_unit, x / self.error_unit, reduction="none"
        ).sum(1)
        constant = math.log(self.unit) + 0.5 * math.log(2 * math.pi)
        each = 0.5 * variance.log() + constant
        return squares * (0.5 * self.weight / variance) + x.shape[1] * each

    def standard_noise(self, like, generator):
        return torch.randn(
            like.shape, generator=generator, device=like.device, dtype=like.dtype
        )


class _BuiltLaplace(_BuiltNoise):
    def shape_terms(self, error, variance):
        return error.abs() / variance.sqrt() + math.log(2)

    def standard_noise(self, like, generator):
        # Kept off the ends, where the logarithm is infinite.
        uniform = torch.rand(
            like.shape, generator=generator, device=like.device, dtype=like.dtype
        )
        centred = (uniform - 0.5).clamp(-0.5 + 1e-7, 0.5 - 1e-7)
        return -centred.sign() * torch.log1p(-2 * centred.abs())


class _BuiltStudentT(_BuiltNoise):
    def __init__(self, scale, floor, learned_size, variance, df):
        super().__init__(scale, floor, learned_size, variance)
        self.df = float(df)
        self.constant = (
            math.lgamma(self.df / 2)
            - math.lgamma((self.df + 1) / 2)
            + 0.5 * math.log(self.df * math.pi)
        )

    def shape_terms(self, error, variance):
        tail = torch.log1p(error.square() / (variance * self.df))
        return 0.5 * (self.df + 1) * tail + self.constant

    def standard_noise(self, like, generator):
        normal = torch.randn(
            like.shape, generator=generator, device=like.device, dtype=like.dtype
        )
        return normal / standard_gamma(
            torch.full_like(like, self.df / 2), generator
        ).mul(2 / self.df).sqrt().clamp(min=1e-6)


def standard_gamma(shape, generator):
    """Draw from gamma distributions of unit scale.

    torch has no such draws from a generator of one's own.
    """
    seed = torch.randint(2**31, (), generator=generator, device=shape.device)
    rng = np.random.RandomState(int(seed))
    draws = rng.standard_gamma(shape.cpu().double().numpy())
    return torch.as_tensor(draws, dtype=torch.float32, device=shape.device)


class _Noise(Likelihood):
    """What the three likelihoods share: a scale that is given or learned."""

    is_noise = True

    def __init__(
        self, scale: Literal["learned", "per_feature"] | float = "learned"
    ) -> None:
        self.scale = scale

    @abstractmethod
    def _scale_over_deviation(self):
        """Return the scale of noise of unit standard deviation."""

    @abstractmethod
    def _build(self, scale, floor, learned_size, variance):
        """Return the module for these; see `_BuiltNoise`."""

    def build(self, *, center, noise_scale, noise_floor):
        """Return the module; see the base class."""
        check_parameters(self)
        factor = self._scale_over_deviation()
        if not isinstance(self.scale, str):
            scale = float(self.scale)
            return self._build(scale, 0.0, None, (scale / factor) ** 2)
        learned_size = (len(center),) if self.scale == "per_feature" else ()
        # At the floor nothing could be learned: keep a little room above it.
        deviation = max(noise_scale, 1.01 * noise_floor)
        return self._build(
            factor * deviation, factor * noise_floor, learned_size, deviation**2
        )


class Gaussian(_Noise):
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

    _parameter_constraints: dict = {"scale": SCALE_CONSTRAINT}

    def _scale_over_deviation(self):
        return 1.0

    def _build(self, *args):
        return _BuiltGaussian(*args)


class Laplace(_Noise):
    """Laplace distribution around the reconstruction, for heavy tails.

    Its log-likelihood falls with the absolute error, so reconstructions aim at the
    median.

    Parameters
    ----------
    scale : {"learned", "per_feature"} or float, default="learned"
        The mean absolute deviation, in X's units: one learned for all features, one
        learned for each, or a given one.

    Examples
    --------
    >>> from sklearn_ae import VAETransformer
    >>> VAETransformer(likelihood="laplace")
    VAETransformer(likelihood='laplace')
    """

    _parameter_constraints: dict = {"scale": SCALE_CONSTRAINT}

    def _scale_over_deviation(self):
        return math.sqrt(0.5)

    def _build(self, *args):
        return _BuiltLaplace(*args)


class StudentT(_Noise):
    """Student's t distribution around the reconstruction, for outliers.

    Parameters
    ----------
    scale : {"learned", "per_feature"} or float, default="learned"
        The distribution's scale, in X's units: one learned for all features, one
        learned for each, or a given one.
    df : float, default=4.0
        Degrees of freedom; the fewer, the heavier the tails.

    References
    ----------
    .. [1] Lange, K. L., Little, R. J. A. & Taylor, J. M. G. (1989). Robust statistical
       modeling using the t distribution. Journal of the American Statistical
       Association 84, 881-896.

    Examples
    --------
    >>> from sklearn_ae import VAETransformer
    >>> from sklearn_ae.likelihoods import StudentT
    >>> VAETransformer(likelihood=StudentT(df=3.0))
    VAETransformer(likelihood=StudentT(df=3.0))
    """

    _parameter_constraints: dict = {
        "scale": SCALE_CONSTRAINT,
        "df": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        scale: Literal["learned", "per_feature"] | float = "learned",
        df: float = 4.0,
    ) -> None:
        super().__init__(scale)
        self.df = df

    def _scale_over_deviation(self):
        # Up to two degrees of freedom there is no variance to match.
        df = float(self.df)
        return math.sqrt((df - 2) / df) if df > 2.5 else 0.5

    def _build(self, *args):
        return _BuiltStudentT(*args, self.df)
