"""Noise put on a network's input in training, for denoising.

A corruption is a small estimator without torch state; ``build`` gives a module whose
``forward(x, generator)`` returns a corrupted copy of centred rows. The loss is always
taken against the clean rows.
"""

from numbers import Real

import torch
from sklearn.base import BaseEstimator
from torch import nn

from sklearn_ae._utils import Interval, StrOptions, check_parameters

__all__ = ["GaussianNoise", "MaskingNoise"]


class _Level(nn.Module):
    """A fixed level, or one drawn for each row between a lowest and a highest."""

    def __init__(self, level):
        super().__init__()
        self.low, self.high = level if isinstance(level, tuple) else (level, level)

    def forward(self, x, generator):
        if self.low == self.high:
            return self.low
        uniform = torch.rand(len(x), 1, generator=generator, device=x.device)
        return self.low + (self.high - self.low) * uniform


def _check_range(component, name, largest):
    value = getattr(component, name)
    if isinstance(value, tuple) and not (
        len(value) == 2 and 0 <= value[0] <= value[1] <= largest
    ):
        raise ValueError(
            f"The '{name}' parameter of {type(component).__name__} must be a number or "
            f"a (low, high) range within [0, {largest:g}]. Got {value!r} instead."
        )


class _BuiltGaussianNoise(nn.Module):
    def __init__(self, scale, feature_scale):
        super().__init__()
        self.level = _Level(scale)
        self.register_buffer(
            "feature_scale", torch.as_tensor(feature_scale, dtype=torch.float32)
        )

    def forward(self, x, generator):
        noise = torch.randn(x.shape, generator=generator, device=x.device)
        return x + self.level(x, generator) * self.feature_scale * noise


class GaussianNoise(BaseEstimator):
    """Add normal noise to every value.

    Parameters
    ----------
    scale : float or tuple of (float, float), default=0.1
        Standard deviation of the noise, in X's units. A range (low, high) draws one
        for each row.
    relative : bool, default=False
        Whether `scale` is in units of each feature's standard deviation instead.

    References
    ----------
    .. [1] Vincent, P. et al. (2010). Stacked denoising autoencoders. Journal of Machine
       Learning Research 11, 3371-3408.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.corruptions import GaussianNoise
    >>> AutoencoderTransformer(corruption=GaussianNoise(scale=0.5))
    AutoencoderTransformer(corruption=GaussianNoise(scale=0.5))
    """

    _parameter_constraints: dict = {
        "scale": [Interval(Real, 0, None, closed="left"), tuple],
        "relative": ["boolean"],
    }

    def __init__(self, scale=0.1, relative=False):
        self.scale = scale
        self.relative = relative

    def build(self, *, center, feature_scale):
        """Return the module that corrupts rows centred by `center`."""
        check_parameters(self)
        _check_range(self, "scale", float("inf"))
        factor = feature_scale if self.relative else [1.0]
        return _BuiltGaussianNoise(self.scale, factor)


class _BuiltMaskingNoise(nn.Module):
    def __init__(self, rate, fill):
        super().__init__()
        self.level = _Level(rate)
        self.register_buffer("fill", torch.as_tensor(fill, dtype=torch.float32))

    def forward(self, x, generator):
        uniform = torch.rand(x.shape, generator=generator, device=x.device)
        return torch.where(uniform < self.level(x, generator), self.fill, x)


class MaskingNoise(BaseEstimator):
    """Replace a share of the values.

    Parameters
    ----------
    rate : float or tuple of (float, float), default=0.3
        Probability with which a value is replaced. A range (low, high) draws one for
        each row.
    fill : float or "mean", default=0.0
        What replaces it, in X's units; "mean" is the feature's mean.

    References
    ----------
    .. [1] Vincent, P. et al. (2010). Stacked denoising autoencoders. Journal of Machine
       Learning Research 11, 3371-3408.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> AutoencoderTransformer(corruption="masking").set_params(corruption="gaussian")
    AutoencoderTransformer(corruption='gaussian')
    """

    _parameter_constraints: dict = {
        "rate": [Interval(Real, 0, 1, closed="both"), tuple],
        "fill": [StrOptions({"mean"}), Interval(Real, None, None, closed="neither")],
    }

    def __init__(self, rate=0.3, fill=0.0):
        self.rate = rate
        self.fill = fill

    def build(self, *, center, feature_scale):
        """Return the module that corrupts rows centred by `center`."""
        check_parameters(self)
        _check_range(self, "rate", 1.0)
        fill = [0.0] if self.fill == "mean" else self.fill - center
        return _BuiltMaskingNoise(self.rate, fill)


CORRUPTIONS = {"gaussian": GaussianNoise, "masking": MaskingNoise}
