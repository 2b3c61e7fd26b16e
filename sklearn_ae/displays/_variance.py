"""How much of the variance codes of each length keep."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA

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

    Make it with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    n_components : ndarray of shape (n_estimators,)
        Length of each estimator's code.
    explained_variance : ndarray of shape (n_estimators,)
        Share of the variance that its reconstructions explain: one minus the squared
        error over the squared distance to the rows' mean.
    estimator_names : list of str
        What the legend calls each estimator; those of one name are joined by a line.
    pca_explained_variance : ndarray of shape (most_components,)
        PCA's shares with 1, 2, ... components.

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        A line for each name, in the order of their first estimators.
    pca_line_ : matplotlib Line2D
        PCA's line.
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
    """

    def __init__(
        self,
        *,
        n_components: np.ndarray,
        explained_variance: np.ndarray,
        estimator_names: list[str],
        pca_explained_variance: np.ndarray,
    ) -> None:
        self.n_components = n_components
        self.explained_variance = explained_variance
        self.estimator_names = estimator_names
        self.pca_explained_variance = pca_explained_variance

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
        options = {"color": GREY, "linestyle": "--", "marker": ".", "label": "PCA"}
        options.update(pca_line_kw or {})
        (self.pca_line_,) = ax.plot(counts, self.pca_explained_variance, **options)
        self.lines_ = []
        names = np.array(self.estimator_names, dtype=object)
        for index, name in enumerate(dict.fromkeys(self.estimator_names)):
            chosen = np.flatnonzero(names == name)
            chosen = chosen[np.argsort(self.n_components[chosen], kind="stable")]
            options = {
                "color": COLOURS[index % len(COLOURS)],
                "marker": MARKERS[index % len(MARKERS)],
                "label": name,
                **(line_kw or {}),
            }
            self.lines_ += ax.plot(
                self.n_components[chosen], self.explained_variance[chosen], **options
            )
        whole_ticks(ax.xaxis)
        ax.set_xlabel("Components of the code")
        ax.set_ylabel("Share of variance explained")
        ax.grid(color=GREY, alpha=0.25)
        legend_outside(ax)
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
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
        X : array-like of shape (n_samples, n_features)
            Rows. PCA is fitted to them, too, so where the estimators were fitted to
            other rows the comparison favours PCA. Of rows with NaN the observed values
            count.
        estimator_names : list of str, default=None
            What the legend calls each estimator; None takes the names of their classes.
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
            estimators or has a column without any value, or its rows are all alike.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        is_list = isinstance(estimator, (list, tuple))
        estimators = list(estimator) if is_list else [estimator]
        if not estimators:
            raise ValueError("estimator must hold at least one fitted estimator.")
        if estimator_names is None:
            estimator_names = [type(one).__name__ for one in estimators]
        if len(estimator_names) != len(estimators):
            raise ValueError(
                f"estimator_names has {len(estimator_names)} names for "
                f"{len(estimators)} estimators."
            )
        rows = observed_numbers(X)
        total = squared_distances(rows).sum()
        if total == 0:
            raise ValueError("X has rows that are all alike: no variance to explain.")
        counts, shares = [], []
        for one in estimators:
            codes, decode = codes_and_decoder(one, X)
            counts.append(codes.shape[1])
            shares.append(1 - np.nansum((rows - decode(codes)) ** 2) / total)
        display = cls(
            n_components=np.array(counts),
            explained_variance=np.array(shares),
            estimator_names=list(estimator_names),
            pca_explained_variance=_pca_shares(rows, max(counts), total),
        )
        return display.plot(ax, line_kw=line_kw, pca_line_kw=pca_line_kw)


def _pca_shares(rows, most, total):
    """Return the shares that PCA explains with 1, 2, ... components."""
    most = min(most, *rows.shape)
    if not np.isnan(rows).any():
        pca = PCA(most, svd_solver="full").fit(rows)
        return np.cumsum(pca.explained_variance_ratio_)
    # With gaps, each number of components has axes of its own.
    made = (pca_reconstruction(rows, count) for count in range(1, most + 1))
    return np.array([1 - np.nansum((rows - each) ** 2) / total for each in made])
