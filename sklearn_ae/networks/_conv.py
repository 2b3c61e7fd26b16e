"""The convolutional network."""

import math
from collections.abc import Callable
from itertools import pairwise
from numbers import Integral
from typing import Any, Literal

import torch
from sklearn.base import BaseEstimator
from torch import nn

from sklearn_ae._images import checked_image_shape
from sklearn_ae._utils import Interval, StrOptions, check_parameters
from sklearn_ae.networks._layers import ACTIVATIONS, drawn, make_activation, zeroed

# By default height and width are halved until both are at most this.
COARSE = 8
# Most groups of the group normalisation.
GROUPS = 8


class _ToImages(nn.Module):
    """Rows as images, channels last in memory, where convolutions are faster."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        images = x.reshape(-1, *self.shape)
        return images.contiguous(memory_format=torch.channels_last)


class _Encoder(nn.Sequential):
    """The layers of the encoder."""

    #: What `batch_size="auto"` gives at most: a convolution takes as long for each row
    #: in small batches as in large ones, and learns more from it.
    largest_batch = 64


class _ToMaps(nn.Module):
    """Rows as feature maps: as `_ToImages`, but without a copy."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        channels, height, width = self.shape
        return x.reshape(-1, height, width, channels).permute(0, 3, 1, 2)


class _ToRows(nn.Module):
    """The inverse of `_ToMaps`."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


class _Residual(nn.Module):
    """Layers with a path around them."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


class _Doubled(nn.Module):
    """Transposed convolution to twice the height and width, cut to a size.

    Its kernel is a multiple of its stride: every pixel is made by as many weights, and
    there are no checkerboards.
    """

    def __init__(self, n_in, n_out, size, generator=None):
        super().__init__()
        self.size = size
        self.convolution = drawn(
            nn.ConvTranspose2d, n_in, n_out, 4, stride=2, padding=1, generator=generator
        )

    def forward(self, x):
        height, width = self.size
        return self.convolution(x)[:, :, :height, :width]


class Conv(BaseEstimator):
    """Convolutional encoder and decoder for images given as flattened rows.

    Each stage halves height and width, rounded up, by a strided 3 x 3 convolution.
    Residual blocks follow at the coarsest size, then a fully connected layer and the
    code. The decoder mirrors this with transposed convolutions.

    Parameters
    ----------
    image_shape : tuple of (int, int, int) or "auto", default="auto"
        Channels, height and width of the image in a row, in that order. "auto" takes a
        row whose length is a perfect square for a square image of one channel.
    n_channels : int, default=32
        Channels of the coarsest stage; each finer one has half as many, at least 8.
    n_stages : int or "auto", default="auto"
        Number of stages; height and width may shrink to 1. "auto" is as many as bring
        both to 8 or less, at least one.
    n_blocks : int, default=1
        Residual blocks of each half.
    n_hidden : int, default=128
        Units of the fully connected layer between maps and code; 0 is none.
    activation : {"silu", "relu", "gelu", "elu", "tanh", "identity"}, module or \
            callable, default="silu"
        The non-linearity. A torch module is copied for each layer; a callable without
        arguments, such as a module class, is called for each.
    group_norm : bool, default=False
        Whether to normalise groups of channels of each image before non-linearities.

    References
    ----------
    .. [1] He, K. et al. (2016). Deep residual learning for image recognition. IEEE
       Conference on Computer Vision and Pattern Recognition, 770-778.
    .. [2] Odena, A., Dumoulin, V. & Olah, C. (2016). Deconvolution and checkerboard
       artifacts. Distill.
    .. [3] Wu, Y. & He, K. (2018). Group normalization. European Conference on Computer
       Vision, 3-19.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.networks import Conv
    >>> AutoencoderTransformer(network=Conv(image_shape=(3, 32, 32)))
    AutoencoderTransformer(network=Conv(image_shape=(3, 32, 32)))
    """

    _parameter_constraints: dict = {
        "image_shape": [StrOptions({"auto"}), tuple, list],
        "n_channels": [Interval(Integral, 1, None, closed="left")],
        "n_stages": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "n_blocks": [Interval(Integral, 0, None, closed="left")],
        "n_hidden": [Interval(Integral, 0, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS)), callable],
        "group_norm": ["boolean"],
    }
    #: Pixels are on one scale: standardising each would amplify the empty borders.
    pooled_input = True
    #: Flags of missing values are further channels.
    flaggable = True
    #: Whether the decoder can take flags of the code columns in use beside them.
    takes_prefix = True

    def __init__(
        self,
        image_shape: Literal["auto"] | tuple[int, int, int] = "auto",
        *,
        n_channels: int = 32,
        n_stages: Literal["auto"] | int = "auto",
        n_blocks: int = 1,
        n_hidden: int = 128,
        activation: str | Callable[..., Any] = "silu",
        group_norm: bool = False,
    ) -> None:
        self.image_shape = image_shape
        self.n_channels = n_channels
        self.n_stages = n_stages
        self.n_blocks = n_blocks
        self.n_hidden = n_hidden
        self.activation = activation
        self.group_norm = group_norm

    def _sizes(self, height, width):
        """Return the sizes of the maps, from the image's to the coarsest."""
        n_stages = self.n_stages
        if n_stages == "auto":
            n_stages = max(1, math.ceil(math.log2(max(height, width) / COARSE)))
        sizes = [(height, width)]
        for _ in range(n_stages):
            height, width = -(-height // 2), -(-width // 2)
            sizes.append((height, width))
        return sizes

    def _widths(self, channels, n_stages):
        """Return the numbers of channels of the maps, in the same order."""
        most = int(self.n_channels)
        least = min(8, most)
        halved = [max(most // 2**stage, least) for stage in range(n_stages)]
        return [channels, *halved[::-1]]

    def _activated(self, width):
        """Return what goes before a convolution of maps with `width` channels."""
        activation = make_activation(self.activation, "Conv")
        if not self.group_norm:
            return [activation]
        groups = math.gcd(GROUPS, width)
        return [nn.GroupNorm(groups, width, dtype=torch.float32), activation]

    def _blocks(self, width, generator):
        narrow = -(-width // 2)
        return [
            _Residual(
                *self._activated(width),
                drawn(nn.Conv2d, width, narrow, 3, padding=1, generator=generator),
                *self._activated(narrow),
                drawn(nn.Conv2d, narrow, width, 1, generator=generator),
            )
            for _ in range(self.n_blocks)
        ]

    def _connected(self, n_in, n_out, generator):
        """Return the fully connected layers between maps and code."""
        if self.n_hidden == 0:
            return [drawn(nn.Linear, n_in, n_out, generator=generator)]
        return [
            drawn(nn.Linear, n_in, int(self.n_hidden), generator=generator),
            make_activation(self.activation, "Conv"),
            drawn(nn.Linear, int(self.n_hidden), n_out, generator=generator),
        ]

    def _encoder(
        self, shape, sizes, widths, n_outputs, zero_output, with_flags, generator
    ):
        if with_flags:
            shape = (2 * shape[0], *shape[1:])
            widths = [2 * widths[0], *widths[1:]]
        layers = [_ToImages(shape)]
        for stage, (n_in, n_out) in enumerate(pairwise(widths)):
            if stage > 0:
                layers += self._activated(n_in)
            layers.append(
                drawn(
                    nn.Conv2d, n_in, n_out, 3, stride=2, padding=1, generator=generator
                )
            )
        layers += self._blocks(widths[-1], generator)
        layers += [*self._activated(widths[-1]), _ToRows()]
        n_maps = widths[-1] * math.prod(sizes[-1])
        layers += self._connected(n_maps, n_outputs, generator)
        if zero_output:
            zeroed(layers[-1])
        return _Encoder(*layers)

    def _decoder(self, n_components, sizes, widths, zero_output, generator):
        coarsest = (widths[-1], *sizes[-1])
        layers = self._connected(n_components, math.prod(coarsest), generator)
        layers += [_ToMaps(coarsest), *self._blocks(widths[-1], generator)]
        for (n_in, n_out), size in zip(
            pairwise(widths[::-1]), sizes[-2::-1], strict=True
        ):
            layers += [*self._activated(n_in), _Doubled(n_in, n_out, size, generator)]
        if zero_output:
            zeroed(layers[-1].convolution)
        return nn.Sequential(*layers, nn.Flatten())

    def build(
        self,
        n_features,
        n_components,
        encoder_outputs,
        decoder_outputs,
        zero_output,
        with_flags=False,
        generator=None,
    ):
        """Return the encoder and the decoder.

        Their weights are drawn from `generator`; None is torch's own.
        """
        check_parameters(self)
        shape = checked_image_shape(self.image_shape, n_features, "Conv")
        sizes = self._sizes(*shape[1:])
        widths = self._widths(shape[0], len(sizes) - 1)
        encoder = self._encoder(
            shape, sizes, widths, encoder_outputs, zero_output, with_flags, generator
        )
        # A likelihood with several parameters a feature has as many images of them.
        widths[0] *= decoder_outputs // n_features
        decoder = self._decoder(n_components, sizes, widths, zero_output, generator)
        return encoder, decoder
