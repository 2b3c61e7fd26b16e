"""Small torch modules and names that the networks share."""

import copy

import torch
from torch import nn

ACTIVATIONS = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "elu": nn.ELU,
    "tanh": nn.Tanh,
    "identity": nn.Identity,
}


def make_activation(given, owner):
    """Return a new module for an `activation` parameter.

    Parameters
    ----------
    given : str, nn.Module or callable
        A name in `ACTIVATIONS`, a module to copy, or a callable that returns one.
    owner : str
        Whose parameter it is, for the error.
    """
    if isinstance(given, str):
        return ACTIVATIONS[given]()
    module = copy.deepcopy(given) if isinstance(given, nn.Module) else given()
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"The 'activation' parameter of {owner} must be a name, a torch module or "
            "a callable without arguments that returns one. "
            f"Got a callable that returned {type(module).__name__} instead."
        )
    return module


def zeroed(layer):
    """Return a layer with weights and biases set to zero."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Gate(nn.Module):
    """A module whose output is multiplied by learned factors that start at zero.

    Parameters
    ----------
    module : nn.Module
        Gives `n_outputs` columns.
    n_outputs : int
    """

    def __init__(self, module, n_outputs):
        super().__init__()
        self.module = module
        self.gate = nn.Parameter(torch.zeros(n_outputs))

    def forward(self, x):
        return self.gate * self.module(x)
