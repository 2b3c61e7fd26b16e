"""Fitted estimators as torch modules from what users give to what they get.

A graph cannot look at values to decide: rows are taken to be complete, and where one
is not, what comes out is NaN.
"""

import copy

import numpy as np
import torch
from torch import nn

from sklearn_ae._estimators.generative import GenerativeAutoencoder

# The inputs and outputs of each part.
PARTS = {
    "encoder": ("X", "codes"),
    "decoder": ("codes", "X_original"),
    "reconstruct": ("X", "X_reconstructed"),
    "score": ("X", "scores"),
}


def _as_they_are(x, incomplete=None):
    """Return rows, and that they miss nothing: instead of `TwoPaths.without_nan`."""
    return x, None


def _deployed(module):
    """Return a copy of a fitted module on the CPU, without what only training needs."""
    unwanted = (module.corruption, module.penalty, module.training_generator)
    copied = copy.deepcopy(module, {id(part): None for part in unwanted})
    copied.without_nan = _as_they_are
    return copied.cpu().eval().requires_grad_(False)


def _tensor(array, dtype):
    return torch.tensor(np.asarray(array), dtype=dtype, device="cpu")


class _Rows(nn.Module):
    """Base of the parts that take rows, which are centred in the dtype of the mean."""

    def __init__(self, module, mean):
        super().__init__()
        self.module = module
        self.register_buffer("mean", mean)

    def forward(self, X):
        result = self.of_centred((X - self.mean).to(torch.float32))
        return result.masked_fill(X.isnan().any(1, keepdim=True), torch.nan)


class Encoder(_Rows):
    """As `transform`."""

    def of_centred(self, x):
        return self.module.encode(x)


class Decoder(nn.Module):
    """As `inverse_transform`."""

    def __init__(self, module, mean):
        super().__init__()
        self.module = module
        self.register_buffer("mean", mean)
        bounds = module.cost.link.bounds
        self.is_bounded = bool(np.isfinite(np.broadcast_arrays(*bounds)).any())
        for name, bound in zip(("low", "high"), bounds, strict=True):
            self.register_buffer(name, _tensor(bound, mean.dtype))

    def forward(self, codes):
        rows = self.module.decode(codes).to(self.mean.dtype) + self.mean
        if not self.is_bounded:
            return rows
        return torch.minimum(torch.maximum(rows, self.low), self.high)


class Reconstruct(_Rows):
    """As `reconstruct`."""

    def __init__(self, module, mean):
        super().__init__(module, mean)
        self.decoder = Decoder(module, mean)

    def of_centred(self, x):
        return self.decoder(self.module.encode(x))


class Score(_Rows):
    """As `score_samples` of a deterministic autoencoder."""

    def __init__(self, module, mean, unit):
        super().__init__(module, mean)
        self.unit = unit

    def of_centred(self, x):
        errors = self.module.squares(x, self.unit)[:, :1]
        scores = (-errors * self.unit**2).to(torch.float32)
        return torch.where(scores.isfinite(), scores, -torch.inf)

    def forward(self, X):
        return super().forward(X)[:, 0]


def graph_of(estimator, part):
    """Return a part of a fitted estimator as a torch module, and rows to trace it with.

    Parameters
    ----------
    estimator : AutoencoderTransformer or VAETransformer
        Fitted.
    part : {"encoder", "decoder", "reconstruct", "score"}

    Returns
    -------
    graph : nn.Module
    example : Tensor
        In the dtype that the module takes.
    """
    if part == "score" and isinstance(estimator, GenerativeAutoencoder):
        raise ValueError(
            "part='score' is for AutoencoderTransformer: the scores of "
            f"{type(estimator).__name__} come from random draws, which a graph does "
            "not repeat; use its score_samples."
        )
    module = _deployed(estimator.net_.module_)
    mean = torch.tensor(estimator._mean, device="cpu")
    # Of one row, or of none, a tracer would take the number for a fixed one.
    if part == "decoder":
        codes = torch.zeros(2, estimator.n_components_, dtype=torch.float32)
        return Decoder(module, mean), codes
    rows = mean.repeat(2, 1)
    if part == "score":
        return Score(module, mean, estimator._unit), rows
    return {"encoder": Encoder, "reconstruct": Reconstruct}[part](module, mean), rows
