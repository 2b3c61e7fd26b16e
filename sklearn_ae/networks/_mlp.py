"""The fully connected network."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, Literal

import torch
from sklearn.base import BaseEstimator
from torch import nn
from torch.nn import functional

from sklearn_ae._utils import Interval, StrOptions, check_parameters
from sklearn_ae.networks._layers import (
    ACTIVATIONS,
    Dropout,
    Gate,
    drawn,
    make_activation,
    zeroed,
)

# Weights of an outer layer beyond which the hidden one beside it is narrower: training
# has half a dozen numbers for each of them.
MOST_WEIGHTS = 2**22


def _default_sizes(n_features):
    """Widths from the data: a power of two near 16 sqrt(d), thrice for small rows.

    Of very wide rows it is near the width that gives an outer layer `MOST_WEIGHTS`.
    """
    wanted = min(16 * math.sqrt(n_features), MOST_WEIGHTS / n_features)
    width = min(max(int(2 ** round(math.log2(wanted))), 128), 512)
    return (width, width, width) if n_features <= 256 else (width, width // 2)


def _is_width(size):
    return isinstance(size, Integral) and size is not True and size >= 1


def _linears(sizes, generator):
    """Linear layers; the hidden ones keep the spread of their input at any depth."""
    linears = [drawn(nn.Linear, *pair, generator=generator) for pair in pairwise(sizes)]
    for linear in linears[:-1]:
        nn.init.kaiming_normal_(
            linear.weight, nonlinearity="linear", generator=generator
        )
        nn.init.zeros_(linear.bias)
    return linears


class _Residual(nn.Module):
    """A block with a path around it, which is linear where the widths differ."""

    def __init__(self, block, n_in, n_out, generator):
        super().__init__()
        self.block = block
        self.around = (
            nn.Identity()
            if n_in == n_out
            else drawn(nn.Linear, n_in, n_out, bias=False, generator=generator)
        )

    def forward(self, x):
        return self.around(x) + self.block(x)


class _Transposed(nn.Module):
    """A linear layer whose weights are another's, transposed.

    Parameters
    ----------
    layer : nn.Linear
        The other; its first `n_in` outputs and its first `n_out` inputs count.
    n_in, n_out : int
        Numbers of inputs and outputs.
    """

    def __init__(self, layer, n_in, n_out):
        super().__init__()
        self.in_features, self.out_features = n_in, n_out
        # In a tuple, so that the weights stand in the state dict once.
        self.tied_to = (layer,)
        self.bias = nn.Parameter(layer.weight.new_zeros(n_out))

    def forward(self, x):
        weight = self.tied_to[0].weight[: self.in_features, : self.out_features]
        return functional.linear(x, weight.T, self.bias)


class MLP(BaseEstimator):
    """Fully connected encoder, mirrored in the decoder.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int or "auto", default="auto"
        Widths of the encoder's hidden layers; the decoder has them in reverse. "auto"
        takes them from the number of features d: a power of two near 16 sqrt(d), within
        [128, 512], three times; for d above 256, once and then half of it. From 11 586
        features on it is 256, from 23 171 on 128.
    activation : {"silu", "relu", "gelu", "elu", "tanh", "identity"}, module or \
            callable, default="silu"
        The non-linearity after each hidden layer. A torch module is copied for each; a
        callable without arguments, such as a module class, is called for each.
    dropout : float, default=0.0
        Share of a hidden layer's outputs that is set to zero in training, within
        [0, 1).
    layer_norm : bool, default=False
        Whether to normalise each hidden layer's values, row by row, before the
        non-linearity.
    residual : bool, default=False
        Whether each hidden layer but the first adds its input to its output, through a
        linear map where their widths differ. Needs two hidden layers.
    tied : bool, default=False
        Whether the decoder uses the encoder's weight matrices, transposed. Biases are
        its own. Not possible for likelihoods of several parameters a feature.

    References
    ----------
    .. [1] Ba, J. L., Kiros, J. R. & Hinton, G. E. (2016). Layer normalization.
       arXiv:1607.06450.
    .. [2] He, K. et al. (2016). Deep residual learning for image recognition. IEEE
       Conference on Computer Vision and Pattern Recognition, 770-778.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.networks import MLP
    >>> AutoencoderTransformer(network=MLP(hidden_layer_sizes=(64, 32)))
    AutoencoderTransformer(network=MLP(hidden_layer_sizes=(64, 32)))
    """

    _parameter_constraints: dict = {
        "hidden_layer_sizes": [StrOptions({"auto"}), tuple, list],
        "activation": [StrOptions(set(ACTIVATIONS)), callable],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "layer_norm": ["boolean"],
        "residual": ["boolean"],
        "tied": ["boolean"],
    }
    #: Whether the encoder wants all features on one scale rather than each on its own.
    pooled_input = False
    #: Whether the encoder can take flags of missing values beside a row.
    flaggable = True

    def __init__(
        self,
        hidden_layer_sizes: Literal["auto"] | Sequence[int] = "auto",
        activation: str | Callable[..., Any] = "silu",
        *,
        dropout: float = 0.0,
        layer_norm: bool = False,
        residual: bool = False,
        tied: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.layer_norm = layer_norm
        self.residual = residual
        self.tied = tied

    @property
    def takes_prefix(self):
        """Whether the decoder can take flags of the code columns in use beside them."""
        return not self.tied

    def _sizes(self, n_features):
        if isinstance(self.hidden_layer_sizes, str):
            return _default_sizes(n_features)
        sizes = tuple(self.hidden_layer_sizes)
        if not all(_is_width(size) for size in sizes):
            raise ValueError(
                "The 'hidden_layer_sizes' parameter of MLP must be 'auto' or a tuple "
                f"of positive ints. Got {self.hidden_layer_sizes!r} instead."
            )
        if self.residual and len(sizes) < 2:
            raise ValueError(
                "residual=True of MLP needs at least two hidden layers to add up. Got "
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} instead."
            )
        return tuple(map(int, sizes))

    def _block(self, linear, is_first, generator):
        """Return a hidden layer: a linear map and all that goes with it."""
        layers = [linear]
        if self.layer_norm:
            layers.append(nn.LayerNorm(linear.out_features, dtype=torch.float32))
        layers.append(make_activation(self.activation, "MLP"))
        if self.dropout > 0:
            layers.append(Dropout(float(self.dropout)))
        if self.residual and not is_first:
            block = nn.Sequential(*layers)
            sizes = linear.in_features, linear.out_features
            return [_Residual(block, *sizes, generator)]
        return layers

    def _stack(self, linears, generator):
        layers = []
        for number, linear in enumerate(linears[:-1]):
            layers += self._block(linear, number == 0, generator)
        return nn.Sequential(*layers, linears[-1])

    def _tied(self, encoder_linears, n_features, n_components, decoder_outputs):
        """Return the decoder's linear layers, with the encoder's weights."""
        if decoder_outputs != n_features:
            raise ValueError(
                "tied=True of MLP needs a decoder with one output a feature, but this "
                f"likelihood has {decoder_outputs // n_features}; set tied to False."
            )
        inner = [linear.out_features for linear in encoder_linears[-2::-1]]
        sizes = pairwise([n_components, *inner, n_features])
        return [
            _Transposed(linear, *size)
            for linear, size in zip(encoder_linears[::-1], sizes, strict=True)
        ]

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
        sizes = self._sizes(n_features)
        n_inputs = 2 * n_features if with_flags else n_features
        linears = _linears((n_inputs, *sizes, encoder_outputs), generator)
        if self.tied:
            mirrored = self._tied(linears, n_features, n_components, decoder_outputs)
        else:
            mirrored = _linears(
                (n_components, *sizes[::-1], decoder_outputs), generator
            )
        encoder, decoder = (
            self._stack(half, generator) for half in (linears, mirrored)
        )
        if zero_output and self.tied:
            # The outer layers cannot start at zero: they are the other half's first.
            return Gate(encoder, encoder_outputs), Gate(decoder, decoder_outputs)
        if zero_output:
            zeroed(linears[-1])
            zeroed(mirrored[-1])
        return encoder, decoder
