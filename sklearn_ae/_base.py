"""The verbs that both autoencoders share."""

from abc import ABCMeta, abstractmethod
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._guard import DEFAULT_LEVEL, is_better
from sklearn_ae._inference import apply_in_chunks, chunk_rows
from sklearn_ae._start import centred_float32, fit_start
from sklearn_ae._training import (
    TRAINING_CONSTRAINTS,
    all_rows,
    check_validation,
    hold_out,
    make_net,
    run,
)
from sklearn_ae._utils import (
    Interval,
    RandomStateLike,
    StrOptions,
    choose_device,
    fit_context,
    random_stream,
    seeded,
    unchanged_on_error,
)
from sklearn_ae._validation import check_codes, check_count, check_rows


class BaseAutoencoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, metaclass=ABCMeta
):
    """Base class of the autoencoders: fit, transform and back.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"pca", "random"})],
        "guard": ["boolean", Interval(Real, 0, 0.5, closed="right")],
        **TRAINING_CONSTRAINTS,
    }

    @abstractmethod
    def _check_data(self, X):
        """Raise where a part cannot work on X."""

    @abstractmethod
    def _module_factory(self, start, X):
        """Return a callable without arguments that builds the module."""

    @abstractmethod
    def _gain(self, baseline, losses):
        """Return `gain_over_pca_` from the held-out rows' losses."""

    @abstractmethod
    def _draw_codes(self, n_samples, rng):
        """Draw codes to decode, in PCA's units."""

    def _after_training(self, X):
        """Learn what needs the trained net; nothing by default."""

    def _refine(self, rows, continued):
        """Better what training gave, by the held-out rows; nothing by default."""

    def _choose_prior(self, rows):
        """Choose what codes come from; `rows` is None if there are none held out."""

    def _training_callbacks(self):
        """Return the callbacks that an estimator's own options need."""
        return []

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Fit the model to X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows; at least two. NaN is a missing value.
        y : None
            Ignored; there for scikit-learn's conventions.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X is not numeric and dense, has infinite values or a column without any
            value, or a part cannot work on it; the estimator is then left as it was.
        FloatingPointError
            If the loss became infinite or NaN in training.
        """
        with unchanged_on_error(self):
            continued = self.warm_start and hasattr(self, "net_")
            X = check_rows(self, X, reset=not continued)
            check_validation(self)
            if continued:
                self._check_same_size("warm_start=True")
                self._check_data(X)
                rows = centred_float32(X, self.mean_)
                with self.net_.restored_on_error():
                    self._train(rows, continued=True)
            else:
                self._train(*self._begin(X))
            self._finish(X)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Train for one epoch on X, starting afresh on the first call.

        The first call takes the centre, the scales and the PCA from its rows, so make
        it large enough to represent the data. No rows are held out, so there is neither
        early stopping nor a guard, and the learning rate stays constant.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows; at least two in the first call.
        y : None
            Ignored; there for scikit-learn's conventions.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As for `fit`, or if the number of features has changed.
        FloatingPointError
            If the loss became infinite or NaN; weights are then as before the call.
        """
        with unchanged_on_error(self):
            first = not hasattr(self, "net_")
            X = check_rows(self, X, reset=first)
            if first:
                rows, _ = self._begin(X)
            else:
                self._check_same_size("partial_fit")
                self._check_data(X)
                rows = centred_float32(X, self.mean_)
            with self.net_.restored_on_error():
                self.net_.module_.use_networks(True)
                seed = self._stream.randint(2**31)
                rows = all_rows(rows, self.net_)
                run(self, rows, seed, max_epochs=1, scheduled=False)
            self.gain_over_pca_ = self.pca_loss_ = float("nan")
            self._choose_prior(None)
            self._finish(X)
        return self

    def _check_same_size(self, who):
        if self.n_components != self.n_components_:
            raise ValueError(
                f"n_components was {self.n_components_} and is now "
                f"{self.n_components}, but {who} continues with the same network; "
                "call fit with warm_start=False to start afresh."
            )

    def _begin(self, X):
        """Build the net; return the centred rows and whether PCA is exact on them."""
        self._check_data(X)
        rng = random_stream(self.random_state)
        self._stream = np.random.RandomState(rng.randint(2**31))
        start, rows = fit_start(X, self.n_components, self.init, self._stream)
        self.mean_ = start.mean
        self.n_components_ = self.n_components
        self._unit = start.scale
        device = choose_device(self.device)
        net = make_net(self, self._module_factory(start, X), device)
        with seeded(self._stream.randint(2**31), device):
            self.net_ = net.initialize()
        return rows, start.is_exact

    def _train(self, rows, exact=False, continued=False):
        """Train with held-out rows, and keep PCA unless it is beaten."""
        net = self.net_
        module = net.module_
        self.gain_over_pca_ = self.pca_loss_ = float("nan")
        if exact and module.corruption is None and module.penalty is None:
            # PCA reproduces every row: nothing is left to learn.
            module.use_networks(False)
            self.gain_over_pca_ = 0.0
            self._choose_prior(None)
            return
        rows = hold_out(rows, net, self.validation_fraction, self._stream)
        seed = self._stream.randint(2**31)
        module.use_networks(True)
        run(self, rows, seed, max_epochs=self.max_epochs, scheduled=True)
        if rows.valid is not None:
            self._refine(rows, continued)
            if self.init == "pca":
                self._compare_with_pca(rows)
        self._choose_prior(rows if rows.valid is not None else None)

    def _compare_with_pca(self, rows):
        """Note the gain on the held-out rows; keep PCA unless it is significant."""
        net = self.net_
        losses, training_losses = map(self._compared_losses, (rows.valid, rows))
        net.module_.use_networks(False)
        baseline, training_baseline = map(self._compared_losses, (rows.valid, rows))
        self.pca_loss_ = float(net.row_losses(rows.valid).mean())
        training_gains = training_baseline - training_losses
        if self.guard and not self._is_gain(baseline - losses, training_gains):
            self.gain_over_pca_ = 0.0
            return
        net.module_.use_networks(True)
        self.gain_over_pca_ = self._gain(baseline, losses)

    def _compared_losses(self, rows):
        """Return what the guard compares: the loss of each row."""
        return self.net_.row_losses(rows)

    def _is_gain(self, gains, other_gains=()):
        level = DEFAULT_LEVEL if isinstance(self.guard, bool) else self.guard
        return is_better(gains, level, other_gains)

    def _finish(self, X):
        net = self.net_
        net._set_training(False)
        self.history_ = net.curves()
        self.n_iter_ = len(self.history_)
        self._after_training(X)

    @property
    def device_(self) -> str:
        """Device that the network is on."""
        return str(self.net_.device)

    @property
    def _n_features_out(self):
        return self.n_components_

    def _apply(self, function, X, out, prepare, n_rows=None):
        if n_rows is None:
            n_rows = chunk_rows(max(self.n_features_in_, self.n_components_))
        return apply_in_chunks(self.net_, function, X, out, prepare, n_rows)

    def _centred(self, X):
        return centred_float32(X, self.mean_)

    def _checked_rows(self, X):
        check_is_fitted(self)
        return check_rows(self, X, reset=False)

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Encode rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_components), float32
            Codes, in X's units as PCA's scores are.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has another number of features, or infinite values.
        """
        rows = self._checked_rows(X)
        out = np.empty((len(rows), self.n_components_), dtype=np.float32)
        return self._apply(self.net_.module_.encode, rows, out, self._centred)

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Mean reconstructions in the units, and the floating dtype, of the training
            rows.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has another number of columns than `n_components_`, or values that are
            not finite.
        """
        check_is_fitted(self)
        X = check_codes(self, X)
        return self._decode(X, self.net_.module_.decode)

    def reconstruct(self, X: ArrayLike) -> np.ndarray:
        """Encode rows and decode their codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            ``inverse_transform(transform(X))``.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for `transform`.
        """
        return self.inverse_transform(self.transform(X))

    def _decode(self, codes, function):
        """Decode codes by a function that gives centred rows; add the mean."""
        out = np.empty((len(codes), self.n_features_in_), dtype=self.mean_.dtype)
        return self._in_units(self._apply(function, codes, out, self._float32))

    def _in_units(self, rows):
        """Add the mean to centred rows, in place, and keep them within bounds."""
        rows += self.mean_
        bounds = self.net_.module_.cost.link.bounds
        return np.clip(rows, *bounds, out=rows) if np.isfinite(bounds).any() else rows

    @staticmethod
    def _float32(codes):
        # What overflows is found by the check of the results.
        with np.errstate(over="ignore"):
            return np.array(codes, dtype=np.float32)

    def sample(
        self,
        n_samples: int = 1,
        *,
        random_state: RandomStateLike = None,
    ) -> np.ndarray:
        """Generate rows by decoding random codes.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState or None, default=None
            Seeds the draws. None draws afresh each time, from a stream of the
            estimator's own that `random_state` seeded in ``fit``.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Rows in X's units, without observation noise.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `n_samples` is not a positive int.
        """
        rng = self._checked_draws(n_samples, random_state)
        codes = self._draw_codes(n_samples, rng)
        return self._decode(codes, self.net_.module_.decode)

    def _checked_draws(self, n_samples, random_state):
        check_is_fitted(self)
        check_count(n_samples, "n_samples", "sample")
        return self._rng(random_state)

    def _rng(self, random_state):
        return self._stream if random_state is None else random_stream(random_state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.allow_nan = True
        return tags
