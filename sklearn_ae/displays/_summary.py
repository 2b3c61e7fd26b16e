"""A fitted autoencoder in words: what it is, what it gained, what to do better."""

import math
from html import escape
from textwrap import fill, shorten
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._arrays import in_numpy, kept
from sklearn_ae.displays._comparison import (
    codes_and_decoder,
    feature_names,
    observed_numbers,
    pca_reconstruction,
    squared_distances,
)

# Features that are named as worst reconstructed.
N_WORST = 5
# Characters of a network's description.
LONGEST_NAME = 100
# Share of the epochs at the end: where the best is among them nothing has overfitted.
LAST_EPOCHS = 0.1
# Share of the variance that one feature may have before it counts as drowning others.
DOMINANT = 0.9

STYLE = """
.sklearn-ae-summary { color: inherit; font-family: sans-serif; font-size: 0.9em;
  max-width: 46em; }
.sklearn-ae-summary h4 { margin: 0.8em 0 0.3em; }
.sklearn-ae-summary table { border-collapse: collapse; margin: 0; color: inherit; }
.sklearn-ae-summary tr { background: transparent; }
.sklearn-ae-summary th, .sklearn-ae-summary td { text-align: left; padding: 0.2em 1em
  0.2em 0; border: 0; border-bottom: 1px solid rgba(128, 128, 128, 0.35);
  vertical-align: top; background: transparent; color: inherit; }
.sklearn-ae-summary th { font-weight: 600; white-space: nowrap; }
.sklearn-ae-summary td.number { text-align: right; }
.sklearn-ae-summary ul { margin: 0; padding-left: 1.2em; }
.sklearn-ae-summary .advice { border-left: 4px solid #E69F00; padding: 0.1em 0.8em;
  margin-top: 0.8em; }
"""


def _percent(share):
    return f"{100 * share:.1f} %"


class Summary:
    """What `summary` returns: prints as text, shows as HTML in a notebook.

    Attributes
    ----------
    title : str
        Name of the estimator's class.
    facts : dict of str to str
        What there is to say, each under its label.
    explained_variance : float
        Share of the variance of the rows given that reconstructions explain.
    pca_explained_variance : float
        The share of PCA with as many components, fitted to the rows given.
    worst_features : list of tuple of (str, float, float)
        The features that have most of the squared error: name, share of the error,
        share of the feature's variance that is lost.
    advice : list of str
        What might be better, each with a remedy; empty where nothing stands out.
    """

    def __init__(
        self,
        title: str,
        facts: dict[str, str],
        explained_variance: float,
        pca_explained_variance: float,
        worst_features: list[tuple[str, float, float]],
        advice: list[str],
    ) -> None:
        self.title = title
        self.facts = facts
        self.explained_variance = explained_variance
        self.pca_explained_variance = pca_explained_variance
        self.worst_features = worst_features
        self.advice = advice

    def __repr__(self) -> str:
        width = 2 + max(map(len, self.facts))
        lines = [self.title, "=" * len(self.title)]
        lines += [f"{label:<{width}}{text}" for label, text in self.facts.items()]
        if self.worst_features:
            lines += ["", "Worst reconstructed features"]
            lines += [
                f"  {name}: {_percent(error)} of the squared error, "
                f"{_percent(lost)} of its variance lost"
                for name, error, lost in self.worst_features
            ]
        if self.advice:
            lines += ["", "Advice"]
            lines += [
                fill(text, 80, initial_indent="- ", subsequent_indent="  ")
                for text in self.advice
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row">{escape(label)}</th><td>{escape(text)}</td></tr>'
            for label, text in self.facts.items()
        )
        parts = [
            f"<style>{STYLE}</style>",
            f"<h4>{escape(self.title)}</h4><table><tbody>{rows}</tbody></table>",
        ]
        if self.worst_features:
            rows = "".join(
                f'<tr><th scope="row">{escape(name)}</th>'
                f'<td class="number">{_percent(error)}</td>'
                f'<td class="number">{_percent(lost)}</td></tr>'
                for name, error, lost in self.worst_features
            )
            parts.append(
                "<h4>Worst reconstructed features</h4><table><thead><tr>"
                '<th scope="col">Feature</th>'
                '<th scope="col">Share of the squared error</th>'
                '<th scope="col">Share of its variance lost</th></tr></thead>'
                f"<tbody>{rows}</tbody></table>"
            )
        if self.advice:
            items = "".join(f"<li>{escape(text)}</li>" for text in self.advice)
            parts.append(f'<div class="advice"><h4>Advice</h4><ul>{items}</ul></div>')
        return f'<div class="sklearn-ae-summary">{"".join(parts)}</div>'


@in_numpy
def summary(estimator: Any, X: ArrayLike) -> Summary:
    """Describe a fitted autoencoder in words.

    Parameters
    ----------
    estimator : AutoencoderTransformer or VAETransformer
        A fitted autoencoder.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows on which to judge reconstructions, preferably those of ``fit``: PCA is
        fitted to the rows given, so on other rows the comparison favours PCA. Of rows
        with NaN the observed values count.

    Returns
    -------
    summary : Summary
        Prints as text and shows as HTML in a notebook; its attributes hold the facts,
        the features that are reconstructed worst, and advice.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is no autoencoder of this package.
    ValueError
        If X does not fit the estimator, or has a column without any value.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer, summary
    >>> X, _ = load_iris(return_X_y=True)
    >>> ae = AutoencoderTransformer(max_epochs=5, random_state=0).fit(X)
    >>> report = summary(ae, X)
    >>> report.facts["Rows given"]
    '150 of 4 features'
    """
    check_is_fitted(estimator)
    title = type(estimator).__name__
    if not hasattr(estimator, "history_"):
        raise TypeError(
            f"estimator must be a fitted autoencoder of sklearn_ae, got {title}; of a "
            "pipeline give the step, as pipeline[-1], and the rows that it gets."
        )
    codes, decode = codes_and_decoder(estimator, X)
    rows = observed_numbers(X)
    errors = np.nansum((rows - decode(codes)) ** 2, axis=0)
    pca_rows = pca_reconstruction(rows, estimator.n_components_)
    distances = squared_distances(rows)
    explained = _explained(errors, distances)
    pca_explained = _explained(np.nansum((rows - pca_rows) ** 2, axis=0), distances)
    names = feature_names(estimator, X, rows.shape[1])
    return Summary(
        title,
        _facts(estimator, rows, explained, pca_explained),
        explained,
        pca_explained,
        _worst(names, errors, distances),
        [text for text in _advice(estimator, rows, names, distances) if text],
    )


def _explained(errors, distances):
    total = distances.sum()
    return float(1 - errors.sum() / total) if total > 0 else math.nan


def _worst(names, errors, distances):
    """Return name, share of the error and share of variance lost of some features."""
    if not errors.sum() > 0:
        return []
    order = np.argsort(-errors, kind="stable")[:N_WORST]
    return [
        (
            str(names[index]),
            float(errors[index] / errors.sum()),
            float(errors[index] / distances[index]) if distances[index] else math.nan,
        )
        for index in order
        if errors[index] > 0
    ]


# ---- facts


def _facts(estimator, rows, explained, pca_explained):
    n_rows, n_features = rows.shape
    pca = "probabilistic PCA" if _is_density(estimator) else "PCA"
    n_parameters = sum(p.numel() for p in estimator.net_.module_.parameters())
    seconds = sum(epoch["dur"] for epoch in estimator.history_)
    n_epochs = f"{estimator.n_iter_} epoch{'' if estimator.n_iter_ == 1 else 's'}"
    network = shorten(str(estimator.network), LONGEST_NAME, placeholder="...")
    facts = {
        "Rows given": f"{n_rows:,} of {n_features:,} features",
        "Components": f"{estimator.n_components_}",
        "Network": f"{network}, {n_parameters:,} parameters",
        "Training": f"{n_epochs}, {seconds:.1f} seconds",
        "Variance explained": _both_explained(explained, pca_explained),
        "Beside PCA": _beside_pca(estimator, pca),
    }
    if estimator.guard_ is not None:
        facts["Guard"] = estimator.guard_.evidence
    if hasattr(estimator, "active_units_"):
        active = kept(estimator, "active_units_")
        facts["Columns in use"] = f"{active.sum()} of {len(active)}"
    if getattr(estimator, "explained_variance_curve_", None) is not None:
        facts["Ordered columns"] = _ordered_columns(estimator)
    return facts


def _both_explained(explained, pca_explained):
    if math.isnan(explained):
        return "none to explain, since the rows given are all alike"
    return (
        f"{_percent(explained)}; PCA with as many components: "
        f"{_percent(pca_explained)} (both on the rows given)"
    )


def _ordered_columns(estimator):
    """Say how many columns were chosen of those trained, and what they explain."""
    curve, asked = estimator.explained_variance_curve_, estimator.n_components
    n_chosen, n_trained = estimator.n_components_, len(curve.n_components)
    explained, pca_explained = curve.explained, curve.pca_explained
    kind = "held-out" if curve.held_out else "training"
    how = "" if asked == n_chosen else f", chosen for n_components={asked},"
    text = (
        f"the first {n_chosen} of {n_trained}{how} explain "
        f"{_percent(explained[n_chosen - 1])} of the variance of {curve.n_rows:,} "
        f"{kind} rows"
    )
    if np.isfinite(pca_explained).all():
        text += f"; as many of PCA's: {_percent(pca_explained[n_chosen - 1])}"
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
    if _is_density(estimator):
        than = "more" if gain > 0 else "less"
        return f"held-out rows are {abs(gain):.2f} nats {than} likely than under {pca}"
    if gain < 0:
        return f"its loss on the held-out rows was exceeded by {_percent(-gain)}"
    return f"{_percent(gain)} of its loss on the held-out rows was removed"


def _is_density(estimator):
    return hasattr(estimator, "likelihood")


# ---- advice


def _advice(estimator, rows, names, distances):
    """Yield pieces of advice, or None where one does not apply."""
    yield _about_pca(estimator)
    yield _about_epochs(estimator)
    yield _about_columns(estimator)
    yield _about_scales(names, distances)
    yield _about_binary(estimator, rows)


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
    return _is_density(estimator) and estimator.verdict_ is None


def _about_columns(estimator):
    if not _is_density(estimator):
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
        f"{names[largest]} has {_percent(distances[largest] / total)} of the variance, "
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
