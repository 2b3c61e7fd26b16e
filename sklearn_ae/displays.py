"""Displays: pictures of fitted autoencoders, after scikit-learn's protocol.

``from_estimator`` computes what is drawn, keeps it in attributes and draws it; ``plot``
draws it again. matplotlib is needed for drawing alone.
"""

from sklearn_ae._display_history import HistoryDisplay
from sklearn_ae._display_latent import LatentSpaceDisplay
from sklearn_ae._display_reconstruction import ReconstructionDisplay
from sklearn_ae._display_traversal import LatentTraversalDisplay
from sklearn_ae._display_variance import ExplainedVarianceDisplay

__all__ = [
    "ExplainedVarianceDisplay",
    "HistoryDisplay",
    "LatentSpaceDisplay",
    "LatentTraversalDisplay",
    "ReconstructionDisplay",
]
