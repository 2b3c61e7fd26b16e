"""The torch module: a linear path with a network beside it, in each direction.

Modules receive built parts and know no component class. Their input is a batch of
centred rows in X's units, NaN where a value is missing; ``forward`` returns named loss
terms per row, whose sum is minimised. Codes inside are whitened (in a VAE: on the
prior's scale); ``encode`` and ``decode`` speak of them as their axes hand them out, at
first in PCA's units.
"""

import torch
from torch import nn

from sklearn_ae._modules.axes import CodeAxes
from sklearn_ae._modules.gaps import doubles, hidden, linear_fill
from sklearn_ae._modules.running import SeenRange, running_statistics

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
    takes_flags : bool
        Whether the encoder network gets a flag for each missing value beside the row.

    Attributes
    ----------
    axes : CodeAxes
        From inner codes to those handed out.
    input_range, code_range : SeenRange
        What the networks were shown; outside of training they fade beyond it.
    networks_on : bool
        False leaves the linear path alone: PCA, or probabilistic PCA.
    incomplete : bool
        Whether the rows that `forward` gets may miss values; a recorded step cannot
        look.
    precision : {"float32", "bfloat16"}
        What the networks compute in while training. All else is float32, so that the
        linear path and the losses lose no digits.
    natural_scale : float
        What loss terms are multiplied by to be in their own units.
    is_in_nats : bool
        Whether those are nats.
    training_generator : torch.Generator or None
        What random draws in training come from; None is torch's own.
    part : tuple of (int, Tensor) or None
        How many rows a batch has of which `forward` gets some, and where these are.
        Draws are for the batch. None for whole batches.
    """

    networks_on = True
    incomplete = False
    precision = "float32"
    natural_scale = 1.0
    is_in_nats = False
    training_generator = None
    part = None

    def __init__(
        self,
        encoder,
        decoder,
        frame,
        cost,
        corruption=None,
        penalty=None,
        takes_flags=False,
    ):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.cost = cost
        self.corruption = corruption
        self.penalty = penalty
        self.takes_flags = takes_flags
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
            "log_variance": frame.log_variance,
        }
        for name, array in arrays.items():
            if array is not None:
                array = torch.as_tensor(array, dtype=torch.float32).contiguous()
            self.register_buffer(name, array)
        self.axes = CodeAxes(frame.code_scale)
        self.input_range = SeenRange(len(self.input_scale))
        self.code_range = SeenRange(len(self.code_branch_scale))

    @property
    def codes_bend(self):
        """Whether a network has a part in the codes."""
        return self.networks_on

    def use_networks(self, on):
        """Switch the networks, and all that goes with them, on or off."""
        for module in self.modules():
            if hasattr(module, "networks_on"):
                module.networks_on = on

    def get_extra_state(self):
        """Return what the state dict has beside parameters and buffers.

        A tensor, since files of weights may hold nothing else.
        """
        return torch.tensor(self.networks_on, device="cpu")

    def set_extra_state(self, state):
        """Take over what `get_extra_state` returned."""
        self.use_networks(bool(state))

    @staticmethod
    def without_nan(x, incomplete=None):
        """Return rows with zeros for NaN, and where they were: None for nowhere.

        With `incomplete` None the rows themselves tell whether they have any.
        """
        if incomplete is None:
            # A sum has NaN where a value has, and takes a tenth of the time. One that
            # overflows may be NaN as well, but then the values themselves tell.
            incomplete = bool(x.sum().isnan())
        if not incomplete:
            return x, None
        missing = x.isnan()
        return x.masked_fill(missing, 0.0), missing

    def principal_axes(self):
        """Return PCA's axes in double precision, of length one; zero if all noise."""
        axes = doubles(self.decode_weight)
        lengths = axes.square().sum(1, keepdim=True).sqrt()
        return axes / lengths.clamp(min=torch.finfo(axes.dtype).tiny)

    def loadings(self):
        """Return probabilistic PCA's loadings over the noise's standard deviation.

        In double precision; zero along an axis whose variance is no more than noise.
        """
        signal = torch.expm1(-doubles(self.log_variance))
        return self.principal_axes() * signal.sqrt()[:, None]

    def filled(self, x, missing):
        """Fill missing values by the linear path.

        They become probabilistic PCA's means given the observed values: those that the
        code has which fits these best, as far as they tell it from noise.
        """
        if missing is None:
            return x
        x = x.masked_fill(missing, 0.0)
        if self.decode_weight is None:
            return x
        return linear_fill(x, missing, self.loadings())

    def _encoder_output(self, x, missing):
        """Return what the encoder network gives for filled rows."""
        flags = []
        if self.takes_flags:
            flags = [torch.zeros_like(x) if missing is None else missing.to(x.dtype)]
        return self._faded(self.encoder, x * self.input_scale, self.input_range, *flags)

    def _decoder_output(self, code, *flags):
        """Return what the decoder network gives for inner codes, or their prefixes."""
        return self._faded(self.decoder, code, self.code_range, *flags)

    def _faded(self, network, x, seen_range, *flags):
        """Run a network on rows and flags, and let it fade beyond what it has seen."""
        share = None
        if seen_range.is_known and not self.training:
            x, share = seen_range(x)
        output = self._run(network, torch.cat([x, *flags], dim=1) if flags else x)
        return output if share is None else output * share

    def lift_ranges(self):
        """Have the networks not fade while training goes on."""
        self.input_range.lift()
        self.code_range.lift()

    def take_in(self, x):
        """Have the networks fade beyond these rows, and those taken in before."""
        inputs, code = self._shown(x, self._generator(x))
        self.input_range.widen(inputs * self.input_scale)
        self.code_range.widen(code)

    def _run(self, network, x):
        if self.training and len(x) == 1:
            # One row has no statistics of its own.
            with running_statistics(network):
                return self._computed(network, x)
        return self._computed(network, x)

    def _computed(self, network, x):
        if self.precision == "float32" or not self.training:
            return network(x)
        with torch.autocast(x.device.type, getattr(torch, self.precision)):
            return network(x).float()

    def _encoding(self, missing):
        """Return the function from rows to inner codes."""
        return lambda x: self.inner_code(self.filled(x, missing), missing)

    def inner_codes(self, x):
        """Return inner codes, or posterior means, of rows that may miss values."""
        x, missing = self.without_nan(x)
        return self._encoding(missing)(x)

    def all_codes(self, x):
        """Return all columns of codes, or posterior means, in their axes."""
        return self.axes.outward(self.inner_codes(x))

    def encode(self, x):
        """Return codes, or posterior means, as they are handed out."""
        return self.all_codes(x)

    def completed(self, x, max_iter, tol):
        """Fill missing values by decoding and encoding in turn.

        They start as the linear path fills them, and stay so without networks. A row
        stops where its observed values are no longer reconstructed better: from
        there on it only moves away.

        Parameters
        ----------
        x : Tensor of shape (n_rows, n_features)
            Centred rows.
        max_iter : int
            Largest number of turns.
        tol : float
            A row is done once none of its values moves further than this, in standard
            deviations of its column.

        Returns
        -------
        x : Tensor of shape (n_rows, n_features)
            The rows, filled.
        missing : Tensor of bool or None
            Where they were.
        """
        x, missing = self.without_nan(x)
        if missing is None:
            return x, None
        x = self.filled(x, missing)
        if self.decode_weight is not None and not self.networks_on:
            return x, missing
        goes_on = x.new_ones(len(x), 1, dtype=torch.bool)
        least = x.new_full((len(x), 1), torch.inf)
        for _ in range(max_iter):
            decoded = self._decoded(self.inner_code(x, missing))
            moves = (decoded - x) * self.input_scale
            errors = moves.masked_fill(missing, 0.0).square().sum(1, keepdim=True)
            goes_on = goes_on & (errors < least)
            x = torch.where(missing & goes_on, decoded, x)
            least = errors
            goes_on = goes_on & ((moves.abs() > tol) & missing).any(1, keepdim=True)
            if not goes_on.any():
                break
        return x, missing

    def parameter(self, code):
        """Return what the decoder gives for codes on the inner scale."""
        if self.decode_weight is None:
            linear = code.new_zeros(code.shape[0], len(self.input_scale))
        else:
            linear = code @ self.decode_weight
        parameter = self.cost.link.link(linear)
        if self.networks_on:
            parameter = torch.addcmul(
                parameter, self.output_branch_scale, self._decoder_output(code)
            )
        return parameter

    def _decoded(self, code):
        """Return centred mean reconstructions of codes on the inner scale."""
        return self.cost.link.mean(self.parameter(code))

    def decode(self, code):
        """Return centred reconstructions from codes as they are handed out."""
        return self._reconstructed(self.axes.inward(code))

    def _reconstructed(self, code):
        """Return centred reconstructions of rows from their inner codes."""
        return self._decoded(code)

    def squares(self, x, unit):
        """Return each row's squared error and squared length, over observed values.

        Both are over `unit` squared, and in double precision, so that nothing which
        float32 has overflows.
        """
        lengths = doubles(self.without_nan(x)[0] / unit).square()
        parts = [part.sum(1) for part in (self.value_squares(x, unit), lengths)]
        return torch.stack(parts, dim=1)

    def value_squares(self, x, unit):
        """Return each value's squared error over `unit` squared, zero where missing."""
        x, missing = self.without_nan(x)
        code = self._encoding(missing)(x)
        errors = (x - self._reconstructed(code)) / unit
        if missing is not None:
            errors = errors.masked_fill(missing, 0.0)
        return doubles(errors).square()

    def _with_linear_path(self, code, x):
        """Add the linear part to the codes of the network, which may be None."""
        if self.encode_weight is None:
            return code
        if code is None:
            return x @ self.encode_weight
        return torch.addmm(code, x, self.encode_weight)

    def _generator(self, x):
        """Return the source of random draws, which is fixed but for training."""
        if self.training:
            return self.training_generator
        return torch.Generator(x.device).manual_seed(VALIDATION_SEED)

    def _drawn_for_rows(self, draw, x, *shape, generator):
        """Return float32 draws of such a shape for each row of a batch."""
        n_rows = len(x) if self.part is None else self.part[0]
        drawn = draw(
            (n_rows, *shape),
            generator=generator,
            device=x.device,
            dtype=torch.float32,
        )
        return drawn if self.part is None else drawn[self.part[1]]

    def _over_observed(self, row_loss, x, parameter, missing):
        """Return the loss of each row, summed over its observed values."""
        if missing is None:
            return row_loss(x, parameter)
        return self.cost.terms(x, parameter).masked_fill(missing, 0.0).sum(1)

    def _corrupted(self, x, generator):
        return x if self.corruption is None else self.corruption(x, generator)

    def _with_penalty(self, terms, code, encode, x, generator):
        """Add the penalty of codes that `encode` made from rows `x`."""
        if self.penalty is not None:
            terms["penalty"] = self.penalty(code, encode, x, generator)
        return terms


class Autoencoder(TwoPaths):
    """Deterministic codes; the terms are reconstruction and penalty."""

    def __init__(self, encoder, decoder, frame, cost, **parts):
        super().__init__(encoder, decoder, frame, cost, **parts)
        self.natural_scale = cost.natural_scale

    def inner_code(self, x, missing=None):
        """Return the codes of filled rows."""
        code = None
        if self.networks_on:
            code = self.code_branch_scale * self._encoder_output(x, missing)
        return self._with_linear_path(code, x)

    def _shown(self, x, generator):
        """Return filled rows as training has them, and what the decoder gets."""
        x, missing = self.without_nan(x)
        x = self.filled(self._corrupted(x, generator), missing)
        return x, self.inner_code(x, missing)

    def forward(self, x):
        generator = self._generator(x)
        x, missing = self.without_nan(x, self.incomplete)
        seen = self._corrupted(x, generator)
        encode = self._encoding(hidden(missing, generator))
        code = encode(seen)
        reconstruction = self._over_observed(
            self.cost, x, self.parameter(code), missing
        )
        terms = {"reconstruction": reconstruction}
        return self._with_penalty(terms, code, encode, seen, generator)
