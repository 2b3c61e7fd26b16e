"""Links between a reconstruction in the data's units and a decoder's output.

The autoencoder works on centred rows. A link turns a centred reconstruction into the
parameter that the decoder's network corrects (``link``), turns the corrected parameter
back into a centred mean (``mean``), and gives the values that the loss compares with
(``target``). Losses and likelihoods share them.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

# How far from a whole number a count may be, and how many are checked at a time.
ROUNDING, CHECKED_NUMBERS = 1e-3, 2**15


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
    low, high : float or ndarray of shape (n_features,)
        The range of uncentred means.
    center : ndarray of shape (n_features,)
        What rows are centred by.

    Attributes
    ----------
    networks_on : bool
        False leaves means as they are: PCA does not clip.
    """

    networks_on = True

    def __init__(self, low, high, center):
        super().__init__()
        self.range = (low, high)
        for name, end in (("low", low), ("high", high)):
            centred = np.asarray(end - center, dtype=np.float32)
            self.register_buffer(name, torch.as_tensor(centred, device="cpu"))

    @property
    def bounds(self):
        """The range of uncentred means, exact where centred ones are rounded."""
        return self.range if self.networks_on else IdentityLink.bounds

    def mean(self, parameter):
        if not self.networks_on:
            return parameter
        clipped = torch.minimum(torch.maximum(parameter, self.low), self.high)
        if not self.training:
            return clipped
        # Far outside the range this sum would lose the range's digits.
        return parameter + (clipped - parameter).detach()


class _UncentredLink(nn.Module):
    """Base of the links whose parameter has a meaning only for uncentred values."""

    in_data_units = False

    def __init__(self, center):
        super().__init__()
        # A copy: loading weights must not change the array.
        self.register_buffer("center", torch.tensor(center, dtype=torch.float32))

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

    Parameters
    ----------
    center : ndarray of shape (n_features,)
        Mean rates.
    compositional : bool, default=False
        Whether linear reconstructions are scaled to the mean total.
    """

    largest = 30.0
    bounds = (0.0, np.inf)

    def __init__(self, center, compositional=False):
        super().__init__(center)
        self.compositional = compositional
        self.register_buffer("floor", (0.05 * self.center).clamp(min=1e-3))
        self.register_buffer("log_total", self.center.sum().clamp(min=1e-3).log())

    def link(self, reconstruction):
        parameter = torch.maximum(reconstruction + self.center, self.floor).log()
        if self.compositional:
            excess = parameter.logsumexp(1, keepdim=True) - self.log_total
            parameter = parameter - excess
        return parameter

    def mean(self, parameter):
        return parameter.clamp(max=self.largest).exp() - self.center


class CategoricalLink(_UncentredLink):
    """The parameter holds the logits of blocks of probabilities.

    A linear reconstruction is kept above `margin` before its logarithm is taken; the
    network's correction can go below.

    Parameters
    ----------
    center : ndarray of shape (n_features,)
        Mean probabilities.
    sizes : list of int
        Columns of each block.
    """

    margin = 0.02
    bounds = (0.0, 1.0)

    def __init__(self, center, sizes):
        super().__init__(center)
        self.sizes = list(sizes)

    def link(self, reconstruction):
        return (reconstruction + self.center).clamp(self.margin, 1.0).log()

    def log_probabilities(self, parameter):
        blocks = parameter.split(self.sizes, dim=1)
        return torch.cat([block.log_softmax(dim=1) for block in blocks], dim=1)

    def mean(self, parameter):
        return self.log_probabilities(parameter).exp() - self.center


def error_unit_and_weight(unit):
    """Return what to divide errors by, and what to multiply their squares by.

    Together they measure squared errors in units of `unit` squared. Scaling the squares
    takes fewer operations each way than scaling the errors, which only data of extreme
    units need: their squares would leave float32.
    """
    is_extreme = not 1e-15 < unit < 1e15
    return (unit, 1.0) if is_extreme else (1.0, unit**-2)


def bit_terms(target, logits):
    """Return the cross-entropy of each value in [0, 1], in nats."""
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none")


def count_terms(counts, log_rate):
    """Return minus the Poisson log-likelihood of each count, but for ``log(x!)``."""
    return log_rate.exp() - counts * log_rate


class DomainError(ValueError):
    """A value outside the domain of a loss or likelihood, in columns that it names.

    Parameters
    ----------
    template : str
        What is wrong, with "{0}", "{1}" and so on for the columns.
    columns : list
        Their indices, or their names.
    """

    def __init__(self, template, columns):
        text = template
        # Not by `format`: a likelihood's own name may have braces.
        for place, column in enumerate(columns):
            text = text.replace(f"{{{place}}}", repr(column))
        super().__init__(text)
        self.template = template
        self.columns = columns

    def among(self, labels):
        """Return the error with labels for indices: names, or other indices."""
        found = [labels[column] for column in self.columns]
        # Without NumPy's types, whose repr is longer.
        plain = [str(each) if isinstance(each, str) else int(each) for each in found]
        return DomainError(self.template, plain)


def _refuse(X, is_off, template):
    """Raise DomainError for the first value that is off, ``{value}`` in a template."""
    row, column = np.argwhere(is_off)[0]
    value = f"{X[row, column]:.9g}"
    raise DomainError(template.replace("{value}", value), [int(column)])


def check_not_negative(X, name):
    """Raise DomainError if a value of X is negative; NaN is not.

    `name` says who asks, as in "the 'log_loss' of AutoencoderTransformer".
    """
    if np.fmin.reduce(X, axis=None) < 0:
        _refuse(
            X,
            X < 0,
            f"Negative values in data passed to {name}: column {{0}} has {{value}}.",
        )


def check_counts(X, name):
    """Raise DomainError unless all values of X are whole numbers of at least 0.

    `name` is as for `check_not_negative`.
    """
    check_not_negative(X, name)
    # Chunks stay in the processor's cache.
    for rows in np.array_split(X, -(-X.size // CHECKED_NUMBERS)):
        if (np.rint(rows) == rows).all():
            continue
        off = np.abs(rows - np.rint(rows)) > ROUNDING
        if off.any():
            _refuse(
                rows,
                off,
                f"X has the value {{value}} in column {{0}}, but {name} needs counts, "
                "which are whole numbers; round X, for instance with numpy.rint.",
            )


def check_unit_interval(X, name):
    """Raise DomainError unless all values of X are in [0, 1].

    `name` is as for `check_not_negative`.
    """
    check_not_negative(X, name)
    # A scaler's rounding is let pass.
    highest = 1 + 4 * np.finfo(X.dtype).eps
    if np.fmax.reduce(X, axis=None) > highest:
        _refuse(
            X,
            np.greater(X, highest),
            f"X has the value {{value}} in column {{0}}, but {name} needs values in "
            "[0, 1]; scale X, for instance with MinMaxScaler(clip=True).",
        )
