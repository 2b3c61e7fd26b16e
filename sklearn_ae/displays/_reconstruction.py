"""What comes back from codes, beside PCA's."""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_ae._arrays import in_numpy
from sklearn_ae._comparison.decoded import check_channels
from sklearn_ae._comparison.rows import Comparison
from sklearn_ae._images import checked_image_shape
from sklearn_ae.displays._plotting import (
    COLOURS,
    GREY,
    axes_for,
    check_matplotlib,
    check_number,
    draw_images,
    legend_outside,
)


class ReconstructionDisplay:
    """Rows and their reconstructions, as images or as the error of each feature.

    Make it with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The rows.
    reconstruction : ndarray of shape (n_samples, n_features)
        What the estimator makes of them.
    pca_reconstruction : ndarray of shape (n_samples, n_features)
        What PCA with as many components makes of them.
    feature_names : ndarray of shape (n_features,)
        Names of the features.
    image_shape : tuple of (int, int, int) or None, default=None
        Channels, height and width where rows are images.
    estimator_name : str, default="autoencoder"
        What the labels call the estimator.
    pca_name : str, default="PCA"
        What the labels call PCA.

    Attributes
    ----------
    errors_ : ndarray of shape (n_features,)
        Mean squared error of each feature's observed values; set by `plot` for rows
        that are no images.
    pca_errors_ : ndarray of shape (n_features,)
        PCA's; set likewise.
    image_ : matplotlib AxesImage
        The images; set for rows that are images.
    bars_ : list of matplotlib BarContainer
        The estimator's bars, then PCA's; set for rows that are no images.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    ReconstructionDisplay.from_estimator : Make it from a fitted estimator and draw it.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.displays import ReconstructionDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> ae = AutoencoderTransformer(max_epochs=2, random_state=0).fit(X[:200])
    >>> display = ReconstructionDisplay.from_estimator(
    ...     ae, X[200:], image_shape="auto"
    ... )
    >>> display.image_shape
    (1, 8, 8)
    """

    def __init__(
        self,
        *,
        rows: np.ndarray,
        reconstruction: np.ndarray,
        pca_reconstruction: np.ndarray,
        feature_names: np.ndarray,
        image_shape: tuple[int, int, int] | None = None,
        estimator_name: str = "autoencoder",
        pca_name: str = "PCA",
    ) -> None:
        self.rows = rows
        self.reconstruction = reconstruction
        self.pca_reconstruction = pca_reconstruction
        self.feature_names = feature_names
        self.image_shape = image_shape
        self.estimator_name = estimator_name
        self.pca_name = pca_name

    def plot(
        self,
        ax: Any = None,
        *,
        n_images: int = 8,
        n_features: int = 20,
        relative: bool = True,
    ) -> Self:
        """Draw images or errors.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_images : int, default=8
            How many of the first rows to draw, where rows are images.
        n_features : int, default=20
            How many features to draw, where rows are no images. Of more, those with the
            largest errors are taken, the largest first; else all in their order.
        relative : bool, default=True
            Whether errors are shares of each feature's variance. Without it they are
            root mean squared errors in the feature's units. A constant feature has no
            share and no bar.

        Returns
        -------
        display : ReconstructionDisplay
            This object.

        Raises
        ------
        ValueError
            If `n_images` or `n_features` is not a positive int.
        """
        check_number(n_images, "n_images")
        check_number(n_features, "n_features")
        if self.image_shape is not None:
            return self._plot_images(ax, n_images)
        return self._plot_errors(ax, n_features, relative)

    def _plot_images(self, ax, n_images):
        stack = np.stack([self.rows, self.pca_reconstruction, self.reconstruction])
        stack = stack[:, :n_images]
        _, height, width = self.image_shape
        across = 0.8 * stack.shape[1]
        ax = axes_for(self, ax, (across + 2.2, 3 * 0.8 * height / width + 0.3))
        self.image_ = draw_images(
            ax,
            stack,
            self.image_shape,
            (np.nanmin(self.rows), np.nanmax(self.rows)),
            ["original", self.pca_name, self.estimator_name],
        )
        return self

    def _plot_errors(self, ax, n_features, relative):
        self.errors_, self.pca_errors_ = (
            np.nanmean((self.rows - made) ** 2, axis=0)
            for made in (self.reconstruction, self.pca_reconstruction)
        )
        pairs = np.stack([self.errors_, self.pca_errors_])
        if relative:
            variances = np.nanvar(self.rows, axis=0)
            nothing = np.full_like(pairs, np.nan)
            pairs = np.divide(pairs, variances, out=nothing, where=variances > 0)
            label = "Share of the feature's variance lost"
        else:
            pairs = np.sqrt(pairs)
            label = "Root mean squared error"
        shown = np.arange(pairs.shape[1])
        title = None
        if len(shown) > n_features:
            largest = np.nan_to_num(pairs[0])
            shown = np.argsort(-largest, kind="stable")[:n_features]
            title = f"The {n_features} largest of {pairs.shape[1]} features"
        ax = axes_for(self, ax, (7.0, 1.2 + 0.3 * len(shown)))
        places = np.arange(len(shown))
        self.bars_ = [
            ax.barh(places + shift, values[shown], 0.4, color=color, label=name)
            for values, shift, color, name in (
                (pairs[0], -0.2, COLOURS[0], self.estimator_name),
                (pairs[1], 0.2, COLOURS[5], self.pca_name),
            )
        ]
        ax.set_yticks(places, self.feature_names[shown])
        ax.invert_yaxis()
        ax.set_xlabel(label)
        ax.set_ylabel("Feature")
        ax.grid(axis="x", color=GREY, alpha=0.25)
        ax.set_axisbelow(True)
        if title is not None:
            ax.set_title(title)
        legend_outside(ax)
        return self

    @classmethod
    @in_numpy
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        image_shape: Literal["auto"] | tuple[int, int, int] | None = None,
        ax: Any = None,
        n_images: int = 8,
        n_features: int = 20,
        relative: bool = True,
    ) -> Self:
        """Make the display from a fitted autoencoder and rows, and draw it.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder, or what has one inside: a pipeline, `AnomalyDetector`
            or `TableVAETransformer`; in fact anything with ``transform``
            and ``inverse_transform``. Beside it stands the PCA that its training
            started from, inside the same pipeline, `reconstruct_by_pca`. Of what has
            none, as with ``init="random"``, it is one fitted to X, which the labels
            tell: on other rows than those of ``fit`` it has an advantage.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, as the pipeline takes them. They are compared in their own units, or
            behind the last step in front of the autoencoder that has no way back.
        image_shape : "auto", tuple of (int, int, int) or None, default=None
            Channels, height and width where rows are flattened images; "auto" is a
            square image of one channel. None draws errors of features.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        n_images, n_features, relative : int, int, bool
            As for `plot`.

        Returns
        -------
        display : ReconstructionDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X does not fit the estimator or `image_shape`, or has a column without
            any value.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        comparison = Comparison(estimator, X)
        reconstruction = comparison.decode(comparison.codes)
        rows = comparison.rows
        shape = None
        if image_shape is not None:
            shape = checked_image_shape(
                image_shape, rows.shape[1], f"{cls.__name__}.from_estimator"
            )
            check_channels(shape)
        display = cls(
            rows=rows,
            reconstruction=reconstruction,
            pca_reconstruction=comparison.pca_reconstruction(),
            feature_names=comparison.feature_names,
            image_shape=shape,
            pca_name=comparison.pca_name,
        )
        return display.plot(
            ax, n_images=n_images, n_features=n_features, relative=relative
        )
