"""Noise put on a network's input in training, for denoising.

A corruption is a small estimator without torch state; ``build`` gives a module whose
``forward(x, generator)`` returns a corrupted copy of centred rows. The loss is always
taken against the clean rows.

Corruptions in a list are put on one after another. A callable ``(x, generator) -> x``
is one too: it gets rows in X's units and the source of its random draws, where None
means torch's own.

May import `_images` and `_utils`, and no other component.
Users import the classes; `_estimators` may import `_build` as well.
"""

from sklearn_ae.corruptions._kinds import (
    GaussianNoise,
    MaskingNoise,
    PatchMasking,
    SaltAndPepper,
    SwapNoise,
)

__all__ = [
    "GaussianNoise",
    "MaskingNoise",
    "PatchMasking",
    "SaltAndPepper",
    "SwapNoise",
]
