"""The axes that codes are handed out in: an affine map of the inner codes."""

import numpy as np
import torch
from torch import nn


class AfterTraining(nn.Module):
    """Base class of what is learned after training, by a pass over the rows.

    Attributes
    ----------
    is_known : bool
        Whether it was. Weights saved in training have no part in it: without it, they
        leave that of the module they are loaded into as it is.
    """

    is_known = False

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        if self.is_known:
            super()._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        if any(prefix + name in state_dict for name in self._buffers):
            self.is_known = True
            super()._load_from_state_dict(state_dict, prefix, *args)


class CodeAxes(AfterTraining):
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
        self.is_known = True
        given = {"matrix": matrix, "inverse": inverse, "shift": shift}
        for name, array in given.items():
            # First on the CPU: not every device has double precision.
            tensor = torch.tensor(array, dtype=torch.float32, device="cpu")
            setattr(self, name, tensor.contiguous().to(self.scale.device))


class Unshrinking(AfterTraining):
    """From posterior means to the codes whose decoding has the least squared error.

    A decoder is trained on draws of codes, which vary more than their means. Given a
    draw, its row's mean is on average the draw times the means' share of the variance,
    where both are normal; so a mean is decoded as itself over that share. With
    probabilistic PCA this gives PCA's reconstruction [1]_.

    Parameters
    ----------
    n_components : int

    Attributes
    ----------
    factor : Tensor of shape (n_components,)
        One over the share.

    References
    ----------
    .. [1] Tipping, M. E. & Bishop, C. M. (1999). Probabilistic principal component
       analysis. Journal of the Royal Statistical Society B 61, 611-622. Section 3.3.
    """

    #: The largest factor: a column that says nothing has only noise to be magnified.
    most = 3.0

    def __init__(self, n_components):
        super().__init__()
        factor = torch.ones(n_components, device="cpu", dtype=torch.float32)
        self.register_buffer("factor", factor)

    def take(self, mean, deviation):
        """Learn the factors from rows' posterior means and standard deviations.

        Parameters
        ----------
        mean, deviation : ndarray of shape (n_rows, n_components)
        """
        self.is_known = True
        between = mean.var(axis=0, ddof=1 if len(mean) > 1 else 0)
        within = np.square(deviation).mean(axis=0)
        share = np.maximum(between / (between + within), 1 / self.most)
        self.factor.copy_(torch.tensor(1 / share, device="cpu"))

    def forward(self, mean):
        """Return the codes to decode."""
        return mean * self.factor
