"""The classes and functions that a file may name: a fixed table, and nothing else.

All of them were looked at for what a file could have them do: none runs what it is
given, opens a file or reads a pickle. So `networks.Custom` and functions as corruptions
are not among them, nor rows that are read from files, nor joblib's memory.
"""

from collections import OrderedDict, defaultdict
from types import ModuleType

from sklearn.mixture import GaussianMixture
from torch import nn

from sklearn_ae import losses, priors
from sklearn_ae._components import explained, moments
from sklearn_ae._estimators.autoencoder import AutoencoderTransformer
from sklearn_ae._estimators.vae import VAETransformer
from sklearn_ae._fitting import build, guard, verdict
from sklearn_ae._modules import (
    autoencoder,
    axes,
    codes,
    defended,
    frames,
    links,
    ordered,
    running,
    variational,
)
from sklearn_ae._optim.adamw import FlatAdamW
from sklearn_ae._pca import start
from sklearn_ae._pca.axes import Axes
from sklearn_ae._rows.gathered import GatheredRows
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._splits import held_out
from sklearn_ae._training import batches, callbacks, schedule, steps
from sklearn_ae._training.net import Net
from sklearn_ae._training.settings import OF_SKORCH
from sklearn_ae.corruptions import _kinds, _modules
from sklearn_ae.likelihoods import _continuous, _discrete, _mixed
from sklearn_ae.model_selection import LastRows
from sklearn_ae.networks import _conv, _layers, _mlp
from sklearn_ae.penalties import _build, _codes, _neighbours

ESTIMATORS = (AutoencoderTransformer, VAETransformer)

# All classes that these define: components, what they build, and plain records.
_MODULES: tuple[ModuleType, ...] = (
    _mlp, _conv, _layers, losses, _continuous, _discrete, _mixed, _kinds, _build,
    _codes, _neighbours, priors, autoencoder, axes, codes, defended, frames, links,
    ordered, running, variational, guard, verdict, explained, moments, start, held_out,
)  # fmt: skip
_CORRUPTION_MODULES = (
    _modules.Level,
    _modules.AddedNoise,
    _modules.Masked,
    _modules.TwoValues,
    _modules.Swapped,
    _modules.MaskedPatches,
    _modules.Chain,
)
_OTHERS = (
    *ESTIMATORS,
    *_CORRUPTION_MODULES,
    build.Parts,
    Axes,
    GatheredRows,
    SparseRows,
    LastRows,
    GaussianMixture,
    Net,
    FlatAdamW,
    batches.Batches,
    steps.SumOfTerms,
    callbacks.KeepBest,
    callbacks.KLWarmUp,
    callbacks.EpochLog,
    schedule.Budget,
    schedule.LikelihoodBudget,
    schedule.FollowBudget,
)
_LAYERS = (
    nn.Sequential, nn.ModuleList, nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.Flatten,
    nn.Unflatten, nn.Identity, nn.LayerNorm, nn.GroupNorm, nn.Dropout, nn.CELU, nn.ELU,
    nn.GELU, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.Mish, nn.PReLU, nn.ReLU,
    nn.ReLU6, nn.SELU, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Softsign, nn.Tanh,
)  # fmt: skip
_FUNCTIONS = (build.build_autoencoder, build.build_variational, print)


def _name(known):
    return f"{known.__module__}.{known.__qualname__}"


def _defined_in(module):
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]


def _of_modules():
    return [known for module in _MODULES for known in _defined_in(module)]


BY_NAME = {
    _name(known): known
    for known in (*_of_modules(), *_OTHERS, *_LAYERS, *_FUNCTIONS, *OF_SKORCH)
}
# What modules and optimizers keep their parts in.
MAPPINGS = {"dict": dict, "ordered": OrderedDict, "default": lambda: defaultdict(dict)}


def name_of(known):
    """Return the name of a class or function of the table, or None."""
    name = f"{getattr(known, '__module__', '')}.{getattr(known, '__qualname__', '')}"
    return name if BY_NAME.get(name) is known else None
