"""Histories of training."""

import numpy as np
import pytest
from parts import legend_texts
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae.displays import (
    HistoryDisplay,
)


def test_history_holds_losses_of_each_epoch_and_pcas(ae):
    display = HistoryDisplay.from_estimator(ae)
    assert list(display.train) == list(display.valid) == ["loss"]
    np.testing.assert_array_equal(display.epochs, [1, 2, 3, 4])
    losses = [epoch["valid_loss"] for epoch in ae.history_]
    np.testing.assert_array_equal(display.valid["loss"], losses)
    assert display.best_epoch_ == 1 + np.argmin(losses)
    assert display.pca_loss == ae.pca_loss_
    assert display.pca_line_.get_ydata()[0] == ae.pca_loss_
    assert display.pca_kept == (ae.gain_over_pca_ == 0)


def test_pcas_level_is_the_validation_loss_before_training(make, curved):
    estimator = make(learning_rate=1e-9, max_epochs=1).fit(curved)
    loss = estimator.history_[0]["valid_loss"]
    assert estimator.pca_loss_ == pytest.approx(loss, rel=1e-4)


def test_the_gain_is_over_pcas_level(make_ae, curved):
    ae = make_ae(guard=False, max_epochs=5).fit(curved)
    lowest = min(epoch["valid_loss"] for epoch in ae.history_)
    assert lowest < ae.pca_loss_
    assert ae.gain_over_pca_ == pytest.approx(1 - lowest / ae.pca_loss_, rel=1e-3)


def test_terms_are_drawn_apart(vae):
    display = HistoryDisplay.from_estimator(vae)
    assert list(display.train) == ["loss", "reconstruction", "kl"]
    assert len(display.lines_) == 2
    assert display.axes_.tolist() == [display.ax_]
    assert display.ax_.get_ylabel() == "Loss per row: minus the bound (nats)"
    assert legend_texts(display.figure_)[2].startswith("probabilistic PCA, validation")
    both = HistoryDisplay.from_estimator(vae, terms=True)
    assert [len(ax.lines) for ax in both.axes_] == [4, 4]
    assert len(both.lines_) == 6
    labels = [line.get_label() for line in both.axes_[1].lines]
    assert labels[::2] == ["reconstruction, training", "kl, training"]
    both.figure_.canvas.draw()
    assert display.plot(loss_name="bound").ax_.get_ylabel() == "bound"


def test_terms_do_not_hide_the_gain(vae):
    """The loss's axis reaches no further than the losses, whatever the terms are."""
    display = HistoryDisplay.from_estimator(vae, terms=True)
    values = [*display.train["loss"], *display.valid["loss"], display.pca_loss]
    low, high = display.axes_[0].get_ylim()
    assert display.axes_[0].get_yscale() == "linear"
    assert high - low < 1.2 * (max(values) - min(values))


@pytest.mark.parametrize("lowest", [-50.0, 40.0])
def test_pca_s_level_is_seen_whatever_losses_begin_at(vae, lowest):
    display = HistoryDisplay.from_estimator(vae)
    losses = np.array([400.0, lowest])
    display.train, display.valid = {"loss": losses}, {"loss": losses}
    display.pca_loss = lowest + 6
    ax = display.plot().ax_
    low, high = ax.get_ylim()
    assert low < lowest
    if ax.get_yscale() == "linear":
        assert (display.pca_loss - lowest) / (high - low) > 0.3


def test_a_history_is_found_in_a_pipeline(make, curved):
    y = (curved[:, 0] > 0).astype(int)
    pipeline = make_pipeline(StandardScaler(), make(), LogisticRegression())
    display = HistoryDisplay.from_estimator(pipeline.fit(curved, y))
    assert display.pca_loss == pipeline[1].pca_loss_
    np.testing.assert_array_equal(display.epochs, [1, 2])


def test_an_autoencoder_has_no_terms_to_draw(ae):
    assert len(HistoryDisplay.from_estimator(ae, terms=True).axes_) == 1


def test_history_without_validation(make_ae, curved):
    options = {"early_stopping": False, "guard": False, "validation_fraction": None}
    for ae in (make_ae(**options).fit(curved), make_ae().partial_fit(curved)):
        display = HistoryDisplay.from_estimator(ae)
        assert display.valid == {}
        assert display.best_epoch_ is display.pca_line_ is display.pca_loss is None
        assert len(display.lines_) == 1


def test_epochs_without_validation_after_others(make_ae, curved):
    ae = make_ae().fit(curved).partial_fit(curved)
    display = HistoryDisplay.from_estimator(ae)
    assert np.isnan(display.valid["loss"][-1])
    assert display.best_epoch_ <= 2
    assert display.pca_line_ is None


def test_kept_pca_is_said(make_ae, noise):
    display = HistoryDisplay.from_estimator(make_ae().fit(noise))
    assert "PCA, validation (kept)" in legend_texts(display.figure_)


def test_no_epoch_is_no_history(make_ae, rng):
    X = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 5))
    ae = make_ae().fit(X)
    assert ae.n_iter_ == 0
    with pytest.raises(ValueError, match="ran no epoch"):
        HistoryDisplay.from_estimator(ae)


def test_no_epoch_yet_is_no_history(make_ae, rng):
    waiting = make_ae().partial_fit(rng.normal(size=(10, 5)))
    with pytest.raises(ValueError, match="partial_fit trains once it has rows"):
        HistoryDisplay.from_estimator(waiting)


def test_history_needs_an_autoencoder(curved):
    with pytest.raises(TypeError, match="or a pipeline with one, got PCA"):
        HistoryDisplay.from_estimator(PCA(2).fit(curved))
