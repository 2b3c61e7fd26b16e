"""What the names of networks mean."""

from sklearn_ae.networks._conv import Conv
from sklearn_ae.networks._mlp import MLP

NETWORKS = {"mlp": MLP, "conv": Conv}
