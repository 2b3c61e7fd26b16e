"""What there is to say of a fitted autoencoder."""

import math
from textwrap import shorten

import numpy as np

from sklearn_ae._arrays import kept

# Characters of a network's description.
LONGEST_NAME = 100


def percent(share):
    """Return a share in words."""
    return f"{100 * share:.1f} %"


def all_facts(estimator, rows, explained, pca_explained, has_linear_path):
    """Return what there is to say of an autoencoder, each under its label.

    Parameters
    ----------
    estimator : AutoencoderTransformer or VAETransformer
    rows : ndarray of shape (n_samples, n_features)
        The rows as it gets them.
    explained, pca_explained : float
        Shares of their variance.
    has_linear_path : bool
        Whether PCA is that which training started from; else it is of these rows.
    """
    n_rows, n_features = rows.shape
    pca = "probabilistic PCA" if is_density(estimator) else "PCA"
    n_parameters = sum(p.numel() for p in estimator.net_.module_.parameters())
    seconds = sum(epoch["dur"] for epoch in estimator.history_)
    n_epochs = f"{estimator.n_iter_} epoch{'' if estimator.n_iter_ == 1 else 's'}"
    network = shorten(str(estimator.network), LONGEST_NAME, placeholder="...")
    facts = {
        "Rows given": f"{n_rows:,} of {n_features:,} features",
        "Components": f"{estimator.n_components_}",
        "Network": f"{network}, {n_parameters:,} parameters",
        "Training": f"{n_epochs}, {seconds:.1f} seconds",
        "Variance explained": _both_explained(
            explained, pca_explained, has_linear_path
        ),
        "Beside PCA": _beside_pca(estimator, pca),
    }
    if estimator.guard_ is not None:
        facts["Rows held out"] = _held_out(estimator)
        facts["Guard"] = estimator.guard_.evidence
    if hasattr(estimator, "active_units_"):
        active = kept(estimator, "active_units_")
        facts["Columns in use"] = f"{active.sum()} of {len(active)}"
    if getattr(estimator, "explained_variance_curve_", None) is not None:
        facts["Ordered columns"] = _ordered_columns(estimator)
    return facts


def _both_explained(explained, pca_explained, has_linear_path):
    if math.isnan(explained):
        return "none to explain, since the rows given are all alike"
    pca = "the PCA that it started from" if has_linear_path else "PCA of these rows"
    return (
        f"{percent(explained)}; {pca}, with as many components: "
        f"{percent(pca_explained)} (both on the rows given)"
    )


def _held_out(estimator):
    """Say how many rows the guard had, and what is known of how they were chosen."""
    guard, rule = estimator.guard_, estimator.validation_split
    parts = [f"{guard.n_rows:,}"]
    if guard.n_groups is not None:
        parts.append(f"of {guard.n_groups:,} whole groups")
    # With "random" they may have been given to ``fit``.
    if not isinstance(rule, str):
        parts.append(f"chosen by {rule}")
    elif rule == "last":
        parts.append("the last ones")
    return ", ".join(parts)


def _ordered_columns(estimator):
    """Say how many columns were chosen of those trained, and what they explain."""
    curve, asked = estimator.explained_variance_curve_, estimator.n_components
    n_chosen, n_trained = estimator.n_components_, len(curve.n_components)
    explained, pca_explained = curve.explained, curve.pca_explained
    kind = "held-out" if curve.held_out else "training"
    how = "" if asked == n_chosen else f", chosen for n_components={asked},"
    text = (
        f"the first {n_chosen} of {n_trained}{how} explain "
        f"{percent(explained[n_chosen - 1])} of the variance of {curve.n_rows:,} "
        f"{kind} rows"
    )
    if np.isfinite(pca_explained).all():
        text += f"; as many of PCA's: {percent(pca_explained[n_chosen - 1])}"
    return text


def _beside_pca(estimator, pca):
    gain = estimator.gain_over_pca_
    if math.isnan(gain):
        return "not compared"
    if gain != 0:
        return _gain(estimator, gain, pca)
    if estimator.guard_ is None:
        return f"{pca} was kept"
    return f"{pca} was kept; with the network, " + _gain(
        estimator, estimator.guard_.gain, pca
    )


def _gain(estimator, gain, pca):
    if is_density(estimator):
        than = "more" if gain > 0 else "less"
        return f"held-out rows are {abs(gain):.2f} nats {than} likely than under {pca}"
    if gain < 0:
        return f"its loss on the held-out rows was exceeded by {percent(-gain)}"
    return f"{percent(gain)} of its loss on the held-out rows was removed"


def is_density(estimator):
    return hasattr(estimator, "likelihood")
