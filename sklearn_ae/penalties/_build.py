"""From a `penalty` parameter to the module that gives the penalty of each row."""

from torch import nn

from sklearn_ae.penalties._codes import L1, Contractive, Decorrelation, KLSparsity
from sklearn_ae.penalties._neighbours import Neighbours


class _Sum(nn.Module):
    """Several penalties, added up."""

    def __init__(self, parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, code, encode, x, generator):
        return sum(part(code, encode, x, generator) for part in self.parts)


PENALTIES = {
    "l1": L1,
    "kl_sparsity": KLSparsity,
    "contractive": Contractive,
    "decorrelation": Decorrelation,
    "neighbours": Neighbours,
}


def leave_axes_free(given):
    """Whether codes under a `penalty` parameter may be turned after training.

    Parameters
    ----------
    given : str, penalty, list of these or None
        What the user gave.
    """
    if given is None:
        return True
    if isinstance(given, list):
        return all(map(leave_axes_free, given))
    if isinstance(given, str):
        given = PENALTIES[given]
    return getattr(given, "rotatable", False)


def build_penalty(given, **scales):
    """Return the module for a `penalty` parameter.

    Parameters
    ----------
    given : str, penalty or list of these
        What the user gave.
    **scales
        What ``build`` gets: `code_scale`, from inner codes to X's units, and
        `natural_scale`, the loss's.
    """
    if isinstance(given, list) and given:
        return _Sum([build_penalty(part, **scales) for part in given])
    if isinstance(given, str) and given in PENALTIES:
        given = PENALTIES[given]()
    if isinstance(given, type) or not hasattr(given, "build"):
        raise TypeError(
            f"The 'penalty' parameter must be one of {sorted(PENALTIES)}, an "
            f"instance, a list of these or None. Got {given!r} instead."
        )
    return given.build(**scales)
