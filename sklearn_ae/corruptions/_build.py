"""From a `corruption` parameter to the module that corrupts rows."""

import torch

from sklearn_ae.corruptions._kinds import (
    GaussianNoise,
    MaskingNoise,
    PatchMasking,
    SaltAndPepper,
    SwapNoise,
)
from sklearn_ae.corruptions._modules import Called, Chain

# Rows on which the scale of corrupted columns is measured.
N_PROBES = 100

CORRUPTIONS = {
    "gaussian": GaussianNoise,
    "masking": MaskingNoise,
    "salt_and_pepper": SaltAndPepper,
    "swap": SwapNoise,
    "patches": PatchMasking,
}


def build_corruption(given, **data):
    """Return the module for a `corruption` parameter.

    Parameters
    ----------
    given : str, corruption, callable or list of these
        What the user gave.
    **data
        What ``build`` gets: `center` and `feature_scale`, arrays of shape
        (n_features,), and `data_range`, the lowest and the highest value of the
        training rows.
    """
    if isinstance(given, list) and given:
        return Chain([build_corruption(part, **data) for part in given])
    if isinstance(given, str) and given in CORRUPTIONS:
        given = CORRUPTIONS[given]()
    if not isinstance(given, type):
        if hasattr(given, "build"):
            return given.build(**data)
        if callable(given):
            return Called(given, data["center"])
    raise TypeError(
        f"The 'corruption' parameter must be one of {sorted(CORRUPTIONS)}, an "
        "instance, a callable (x, generator) -> x, a list of these or None. "
        f"Got {given!r} instead."
    )


def _parts_of_ours(built):
    if isinstance(built, Chain):
        return [ours for part in built.parts for ours in _parts_of_ours(part)]
    return [] if isinstance(built, Called) else [built]


def corrupted_scale(built, feature_scale):
    """Return the standard deviation of each column with what a corruption adds to it.

    It is measured on normal rows. Functions of the user's are left out: they may ask
    more of rows than that.

    Parameters
    ----------
    built : nn.Module
        What `build_corruption` gave.
    feature_scale : ndarray of shape (n_features,)
        Standard deviation of each column.
    """
    generator = torch.Generator().manual_seed(0)
    shape = (N_PROBES, len(feature_scale))
    rows = torch.randn(shape, generator=generator, device="cpu", dtype=torch.float32)
    rows *= torch.as_tensor(feature_scale, dtype=torch.float32)
    corrupted = rows
    for part in _parts_of_ours(built):
        corrupted = part(corrupted, generator)
    before, after = (part.double().square().mean(dim=0) for part in (rows, corrupted))
    added = (after - before).clamp(min=0).numpy()
    return (feature_scale**2 + added) ** 0.5
