"""Networks: how to build an encoder and a decoder of given sizes.

A network is a small estimator without torch state. Its ``build`` returns two modules:
an encoder from standardised rows to `encoder_outputs` columns and a decoder from
`n_components` columns to `decoder_outputs`. With ``zero_output`` both give exactly zero
until they are trained.
"""

from sklearn_ae._conv import Conv
from sklearn_ae._custom import Custom
from sklearn_ae._mlp import MLP

__all__ = ["MLP", "Conv", "Custom"]

NETWORKS = {"mlp": MLP, "conv": Conv}
