"""The torch module: a linear path with a network beside it, in each direction.

Modules receive built parts and know no component class. Their input is a batch of
centred rows in X's units; ``forward`` returns named loss terms per row, whose sum is
minimised. Codes inside are whitened (in a VAE: on the prior's scale); ``encode`` and
``decode`` speak in PCA's units.
"""

import torch
from torch import nn

# Seeds the draws of validation, the same in every epoch.
VALIDATION_SEED = 0


class TwoPaths(nn.Module):
    """What both autoencoders share: the linear path, the networks and their scales.

    Parameters
    ----------
    encoder, decoder : nn.Module
        The networks.
    frame : Frame
        The linear path and the scales.
    cost : nn.Module
        A built loss or likelihood.
    corruption, penalty : nn.Module or None
        Built parts.

    Attributes
    ----------
    networks_on : bool
        False leaves the linear path alone: PCA, or probabilistic PCA.
    natural_scale : float
        What loss terms are multiplied by to be in their own units.
    """

    networks_on = True
    natural_scale = 1.0

    def __init__(self, encoder, decoder, frame, cost, corruption=None, penalty=None):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.cost = cost
        self.corruption = corruption
        self.penalty = penalty
        # A decoder corrects a reconstruction by shares of what PCA leaves; a logit or
        # a logarithm by whole units.
        output_branch_scale = torch.where(
            torch.as_tensor(cost.link.in_data_units),
            torch.as_tensor(frame.output_branch_scale, dtype=torch.float32),
            1.0,
        )
        arrays = {
            "encode_weight": frame.encode_weight,
            "decode_weight": frame.decode_weight,
            "input_scale": frame.input_scale,
            "code_branch_scale": frame.code_branch_scale,
            "output_branch_scale": output_branch_scale,
            "code_scale": frame.code_scale,
        }
        for name, array in arrays.items():
            if array is not None:
                array = torch.as_tensor(array, dtype=torch.float32)
            self.register_buffer(name, array)

    def use_networks(self, on):
        """Switch the networks, and all that goes with them, on or off."""
        for module in self.modules():
            if hasattr(module, "networks_on"):
                module.networks_on = on

    def parameter(self, code):
        """Return what the decoder gives for codes on the inner scale."""
        if self.decode_weight is None:
            linear = code.new_zeros(len(code), len(self.input_scale))
        else:
            linear = code @ self.decode_weight
        parameter = self.cost.link.link(linear)
        if self.networks_on:
            parameter = torch.addcmul(
                parameter, self.output_branch_scale, self.decoder(code)
            )
        return parameter

    def decode(self, code):
        """Return centred mean reconstructions of codes in PCA's units."""
        return self.cost.link.mean(self.parameter(code / self.code_scale))

    def _with_linear_path(self, code, x):
        """Add the linear part to the codes of the network, which may be None."""
        if self.encode_weight is None:
            return code
        if code is None:
            return x @ self.encode_weight
        return torch.addmm(code, x, self.encode_weight)

    def _generator(self, x):
        """Return the source of random draws: torch's own in training, else a fixed."""
        if self.training:
            return None
        return torch.Generator(x.device).manual_seed(VALIDATION_SEED)

    def _corrupted(self, x, generator):
        return x if self.corruption is None else self.corruption(x, generator)

    def _with_penalty(self, terms, code, encode, x, generator):
        """Add the penalty of codes that `encode` made from rows `x`."""
        if self.penalty is not None:
            terms["penalty"] = self.penalty(code, encode, x, generator)
        return terms


class Autoencoder(TwoPaths):
    """Deterministic codes; the terms are reconstruction and penalty."""

    def __init__(self, encoder, decoder, frame, cost, corruption=None, penalty=None):
        super().__init__(encoder, decoder, frame, cost, corruption, penalty)
        self.natural_scale = cost.natural_scale

    def _code(self, x):
        code = None
        if self.networks_on:
            code = self.code_branch_scale * self.encoder(x * self.input_scale)
        return self._with_linear_path(code, x)

    def encode(self, x):
        """Return codes in PCA's units."""
        return self._code(x) * self.code_scale

    def forward(self, x):
        generator = self._generator(x)
        seen = self._corrupted(x, generator)
        code = self._code(seen)
        terms = {"reconstruction": self.cost(x, self.parameter(code))}
        return self._with_penalty(terms, code, self._code, seen, generator)
