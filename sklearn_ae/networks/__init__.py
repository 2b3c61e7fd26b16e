"""Networks: how to build an encoder and a decoder of given sizes.

A network is a small estimator without torch state. Its ``build`` returns two modules:
an encoder from standardised rows to `encoder_outputs` columns and a decoder from
`n_components` columns to `decoder_outputs`. With ``zero_output`` both give exactly zero
until they are trained.

May import `_images` and `_utils`, and no other component.
Users import the classes; `_estimators` may import `_by_name` as well.
"""

from sklearn_ae.networks._conv import Conv
from sklearn_ae.networks._custom import Custom
from sklearn_ae.networks._mlp import MLP

__all__ = ["MLP", "Conv", "Custom"]
