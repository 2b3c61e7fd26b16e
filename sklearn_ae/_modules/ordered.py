"""The autoencoder whose first columns of the code are a code on their own."""

import math

import torch

from sklearn_ae._modules.autoencoder import Autoencoder
from sklearn_ae._modules.gaps import hidden

# Share of the rows that train on all columns; the others on as many as are drawn.
WHOLE = 1 / 6
# A share of the first component's squared errors below which there are none.
EXACT = 1e-6


class OrderedAutoencoder(Autoencoder):
    """Deterministic codes of which each prefix is decoded on its own [1]_.

    In training each row is decoded from its first columns, as many as are drawn for it:
    all of them for some rows, else j with a probability that falls as 1 / j. Its loss
    is divided by what PCA leaves with as many columns, so that all numbers of columns
    count alike.

    Parameters
    ----------
    encoder, decoder, frame, cost, **parts
        As for the base class.
    residual_scales : ndarray of shape (n_components, n_features)
        Standard deviation of what PCA leaves of each column, by number of components.
    takes_prefix : bool
        Whether the decoder network gets flags of the columns in use beside the code.

    Attributes
    ----------
    bends : bool
        False leaves codes to the linear path: PCA's scores, with networks that decode.
    n_used : int
        Number of columns that are handed out.
    n_trained : int
        Number of columns with which PCA leaves something to learn.
    gates : Tensor of shape (n_components,)
        1.0 where the decoder network counts for a prefix of so many columns, else 0.0.

    References
    ----------
    .. [1] Rippel, O., Gelbart, M. & Adams, R. (2014). Learning ordered representations
       with nested dropout. International Conference on Machine Learning, 1746-1754.
    """

    bends = True
    #: Prefixes are drawn for each row, so that it takes more of them to say as much.
    rows_per_step = 2

    def __init__(
        self,
        encoder,
        decoder,
        frame,
        cost,
        *,
        residual_scales,
        takes_prefix=False,
        **parts,
    ):
        super().__init__(encoder, decoder, frame, cost, **parts)
        self.takes_prefix = takes_prefix
        n_components = len(residual_scales)
        self.n_used = n_components
        scales = torch.as_tensor(residual_scales, dtype=torch.float32)
        self.register_buffer("branch_scales", scales)
        # In double precision and over the largest: squares may be out of range.
        left = scales.double() / scales.max().clamp(min=torch.finfo().tiny)
        errors = left.square().sum(1)
        # Nothing is to be learned where PCA reproduces the rows.
        self.n_trained = max(1, int((errors > EXACT * errors[0]).sum()))
        trained = errors[: self.n_trained].clamp(min=torch.finfo().tiny)
        weights = torch.zeros(n_components)
        weights[: self.n_trained] = trained[-1] / trained
        self.register_buffer("row_weights", weights)
        shares = torch.zeros(n_components, dtype=torch.float64)
        shares[: self.n_trained] = 1 / torch.arange(1, self.n_trained + 1)
        shares *= (1 - WHOLE) / shares.sum()
        shares[self.n_trained - 1] += WHOLE
        # How likely it is that a column is in use; the first is, whatever is drawn.
        in_use = shares.flip(0).cumsum(0).flip(0)
        in_use[0] = math.inf
        self.register_buffer("in_use", in_use.float())
        self.register_buffer("gates", torch.empty(n_components))
        self.open_gates()

    def open_gates(self):
        """Let the decoder network count for every prefix that it is trained for."""
        self.gates.copy_(self.row_weights > 0)

    @property
    def codes_bend(self):
        """Whether a network has a part in the codes."""
        return self.networks_on and self.bends

    def get_extra_state(self):
        """Return what the state dict has beside parameters and buffers."""
        return torch.tensor([self.networks_on, self.bends, self.n_used], device="cpu")

    def set_extra_state(self, state):
        """Take over what `get_extra_state` returned."""
        networks_on, bends, self.n_used = map(int, state)
        self.bends = bool(bends)
        self.use_networks(bool(networks_on))

    def inner_code(self, x, missing=None):
        """Return the codes of filled rows, all columns."""
        if self.bends:
            return super().inner_code(x, missing)
        return self._with_linear_path(None, x)

    def encode(self, x):
        """Return the columns in use of codes in PCA's units."""
        return self.all_codes(x)[:, : self.n_used]

    def decode(self, code):
        """Return centred mean reconstructions of a prefix of codes in PCA's units."""
        n_columns = code.shape[1]
        inner = self.axes.inward(code)
        missing = len(self.gates) - n_columns
        inner = torch.nn.functional.pad(inner, (0, missing))
        return self.cost.link.mean(self.parameter_of_prefix(inner, n_columns))

    def parameter(self, code):
        """Return what the decoder gives for the columns in use of inner codes."""
        return self.parameter_of_prefix(code, self.n_used)

    def parameter_of_prefix(self, code, n_columns):
        """Return what the decoder gives for the first columns of inner codes."""
        used = code.new_zeros(code.shape[0], len(self.gates))
        used[:, :n_columns] = 1.0
        return self._parameter_where(code, used)

    def _parameter_where(self, code, used):
        """Return what the decoder gives where `used` is one, and zero after it."""
        code = code * used
        if self.decode_weight is None:
            linear = code.new_zeros(code.shape[0], len(self.input_scale))
        else:
            linear = code @ self.decode_weight
        parameter = self.cost.link.link(linear)
        if not self.networks_on:
            return parameter
        flags = [used] if self.takes_prefix else []
        scale = self._last(used) @ (self.branch_scales * self.gates[:, None])
        return torch.addcmul(parameter, scale, self._decoder_output(code, *flags))

    @staticmethod
    def _last(used):
        """Return one for the last column in use, else zero."""
        after = torch.nn.functional.pad(used[:, 1:], (0, 1))
        return used - after

    def _drawn(self, code, generator):
        """Return the columns in use of each row: drawn, or of all numbers in turn."""
        if self.training:
            height = self._drawn_for_rows(torch.rand, code, 1, generator=generator)
        else:
            # Shares of the golden section are spread evenly, however many there are.
            steps = torch.arange(len(code), device=code.device)
            steps = (steps if self.part is None else self.part[1]).to(torch.float32)
            height = torch.frac(0.5 + 0.618034 * steps)[:, None]
        return (height < self.in_use).to(code.dtype)

    def forward(self, x):
        generator = self._generator(x)
        x, missing = self.without_nan(x, self.incomplete)
        seen = self._corrupted(x, generator)
        encode = self._encoding(hidden(missing, generator))
        code = encode(seen)
        used = self._drawn(code, generator)
        reconstruction = self._over_observed(
            self.cost, x, self._parameter_where(code, used), missing
        )
        weights = self._last(used) @ self.row_weights
        terms = {"reconstruction": reconstruction * weights}
        return self._with_penalty(terms, code, encode, seen, generator)

    def losses_of_prefixes(self, x):
        """Return each row's loss by number of columns, over `natural_scale`."""
        x, missing = self.without_nan(x)
        code = self._encoding(missing)(x)
        return torch.stack(
            [
                self._over_observed(
                    self.cost, x, self.parameter_of_prefix(code, n_columns), missing
                )
                for n_columns in range(1, len(self.gates) + 1)
            ],
            dim=1,
        )

    def squares_of_prefixes(self, x, unit):
        """Return each row's squared length, then its squared errors by prefix.

        Over observed values and `unit` squared.
        """
        x, missing = self.without_nan(x)
        code = self._encoding(missing)(x)
        errors = [x]
        for n_columns in range(1, len(self.gates) + 1):
            parameter = self.parameter_of_prefix(code, n_columns)
            errors.append(x - self.cost.link.mean(parameter))
        if missing is not None:
            errors = [error.masked_fill(missing, 0.0) for error in errors]
        return torch.stack([(e / unit).square().sum(1) for e in errors], dim=1)
