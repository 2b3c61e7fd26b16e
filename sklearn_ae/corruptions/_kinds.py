"""The kinds of noise that users choose from."""

from numbers import Integral, Real
from typing import Literal

import torch
from sklearn.base import BaseEstimator

from sklearn_ae._images import checked_image_shape
from sklearn_ae._utils import Interval, StrOptions, check_parameters
from sklearn_ae.corruptions._modules import (
    AddedNoise,
    Masked,
    MaskedPatches,
    Swapped,
    TwoValues,
)

# Share of the data's scale that normal noise has unless it is given.
AUTO_SHARE = 0.3


def _check_range(component, name, largest):
    value = getattr(component, name)
    if isinstance(value, tuple) and not (
        len(value) == 2 and 0 <= value[0] <= value[1] <= largest
    ):
        raise ValueError(
            f"The '{name}' parameter of {type(component).__name__} must be a number or "
            f"a (low, high) range within [0, {largest:g}]. Got {value!r} instead."
        )


def _centred_fill(fill, center):
    return [0.0] if fill == "mean" else float(fill) - center


class GaussianNoise(BaseEstimator):
    """Add normal noise to every value.

    Parameters
    ----------
    scale : "auto", float or tuple of (float, float), default="auto"
        Standard deviation of the noise, in X's units. A range (low, high) draws one
        for each row. "auto" is 0.3 times the data's scale, which is the root mean
        square of the features' standard deviations.
    relative : bool, default=False
        Whether `scale` is in units of each feature's standard deviation instead;
        "auto" is then 0.3 of them.

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
        "scale": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left"), tuple],
        "relative": ["boolean"],
    }

    def __init__(
        self,
        scale: Literal["auto"] | float | tuple[float, float] = "auto",
        relative: bool = False,
    ) -> None:
        self.scale = scale
        self.relative = relative

    def build(self, *, center, feature_scale, data_range):
        """Return the module that corrupts rows centred by `center`."""
        check_parameters(self)
        _check_range(self, "scale", float("inf"))
        if self.scale != "auto":
            return AddedNoise(self.scale, feature_scale if self.relative else [1.0])
        data_scale = float((feature_scale**2).mean() ** 0.5)
        return AddedNoise(AUTO_SHARE, feature_scale if self.relative else [data_scale])


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

    def __init__(
        self,
        rate: float | tuple[float, float] = 0.3,
        fill: Literal["mean"] | float = 0.0,
    ) -> None:
        self.rate = rate
        self.fill = fill

    def build(self, *, center, feature_scale, data_range):
        """Return the module that corrupts rows centred by `center`."""
        check_parameters(self)
        _check_range(self, "rate", 1.0)
        return Masked(self.rate, _centred_fill(self.fill, center))


class SaltAndPepper(BaseEstimator):
    """Replace a share of the values by the lowest or the highest, either as likely.

    Parameters
    ----------
    rate : float or tuple of (float, float), default=0.1
        Probability with which a value is replaced. A range (low, high) draws one for
        each row.
    low, high : float or "auto", default="auto"
        What replaces it, in X's units; "auto" is the lowest or the highest value of all
        training rows and features.

    References
    ----------
    .. [1] Vincent, P. et al. (2010). Stacked denoising autoencoders. Journal of Machine
       Learning Research 11, 3371-3408.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.corruptions import SaltAndPepper
    >>> AutoencoderTransformer(corruption=SaltAndPepper(rate=0.2))
    AutoencoderTransformer(corruption=SaltAndPepper(rate=0.2))
    """

    _parameter_constraints: dict = {
        "rate": [Interval(Real, 0, 1, closed="both"), tuple],
        "low": [StrOptions({"auto"}), Interval(Real, None, None, closed="neither")],
        "high": [StrOptions({"auto"}), Interval(Real, None, None, closed="neither")],
    }

    def __init__(
        self,
        rate: float | tuple[float, float] = 0.1,
        low: Literal["auto"] | float = "auto",
        high: Literal["auto"] | float = "auto",
    ) -> None:
        self.rate = rate
        self.low = low
        self.high = high

    def build(self, *, center, feature_scale, data_range):
        """Return the module that corrupts rows centred by `center`."""
        check_parameters(self)
        _check_range(self, "rate", 1.0)
        low, high = (
            end if given == "auto" else float(given)
            for given, end in zip((self.low, self.high), data_range, strict=True)
        )
        return TwoValues(self.rate, low - center, high - center)


class SwapNoise(BaseEstimator):
    """Replace a share of the values by the same feature's in other rows of the batch.

    Values stay plausible, each for its column, which suits tables.

    Parameters
    ----------
    rate : float or tuple of (float, float), default=0.15
        Probability with which a value is replaced. A range (low, high) draws one for
        each row.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> AutoencoderTransformer(corruption="swap")
    AutoencoderTransformer(corruption='swap')
    """

    _parameter_constraints: dict = {
        "rate": [Interval(Real, 0, 1, closed="both"), tuple]
    }

    def __init__(self, rate: float | tuple[float, float] = 0.15) -> None:
        self.rate = rate

    def build(self, *, center, feature_scale, data_range):
        """Return the module that corrupts rows centred by `center`."""
        check_parameters(self)
        _check_range(self, "rate", 1.0)
        return Swapped(self.rate)


class PatchMasking(BaseEstimator):
    """Replace a share of the square patches of each image, in all its channels.

    Parameters
    ----------
    image_shape : tuple of (int, int, int) or "auto", default="auto"
        Channels, height and width of the image in a row, in that order. "auto" takes a
        row whose length is a perfect square for a square image of one channel.
    patch_size : int, default=4
        Height and width of a patch, in pixels. Patches lie side by side from the upper
        left corner; those at the other edges may be smaller.
    rate : float or tuple of (float, float), default=0.3
        Probability with which a patch is replaced. A range (low, high) draws one for
        each row.
    fill : float or "mean", default=0.0
        What replaces its values, in X's units; "mean" is the feature's mean.

    References
    ----------
    .. [1] He, K. et al. (2022). Masked autoencoders are scalable vision learners. IEEE
       Conference on Computer Vision and Pattern Recognition, 15979-15988.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.corruptions import PatchMasking
    >>> AutoencoderTransformer(corruption=PatchMasking((3, 32, 32), patch_size=8))
    AutoencoderTransformer(corruption=PatchMasking(image_shape=(3, 32, 32),
                                                   patch_size=8))
    """

    _parameter_constraints: dict = {
        "image_shape": [StrOptions({"auto"}), tuple, list],
        "patch_size": [Interval(Integral, 1, None, closed="left")],
        "rate": [Interval(Real, 0, 1, closed="both"), tuple],
        "fill": [StrOptions({"mean"}), Interval(Real, None, None, closed="neither")],
    }

    def __init__(
        self,
        image_shape: Literal["auto"] | tuple[int, int, int] = "auto",
        patch_size: int = 4,
        rate: float | tuple[float, float] = 0.3,
        fill: Literal["mean"] | float = 0.0,
    ) -> None:
        self.image_shape = image_shape
        self.patch_size = patch_size
        self.rate = rate
        self.fill = fill

    def build(self, *, center, feature_scale, data_range):
        """Return the module that corrupts rows centred by `center`."""
        check_parameters(self)
        _check_range(self, "rate", 1.0)
        shape = checked_image_shape(self.image_shape, len(center), "PatchMasking")
        channels, height, width = shape
        patch_size = int(self.patch_size)
        down = torch.arange(height) // patch_size
        across = torch.arange(width) // patch_size
        patches = down[:, None] * (int(across[-1]) + 1) + across
        patches = patches.expand(channels, -1, -1).flatten()
        fill = _centred_fill(self.fill, center)
        return MaskedPatches(self.rate, fill, patches)
