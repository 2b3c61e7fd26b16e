"""How much of the variance codes of each length keep."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._arrays import in_numpy
from sklearn_ae.displays._comparison import (
    codes_and_decoder,
    observed_numbers,
    pca_reconstruction,
    squared_distances,
)
from sklearn_ae.displays._plotting import (
    COLOURS,
    GREY,
    MARKERS,
    axes_for,
    check_matplotlib,
    legend_outside,
    whole_ticks,
)


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
    pca_explained_variance : ndarray of shape (most_components,)
        PCA's shares with 1, 2, ... components.
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
    pca_line_ : matplotlib Line2D
        PCA's line.
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
        pca_explained_variance: np.ndarray,
        standard_error: np.ndarray | None = None,
        chosen: dict[str, int] | None = None,
        targets: list[float] | None = None,
        rows: str | None = None,
    ) -> None:
        self.n_components = n_components
        self.explained_variance = explained_variance
        self.estimator_names = estimator_names
        self.pca_explained_variance = pca_explained_variance
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
            The same for PCA's line.

        Returns
        -------
        display : ExplainedVarianceDisplay
            This object.
        """
        ax = axes_for(self, ax, (7.0, 4.2))
        counts = np.arange(1, len(self.pca_explained_variance) + 1)
        is_known = np.isfinite(self.pca_explained_variance).any()
        options: dict[str, Any] = {"color": GREY, "linestyle": "--", "marker": "."}
        options["label"] = "PCA" if is_known else None
        options.update(pca_line_kw or {})
        (self.pca_line_,) = ax.plot(counts, self.pca_explained_variance, **options)
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
            Fitted autoencoders with codes of different lengths: anything with
            ``transform`` and ``inverse_transform``.
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Rows. PCA is fitted to them, too, so where the estimators were fitted to
            other rows the comparison favours PCA. Of rows with NaN the observed values
            count. None draws ordered fits from their own `explained_variance_curve_`,
            with its standard errors and PCA's curve, all of the rows held out in
            ``fit``; of several estimators' PCAs the longest curve.
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
            is None and the codes of an estimator are not ordered.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        is_list = isinstance(estimator, (list, tuple))
        estimators = list(estimator) if is_list else [estimator]
        if not estimators:
            raise ValueError("estimator must hold at least one fitted estimator.")
        if estimator_names is None:
            estimator_names = _names_of(estimators)
        if len(estimator_names) != len(estimators):
            raise ValueError(
                f"estimator_names has {len(estimator_names)} names for "
                f"{len(estimators)} estimators."
            )
        if X is None:
            display = cls(**_own_curves(estimators, estimator_names))
        else:
            display = cls(**_curves_of_rows(estimators, estimator_names, X))
        return display.plot(ax, line_kw=line_kw, pca_line_kw=pca_line_kw)


def _is_ordered(estimator):
    return getattr(estimator, "explained_variance_curve_", None) is not None


def _names_of(estimators):
    """Return the names of classes, numbered where lines would be taken for one."""
    names = [type(one).__name__ for one in estimators]
    ordered = [
        name
        for name, one in zip(names, estimators, strict=True)
        if _is_ordered(one) and names.count(name) > 1
    ]
    return [
        f"{name} {number}" if name in ordered else name
        for number, name in enumerate(names, start=1)
    ]


def _own_curves(estimators, names):
    """Return a display's parameters from what ordered fits know of themselves."""
    for one in estimators:
        check_is_fitted(one)
        if not _is_ordered(one):
            raise ValueError(
                f"X is None, but {type(one).__name__} has no curve of its own, which "
                "an AutoencoderTransformer with ordered=True has; give X, the rows."
            )
    curves = [one.explained_variance_curve_ for one in estimators]
    longest = max(curves, key=lambda curve: len(curve.n_components))
    held_out = all(curve.held_out for curve in curves)
    return {
        "n_components": np.concatenate([curve.n_components for curve in curves]),
        "explained_variance": np.concatenate([curve.explained for curve in curves]),
        "standard_error": np.concatenate([curve.standard_error for curve in curves]),
        "estimator_names": [
            name
            for name, curve in zip(names, curves, strict=True)
            for _ in curve.n_components
        ],
        "pca_explained_variance": longest.pca_explained,
        "rows": "held-out rows" if held_out else "training rows",
        **_what_was_chosen(estimators, names),
    }


def _is_share(n_components):
    return isinstance(n_components, Real) and not isinstance(n_components, Integral)


def _what_was_chosen(estimators, names):
    ordered = [
        (name, one)
        for name, one in zip(names, estimators, strict=True)
        if _is_ordered(one)
    ]
    targets = {one.n_components for _, one in ordered if _is_share(one.n_components)}
    return {
        "chosen": {name: one.n_components_ for name, one in ordered},
        "targets": sorted(targets),
    }


def _curves_of_rows(estimators, names, X):
    """Return a display's parameters from rows: a share for each code."""
    rows = observed_numbers(X)
    total = squared_distances(rows).sum()
    if total == 0:
        raise ValueError("X has rows that are all alike: no variance to explain.")
    counts, shares, names_of_codes = [], [], []
    for name, one in zip(names, estimators, strict=True):
        codes, decode = codes_and_decoder(one, X)
        most = codes.shape[1]
        for n_columns in range(1, most + 1) if _is_ordered(one) else [most]:
            counts.append(n_columns)
            errors = rows - decode(codes[:, :n_columns])
            shares.append(1 - np.nansum(errors**2) / total)
            names_of_codes.append(name)
    return {
        "n_components": np.array(counts),
        "explained_variance": np.array(shares),
        "estimator_names": names_of_codes,
        "pca_explained_variance": _pca_shares(rows, max(counts), total),
        **_what_was_chosen(estimators, names),
    }


def _pca_shares(rows, most, total):
    """Return the shares that PCA explains with 1, 2, ... components."""
    most = min(most, *rows.shape)
    if not np.isnan(rows).any():
        pca = PCA(most, svd_solver="full").fit(rows)
        return np.cumsum(pca.explained_variance_ratio_)
    # With gaps, each number of components has axes of its own.
    made = (pca_reconstruction(rows, count) for count in range(1, most + 1))
    return np.array([1 - np.nansum((rows - each) ** 2) / total for each in made])
