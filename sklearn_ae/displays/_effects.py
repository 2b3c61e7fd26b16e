"""How much each column of a code moves each feature."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_ae._arrays import in_numpy
from sklearn_ae._comparison.rows import Comparison
from sklearn_ae._images import checked_image_shape
from sklearn_ae.displays._plotting import (
    axes_for,
    check_matplotlib,
    checked_components,
    draw_images,
)

# Features whose names fit one below the other, columns that are numbered side by side,
# and images in a row.
MOST_NAMES, MOST_NUMBERS, MOST_ACROSS = 60, 16, 8
# Inches of a named feature and of all features without names; of a column of the code
# and of an image.
NAMED_HEIGHT, UNNAMED_HEIGHT = 0.2, 4.5
COLUMN_WIDTH, IMAGE_WIDTH = 0.35, 0.9


class ComponentEffectsDisplay:
    """Heat map of how much each column of a code moves each feature.

    Make it with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    effects : ndarray of shape (n_shown, n_features)
        Mean absolute change of a feature when a column of the code moves by one
        standard deviation.
    components : list of int
        Columns that are shown.
    feature_names : ndarray of shape (n_features,)
        Names of the features.
    standardized : bool
        Whether effects are in standard deviations of the features, not in their units.
    image_shape : tuple of (int, int, int) or None, default=None
        Channels, height and width where rows are images.

    Attributes
    ----------
    image_ : matplotlib AxesImage
        The heat map, or the images side by side.
    colorbar_ : matplotlib Colorbar
        What its colours mean.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    ComponentEffectsDisplay.from_estimator : Make it from a fitted estimator, draw it.
    LatentTraversalDisplay : Rows decoded along each column of the code.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.displays import ComponentEffectsDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> ae = AutoencoderTransformer(max_epochs=5, random_state=0).fit(X)
    >>> display = ComponentEffectsDisplay.from_estimator(ae, X)
    >>> display.effects.shape
    (2, 4)
    """

    def __init__(
        self,
        *,
        effects: np.ndarray,
        components: list[int],
        feature_names: np.ndarray,
        standardized: bool,
        image_shape: tuple[int, int, int] | None = None,
    ) -> None:
        self.effects = effects
        self.components = components
        self.feature_names = feature_names
        self.standardized = standardized
        self.image_shape = image_shape

    def plot(self, ax: Any = None, *, image_kw: dict[str, Any] | None = None) -> Self:
        """Draw features down and columns across, or an image for each column.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        image_kw : dict, default=None
            Options of `matplotlib.axes.Axes.imshow`.

        Returns
        -------
        display : ComponentEffectsDisplay
            This object.
        """
        if self.image_shape is None:
            ax = self._plot_table(ax, image_kw or {})
        else:
            ax = self._plot_images(ax, image_kw or {})
        unit = "standard deviations" if self.standardized else "units"
        self.colorbar_ = ax.figure.colorbar(
            self.image_,
            ax=ax,
            label=f"Mean absolute change\nin the feature's {unit}",
        )
        return self

    def _plot_table(self, ax, image_kw):
        n_shown, n_features = self.effects.shape
        is_named = n_features <= MOST_NAMES
        height = NAMED_HEIGHT * n_features if is_named else UNNAMED_HEIGHT
        size = (COLUMN_WIDTH * max(n_shown, 3) + 3.5, max(height, 2.0) + 0.8)
        ax = axes_for(self, ax, size)
        options = {"cmap": "viridis", "vmin": 0, "interpolation": "nearest"}
        self.image_ = ax.imshow(
            self.effects.T, **{**options, "aspect": "auto", **image_kw}
        )
        step = -(-n_shown // MOST_NUMBERS)
        ax.set_xticks(np.arange(n_shown)[::step], self.components[::step])
        ax.set_xlabel("Column of the code")
        if is_named:
            ax.set_yticks(np.arange(n_features), self.feature_names)
        else:
            ax.set_ylabel("Feature")
        return ax

    def _plot_images(self, ax, image_kw):
        channels, height, width = self.image_shape
        n_shown, n_features = self.effects.shape
        across = min(n_shown, MOST_ACROSS)
        down = -(-n_shown // across)
        size = (
            IMAGE_WIDTH * across + 2.5,
            max(IMAGE_WIDTH * down * height / width, 1.6) + 1.0,
        )
        ax = axes_for(self, ax, size)
        pixels = self.effects.reshape(n_shown, channels, -1).mean(axis=1)
        images = np.full((down * across, n_features // channels), np.nan)
        images[:n_shown] = pixels
        highest = pixels.max()
        lines = [self.components[i : i + across] for i in range(0, n_shown, across)]
        self.image_ = draw_images(
            ax,
            images.reshape(down, across, -1),
            (1, height, width),
            (0, highest),
            [", ".join(map(str, line)) for line in lines],
            **{"cmap": "viridis", "vmax": highest, **image_kw},
        )
        # They come as shares of the highest; the colours are to tell effects.
        self.image_.set_data(self.image_.get_array() * highest)
        ax.set_ylabel("Columns of the code")
        return ax

    @classmethod
    @in_numpy
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        components: Sequence[int] | None = None,
        standardize: bool = True,
        image_shape: Literal["auto"] | tuple[int, int, int] | None = None,
        ax: Any = None,
        image_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Make the display from a fitted autoencoder and rows, and draw it.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder, or what has one inside: a pipeline, `AnomalyDetector`
            or `TableVAETransformer`; in fact anything with ``transform``
            and ``inverse_transform``. Effects are on the features that X has, through
            all steps of a pipeline that have a way back.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows about which codes are moved, at least two; as for
            `AutoencoderTransformer.component_effects`.
        components : list of int, default=None
            Columns of the code to show; None takes all.
        standardize : bool, default=True
            Whether to divide each feature's effects by its standard deviation in X, so
            that features of different units compare; those of a feature that is
            constant in X are then 0. False shows them in the features' own units.
        image_shape : "auto", tuple of (int, int, int) or None, default=None
            Channels, height and width where rows are flattened images; "auto" is a
            square image of one channel. An image is drawn for each column, of the mean
            over channels. None draws a heat map.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        image_kw : dict, default=None
            As for `plot`.

        Returns
        -------
        display : ComponentEffectsDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is a single row, does not fit the estimator or `image_shape`, or, with
            `standardize`, has a column without any value; or if `components` names a
            column that is not there.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        comparison = Comparison(estimator, X)
        n_components = comparison.codes.shape[1]
        shown = checked_components(components, n_components, n_components)
        effects = _effects(comparison.codes, comparison.decode, shown)
        n_features = effects.shape[1]
        shape = None
        if image_shape is not None:
            shape = checked_image_shape(
                image_shape, n_features, f"{cls.__name__}.from_estimator"
            )
        if standardize:
            effects = _in_deviations(effects, comparison.center_and_spread()[1])
        display = cls(
            effects=effects,
            components=shown,
            feature_names=comparison.feature_names,
            standardized=standardize,
            image_shape=shape,
        )
        return display.plot(ax, image_kw=image_kw)


def _effects(codes, decode, columns):
    """Return half the mean absolute change from one deviation below to one above."""
    if len(codes) < 2:
        raise ValueError(
            "X has 1 row, but effects need at least 2, whose codes have a standard "
            "deviation."
        )
    effects = []
    for column in columns:
        move = np.zeros(codes.shape[1])
        move[column] = codes[:, column].std()
        change = decode(codes + move) - decode(codes - move)
        effects.append(np.abs(change).mean(axis=0, dtype=np.float64) / 2)
    return np.array(effects)


def _in_deviations(effects, spread):
    """Return effects over the features' standard deviations, 0 without any."""
    return np.divide(effects, spread, out=np.zeros_like(effects), where=spread > 0)
