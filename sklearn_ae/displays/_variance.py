"""How much of the variance codes of each length keep."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._arrays import in_numpy
from sklearn_ae._comparison.curves import (
    curves_of_rows,
    names_of,
    own_curves,
    what_was_chosen,
)
from sklearn_ae._comparison.rows import taken_apart
from sklearn_ae.displays._plotting import (
    COLOURS,
    GREY,
    MARKERS,
    axes_for,
    check_matplotlib,
    legend_outside,
    whole_ticks,
)

PCA_LINES = ("--", ":", "-.")


class ExplainedVarianceDisplay:
    """Share of variance that codes of each length explain, beside PCA's.

    For an estimator with ``ordered=True`` it is a scree curve: a share for each number
    of its first columns. Make it with `from_estimator`. All parameters are stored as
    attributes.

    Parameters
    ----------
    n_components : ndarray of shape (n_codes,)
        Length of each code: one of an estimator, all lengths of an ordered one.
    explained_variance : ndarray of shape (n_codes,)
        Share of the variance that its reconstructions explain: one minus the squared
        error over the squared distance to the rows' mean.
    estimator_names : list of str
        What the legend calls the estimator of each code; those of one name are joined
        by a line.
    pca_explained_variance : list of ndarray of shape (most_components,)
        PCA's shares with 1, 2, ... components, of each PCA there is to compare with.
    pca_names : list of str
        What the legend calls each of these.
    standard_error : ndarray of shape (n_codes,) or None, default=None
        Standard errors of `explained_variance`, drawn as a band.
    chosen : dict of str to int or None, default=None
        By name, the length that an ordered estimator hands out, which is marked.
    targets : list of float or None, default=None
        Shares that estimators were to reach, drawn as horizontal lines.
    rows : str or None, default=None
        Which rows' variance it is, for the axis's label.

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        A line for each name, in the order of their first estimators.
    pca_lines_ : list of matplotlib Line2D
        A line for each PCA.
    bands_ : list of matplotlib PolyCollection
        One standard error about each line, where there are any.
    marks_ : list of matplotlib Line2D
        The marks of what was chosen.
    target_lines_ : list of matplotlib Line2D
        The lines of `targets`.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    ExplainedVarianceDisplay.from_estimator : Make it from fitted estimators, draw it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.displays import ExplainedVarianceDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> fits = [
    ...     AutoencoderTransformer(k, max_epochs=5, random_state=0).fit(X)
    ...     for k in (1, 2)
    ... ]
    >>> display = ExplainedVarianceDisplay.from_estimator(fits, X)
    >>> display.n_components
    array([1, 2])

    An ordered fit has a curve of its own, of held-out rows:

    >>> ae = AutoencoderTransformer(0.9, max_epochs=5, random_state=0).fit(X)
    >>> display = ExplainedVarianceDisplay.from_estimator(ae)
    >>> display.chosen
    {'AutoencoderTransformer': 1}
    """

    def __init__(
        self,
        *,
        n_components: np.ndarray,
        explained_variance: np.ndarray,
        estimator_names: list[str],
        pca_explained_variance: list[np.ndarray],
        pca_names: list[str],
        standard_error: np.ndarray | None = None,
        chosen: dict[str, int] | None = None,
        targets: list[float] | None = None,
        rows: str | None = None,
    ) -> None:
        self.n_components = n_components
        self.explained_variance = explained_variance
        self.estimator_names = estimator_names
        self.pca_explained_variance = pca_explained_variance
        self.pca_names = pca_names
        self.standard_error = standard_error
        self.chosen = chosen
        self.targets = targets
        self.rows = rows

    def plot(
        self,
        ax: Any = None,
        *,
        line_kw: dict[str, Any] | None = None,
        pca_line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the shares against the length of the code.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        line_kw : dict, default=None
            Options of `matplotlib.axes.Axes.plot` for the estimators' lines.
        pca_line_kw : dict, default=None
            The same for PCA's lines.

        Returns
        -------
        display : ExplainedVarianceDisplay
            This object.
        """
        ax = axes_for(self, ax, (7.0, 4.2))
        self.pca_lines_: list[Any] = []
        curves = zip(self.pca_explained_variance, self.pca_names, strict=True)
        for index, (shares, name) in enumerate(curves):
            options: dict[str, Any] = {"color": GREY, "marker": ".", "label": name}
            options["linestyle"] = PCA_LINES[index % len(PCA_LINES)]
            counts = np.arange(1, len(shares) + 1)
            self.pca_lines_ += ax.plot(
                counts, shares, **{**options, **(pca_line_kw or {})}
            )
        self.lines_: list[Any] = []
        self.bands_: list[Any] = []
        self.marks_: list[Any] = []
        names = np.array(self.estimator_names, dtype=object)
        for index, name in enumerate(dict.fromkeys(self.estimator_names)):
            chosen = np.flatnonzero(names == name)
            chosen = chosen[np.argsort(self.n_components[chosen], kind="stable")]
            options = {
                "color": COLOURS[index % len(COLOURS)],
                "marker": MARKERS[index % len(MARKERS)],
                "markersize": 6 if self.standard_error is None else 4,
                "label": name,
                **(line_kw or {}),
            }
            self.lines_ += ax.plot(
                self.n_components[chosen], self.explained_variance[chosen], **options
            )
            self._draw_band(chosen)
            self._draw_mark(name, chosen)
        self._draw_targets()
        whole_ticks(ax.xaxis)
        ax.set_xlabel("Components of the code")
        of_rows = "" if self.rows is None else f"\nof the {self.rows}"
        ax.set_ylabel(f"Share of variance explained{of_rows}")
        ax.grid(color=GREY, alpha=0.25)
        legend_outside(ax)
        return self

    def _draw_band(self, codes):
        """Draw one standard error about the line drawn last."""
        if self.standard_error is None:
            return
        shares, errors = self.explained_variance[codes], self.standard_error[codes]
        band = self.ax_.fill_between(
            self.n_components[codes],
            shares - errors,
            shares + errors,
            color=self.lines_[-1].get_color(),
            alpha=0.3,
            linewidth=0,
        )
        self.bands_.append(band)

    def _draw_mark(self, name, codes):
        """Put a ring about the length that was chosen, on the line drawn last."""
        n_chosen = (self.chosen or {}).get(name)
        at = codes[self.n_components[codes] == n_chosen]
        if not len(at):
            return
        self.marks_ += self.ax_.plot(
            self.n_components[at],
            self.explained_variance[at],
            linestyle="",
            marker="o",
            markersize=12,
            markerfacecolor="none",
            markeredgewidth=2,
            color=self.lines_[-1].get_color(),
            label=f"n_components_ = {n_chosen}",
        )

    def _draw_targets(self):
        self.target_lines_ = [
            self.ax_.axhline(
                target, color=GREY, linestyle=":", label=f"n_components={target:g}"
            )
            for target in self.targets or ()
        ]

    @classmethod
    @in_numpy
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | None = None,
        *,
        estimator_names: Sequence[str] | None = None,
        ax: Any = None,
        line_kw: dict[str, Any] | None = None,
        pca_line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Make the display from fitted autoencoders and rows, and draw it.

        Parameters
        ----------
        estimator : estimator instance or list of these
            Fitted autoencoders with codes of different lengths, or pipelines,
            `AnomalyDetector` or `TableVAETransformer` with one: anything with
            ``transform`` and ``inverse_transform``. PCA's line is that which their
            training started from, `reconstruct_by_pca`, the longest of
            several; one for each where they differ. Of what has none, as with
            ``init="random"``, it is fitted to X, which the legend tells: on other rows
            than those of ``fit`` it has an advantage.
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Rows, as the pipelines take them; shares are of the variance that the step
            gets which makes the codes. Of rows with NaN the observed values count. None
            draws what estimators know of themselves: ordered fits their
            `explained_variance_curve_`, with its standard errors and PCA's curve, all
            of the rows held out in ``fit``; others, as
            `sklearn.decomposition.PCA`, their `explained_variance_ratio_`.
        estimator_names : list of str, default=None
            What the legend calls each estimator; None takes the names of their classes,
            numbered where several ordered ones have one.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        line_kw, pca_line_kw : dict, default=None
            As for `plot`.

        Returns
        -------
        display : ExplainedVarianceDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If an estimator is not fitted.
        ValueError
            If the list is empty, its names are not as many, X does not fit the
            estimators or has a column without any value, its rows are all alike, or X
            is None and an estimator knows no shares.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        is_list = isinstance(estimator, (list, tuple))
        estimators = list(estimator) if is_list else [estimator]
        if not estimators:
            raise ValueError("estimator must hold at least one fitted estimator.")
        for one in estimators:
            check_is_fitted(one)
        coders = [taken_apart(one)[1] for one in estimators]
        if estimator_names is None:
            estimator_names = names_of(coders)
        if len(estimator_names) != len(estimators):
            raise ValueError(
                f"estimator_names has {len(estimator_names)} names for "
                f"{len(estimators)} estimators."
            )
        if X is None:
            curves = own_curves(coders, estimator_names)
        else:
            curves = curves_of_rows(estimators, estimator_names, X)
        display = cls(**curves, **what_was_chosen(coders, estimator_names))
        return display.plot(ax, line_kw=line_kw, pca_line_kw=pca_line_kw)
