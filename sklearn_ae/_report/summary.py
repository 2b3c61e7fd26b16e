"""A fitted autoencoder in words: what it is, what it gained, what to do better."""

import math
from html import escape
from textwrap import fill
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._arrays import in_numpy
from sklearn_ae._comparison.rows import (
    Comparison,
    is_autoencoder,
    squared_distances,
    taken_apart,
)
from sklearn_ae._pipelines import steps_of
from sklearn_ae._report.advice import all_advice
from sklearn_ae._report.facts import all_facts, percent

# Features that are named as worst reconstructed.
N_WORST = 5

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
        The share of the PCA that training started from, or with ``init="random"`` of
        one fitted to the rows given, with as many components.
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
                f"  {name}: {percent(error)} of the squared error, "
                f"{percent(lost)} of its variance lost"
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
                f'<td class="number">{percent(error)}</td>'
                f'<td class="number">{percent(lost)}</td></tr>'
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
    estimator : estimator instance
        A fitted autoencoder, or what has one inside: a pipeline, `AnomalyDetector` or
        `TableVAETransformer`. PCA beside it is that which
        its training started from, `reconstruct_by_pca`, inside the same pipeline. With
        ``init="random"`` there is none: it is then fitted to X, and on other rows than
        those of ``fit`` has an advantage.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows on which to judge reconstructions, as the pipeline takes them; those of
        ``fit`` or others. They are judged as the autoencoder gets them, where its loss
        is measured. Of rows with NaN the observed values count.

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
        If it is, or has, no autoencoder of this package, or has several such as
        `AutoencoderImputer`.
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
    _, coder, _ = taken_apart(estimator)
    if not is_autoencoder(coder):
        raise TypeError(
            "estimator must be a fitted autoencoder of sklearn_ae, or a pipeline with "
            f"one, got {type(estimator).__name__}."
        )
    title = type(coder).__name__
    comparison = Comparison(estimator, X).of_coder()
    made = comparison.decode(comparison.codes)
    rows, names = comparison.rows, comparison.feature_names
    errors = np.nansum((rows - made) ** 2, axis=0)
    pca_errors = np.nansum((rows - comparison.pca_reconstruction()) ** 2, axis=0)
    distances = squared_distances(rows)
    explained, pca_explained = (
        _explained(each, distances) for each in (errors, pca_errors)
    )
    facts = all_facts(coder, rows, explained, pca_explained, comparison.has_linear_path)
    if estimator is not coder:
        steps = ", ".join(type(step).__name__ for step in steps_of(estimator))
        facts = {"Pipeline": f"{steps}; all below is of what {title} gets", **facts}
    return Summary(
        title,
        facts,
        explained,
        pca_explained,
        _worst(names, errors, distances),
        all_advice(coder, rows, names, distances),
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
