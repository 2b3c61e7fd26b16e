"""Links between a reconstruction in the data's units and a decoder's output.

The autoencoder works on centred rows. A link turns a centred reconstruction into the
parameter that the decoder's network corrects (``link``), turns the corrected parameter
back into a centred mean (``mean``), and gives the values that the loss compares with
(``target``). Losses and likelihoods share them.
"""

import numpy as np
import torch
from sklearn.utils.validation import check_non_negative
from torch import nn


class IdentityLink(nn.Module):
    """The parameter is the centred mean itself."""

    #: Whether the parameter is in X's units.
    in_data_units = True
    #: The range of uncentred means.
    bounds = (-np.inf, np.inf)

    def link(self, reconstruction):
        return reconstruction

    def mean(self, parameter):
        return parameter

    def target(self, x):
        return x


class ClippedLink(IdentityLink):
    """Means clipped to a range per feature, with a straight-through gradient.

    Parameters
    ----------
    low, high : ndarray of shape (n_features,)
        The range of the centred means.

    Attributes
    ----------
    networks_on : bool
        False leaves means as they are: PCA does not clip.
    """

    networks_on = True

    def __init__(self, low, high):
        super().__init__()
        self.register_buffer("low", torch.as_tensor(low, dtype=torch.float32))
        self.register_buffer("high", torch.as_tensor(high, dtype=torch.float32))

    def mean(self, parameter):
        if not self.networks_on:
            return parameter
        clipped = torch.minimum(torch.maximum(parameter, self.low), self.high)
        return parameter + (clipped - parameter).detach()


class _UncentredLink(nn.Module):
    """Base of the links whose parameter has a meaning only for uncentred values."""

    in_data_units = False

    def __init__(self, center):
        super().__init__()
        self.register_buffer("center", torch.as_tensor(center, dtype=torch.float32))

    def target(self, x):
        return x + self.center


class LogitLink(_UncentredLink):
    """The parameter is the logit of a probability.

    A linear reconstruction is kept inside [0.02, 0.98] before its logit is taken; the
    network's correction can go beyond.
    """

    margin = 0.02
    bounds = (0.0, 1.0)

    def link(self, reconstruction):
        return torch.logit(reconstruction + self.center, eps=self.margin)

    def mean(self, parameter):
        return torch.sigmoid(parameter) - self.center


class LogLink(_UncentredLink):
    """The parameter is the logarithm of a positive rate.

    A linear reconstruction is kept above a twentieth of the feature's mean before its
    logarithm is taken; the network's correction can go below.
    """

    largest = 30.0
    bounds = (0.0, np.inf)

    def __init__(self, center):
        super().__init__(center)
        self.register_buffer("floor", (0.05 * self.center).clamp(min=1e-3))

    def link(self, reconstruction):
        return torch.maximum(reconstruction + self.center, self.floor).log()

    def mean(self, parameter):
        return parameter.clamp(max=self.largest).exp() - self.center


def check_unit_interval(X, name):
    """Raise ValueError unless all values of X are in [0, 1].

    `name` says who asks, as in "the 'log_loss' of AutoencoderTransformer".
    """
    check_non_negative(X, name)
    largest = np.max(X)
    if largest > 1:
        raise ValueError(
            f"X has the value {largest:g}, but {name} needs values in [0, 1]; "
            "scale X, for instance with MinMaxScaler."
        )
