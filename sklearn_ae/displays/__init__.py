"""Displays: pictures of fitted autoencoders, after scikit-learn's protocol.

``from_estimator`` computes what is drawn, keeps it in attributes and draws it; ``plot``
draws it again. matplotlib is needed for drawing alone.

May import `_comparison`, for all that is computed, and `_images`.
Users import the displays.
"""

from sklearn_ae.displays._anomaly import AnomalyDisplay
from sklearn_ae.displays._effects import ComponentEffectsDisplay
from sklearn_ae.displays._history import HistoryDisplay
from sklearn_ae.displays._latent import LatentSpaceDisplay
from sklearn_ae.displays._reconstruction import ReconstructionDisplay
from sklearn_ae.displays._traversal import LatentTraversalDisplay
from sklearn_ae.displays._variance import ExplainedVarianceDisplay

__all__ = [
    "AnomalyDisplay",
    "ComponentEffectsDisplay",
    "ExplainedVarianceDisplay",
    "HistoryDisplay",
    "LatentSpaceDisplay",
    "LatentTraversalDisplay",
    "ReconstructionDisplay",
]
