"""Where rows fall beside those that a detector was calibrated by, and why."""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._arrays import in_numpy
from sklearn_ae._comparison.decoded import check_channels
from sklearn_ae._comparison.rows import observed_numbers, to_last_step
from sklearn_ae._images import checked_image_shape
from sklearn_ae._pipelines import steps_of
from sklearn_ae.displays._plotting import (
    COLOURS,
    GREY,
    axes_for,
    check_matplotlib,
    check_number,
    draw_images,
    legend_outside,
    split_axes,
)

BINS = 30
# How far below the threshold scores are drawn, over how far they are above it.
REACH = 3


class AnomalyDisplay:
    """Scores beside the threshold, and which features make the oddest rows odd.

    Make it with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    calibration_scores : ndarray of shape (n_calibration_rows,)
        Scores of rows of ``fit`` by models that were not trained on them.
    scores : ndarray of shape (n_samples,)
        Scores of the rows.
    offset : float
        The threshold, below which rows are outliers.
    feature_scores : ndarray of shape (n_samples, n_features) or None, default=None
        How unusual each feature of the rows is; None leaves that half out.
    feature_names : ndarray of shape (n_features,) or None, default=None
        Names of these features.
    rows : ndarray of shape (n_samples, n_features) or None, default=None
        The rows where they are images; else None.
    image_shape : tuple of (int, int, int) or None, default=None
        Channels, height and width where rows are images.

    Attributes
    ----------
    oddest_ : ndarray of int
        The rows that are drawn one by one, the oddest first; set by `plot`.
    bars_ : list of matplotlib BarContainer
        The histograms of the calibration rows and of the rows, which have area one.
    line_ : matplotlib Line2D
        The threshold.
    axes_ : ndarray of matplotlib Axes
        The histograms', and if features are drawn theirs.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    AnomalyDisplay.from_estimator : Make it from a fitted detector and draw it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AnomalyDetector, VAETransformer
    >>> from sklearn_ae.displays import AnomalyDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> detector = AnomalyDetector(VAETransformer(max_epochs=2), random_state=0)
    >>> detector = detector.fit(X[y < 2])
    >>> display = AnomalyDisplay.from_estimator(detector, X[y == 2])
    >>> display.scores.shape
    (50,)
    """

    def __init__(
        self,
        *,
        calibration_scores: np.ndarray,
        scores: np.ndarray,
        offset: float,
        feature_scores: np.ndarray | None = None,
        feature_names: np.ndarray | None = None,
        rows: np.ndarray | None = None,
        image_shape: tuple[int, int, int] | None = None,
    ) -> None:
        self.calibration_scores = calibration_scores
        self.scores = scores
        self.offset = offset
        self.feature_scores = feature_scores
        self.feature_names = feature_names
        self.rows = rows
        self.image_shape = image_shape

    def plot(self, ax: Any = None, *, n_rows: int = 5, n_features: int = 10) -> Self:
        """Draw the histograms and the oddest rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_rows : int, default=5
            How many of the oddest rows to draw: as images above how unusual each pixel
            is, or as one bar for each feature, a mean over them.
        n_features : int, default=10
            How many features have a bar, the largest first.

        Returns
        -------
        display : AnomalyDisplay
            This object.

        Raises
        ------
        ValueError
            If `n_rows` or `n_features` is not a positive int.
        """
        check_number(n_rows, "n_rows")
        check_number(n_features, "n_features")
        self.oddest_ = np.argsort(self.scores, kind="stable")[:n_rows]
        has_features = self.feature_scores is not None
        ax = axes_for(self, ax, (11.5 if has_features else 7.0, 4.2))
        if not has_features:
            self.axes_ = np.array([ax])
        else:
            grid, _ = split_axes(ax, 1, 2)
            self.axes_ = grid[0]
        self._plot_scores(self.axes_[0])
        if has_features and self.image_shape is not None:
            self._plot_images(self.axes_[1])
        elif has_features:
            self._plot_features(self.axes_[1], n_features)
        return self

    def _plot_scores(self, ax):
        sets = (self.calibration_scores, self.scores)
        finite = np.concatenate(sets)
        finite = finite[np.isfinite(finite)]
        # The lowest may be far away; they are drawn at the edge.
        high = finite.max()
        room = (high - self.offset) or 1.0
        low = max(np.quantile(finite, 0.01), self.offset - REACH * room)
        low = min(low, self.offset - 0.2 * room)
        bins = np.linspace(low, high, BINS + 1)
        self.bars_ = []
        labels = ("rows of fit, not trained on", "these rows")
        for values, name, colour in zip(sets, labels, COLOURS, strict=False):
            share = np.histogram(np.maximum(values, low), bins)[0] / len(values)
            self.bars_.append(
                ax.bar(
                    bins[:-1],
                    share,
                    np.diff(bins),
                    align="edge",
                    color=colour,
                    alpha=0.6,
                    label=name,
                )
            )
        self.line_ = ax.axvline(self.offset, color=GREY, linestyle="--", zorder=3)
        outliers = np.mean(self.scores < self.offset)
        ax.set_title(f"{outliers:.1%} of {len(self.scores)} rows below the threshold")
        beyond = "; first bar: all lower" if finite.min() < low else ""
        ax.set_xlabel(f"Score, lower is more unusual{beyond}")
        ax.set_ylabel("Share of rows")
        legend_outside(
            ax, loc="upper left", bbox_to_anchor=(0, -0.18), ncols=len(labels)
        )

    def _plot_features(self, ax, n_features):
        means = self.feature_scores[self.oddest_].mean(axis=0)
        shown = np.argsort(-means, kind="stable")[:n_features]
        ax.barh(np.arange(len(shown)), means[shown], 0.7, color=COLOURS[1])
        ax.set_yticks(np.arange(len(shown)), self.feature_names[shown])
        ax.invert_yaxis()
        ax.set_title(f"Features of the {len(self.oddest_)} oddest rows")
        ax.set_xlabel("Score, higher is more unusual")
        ax.grid(axis="x", color=GREY, alpha=0.25)
        ax.set_axisbelow(True)

    def _plot_images(self, ax):
        parts = (self.rows, self.feature_scores)
        stack = np.stack([_in_unit_range(part[self.oddest_]) for part in parts])
        draw_images(ax, stack, self.image_shape, (0, 1), ["row", "score"])
        ax.set_title(f"The {len(self.oddest_)} oddest rows, and their pixels' scores")

    @classmethod
    @in_numpy
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        image_shape: Literal["auto"] | tuple[int, int, int] | None = None,
        ax: Any = None,
        n_rows: int = 5,
        n_features: int = 10,
    ) -> Self:
        """Make the display from a fitted detector and rows, and draw it.

        Parameters
        ----------
        estimator : AnomalyDetector or Pipeline
            A fitted detector, or a pipeline that ends with one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        image_shape : "auto", tuple of (int, int, int) or None, default=None
            Channels, height and width where rows are flattened images; "auto" is a
            square image of one channel. None draws bars of features.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_rows, n_features : int, int
            As for `plot`.

        Returns
        -------
        display : AnomalyDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the detector is not fitted.
        TypeError
            If the estimator is no `AnomalyDetector`, and does not end with one.
        ValueError
            If X does not fit the detector or `image_shape`.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        detector = steps_of(estimator)[-1]
        if not hasattr(detector, "p_values"):
            raise TypeError(
                f"estimator must be an AnomalyDetector, got "
                f"{type(detector).__name__}; AnomalyDetector(estimator) makes one."
            )
        check_is_fitted(detector)
        seen, names = to_last_step(estimator, X)
        parts = {}
        if hasattr(detector, "feature_scores"):
            scores = detector.feature_scores(seen)
            parts["feature_scores"] = scores
            parts["feature_names"] = _names(detector, names, scores.shape[1])
        if image_shape is not None:
            rows = observed_numbers(X)
            shape = checked_image_shape(
                image_shape, rows.shape[1], f"{cls.__name__}.from_estimator"
            )
            check_channels(shape)
            parts |= {"rows": rows, "image_shape": shape}
        display = cls(
            calibration_scores=detector.calibration_scores_,
            scores=detector.score_samples(seen),
            offset=detector.offset_,
            **parts,
        )
        return display.plot(ax, n_rows=n_rows, n_features=n_features)


def _in_unit_range(rows):
    """Return each row, from its lowest to its highest value, as 0 to 1."""
    low = np.nanmin(rows, axis=1, keepdims=True)
    span = np.nanmax(rows, axis=1, keepdims=True) - low
    return (rows - low) / np.where(span > 0, span, 1.0)


def _names(detector, names, n_features):
    """Return the names of the features that the detector's last step gets."""
    steps = detector.estimator_
    if n_features != detector.n_features_in_ and hasattr(steps, "named_steps"):
        return np.asarray(steps[:-1].get_feature_names_out(), dtype=object)
    if names is None:
        names = [f"x{index}" for index in range(n_features)]
    return np.asarray(names, dtype=object)
