"""The density of a VAE that no row can make much worse than probabilistic PCA's."""

import copy
import math

import torch

from sklearn_ae._modules.codes import StandardNormalCodes


def linear_counterpart(module):
    """Return a VAE's linear path alone, probabilistic PCA, as a module of its own.

    Parameters
    ----------
    module : VariationalAutoencoder
    """
    # A copy, so that the module stays as it is for whoever uses it meanwhile.
    parts = (module.encoder, module.decoder, module.prior, module.corruption)
    others = (module.penalty, module.training_generator)
    memo = {id(part): None for part in (*parts, *others)}
    counterpart = copy.deepcopy(module, memo)
    counterpart.use_networks(False)
    return counterpart.eval()


class DefendedDensity:
    """A mixture of the VAE's density and, of the weight of one row, its linear path's.

    With n training rows and ``e = 1 / (n + 1)`` a row's density is ``(1 - e) * p_vae +
    e * p_pca``. Both are densities, so it is one, and it is at least ``e * p_pca``: the
    log-likelihood of any row whatever is above probabilistic PCA's less ``log(n + 1)``.
    It is at least ``(1 - e) * p_vae`` as well, so the defence costs a row at most
    ``-log(1 - e)`` nats, about ``1 / n``. Both hold for the estimates, too, of which
    the draws are the same. This is a defensive mixture [1]_.

    The draws of the mixture are those of one part or the other; given some of a row's
    values, each has the weight that it has a posteriori.

    Parameters
    ----------
    module : VariationalAutoencoder
        Without a linear path there is nothing to defend it with, and its density is
        its own. Without networks and with the prior of training it is PPCA itself.
    prior : nn.Module
        What the codes come from.

    References
    ----------
    .. [1] Hesterberg, T. (1995). Weighted average importance sampling and defensive
       mixture distributions. Technometrics 37, 185-194.
    """

    def __init__(self, module, prior):
        self.module = module
        self.prior = prior
        self.normal = StandardNormalCodes(module.n_components)
        has_path = module.decode_weight is not None
        is_normal = isinstance(prior, StandardNormalCodes)
        self.is_pca = has_path and is_normal and not module.networks_on
        is_defended = has_path and not self.is_pca and module.pca_weight > 0
        self.pca = linear_counterpart(module) if is_defended else None
        self.pca_weight = module.pca_weight if is_defended else 0.0

    def log_likelihood(self, x, noise):
        """Return the log-likelihood of each row, as the module's method does.

        Parameters
        ----------
        x, noise
            As there.
        """
        found = self.undefended(x, noise)
        if self.pca is None:
            return found
        # Too far out for the networks' arithmetic the linear path still has digits.
        found = found.masked_fill(found.isnan(), -torch.inf)
        return torch.logaddexp(
            found + math.log1p(-self.pca_weight),
            self._of_pca(self.pca, x, noise) + math.log(self.pca_weight),
        )

    def undefended(self, x, noise):
        """Return the log-likelihood of each row by the VAE alone.

        Far from the training rows the mixture has PCA's order of rows; this has the
        network's own, and NaN where its arithmetic gave up.

        Parameters
        ----------
        x, noise
            As for `log_likelihood`.
        """
        if self.is_pca:
            return self._of_pca(self.module, x, noise)
        return self.module.log_likelihood(x, noise, self.prior)

    def undefended_terms(self, x, noise):
        """Return what each value adds to minus `undefended`, given the row's code.

        Parameters
        ----------
        x, noise
            As for `log_likelihood`.
        """
        prior = self.normal if self.is_pca else self.prior
        return self.module.value_terms(x, noise, prior)

    def _of_pca(self, pca, x, noise):
        if pca.cost.has_exact_posterior:
            # Any draw has the likelihood itself for its weight: the mean does.
            noise = noise.new_zeros(1, noise.shape[-1])
        return pca.log_likelihood(x, noise, self.normal)

    def _share_of_pca(self, evidence, pca_evidence):
        """Return the posterior weight of the linear path, from the log-likelihoods."""
        evidence = evidence.masked_fill(evidence.isnan(), -torch.inf)
        prior = math.log(self.pca_weight) - math.log1p(-self.pca_weight)
        return torch.sigmoid(pca_evidence - evidence + prior)

    def conditional_mean(self, x, noise, **turns):
        """Fill in the mean of missing values given the others.

        Parameters
        ----------
        x, noise, **turns
            As for the module's method.
        """
        filled, evidence = self.module.conditional_mean(x, noise, self.prior, **turns)
        if self.pca is None:
            return filled
        other, pca_evidence = self.pca.conditional_mean(x, noise, self.normal, **turns)
        share = self._share_of_pca(evidence, pca_evidence)[:, None]
        return torch.where(share == 1, other, torch.lerp(filled, other, share))

    def conditional_draws(self, x, noise, n_draws, generator, **turns):
        """Fill in draws of missing values given the others.

        Parameters
        ----------
        x, noise, n_draws, generator, **turns
            As for the module's method.
        """
        drawing = (n_draws, generator)
        filled, evidence = self.module.conditional_draws(
            x, noise, self.prior, *drawing, **turns
        )
        if self.pca is None:
            return filled
        other, pca_evidence = self.pca.conditional_draws(
            x, noise, self.normal, *drawing, **turns
        )
        share = self._share_of_pca(evidence, pca_evidence)[:, None, None]
        uniform = torch.rand(
            (len(x), n_draws, 1),
            generator=generator,
            device=x.device,
            dtype=torch.float32,
        )
        return torch.where(uniform < share, other, filled)
