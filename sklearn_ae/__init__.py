"""Autoencoders for scikit-learn that start as PCA and learn what PCA misses."""

from sklearn_ae import (
    corruptions,
    displays,
    likelihoods,
    losses,
    networks,
    penalties,
    priors,
)
from sklearn_ae._autoencoder import AutoencoderTransformer
from sklearn_ae._summary import summary
from sklearn_ae._vae import VAETransformer

__version__ = "0.1.0"

__all__ = [
    "AutoencoderTransformer",
    "VAETransformer",
    "corruptions",
    "displays",
    "likelihoods",
    "losses",
    "networks",
    "penalties",
    "priors",
    "summary",
]
