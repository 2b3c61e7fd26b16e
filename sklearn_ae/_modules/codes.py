"""Distributions of codes: standard normal, and mixtures fitted after training."""

import math

import numpy as np
import torch
from torch import nn


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


class FittedMixture(nn.Module):
    """A fitted mixture of Gaussians beside a standard normal distribution.

    Parameters
    ----------
    arrays : dict of str to array
        For each of the mixture's components: `factors`, from codes to what is standard
        normal, with `offsets` to take off, and `log_factors`, the logarithm of what its
        density is multiplied by. And the `weights` of the components and of the
        standard normal distribution, which comes first.
    """

    def __init__(self, arrays):
        super().__init__()
        for name, array in arrays.items():
            tensor = torch.as_tensor(array, dtype=torch.float32, device="cpu")
            self.register_buffer(name, tensor.contiguous())

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

    def _load_from_state_dict(self, state_dict, prefix, *args):
        # A mixture of another size takes the place of this one.
        for name, buffer in self._buffers.items():
            if prefix + name in state_dict:
                shape = state_dict[prefix + name].shape
                self._buffers[name] = buffer.new_empty(shape)
        super()._load_from_state_dict(state_dict, prefix, *args)

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


class MixtureCodes(StandardNormalCodes):
    """A standard normal prior in training, with the mixture that is fitted later."""

    def __init__(self, n_components):
        super().__init__(n_components)
        self.fitted = FittedMixture.empty(n_components)

    def refit(self, density):
        """Take over a fitted density; None leaves the prior of training."""
        device = self.fitted.weights.device
        if density is None:
            self.fitted = FittedMixture.empty(self.n_components).to(device)
        else:
            self.fitted = density.as_module().to(device)
