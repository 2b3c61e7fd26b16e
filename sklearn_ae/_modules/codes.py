"""Distributions of codes: standard normal, and mixtures fitted after training."""

import math

import numpy as np
import torch
from torch import nn

# Codes of which a density is computed at a time, where each meets many distributions.
PART = 1024


class StandardNormalCodes(nn.Module):
    """Independent standard normal codes."""

    def __init__(self, n_components):
        super().__init__()
        self.n_components = n_components

    def given(self, posterior):
        return self

    def kl_terms(self, mean, log_variance, code):
        return 0.5 * (mean.square() + (log_variance.expm1() - log_variance))

    def log_prob(self, z):
        constant = 0.5 * self.n_components * math.log(2 * math.pi)
        return -0.5 * z.square().sum(-1) - constant

    def sample(self, n_samples, generator):
        shape = (n_samples, self.n_components)
        return torch.randn(
            shape, generator=generator, device="cpu", dtype=torch.float32
        )


class _FittedDensity(nn.Module):
    """A density of arrays, whose sizes are those of the last fit.

    Parameters
    ----------
    arrays : dict of str to array
    """

    def __init__(self, arrays):
        super().__init__()
        for name, array in arrays.items():
            tensor = torch.as_tensor(array, dtype=torch.float32, device="cpu")
            self.register_buffer(name, tensor.contiguous())

    def _load_from_state_dict(self, state_dict, prefix, *args):
        # One of another size takes the place of this one.
        for name, buffer in self._buffers.items():
            if prefix + name in state_dict:
                shape = state_dict[prefix + name].shape
                self._buffers[name] = buffer.new_empty(shape)
        super()._load_from_state_dict(state_dict, prefix, *args)


class FittedMixture(_FittedDensity):
    """A fitted mixture of Gaussians beside a standard normal distribution.

    Parameters
    ----------
    arrays : dict of str to array
        For each of the mixture's components: `factors`, from codes to what is standard
        normal, with `offsets` to take off, and `log_factors`, the logarithm of what its
        density is multiplied by. And the `weights` of the components and of the
        standard normal distribution, which comes first.
    """

    @classmethod
    def empty(cls, n_components):
        """Return one that is not fitted yet."""
        shapes = {
            "factors": (0, n_components, n_components),
            "offsets": (0, n_components),
            "log_factors": 0,
            "weights": 0,
        }
        return cls({name: np.empty(shape) for name, shape in shapes.items()})

    @property
    def is_fitted(self):
        """Whether there is a mixture."""
        return len(self.weights) > 0

    def log_prob(self, z):
        distances = [
            (z @ factor - offset).square().sum(1)
            for factor, offset in zip(self.factors, self.offsets, strict=True)
        ]
        parts = self.log_factors - 0.5 * torch.stack(distances, dim=1)
        normal = StandardNormalCodes(z.shape[1]).log_prob(z)
        weight = self.weights[0]
        return torch.logaddexp(
            parts.logsumexp(1) + torch.log1p(-weight), normal + weight.log()
        )

    def sample(self, n_samples, generator):
        # Component 0 is the standard normal distribution.
        chosen = self.weights.cpu().multinomial(
            n_samples, replacement=True, generator=generator
        )
        normal = StandardNormalCodes(self.factors.shape[1])
        codes = normal.sample(n_samples, generator)
        inverses = torch.linalg.inv(self.factors.cpu())
        for number, inverse in enumerate(inverses, start=1):
            rows = chosen == number
            codes[rows] = (codes[rows] + self.offsets[number - 1].cpu()) @ inverse
        return codes


class DiagonalMixture(nn.Module):
    """Equally likely normal distributions with diagonal covariances."""

    def __init__(self, means, log_variances):
        super().__init__()
        self.means = means
        self.log_variances = log_variances

    def kl_terms(self, mean, log_variance, code):
        standardised = (code - mean).square() / log_variance.exp()
        constant = 0.5 * mean.shape[1] * math.log(2 * math.pi)
        log_posterior = -0.5 * (standardised + log_variance).sum(1) - constant
        return (log_posterior - self.log_prob(code))[:, None]

    def log_prob(self, z):
        # Parts bound the memory: each row meets each distribution.
        return torch.cat([self._log_prob(part) for part in z.split(PART)])

    def _log_prob(self, z):
        standardised = (z[:, None] - self.means).square() * (-self.log_variances).exp()
        constant = 0.5 * z.shape[1] * math.log(2 * math.pi) + math.log(len(self.means))
        log_terms = -0.5 * (standardised + self.log_variances).sum(2)
        return log_terms.logsumexp(1) - constant

    def sample(self, n_samples, generator):
        chosen = torch.randint(
            len(self.means), (n_samples,), generator=generator, device="cpu"
        )
        means = self.means.cpu()[chosen]
        noise = torch.randn(
            means.shape, generator=generator, device="cpu", dtype=torch.float32
        )
        return means + (0.5 * self.log_variances.cpu()[chosen]).exp() * noise


class PosteriorCodes(_FittedDensity):
    """Equally likely normal posteriors of rows beside a standard normal distribution.

    Parameters
    ----------
    arrays : dict of str to array
        `means` and `deviations` of the posteriors, whose columns are independent, and
        the `weight` of the standard normal distribution.
    """

    @classmethod
    def empty(cls, n_components):
        """Return one that is not fitted yet."""
        none = np.empty((0, n_components))
        return cls({"means": none, "deviations": none, "weight": 1.0})

    @property
    def is_fitted(self):
        """Whether there are posteriors."""
        return len(self.means) > 0

    def log_prob(self, z):
        return torch.cat([self._log_prob(part) for part in z.split(PART)])

    def _log_prob(self, z):
        n_rows, n_components = self.means.shape
        # All squared distances by products of matrices.
        precisions = self.deviations**-2
        distances = z.square() @ precisions.T
        distances -= 2 * z @ (self.means * precisions).T
        distances += (self.means / self.deviations).square().sum(1)
        volumes = self.deviations.log().sum(1)
        constant = 0.5 * n_components * math.log(2 * math.pi) + math.log(n_rows)
        rows = (-0.5 * distances - volumes).logsumexp(1) - constant
        normal = StandardNormalCodes(n_components).log_prob(z)
        return torch.logaddexp(
            rows + torch.log1p(-self.weight), normal + self.weight.log()
        )

    def sample(self, n_samples, generator):
        means, deviations = self.means.cpu(), self.deviations.cpu()
        noise = StandardNormalCodes(means.shape[1]).sample(n_samples, generator)
        chosen = torch.randint(
            len(means), (n_samples,), generator=generator, device="cpu"
        )
        is_normal = (
            torch.rand(
                (n_samples, 1), generator=generator, device="cpu", dtype=torch.float32
            )
            < self.weight.cpu()
        )
        near = means[chosen] + deviations[chosen] * noise
        return torch.where(is_normal, noise, near)


class RefittedCodes(StandardNormalCodes):
    """A standard normal prior in training, with a density that is fitted later.

    Parameters
    ----------
    n_components : int
    kind : type
        Class of that density's module.
    """

    def __init__(self, n_components, kind):
        super().__init__(n_components)
        self.fitted = kind.empty(n_components)

    def refit(self, density):
        """Take over a fitted density; None leaves the prior of training."""
        if density is None:
            found = type(self.fitted).empty(self.n_components)
        else:
            found = density.as_module()
        self.fitted = found.to(next(self.fitted.buffers()).device)
