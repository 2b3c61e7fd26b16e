"""Penalties on codes, added to the loss in training.

A penalty is a small estimator without torch state; ``build`` gives a module whose
``forward(code)`` returns the penalty of each row, over the loss's ``natural_scale``.
"""

from numbers import Real

import torch
from sklearn.base import BaseEstimator
from torch import nn

from sklearn_ae._utils import Interval, check_parameters

__all__ = ["L1"]


class _BuiltL1(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.register_buffer("weights", torch.as_tensor(weights, dtype=torch.float32))

    def forward(self, code):
        return (code * self.weights).abs().sum(1)


class L1(BaseEstimator):
    """Sum of the absolute values of a row's code, for sparse codes.

    Parameters
    ----------
    weight : float, default=0.1
        What the sum is multiplied by before it is added to the row's loss. Codes are in
        X's units, as those of PCA are.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> AutoencoderTransformer(penalty="l1")
    AutoencoderTransformer(penalty='l1')
    """

    _parameter_constraints: dict = {"weight": [Interval(Real, 0, None, closed="left")]}

    def __init__(self, weight=0.1):
        self.weight = weight

    def build(self, *, code_scale, natural_scale):
        """Return the module; `code_scale` brings codes to X's units."""
        check_parameters(self)
        return _BuiltL1(self.weight * code_scale / natural_scale)


PENALTIES = {"l1": L1}
