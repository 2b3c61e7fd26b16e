"""The convolutional network."""

import math
from itertools import pairwise
from numbers import Integral

from sklearn.base import BaseEstimator
from torch import nn

from sklearn_ae._images import checked_image_shape
from sklearn_ae._layers import zeroed
from sklearn_ae._utils import Interval, StrOptions, check_parameters


class _ResizeTo(nn.Module):
    """Nearest-neighbour resize: with a convolution behind it, no checkerboards."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        return nn.functional.interpolate(x, size=self.size, mode="nearest")


class Conv(BaseEstimator):
    """Convolutional encoder and decoder for images given as flattened rows.

    Each stage halves height and width with a strided 3 x 3 convolution and doubles the
    number of channels; the decoder mirrors it, resizing and convolving.

    Parameters
    ----------
    image_shape : tuple of (int, int, int) or "auto", default="auto"
        Channels, height and width of the image in a row, in that order. "auto" takes a
        row whose length is a perfect square for a square image of one channel.
    n_channels : int, default=16
        Channels of the first stage.
    n_stages : int, default=2
        Number of stages; height and width may shrink to 1.

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
        "n_stages": [Interval(Integral, 1, None, closed="left")],
    }
    #: Pixels are on one scale: standardising each would amplify the empty borders.
    pooled_input = True

    def __init__(self, image_shape="auto", n_channels=16, n_stages=2):
        self.image_shape = image_shape
        self.n_channels = n_channels
        self.n_stages = n_stages

    def build(
        self, n_features, n_components, encoder_outputs, decoder_outputs, zero_output
    ):
        """Return the encoder and the decoder."""
        check_parameters(self)
        channels, height, width = checked_image_shape(
            self.image_shape, n_features, "Conv"
        )
        output_channels = channels * (decoder_outputs // n_features)
        sizes = [(height, width)]
        widths = [channels]
        for stage in range(self.n_stages):
            sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
            widths.append(self.n_channels * 2**stage)
        flat = widths[-1] * math.prod(sizes[-1])

        down = [nn.Unflatten(1, (channels, height, width))]
        for n_in, n_out in pairwise(widths):
            down += [nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.SiLU()]
        to_code = nn.Linear(flat, encoder_outputs)
        down += [nn.Flatten(), zeroed(to_code) if zero_output else to_code]

        up = [nn.Linear(n_components, flat), nn.SiLU()]
        up += [nn.Unflatten(1, (widths[-1], *sizes[-1]))]
        for stage in range(self.n_stages - 1, 0, -1):
            up += [_ResizeTo(sizes[stage])]
            up += [nn.Conv2d(widths[stage + 1], widths[stage], 3, padding=1), nn.SiLU()]
        to_image = nn.Conv2d(widths[1], output_channels, 3, padding=1)
        up += [_ResizeTo(sizes[0]), zeroed(to_image) if zero_output else to_image]
        up += [nn.Flatten()]
        return nn.Sequential(*down), nn.Sequential(*up)
