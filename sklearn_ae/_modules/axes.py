"""The axes that codes are handed out in: an affine map of the inner codes."""

import torch
from torch import nn


class CodeAxes(nn.Module):
    """The map from inner codes, whitened, to those handed out, and back.

    Parameters
    ----------
    scale : array of shape (n_components,)
        What brings each inner code to X's units; the map is that alone at first.

    Attributes
    ----------
    scale : Tensor of shape (n_components,)
        As given, whatever map is taken later.
    matrix, inverse : Tensor of shape (n_components, n_components)
        What inner codes are multiplied by, and what leads back.
    shift : Tensor of shape (n_components,)
        What is added after it.
    """

    def __init__(self, scale):
        super().__init__()
        scale = torch.as_tensor(scale, dtype=torch.float32)
        self.register_buffer("scale", scale)
        self.register_buffer("matrix", torch.diag(scale))
        self.register_buffer("inverse", torch.diag(1 / scale))
        self.register_buffer("shift", torch.zeros_like(scale))
        # Weights saved in training have no part in what is chosen after it.
        self.is_chosen = False

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        if self.is_chosen:
            super()._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        # Where there are none, those of this module stay.
        if prefix + "matrix" in state_dict:
            self.is_chosen = True
            super()._load_from_state_dict(state_dict, prefix, *args)

    def outward(self, code):
        """Return inner codes as they are handed out."""
        return torch.addmm(self.shift, code, self.matrix)

    def inward(self, code):
        """Return the inner codes of those handed out.

        Of their first columns alone it returns as many, which are those of all columns
        where the map is triangular.
        """
        n_columns = code.shape[1]
        return (code - self.shift[:n_columns]) @ self.inverse[:n_columns, :n_columns]

    def outward_spread(self, deviation):
        """Return standard deviations of independent columns, for a permutation."""
        return deviation @ self.matrix.abs()

    def order(self):
        """Return the inner column behind each one handed out, for a permutation."""
        return self.matrix.abs().argmax(dim=0)

    def take(self, matrix, inverse, shift):
        """Hand codes out by another map from now on."""
        self.is_chosen = True
        given = {"matrix": matrix, "inverse": inverse, "shift": shift}
        for name, array in given.items():
            # First on the CPU: not every device has double precision.
            tensor = torch.tensor(array, dtype=torch.float32, device="cpu")
            setattr(self, name, tensor.contiguous().to(self.scale.device))
