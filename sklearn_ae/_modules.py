"""The torch modules: a linear path with a network beside it, in each direction.

Modules receive built parts and know no component class. Their input is a batch of
centred rows in X's units; ``forward`` returns named loss terms per row, whose sum is
minimised. Codes inside are whitened (in a VAE: on the prior's scale); ``encode`` and
``decode`` speak in PCA's units.
"""

import math

import torch
from torch import nn

# Log variances stay within this distance of where they start, so that no exponential
# can overflow.
LOG_VARIANCE_REACH = 10.0
# Seeds the draws of validation, the same in every epoch.
VALIDATION_SEED = 0


class _TwoPaths(nn.Module):
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
            parameter = parameter + self.output_branch_scale * self.decoder(code)
        return parameter

    def decode(self, code):
        """Return centred mean reconstructions of codes in PCA's units."""
        return self.cost.link.mean(self.parameter(code / self.code_scale))

    def _generator(self, x):
        """Return the source of random draws: torch's own in training, else a fixed."""
        if self.training:
            return None
        return torch.Generator(x.device).manual_seed(VALIDATION_SEED)

    def _corrupted(self, x, generator):
        return x if self.corruption is None else self.corruption(x, generator)

    def _with_penalty(self, terms, code):
        if self.penalty is not None:
            terms["penalty"] = self.penalty(code)
        return terms


class Autoencoder(_TwoPaths):
    """Deterministic codes; the terms are reconstruction and penalty."""

    def __init__(self, encoder, decoder, frame, cost, corruption=None, penalty=None):
        super().__init__(encoder, decoder, frame, cost, corruption, penalty)
        self.natural_scale = cost.natural_scale

    def _code(self, x):
        code = 0.0
        if self.networks_on:
            code = self.code_branch_scale * self.encoder(x * self.input_scale)
        if self.encode_weight is not None:
            code = code + x @ self.encode_weight
        return code

    def encode(self, x):
        """Return codes in PCA's units."""
        return self._code(x) * self.code_scale

    def forward(self, x):
        code = self._code(self._corrupted(x, self._generator(x)))
        terms = {"reconstruction": self.cost(x, self.parameter(code))}
        return self._with_penalty(terms, code)


class VariationalAutoencoder(_TwoPaths):
    """Normal posteriors over codes; the terms are reconstruction, KL and penalty.

    Parameters
    ----------
    prior : nn.Module
        A built prior.
    beta : float
        Weight of the KL divergence.
    encoder, decoder, frame, cost, corruption, penalty
        As for the base class; the encoder gives means, then log variances.
    """

    def __init__(self, encoder, decoder, frame, cost, corruption, penalty, prior, beta):
        super().__init__(encoder, decoder, frame, cost, corruption, penalty)
        self.prior = prior
        self.beta = beta
        self.register_buffer(
            "log_variance", torch.as_tensor(frame.log_variance, dtype=torch.float32)
        )

    def posterior(self, x):
        """Return mean and log variance of each row's code, on the prior's scale."""
        mean = 0.0
        log_variance = self.log_variance.expand(len(x), -1)
        if self.networks_on:
            output = self.encoder(x * self.input_scale)
            mean_output, log_variance_output = output.chunk(2, dim=1)
            mean = self.code_branch_scale * mean_output
            log_variance = log_variance + LOG_VARIANCE_REACH * torch.tanh(
                log_variance_output / LOG_VARIANCE_REACH
            )
        if self.encode_weight is not None:
            mean = mean + x @ self.encode_weight
        return mean, log_variance

    def encode(self, x):
        """Return posterior means in PCA's units."""
        return self.posterior(x)[0] * self.code_scale

    def reparameterised(self, mean, log_variance, generator):
        """Draw one code a row: the mean plus standard deviations of normal noise."""
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        return mean + (0.5 * log_variance).exp() * noise

    def forward(self, x):
        generator = self._generator(x)
        mean, log_variance = self.posterior(self._corrupted(x, generator))
        code = self.reparameterised(mean, log_variance, generator)
        terms = {
            "reconstruction": self.cost.nll(x, self.parameter(code)),
            "kl": self.beta * self.prior.kl(mean, log_variance),
        }
        return self._with_penalty(terms, mean)

    def log_likelihood(self, x, noise):
        """Return the importance-sampled log-likelihood of each row, in nats.

        Parameters
        ----------
        x : Tensor of shape (n_rows, n_features)
            Centred rows.
        noise : Tensor of shape (n_draws, n_components)
            Standard normal draws, the same for all rows.
        """
        mean, log_variance = self.posterior(x)
        scale = (0.5 * log_variance).exp()
        code = mean[:, None] + scale[:, None] * noise
        n_rows, n_draws, n_components = code.shape
        flat = code.reshape(-1, n_components)
        repeated = x.repeat_interleave(n_draws, dim=0)
        log_joint = self.prior.log_prob(flat) - self.cost.nll(
            repeated, self.parameter(flat)
        )
        log_posterior = (
            -0.5 * noise.square().sum(1)
            - 0.5 * log_variance.sum(1, keepdim=True)
            - 0.5 * n_components * math.log(2 * math.pi)
        )
        weights = log_joint.reshape(n_rows, n_draws) - log_posterior
        return weights.logsumexp(1) - math.log(n_draws)

    def draw(self, code, generator):
        """Draw centred rows from the likelihood at codes on the prior's scale."""
        return self.cost.sample(self.parameter(code), generator)
