"""Standard normal draws of each row's own, which its content alone decides."""

import math

import torch

# Constants of the generator SplitMix64, as the signed integers that torch has.
STEP = 0x9E3779B97F4A7C15 - 2**64
FACTORS = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)


def _shifted(bits, n):
    """Shift unsigned: torch fills with the sign."""
    return (bits >> n) & (2 ** (64 - n) - 1)


def _mixed(bits):
    """Mix the bits of 64-bit integers well, as SplitMix64 does [1]_.

    References
    ----------
    .. [1] Steele, G. L., Lea, D. & Flood, C. H. (2014). Fast splittable pseudorandom
       number generators. ACM SIGPLAN Notices 49(10), 453-472.
    """
    bits = (bits ^ _shifted(bits, 30)) * FACTORS[0]
    bits = (bits ^ _shifted(bits, 27)) * FACTORS[1]
    return bits ^ _shifted(bits, 31)


def row_seeds(x, seed):
    """Return a 64-bit integer for each row, from its values and a seed."""
    # NaN has several bit patterns, and so has zero.
    bits = x.nan_to_num(nan=math.pi).add(0.0).view(torch.int32).to(torch.int64)
    columns = torch.arange(1, x.shape[1] + 1, device=x.device)
    return _mixed(_mixed(bits + columns * STEP).sum(1) + seed)


def _normal(bits):
    """Return normal numbers from evenly spread 64-bit integers."""
    # Uniform in (-1, 1): the middles of 2**24 intervals, which float32 has exactly.
    uniform = (2 * (bits >> 40) + 1).to(torch.float32) * 2.0**-24
    return uniform.erfinv_().mul_(math.sqrt(2))


def row_draws(x, n_draws, n_components, seed=0):
    """Return normal draws that are each row's own, the same wherever it stands.

    Rows that are equal have equal draws; to others they have no relation.

    Parameters
    ----------
    x : Tensor of shape (n_rows, n_features), float32
        Rows, with NaN for what is missing.
    n_draws, n_components : int
    seed : int

    Returns
    -------
    noise : Tensor of shape (n_rows, n_draws, n_components)
    """
    counter = torch.arange(n_draws * n_components, device=x.device) * STEP
    bits = _mixed(row_seeds(x, seed)[:, None] + counter)
    return _normal(bits).reshape(len(x), n_draws, n_components)
