"""Small torch modules and names that the networks share."""

import copy
import math

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
    return module.to(dtype=torch.float32)


def drawn(kind, *sizes, generator, **options):
    """Return a layer of torch's, its weights drawn as torch does but from a generator.

    Parameters
    ----------
    kind : type
        A linear or convolutional layer.
    *sizes, **options
        What makes it.
    generator : torch.Generator or None
        None is torch's own.
    """
    # Where there are no values none are drawn.
    layer = kind(*sizes, device="meta", **options)
    for name, parameter in list(layer.named_parameters()):
        values = torch.empty(parameter.shape, dtype=torch.float32, device="cpu")
        setattr(layer, name, nn.Parameter(values))
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    if layer.bias is not None:
        bound = 1 / math.sqrt(layer.weight[0].numel())
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


class Dropout(nn.Dropout):
    """Dropout that draws from the generator of a training run, where it has one."""

    #: None is torch's own.
    training_generator = None

    def forward(self, x):
        if self.training_generator is None or not self.training:
            return super().forward(x)
        uniform = torch.rand(
            x.shape,
            generator=self.training_generator,
            device=x.device,
            dtype=torch.float32,
        )
        return (x / (1 - self.p)).masked_fill(uniform < self.p, 0.0)


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
        self.gate = nn.Parameter(torch.zeros(n_outputs, dtype=torch.float32))

    def forward(self, x):
        return self.gate * self.module(x)
