"""The course of a training."""

import math
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._comparison.rows import taken_apart
from sklearn_ae.displays._plotting import (
    COLOURS,
    GREY,
    axes_for,
    check_matplotlib,
    legend_outside,
    split_axes,
    whole_ticks,
)

# How many times the way from the lowest loss to PCA's level an axis is long at most.
MOST_ABOVE = 3.0


class HistoryDisplay:
    """Losses epoch by epoch, beside PCA's.

    Make it with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    epochs : ndarray of shape (n_epochs,)
        Number of each epoch, from 1.
    train : dict of str to ndarray of shape (n_epochs,)
        "loss", and each of its terms where there are several, per training row.
    valid : dict of str to ndarray of shape (n_epochs,)
        The same of the held-out rows, NaN in epochs without them; empty where there
        were none.
    pca_loss : float or None, default=None
        PCA's loss per held-out row; probabilistic PCA's beside a VAE, whose losses are
        minus the bound that training maximises, not the log-likelihoods which the guard
        compares.
    pca_name : str, default="PCA"
        What the legend calls PCA.
    pca_kept : bool, default=False
        Whether PCA was kept in the end.
    loss_name : str, default="Loss per row"
        Label of the vertical axis.

    Attributes
    ----------
    best_epoch_ : int or None
        Epoch of the lowest validation loss; None without validation.
    lines_ : list of matplotlib Line2D
        A line for the loss, and for each term that is drawn, the training's before the
        validation's.
    pca_line_ : matplotlib Line2D or None
        PCA's level.
    ax_ : matplotlib Axes
        Where it was drawn.
    axes_ : ndarray of shape (n_panels,) of matplotlib Axes
        Where terms are drawn, the axes of the loss and of the terms; else `ax_` alone.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    HistoryDisplay.from_estimator : Make it from a fitted estimator and draw it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.displays import HistoryDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> ae = AutoencoderTransformer(max_epochs=5, random_state=0).fit(X)
    >>> display = HistoryDisplay.from_estimator(ae)
    >>> display.ax_.get_xlabel()
    'Epoch'
    """

    def __init__(
        self,
        *,
        epochs: np.ndarray,
        train: dict[str, np.ndarray],
        valid: dict[str, np.ndarray],
        pca_loss: float | None = None,
        pca_name: str = "PCA",
        pca_kept: bool = False,
        loss_name: str = "Loss per row",
    ) -> None:
        self.epochs = epochs
        self.train = train
        self.valid = valid
        self.pca_loss = pca_loss
        self.pca_name = pca_name
        self.pca_kept = pca_kept
        self.loss_name = loss_name

    def plot(
        self,
        ax: Any = None,
        *,
        loss_name: str | None = None,
        terms: bool = False,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the losses.

        The scale is linear unless losses fall to less than a tenth, and above zero. A
        linear one ends where PCA's level is a third of the way up, if first losses are
        far above it.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        loss_name : str, default=None
            Label of the vertical axis; None takes the one stored.
        terms : bool, default=False
            Whether to draw the loss's terms as well, where there are several, such as
            a VAE's reconstruction and KL divergence: in axes of their own below.
        line_kw : dict, default=None
            Options of `matplotlib.axes.Axes.plot` for the losses.

        Returns
        -------
        display : HistoryDisplay
            This object.
        """
        parts = [name for name in self.train if name != "loss"]
        is_split = terms and bool(parts)
        ax = axes_for(self, ax, (7.0, 7.0 if is_split else 4.2))
        self.axes_ = np.array([ax], dtype=object)
        if is_split:
            self.axes_ = split_axes(ax, 2, 1)[0][:, 0]
        above = self.axes_[0]
        self.lines_: list[Any] = []
        self._draw(above, ["loss"], line_kw)
        self.pca_line_ = None
        if self.pca_loss is not None:
            kept = " (kept)" if self.pca_kept else ""
            label = f"{self.pca_name}, validation{kept}"
            self.pca_line_ = above.axhline(
                self.pca_loss, color=GREY, linestyle=":", linewidth=2, label=label
            )
        self._mark_best(above)
        if is_split:
            self._draw(self.axes_[1], parts, line_kw)
        self._finish(self.loss_name if loss_name is None else loss_name)
        return self

    def _draw(self, ax, names, line_kw):
        """Draw losses of these names, in training and validation."""
        # A line of one point has no length.
        style = {"marker": "o"} if len(self.epochs) == 1 else {}
        style = {**style, **(line_kw or {})}
        for name in names:
            color = COLOURS[list(self.train).index(name) % len(COLOURS)]
            for losses, part, dashes in (
                (self.train, "training", "-"),
                (self.valid, "validation", "--"),
            ):
                if name in losses:
                    options = {"color": color, "linestyle": dashes, **style}
                    options["label"] = f"{name.replace('_', ' ')}, {part}"
                    self.lines_ += ax.plot(self.epochs, losses[name], **options)

    def _finish(self, loss_name):
        """Give all axes their scales, ticks, labels and legends."""
        for ax in self.axes_:
            values = np.concatenate([line.get_ydata() for line in ax.lines])
            values = values[np.isfinite(values)]
            if values.min() > 0 and values.max() > 10 * values.min():
                ax.set_yscale("log")
            elif ax is self.axes_[0] and self.pca_loss is not None:
                reach = MOST_ABOVE * (self.pca_loss - values.min())
                if 0 < reach < values.max() - values.min():
                    ax.set_ylim(values.min() - 0.05 * reach, values.min() + reach)
            ax.set_xlim(self.epochs[0] - 0.5, self.epochs[-1] + 0.5)
            whole_ticks(ax.xaxis)
            ax.set_ylabel(loss_name)
            legend_outside(ax)
        self.axes_[-1].set_xlabel("Epoch")

    def _mark_best(self, ax):
        self.best_epoch_ = None
        if "loss" in self.valid:
            losses = self.valid["loss"]
            best = int(np.nanargmin(losses))
            self.best_epoch_ = int(self.epochs[best])
            ax.plot(
                self.best_epoch_,
                losses[best],
                marker="o",
                markersize=9,
                markerfacecolor="none",
                markeredgecolor="black",
                linestyle="none",
                label=f"lowest validation: epoch {self.best_epoch_}",
            )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        ax: Any = None,
        loss_name: str | None = None,
        terms: bool = False,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Make the display from a fitted autoencoder, and draw it.

        Parameters
        ----------
        estimator : estimator instance
            A fitted autoencoder, or what has one inside: a pipeline,
            `AnomalyDetector` or `TableVAETransformer`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        loss_name : str, default=None
            Label of the vertical axis; None says what the losses are.
        terms : bool, default=False
            As for `plot`.
        line_kw : dict, default=None
            Options of `matplotlib.axes.Axes.plot` for the losses.

        Returns
        -------
        display : HistoryDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is, or has, nothing with a `history_`, or has several such as
            `AutoencoderImputer`.
        ValueError
            If no epoch was run, as where PCA reproduces the training rows exactly.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        _, estimator, _ = taken_apart(estimator)
        name = type(estimator).__name__
        if not hasattr(estimator, "history_"):
            raise TypeError(
                "estimator must be an autoencoder with a history_, or a pipeline with "
                f"one, got {name}."
            )
        history = estimator.history_
        if not history:
            if estimator.gain_over_pca_ == 0:
                verdict = getattr(estimator, "verdict_", None)
                why = verdict or "PCA reproduces its training rows exactly"
            else:
                why = "partial_fit trains once it has rows enough to start from"
            raise ValueError(
                f"This {name} ran no epoch, so there is no history to draw. {why}."
            )
        train, valid = (_losses(history, part) for part in ("train", "valid"))
        pca_loss = getattr(estimator, "pca_loss_", math.nan)
        is_density = hasattr(estimator, "likelihood")
        if loss_name is None:
            loss_name = "Loss per row"
            if is_density:
                loss_name = "Loss per row: minus the bound (nats)"
        display = cls(
            epochs=np.array([epoch["epoch"] for epoch in history]),
            train=train,
            valid=valid,
            pca_loss=None if math.isnan(pca_loss) else pca_loss,
            pca_name="probabilistic PCA" if is_density else "PCA",
            pca_kept=estimator.gain_over_pca_ == 0,
            loss_name=loss_name,
        )
        return display.plot(ax, terms=terms, line_kw=line_kw)


def _losses(history, part):
    """Return the loss of each epoch and its terms, where those are several."""
    names = dict.fromkeys(name for epoch in history for name in epoch)
    names = [name for name in names if name.startswith(f"{part}_")]
    if len(names) == 2:
        names = [f"{part}_loss"]
    return {
        name.removeprefix(f"{part}_"): np.array(
            [epoch.get(name, np.nan) for epoch in history]
        )
        for name in names
    }
