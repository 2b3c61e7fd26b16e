"""scikit-learn's own checks, with no exemptions at the defaults."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from sklearn_ae import (
    AnomalyDetector,
    AutoencoderImputer,
    AutoencoderTransformer,
    TableVAETransformer,
    VAETransformer,
)
from sklearn_ae.likelihoods import Gaussian, Mixed
from sklearn_ae.networks import MLP, Conv, Custom


class AnyWidthConv(Conv):
    """`Conv` on rows of any length, as the checks have: images of one line."""

    def build(self, n_features, *args, **kwargs):
        conv = Conv((1, 1, n_features), n_channels=self.n_channels)
        return conv.build(n_features, *args, **kwargs)


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
# The checks' data are not in [0, 1], as "log_loss" and "bernoulli" need, nor one-hot,
# nor the counts of "poisson" and "negative_binomial".
AE_ONLY = [
    {"loss": loss} for loss in ("squared_error", "absolute_error", "huber", "poisson")
]
LIKELIHOODS = [
    *(Gaussian(scale) for scale in ("per_feature", 0.5)),
    *("laplace", "student_t"),
    Mixed([("laplace", [0])]),
]
VAE_ONLY = [{"likelihood": likelihood} for likelihood in LIKELIHOODS]
# As scikit-learn does for its own, the defaults are checked with fewer iterations.
ESTIMATORS = [
    AutoencoderTransformer(max_epochs=5),
    VAETransformer(max_epochs=5),
    TableVAETransformer(max_epochs=5),
    *(small(AutoencoderTransformer, **params) for params in SHARED + AE_ONLY),
    *(small(VAETransformer, **params) for params in SHARED + VAE_ONLY),
    AnomalyDetector(),
    AnomalyDetector(AutoencoderTransformer(max_epochs=5)),
    AnomalyDetector(small(VAETransformer)),
    AnomalyDetector(small(AutoencoderTransformer), contamination=0.1),
]


IMPUTERS = [
    AutoencoderImputer(n_estimators=1, random_state=0),
    AutoencoderImputer(
        small(AutoencoderTransformer),
        n_estimators=2,
        add_indicator=True,
        random_state=0,
    ),
    AutoencoderImputer(
        small(VAETransformer), n_estimators=1, sample_posterior=True, random_state=0
    ),
]


def by_draws(estimator):
    """Return the checks in which training's draws count, where nothing else is learned.

    A start at PCA is that of the repeated rows to the last digit.
    """
    reason = "which batches a row is in is drawn: weights are repeated rows on average"
    is_random = getattr(estimator, "init", "pca") == "random"
    kinds = ("dense", "sparse") if is_random else ()
    check = "check_sample_weight_equivalence_on_{}_data"
    return {check.format(kind): reason for kind in kinds}


# Two epochs from a random start may teach a VAE nothing, which it tells. The checks'
# tables are too small for a twentieth of false alarms, which a detector tells.
@pytest.mark.filterwarnings("ignore:false_alarm_rate=0.05 is less than")
@pytest.mark.filterwarnings("ignore:Training left only 0")
@pytest.mark.usefixtures("short_fits")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=by_draws)
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.usefixtures("short_fits")
@parametrize_with_checks(IMPUTERS)
def test_estimator_checks_of_imputers(estimator, check):
    check(estimator)
