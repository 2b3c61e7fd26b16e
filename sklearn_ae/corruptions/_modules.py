"""The torch modules of the corruptions: ``forward(x, generator)`` of centred rows.

All return a corrupted copy and draw from `generator` alone.
"""

import copy

import torch
from torch import nn


def _uniform(shape, x, generator):
    """Draw numbers of x's dtype, where x is."""
    return torch.rand(shape, generator=generator, device=x.device, dtype=x.dtype)


class Level(nn.Module):
    """A fixed level, or one drawn for each row between a lowest and a highest."""

    def __init__(self, level):
        super().__init__()
        ends = level if isinstance(level, tuple) else (level, level)
        self.low, self.high = map(float, ends)

    def forward(self, x, generator):
        if self.low == self.high:
            return self.low
        uniform = _uniform((len(x), 1), x, generator)
        return self.low + (self.high - self.low) * uniform


class AddedNoise(nn.Module):
    def __init__(self, scale, feature_scale):
        super().__init__()
        self.level = Level(scale)
        self.register_buffer(
            "feature_scale", torch.as_tensor(feature_scale, dtype=torch.float32)
        )

    def forward(self, x, generator):
        noise = torch.randn(
            x.shape, generator=generator, device=x.device, dtype=x.dtype
        )
        return x + self.level(x, generator) * self.feature_scale * noise


class Masked(nn.Module):
    def __init__(self, rate, fill):
        super().__init__()
        self.level = Level(rate)
        self.register_buffer("fill", torch.as_tensor(fill, dtype=torch.float32))

    def forward(self, x, generator):
        uniform = _uniform(x.shape, x, generator)
        return torch.where(uniform < self.level(x, generator), self.fill, x)


class TwoValues(nn.Module):
    def __init__(self, rate, low, high):
        super().__init__()
        self.level = Level(rate)
        self.register_buffer("low", torch.as_tensor(low, dtype=torch.float32))
        self.register_buffer("high", torch.as_tensor(high, dtype=torch.float32))

    def forward(self, x, generator):
        uniform = _uniform(x.shape, x, generator)
        rate = self.level(x, generator)
        extreme = torch.where(uniform < 0.5 * rate, self.low, self.high)
        return torch.where(uniform < rate, extreme, x)


class Swapped(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.level = Level(rate)

    def forward(self, x, generator):
        uniform = _uniform(x.shape, x, generator)
        source = torch.randint(
            len(x), x.shape, generator=generator, device=x.device, dtype=torch.int64
        )
        swapped = uniform < self.level(x, generator)
        return torch.where(swapped, x.gather(0, source), x)


class MaskedPatches(nn.Module):
    def __init__(self, rate, fill, patches):
        super().__init__()
        self.level = Level(rate)
        self.n_patches = int(patches.max()) + 1
        self.register_buffer("patches", patches)
        self.register_buffer("fill", torch.as_tensor(fill, dtype=torch.float32))

    def forward(self, x, generator):
        shape = (len(x), self.n_patches)
        uniform = _uniform(shape, x, generator)
        masked = (uniform < self.level(x, generator)).index_select(1, self.patches)
        return torch.where(masked, self.fill, x)


class Chain(nn.Module):
    """Corruptions one after another."""

    def __init__(self, parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x, generator):
        for part in self.parts:
            x = part(x, generator)
        return x


class Called(nn.Module):
    """A function of rows in X's units and a generator."""

    #: It may take no notice of the generator.
    draws_as_it_likes = True

    def __init__(self, function, center):
        super().__init__()
        if isinstance(function, nn.Module):
            # The user's own is never trained, and a corruption is not to be learned.
            function = copy.deepcopy(function).requires_grad_(False)
        self.function = function
        self.register_buffer("center", torch.as_tensor(center, dtype=torch.float32))

    def forward(self, x, generator):
        rows = x + self.center
        corrupted = self.function(rows.clone(), generator)
        if corrupted.shape != x.shape:
            raise ValueError(
                "A callable given as 'corruption' must return rows of the shape it "
                f"got, {tuple(x.shape)}. Got {tuple(corrupted.shape)} instead."
            )
        # So that values that the function leaves alone keep all their digits.
        return x + (corrupted - rows).to(x.dtype)
