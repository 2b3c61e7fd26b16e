"""The torch module of the variational autoencoder: its bounds and its likelihood."""

import math

import torch

from sklearn_ae._modules.autoencoder import TwoPaths
from sklearn_ae._modules.axes import Unshrinking
from sklearn_ae._modules.gaps import doubles, precision_factor

# Log variances stay within this distance of where they start, so that no exponential
# can overflow.
LOG_VARIANCE_REACH = 10.0


class VariationalAutoencoder(TwoPaths):
    """Normal posteriors over codes; the terms are reconstruction, KL and penalty.

    With several draws in training, `bound` takes the place of the first two: minus the
    logarithm of the mean importance weight.

    Parameters
    ----------
    prior : nn.Module
        A built prior.
    beta : float
        Weight of the KL divergence.
    free_bits : float
        Nats per code column below which, on the mean over a batch, training does not
        count the KL divergence.
    n_draws : int
        Draws of each row's code in training.
    pca_weight : float
        Weight of the linear path's density in `DefendedDensity`; zero is none.
    encoder, decoder, frame, cost, **parts
        As for the base class; the encoder gives means, then log variances.

    Attributes
    ----------
    unshrinking : Unshrinking
        What posterior means are multiplied by before they are decoded.
    kl_weight : Tensor of no dimensions
        The weight in training, which a warm-up changes between steps. It is not part of
        the state: the weights of any epoch go with the last one.
    """

    is_in_nats = True

    def __init__(
        self,
        encoder,
        decoder,
        frame,
        cost,
        *,
        prior,
        beta=1.0,
        free_bits=0.0,
        n_draws=1,
        pca_weight=0.0,
        **parts,
    ):
        super().__init__(encoder, decoder, frame, cost, **parts)
        self.prior = prior
        self.unshrinking = Unshrinking(self.n_components)
        self.beta = beta
        self.free_bits = free_bits
        self.n_draws = n_draws
        self.pca_weight = pca_weight
        self.register_buffer(
            "kl_weight", torch.tensor(beta, dtype=torch.float32), persistent=False
        )

    @property
    def n_components(self):
        """Number of columns of the code."""
        return len(self.code_branch_scale)

    def final_prior(self):
        """Return what codes come from after training: the refitted prior if any."""
        fitted = getattr(self.prior, "fitted", None)
        if fitted is not None and fitted.is_fitted:
            return fitted
        return self.prior.given(self.posterior)

    def _linear_log_variance(self, missing):
        """Return the log variance of probabilistic PCA given the observed values.

        The precision of a code is one plus the squares of its loadings over the noise
        variance; missing values take theirs away. What they do to the correlation of
        codes is for `_deviations`.
        """
        if missing is None or self.decode_weight is None:
            return self.log_variance
        added = doubles(~missing) @ self.loadings().square().T
        return -torch.log1p(added).to(self.log_variance)

    def posterior(self, x, missing=None):
        """Return mean and log variance of filled rows' codes, on the prior's scale."""
        mean = None
        log_variance = self._linear_log_variance(missing).expand(x.shape[0], -1)
        if self.networks_on:
            output = self._encoder_output(x, missing)
            mean_output, log_variance_output = output.chunk(2, dim=1)
            mean = self.code_branch_scale * mean_output
            log_variance = torch.add(
                log_variance,
                torch.tanh(log_variance_output / LOG_VARIANCE_REACH),
                alpha=LOG_VARIANCE_REACH,
            )
        return self._with_linear_path(mean, x), log_variance

    def inner_code(self, x, missing=None):
        """Return the posterior means of filled rows."""
        return self.posterior(x, missing)[0]

    def _shown(self, x, generator):
        """Return filled rows as training has them, and draws of their codes."""
        x, missing = self.without_nan(x)
        x = self._corrupted(self.cost.drawn(x, generator), generator)
        x = self.filled(x, missing)
        return x, self.reparameterised(*self.posterior(x, missing), generator)

    def reparameterised(self, mean, log_variance, generator):
        """Draw one code a row: the mean plus standard deviations of normal noise."""
        noise = self._drawn_for_rows(
            torch.randn, mean, mean.shape[1], generator=generator
        )
        return torch.addcmul(mean, (0.5 * log_variance).exp(), noise)

    def _kl(self, prior, mean, log_variance, code):
        terms = prior.kl_terms(mean, log_variance, code)
        if self.training and self.free_bits:
            # Terms of several columns together have the bits of all of them.
            floor = self.free_bits * mean.shape[1] / terms.shape[1]
            return terms.mean(0).clamp(min=floor).sum().expand(len(mean))
        return terms.sum(1)

    def forward(self, x):
        generator = self._generator(x)
        x, missing = self.without_nan(x, self.incomplete)
        x = self.cost.drawn(x, generator)
        seen = self._corrupted(x, generator)
        mean, log_variance = self.posterior(self.filled(seen, missing), missing)
        weight = self.kl_weight if self.training else self.beta
        prior = self.prior.given(self.posterior)
        if self.n_draws > 1:
            noise = self._drawn_for_rows(
                torch.randn, x, self.n_draws, mean.shape[1], generator=generator
            )
            weights, _ = self._log_weights(
                x, missing, mean, log_variance, noise, prior, weight
            )
            terms = {"bound": math.log(self.n_draws) - weights.logsumexp(1)}
        else:
            code = self.reparameterised(mean, log_variance, generator)
            reconstruction = self._over_observed(
                self.cost.nll, x, self.parameter(code), missing
            )
            terms = {
                "reconstruction": reconstruction,
                "kl": weight * self._kl(prior, mean, log_variance, code),
            }
        encode = self._encoding(missing)
        return self._with_penalty(terms, mean, encode, seen, generator)

    def _deviations(self, missing, log_variance, noise):
        """Return how far draws are from their means, and the logarithm of their volume.

        Where values are missing, codes are correlated as probabilistic PCA has it.
        """
        if missing is None or self.decode_weight is None:
            log_deviation = 0.5 * log_variance
            return log_deviation.exp()[:, None] * noise, log_deviation.sum(1)
        factor = precision_factor(doubles(~missing), self.loadings())
        # What the network says beside the linear path.
        widening = 0.5 * (log_variance - self._linear_log_variance(missing))
        widened = doubles(widening.exp()[:, None] * noise)
        deviations = torch.linalg.solve_triangular(
            factor.mT, widened.mT.expand(len(factor), -1, -1), upper=True
        ).mT
        linear = -factor.diagonal(dim1=1, dim2=2).log().sum(1)
        return deviations.to(noise), widening.sum(1) + linear.to(noise)

    def _log_weights(self, x, missing, mean, log_variance, noise, prior, weight=1.0):
        """Return the logarithm of each draw's importance weight, and the decoded draws.

        They are those of the observed values.
        """
        deviations, log_volume = self._deviations(missing, log_variance, noise)
        code = mean[:, None] + deviations
        n_rows, n_draws, n_components = code.shape
        flat = code.reshape(-1, n_components)
        repeated = x.repeat_interleave(n_draws, dim=0)
        if missing is not None:
            missing = missing.repeat_interleave(n_draws, dim=0)
        parameter = self.parameter(flat)
        nll = self._over_observed(self.cost.nll, repeated, parameter, missing)
        log_posterior = (
            -0.5 * noise.square().sum(-1)
            - log_volume[:, None]
            - 0.5 * n_components * math.log(2 * math.pi)
        )
        log_prior = prior.log_prob(flat).reshape(n_rows, n_draws)
        log_weights = weight * (log_prior - log_posterior)
        return log_weights - nll.reshape(n_rows, n_draws), parameter

    def log_likelihood(self, x, noise, prior):
        """Return the importance-sampled log-likelihood of each row, in nats.

        Parameters
        ----------
        x : Tensor of shape (n_rows, n_features)
            Centred rows; the likelihood of one with NaN is that of its other values.
        noise : Tensor of shape (n_draws, n_components) or (n_rows, n_draws, \
                n_components)
            Standard normal draws, the same for all rows or each row's own.
        prior : nn.Module
            What the codes come from.
        """
        x, missing = self.without_nan(x)
        posterior = self.posterior(self.filled(x, missing), missing)
        weights, _ = self._log_weights(x, missing, *posterior, noise, prior)
        found = weights.logsumexp(1) - math.log(noise.shape[-2])
        # Draws only estimate that nothing has the density one.
        return found if missing is None else found.masked_fill(missing.all(1), 0.0)

    def value_terms(self, x, noise, prior):
        """Return each value's negative log-likelihood given the code, in nats.

        The mean over the posterior of the row's code; zero where a value is missing.

        Parameters
        ----------
        x, noise, prior
            As for `log_likelihood`.
        """
        x, missing = self.without_nan(x)
        posterior = self.posterior(self.filled(x, missing), missing)
        log_weights, parameter = self._log_weights(x, missing, *posterior, noise, prior)
        n_rows, n_draws = log_weights.shape
        repeated = x.repeat_interleave(n_draws, dim=0)
        terms = self.cost.terms(repeated, parameter).reshape(n_rows, n_draws, -1)
        means = (log_weights.softmax(1)[:, None] @ terms)[:, 0]
        return means if missing is None else means.masked_fill(missing, 0.0)

    def _proposals(self, x, noise, prior, max_iter, tol):
        """Return filled rows, where they were, and proposals with their log weights."""
        x, missing = self.completed(x, max_iter, tol)
        posterior = self.posterior(x, missing)
        observed = x.masked_fill(missing, 0.0)
        log_weights, parameter = self._log_weights(
            observed, missing, *posterior, noise, prior
        )
        repeated = observed.repeat_interleave(log_weights.shape[1], dim=0)
        parameter = self.cost.of_row(repeated, parameter)
        parameter = parameter.reshape(*log_weights.shape, -1)
        return x, missing, log_weights, parameter

    def conditional_mean(self, x, noise, prior, *, max_iter, tol):
        """Fill in the mean of missing values given the others.

        Parameters
        ----------
        x : Tensor of shape (n_rows, n_features)
            Centred rows, each with a gap.
        noise, prior
            As for `log_likelihood`.
        max_iter, tol
            As for `completed`.

        Returns
        -------
        x : Tensor of shape (n_rows, n_features)
        evidence : Tensor of shape (n_rows,)
            The observed values' log-likelihood, but for the logarithm of the number of
            draws.
        """
        x, missing, log_weights, parameter = self._proposals(
            x, noise, prior, max_iter, tol
        )
        means = self.cost.link.mean(parameter.flatten(0, 1)).reshape(parameter.shape)
        weights = log_weights.softmax(1)
        filled = torch.where(missing, (weights[:, None] @ means)[:, 0], x)
        return filled, log_weights.logsumexp(1)

    def conditional_draws(self, x, noise, prior, n_draws, generator, *, max_iter, tol):
        """Fill in draws of missing values given the others.

        Parameters
        ----------
        x, noise, prior, max_iter, tol
            As for `conditional_mean`.
        n_draws : int
        generator : torch.Generator

        Returns
        -------
        x : Tensor of shape (n_rows, n_draws, n_features)
        evidence : Tensor of shape (n_rows,)
            As from `conditional_mean`.
        """
        x, missing, log_weights, parameter = self._proposals(
            x, noise, prior, max_iter, tol
        )
        chosen = log_weights.softmax(1).multinomial(
            n_draws, replacement=True, generator=generator
        )
        chosen = chosen[:, :, None].expand(-1, -1, parameter.shape[2])
        parameter = parameter.gather(1, chosen)
        draws = self.cost.sample(parameter.flatten(0, 1), generator)
        draws = draws.reshape(parameter.shape)
        filled = torch.where(missing[:, None], draws, x[:, None])
        return filled, log_weights.logsumexp(1)

    def moments(self, x):
        """Return posterior means, then standard deviations, on the prior's scale."""
        x, missing = self.without_nan(x)
        mean, log_variance = self.posterior(self.filled(x, missing), missing)
        return torch.cat([mean, (0.5 * log_variance).exp()], dim=1)

    def posterior_moments(self, x):
        """Return what `moments` does, of codes as they are handed out."""
        mean, deviation = self.moments(x).chunk(2, dim=1)
        mean, deviation = self.axes.outward(mean), self.axes.outward_spread(deviation)
        return torch.cat([mean, deviation], dim=1)

    def generated(self, code):
        """Return centred mean rows at codes on the prior's scale."""
        return self._decoded(code)

    def _reconstructed(self, code):
        """Return centred reconstructions of rows from their posterior means."""
        if self.networks_on or self.decode_weight is None:
            return self._decoded(self.unshrinking(code))
        # Exactly; an axis of no more than noise has no loading, and nothing to undo.
        loading = torch.linalg.vector_norm(self.decode_weight, dim=1)
        factor = torch.where(loading > 0, self.axes.scale / loading, 1.0)
        return self._decoded(code * factor)

    def draw(self, code, generator):
        """Draw centred rows from the likelihood at codes on the prior's scale."""
        return self.cost.sample(self.parameter(code), generator)
