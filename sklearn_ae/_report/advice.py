"""What might be better about a fitted autoencoder, each with a remedy."""

import math

import numpy as np

from sklearn_ae._arrays import kept
from sklearn_ae._report.facts import is_density, percent

# Share of the epochs at the end: where the best is among them nothing has overfitted.
LAST_EPOCHS = 0.1
# Share of the variance that one feature may have before it counts as drowning others.
DOMINANT = 0.9


def all_advice(estimator, rows, names, distances):
    """Return the pieces of advice that apply.

    Parameters
    ----------
    estimator : AutoencoderTransformer or VAETransformer
    rows : ndarray of shape (n_samples, n_features)
        The rows as it gets them.
    names : ndarray of shape (n_features,)
        Names of the features.
    distances : ndarray of shape (n_features,)
        Their squared distances to the mean.
    """
    pieces = (
        _about_pca(estimator),
        _about_epochs(estimator),
        _about_columns(estimator),
        _about_scales(names, distances),
        _about_binary(estimator, rows),
    )
    return [text for text in pieces if text]


def _about_pca(estimator):
    if estimator.init == "random":
        return None
    gain = estimator.gain_over_pca_
    if math.isnan(gain):
        return (
            "Nothing was compared with PCA, as no rows were held out: fit with a "
            "validation_fraction and guard=True to know that the network is better."
        )
    if gain != 0:
        return None
    if not estimator.history_ and getattr(estimator, "verdict_", None) is not None:
        return (
            f"No network was trained. {estimator.verdict_}. A number for max_epochs "
            "trains one nonetheless; or use sklearn.decomposition.PCA."
        )
    if not estimator.history_:
        return (
            "PCA reproduces the training rows exactly, so there was nothing to learn: "
            "lower n_components, or use sklearn.decomposition.PCA."
        )
    return (
        "The linear start was kept, as the network was not significantly better on the "
        "held-out rows: fit it to more rows, if there are any, or use "
        "sklearn.decomposition.PCA."
    )


def _about_epochs(estimator):
    if estimator.max_epochs == "auto" and not _has_fixed_epochs(estimator):
        # It went on for as long as that paid.
        return None
    losses = [epoch.get("valid_loss", math.nan) for epoch in estimator.history_]
    if not losses or estimator.gain_over_pca_ == 0 or np.isnan(losses).any():
        return None
    best = 1 + int(np.argmin(losses))
    if best <= (1 - LAST_EPOCHS) * len(losses):
        return None
    return (
        f"The validation loss was lowest at epoch {best} of {len(losses)}, so training "
        "ended before it overfitted: a larger max_epochs may lower it further."
    )


def _has_fixed_epochs(estimator):
    """Whether a density's "auto" is a number of epochs, whatever held-out rows say."""
    return is_density(estimator) and estimator.verdict_ is None


def _about_columns(estimator):
    if not is_density(estimator):
        return None
    active = kept(estimator, "active_units_")
    if active.all():
        return None
    return (
        f"Only {active.sum()} of the {len(active)} columns of the code are in use (see "
        f"active_units_): set n_components to {max(1, active.sum())}, or try "
        "free_bits=0.1 or a lower beta to fill more."
    )


def _about_scales(names, distances):
    total = distances.sum()
    if len(names) < 2 or not total > 0 or distances.max() <= DOMINANT * total:
        return None
    largest = int(np.argmax(distances))
    return (
        f"{names[largest]} has {percent(distances[largest] / total)} of the variance, "
        "and errors count in X's units: put StandardScaler in front if features should "
        "count alike."
    )


def _about_binary(estimator, rows):
    is_gaussian = getattr(estimator, "likelihood", None) == "gaussian"
    if not is_gaussian or not np.isin(rows[~np.isnan(rows)], (0, 1)).all():
        return None
    return (
        "All values are 0 or 1, which no normal distribution describes: try "
        "likelihood='bernoulli'."
    )
