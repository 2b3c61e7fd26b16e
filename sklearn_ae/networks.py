"""Networks: how to build an encoder and a decoder of given sizes.

A network is a small estimator without torch state. Its ``build`` returns two modules:
an encoder from standardised rows to `encoder_outputs` columns and a decoder from
`n_components` columns to `decoder_outputs`. With ``zero_output`` both give exactly zero
until they are trained.
"""

import copy
import math
from itertools import pairwise
from numbers import Integral

import torch
from sklearn.base import BaseEstimator
from torch import nn

from sklearn_ae._utils import Interval, StrOptions, check_parameters

__all__ = ["MLP", "Conv", "Custom"]

ACTIVATIONS = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "elu": nn.ELU,
    "tanh": nn.Tanh,
    "identity": nn.Identity,
}


def _linear(n_in, n_out):
    """A layer that keeps the spread of its input, so that depth does not fade it."""
    layer = nn.Linear(n_in, n_out)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    nn.init.zeros_(layer.bias)
    return layer


def _zeroed(layer):
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _default_sizes(n_features):
    """Widths from the data: a power of two near 16 sqrt(d), thrice for small rows."""
    width = int(2 ** round(math.log2(16 * math.sqrt(n_features))))
    width = min(max(width, 128), 512)
    return (width, width, width) if n_features <= 256 else (width, width // 2)


class MLP(BaseEstimator):
    """Fully connected encoder, mirrored in the decoder.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int or "auto", default="auto"
        Widths of the encoder's hidden layers; the decoder has them in reverse. "auto"
        takes them from the number of features d: a power of two near 16 sqrt(d), within
        [128, 512], three times; for d above 256, once and then half of it.
    activation : {"silu", "relu", "gelu", "elu", "tanh", "identity"}, default="silu"
        The non-linearity between layers.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.networks import MLP
    >>> AutoencoderTransformer(network=MLP(hidden_layer_sizes=(64, 32)))
    AutoencoderTransformer(network=MLP(hidden_layer_sizes=(64, 32)))
    """

    _parameter_constraints: dict = {
        "hidden_layer_sizes": [StrOptions({"auto"}), tuple, list],
        "activation": [StrOptions(set(ACTIVATIONS))],
    }
    #: Whether the encoder wants all features on one scale rather than each on its own.
    pooled_input = False

    def __init__(self, hidden_layer_sizes="auto", activation="silu"):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation

    def _sizes(self, n_features):
        if isinstance(self.hidden_layer_sizes, str):
            return _default_sizes(n_features)
        sizes = tuple(self.hidden_layer_sizes)
        if not all(isinstance(size, Integral) and size >= 1 for size in sizes):
            raise ValueError(
                "The 'hidden_layer_sizes' parameter of MLP must be 'auto' or a tuple "
                f"of positive ints. Got {self.hidden_layer_sizes!r} instead."
            )
        return sizes

    def _stack(self, sizes, zero_output):
        layers = []
        for n_in, n_out in pairwise(sizes[:-1]):
            layers += [_linear(n_in, n_out), ACTIVATIONS[self.activation]()]
        last = nn.Linear(*sizes[-2:])
        return nn.Sequential(*layers, _zeroed(last) if zero_output else last)

    def build(
        self, n_features, n_components, encoder_outputs, decoder_outputs, zero_output
    ):
        """Return the encoder and the decoder."""
        check_parameters(self)
        sizes = self._sizes(n_features)
        encoder = self._stack((n_features, *sizes, encoder_outputs), zero_output)
        decoder = self._stack(
            (n_components, *sizes[::-1], decoder_outputs), zero_output
        )
        return encoder, decoder


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

    def _image_shape(self, n_features):
        if isinstance(self.image_shape, str):
            side = math.isqrt(n_features)
            if side * side != n_features:
                raise ValueError(
                    f"X has {n_features} features, not a perfect square, so the "
                    "'image_shape' parameter of Conv cannot be 'auto'; give it as "
                    "(channels, height, width)."
                )
            return (1, side, side)
        shape = tuple(self.image_shape)
        if len(shape) != 3 or not all(isinstance(n, Integral) and n > 0 for n in shape):
            raise ValueError(
                "The 'image_shape' parameter of Conv must be 'auto' or a tuple of 3 "
                f"positive ints (channels, height, width). Got {shape!r} instead."
            )
        if math.prod(shape) != n_features:
            raise ValueError(
                f"The 'image_shape' parameter of Conv, {shape}, multiplies to "
                f"{math.prod(shape)} values, but X has {n_features} features."
            )
        return shape

    def build(
        self, n_features, n_components, encoder_outputs, decoder_outputs, zero_output
    ):
        """Return the encoder and the decoder."""
        check_parameters(self)
        channels, height, width = self._image_shape(n_features)
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
        down += [nn.Flatten(), _zeroed(to_code) if zero_output else to_code]

        up = [nn.Linear(n_components, flat), nn.SiLU()]
        up += [nn.Unflatten(1, (widths[-1], *sizes[-1]))]
        for stage in range(self.n_stages - 1, 0, -1):
            up += [_ResizeTo(sizes[stage])]
            up += [nn.Conv2d(widths[stage + 1], widths[stage], 3, padding=1), nn.SiLU()]
        to_image = nn.Conv2d(widths[1], output_channels, 3, padding=1)
        up += [_ResizeTo(sizes[0]), _zeroed(to_image) if zero_output else to_image]
        up += [nn.Flatten()]
        return nn.Sequential(*down), nn.Sequential(*up)


class _Gate(nn.Module):
    """A module whose output is multiplied by learned factors that start at zero."""

    def __init__(self, module, n_outputs):
        super().__init__()
        self.module = module
        self.gate = nn.Parameter(torch.zeros(n_outputs))

    def forward(self, x):
        return self.gate * self.module(x)


class Custom(BaseEstimator):
    """An encoder and a decoder of your own.

    Parameters
    ----------
    encoder, decoder : torch.nn.Module or callable
        A module, or a callable ``(n_in, n_out) -> module`` such as a class. The encoder
        gets standardised rows and gives `n_components` columns (twice as many for
        `VAETransformer`: means, then logarithms of variances); the decoder gets codes
        and gives `n_features` columns. Modules are copied in ``fit``, never trained in
        place.

    Examples
    --------
    >>> from torch import nn
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.networks import Custom
    >>> network = Custom(encoder=nn.Linear, decoder=nn.Linear)
    >>> AutoencoderTransformer(n_components=3, network=network).n_components
    3
    """

    _parameter_constraints: dict = {"encoder": [callable], "decoder": [callable]}
    #: As for `MLP`.
    pooled_input = False

    def __init__(self, encoder, decoder):
        self.encoder = encoder
        self.decoder = decoder

    def _half(self, name, n_in, n_out):
        given = getattr(self, name)
        if isinstance(given, nn.Module):
            module = copy.deepcopy(given)
        else:
            module = given(n_in, n_out)
            if not isinstance(module, nn.Module):
                raise TypeError(
                    f"The '{name}' parameter of Custom must be a torch module or a "
                    "callable that returns one. "
                    f"Got a callable that returned {type(module).__name__} instead."
                )
        module = module.float()
        self._check_width(name, module, n_in, n_out)
        return module

    @staticmethod
    def _check_width(name, module, n_in, n_out):
        training = module.training
        module.eval()
        try:
            with torch.no_grad():
                output = module(torch.zeros(2, n_in))
        except RuntimeError as error:
            raise ValueError(
                f"The '{name}' parameter of Custom does not accept rows of {n_in} "
                f"columns: {error}"
            ) from error
        finally:
            module.train(training)
        if tuple(output.shape) != (2, n_out):
            raise ValueError(
                f"The '{name}' parameter of Custom must map (rows, {n_in}) to "
                f"(rows, {n_out}), but 2 rows gave the shape {tuple(output.shape)}."
            )

    def build(
        self, n_features, n_components, encoder_outputs, decoder_outputs, zero_output
    ):
        """Return the encoder and the decoder."""
        check_parameters(self)
        encoder = self._half("encoder", n_features, encoder_outputs)
        decoder = self._half("decoder", n_components, decoder_outputs)
        if zero_output:
            encoder = _Gate(encoder, encoder_outputs)
            decoder = _Gate(decoder, decoder_outputs)
        return encoder, decoder


NETWORKS = {"mlp": MLP, "conv": Conv}
