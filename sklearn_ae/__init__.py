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
from sklearn_ae._detectors.detector import AnomalyDetector
from sklearn_ae._estimators.autoencoder import AutoencoderTransformer
from sklearn_ae._estimators.vae import VAETransformer
from sklearn_ae._export.files import load, save
from sklearn_ae._imputers.autoencoder import AutoencoderImputer
from sklearn_ae._report.summary import summary
from sklearn_ae._tables.table import TableVAETransformer
from sklearn_ae._version import __version__ as __version__
from sklearn_ae.model_selection import fewest_components

__all__ = [
    "AnomalyDetector",
    "AutoencoderImputer",
    "AutoencoderTransformer",
    "TableVAETransformer",
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
