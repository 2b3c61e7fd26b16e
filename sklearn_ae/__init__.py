"""Autoencoders for scikit-learn that start as PCA and learn what PCA misses."""

from sklearn_ae import (
    corruptions,
    displays,
    likelihoods,
    losses,
    model_selection,
    networks,
    penalties,
    priors,
)
from sklearn_ae._estimators.autoencoder import AutoencoderTransformer
from sklearn_ae._estimators.vae import VAETransformer
from sklearn_ae._export.files import load, save
from sklearn_ae._version import __version__ as __version__
from sklearn_ae.displays._summary import summary
from sklearn_ae.model_selection import fewest_components

__all__ = [
    "AutoencoderTransformer",
    "VAETransformer",
    "corruptions",
    "displays",
    "fewest_components",
    "likelihoods",
    "load",
    "losses",
    "model_selection",
    "networks",
    "penalties",
    "priors",
    "save",
    "summary",
]
