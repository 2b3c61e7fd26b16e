"""scikit-learn's own checks, with no exemptions."""

from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae.networks import MLP, Conv, Custom


def column_image(network):
    """Check data have any number of columns: let a row be a 1 x d image of them."""
    return network


class AnyWidthConv(Conv):
    """`Conv` on rows of any length, taken for images of one line."""

    def build(self, n_features, *args, **kwargs):
        self = Conv((1, 1, n_features), self.n_channels, self.n_stages)
        return self.build(n_features, *args, **kwargs)


def small(estimator, **params):
    """An estimator that trains for two epochs on a small network."""
    params = {"network": MLP((8,)), "max_epochs": 2, **params}
    return estimator(random_state=0, **params)


CUSTOM = Custom(encoder=nn.Linear, decoder=nn.Linear)
SHARED = [
    {"init": "random"},
    {"corruption": "gaussian"},
    {"corruption": "masking"},
    {"penalty": "l1"},
    {"early_stopping": False},
    {"network": AnyWidthConv(n_channels=2)},
    {"network": CUSTOM},
]
AE_ONLY = [
    {"loss": loss} for loss in ("squared_error", "absolute_error", "huber", "poisson")
]
ESTIMATORS = [
    AutoencoderTransformer(),
    VAETransformer(),
    *(small(AutoencoderTransformer, **params) for params in SHARED + AE_ONLY),
    *(small(VAETransformer, **params) for params in SHARED),
]


@parametrize_with_checks(ESTIMATORS)
def test_estimator_checks(estimator, check):
    check(estimator)
