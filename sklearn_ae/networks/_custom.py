"""A network made of the user's own modules."""

import copy
import math
from collections.abc import Callable
from numbers import Integral
from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import nn
from torch.distributions import Independent, Normal

from sklearn_ae._utils import check_parameters
from sklearn_ae.networks._layers import Gate


class _Moments(nn.Module):
    """From rows to means and log variances, with a module that gives distributions."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        normal = self.module(x)
        moments = torch.cat([normal.mean, 2 * normal.stddev.log()], dim=1)
        return moments.to(torch.float32)


class _Casting(nn.Module):
    """Rows to the dtype that a module computes in, and what it gives to float32."""

    def __init__(self, module, dtype):
        super().__init__()
        self.module = module
        self.dtype = dtype

    def forward(self, x):
        output = self.module(x.to(self.dtype))
        if isinstance(output, torch.Tensor):
            output = output.to(torch.float32)
        return output


def _other_dtypes(module):
    """Return the dtypes of a module's weights that are not float32."""
    dtypes = {
        tensor.dtype
        for tensor in [*module.parameters(), *module.buffers()]
        if tensor.is_floating_point()
    }
    return sorted(dtypes - {torch.float32}, key=str)


def _is_normal(output):
    """Whether an output is a distribution of independent normal columns."""
    if isinstance(output, Independent):
        output = output.base_dist
    return isinstance(output, Normal)


class Custom(BaseEstimator):
    """An encoder and a decoder of your own.

    Parameters
    ----------
    encoder, decoder : torch.nn.Module or callable
        A module, or a callable ``(n_in, n_out) -> module`` such as a class. The encoder
        gets standardised rows and gives `n_components` columns; the decoder gets codes
        and gives `n_features` columns, or an array of `input_shape` for each row.
        `VAETransformer` wants twice as many columns of its encoder, means and then
        logarithms of variances, or a `torch.distributions.Normal` of `n_components`
        columns. Modules are copied in ``fit``, never trained in place. Their weights
        keep their dtype: a module that does not cast its rows itself gets them in that
        dtype, and what it gives becomes float32.
    input_shape : tuple of int or None, default=None
        Shape in which the encoder gets each row, such as (channels, height, width) or
        (channels, time); `n_features` is its product. Values are then on one scale
        instead of each feature's own. None gives flat rows.

    Examples
    --------
    >>> from torch import nn
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.networks import Custom
    >>> network = Custom(encoder=nn.Linear, decoder=nn.Linear)
    >>> AutoencoderTransformer(n_components=3, network=network).n_components
    3
    """

    _parameter_constraints: dict = {
        "encoder": [callable],
        "decoder": [callable],
        "input_shape": [tuple, list, None],
    }

    def __init__(
        self,
        encoder: Callable[..., Any],
        decoder: Callable[..., Any],
        *,
        input_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.encoder = encoder
        self.decoder = decoder
        self.input_shape = input_shape

    @property
    def pooled_input(self):
        """Whether the encoder wants all features on one scale, as for `MLP`."""
        return self.input_shape is not None

    def _checked_input_shape(self, n_features):
        if self.input_shape is None:
            return None
        shape = tuple(self.input_shape)
        if not shape or not all(
            isinstance(n, Integral) and n is not True and n > 0 for n in shape
        ):
            raise ValueError(
                "The 'input_shape' parameter of Custom must be None or a tuple of "
                f"positive ints. Got {self.input_shape!r} instead."
            )
        shape = tuple(map(int, shape))
        if math.prod(shape) != n_features:
            raise ValueError(
                f"The 'input_shape' parameter of Custom, {shape}, multiplies to "
                f"{math.prod(shape)} values, but X has {n_features} features."
            )
        return shape

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
        return module.to("cpu")

    @staticmethod
    def _try(module, n_in, shape):
        """Return what a half gives for two rows of zeros."""
        training = module.training
        module.eval()
        rows = torch.zeros(2, n_in, device="cpu", dtype=torch.float32)
        try:
            with torch.no_grad():
                return module(rows if shape is None else rows.reshape(2, *shape))
        finally:
            module.train(training)

    @classmethod
    def _output(cls, name, module, n_in, shape):
        """Return a half that takes and gives float32, and what it gives."""
        others = _other_dtypes(module)
        halves = [_Casting(module, dtype) for dtype in [torch.float32, *others]]
        # A module may cast rows itself; else they come in the dtype of its weights.
        for half in halves if others else [module]:
            try:
                output = cls._try(half, n_in, shape)
            except Exception as caught:
                error = caught
                continue
            if isinstance(output, torch.Tensor) and output.dtype != torch.float32:
                half, output = halves[0], output.to(torch.float32)
            return half, output
        expected = f"{n_in} columns" if shape is None else f"the shape {shape}"
        weights = f", with weights of {', '.join(map(str, others))}," if others else ""
        raise ValueError(
            f"The '{name}' parameter of Custom{weights} does not accept rows of "
            f"{expected}: {error}"
        ) from error

    @staticmethod
    def _check_output(name, output, n_in, n_out):
        if not isinstance(output, torch.Tensor):
            raise TypeError(
                f"The '{name}' parameter of Custom must return a tensor. "
                f"Got {type(output).__name__} instead."
            )
        if tuple(output.shape) != (2, n_out):
            raise ValueError(
                f"The '{name}' parameter of Custom must map (rows, {n_in}) to "
                f"(rows, {n_out}), but 2 rows gave the shape {tuple(output.shape)}."
            )

    def _build_encoder(self, n_features, n_components, n_out):
        shape = self._checked_input_shape(n_features)
        module = self._half("encoder", n_features, n_out)
        module, output = self._output("encoder", module, n_features, shape)
        if _is_normal(output) and n_out == 2 * n_components:
            module = _Moments(module)
            output = torch.cat([output.mean, output.stddev], dim=-1)
        self._check_output("encoder", output, n_features, n_out)
        if shape is not None:
            module = nn.Sequential(nn.Unflatten(1, shape), module)
        return module

    def _build_decoder(self, n_components, n_out):
        module = self._half("decoder", n_components, n_out)
        module, output = self._output("decoder", module, n_components, None)
        if self.input_shape is not None and isinstance(output, torch.Tensor):
            module = nn.Sequential(module, nn.Flatten())
            output = output.flatten(1)
        self._check_output("decoder", output, n_components, n_out)
        return module

    def build(
        self, n_features, n_components, encoder_outputs, decoder_outputs, zero_output
    ):
        """Return the encoder and the decoder."""
        check_parameters(self)
        encoder = self._build_encoder(n_features, n_components, encoder_outputs)
        decoder = self._build_decoder(n_components, decoder_outputs)
        if zero_output:
            encoder = Gate(encoder, encoder_outputs)
            decoder = Gate(decoder, decoder_outputs)
        return encoder, decoder
