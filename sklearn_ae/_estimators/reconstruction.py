"""What only a deterministic autoencoder can do: scores by reconstruction, denoising."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_ae._arrays import as_given
from sklearn_ae._components.sharing import SharedFitting
from sklearn_ae._dask import lazily
from sklearn_ae._estimators.base import BaseAutoencoder
from sklearn_ae._weights import check_weights


class ReconstructingAutoencoder(BaseAutoencoder, SharedFitting):
    """Base class of the deterministic autoencoders.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    @lazily.by_blocks(lazily.SQUARES)
    def _squares(self, X):
        """Return squared errors and squared distances to the mean, over `_unit`^2.

        They are not finite where a row is too far out for float32.
        """
        X = self._checked_rows(X)
        out = np.empty((len(X), 2))
        squares = partial(self.net_.module_.squares, unit=self._unit)
        return self._apply_to_any(squares, X, out)

    @lazily.by_blocks(lazily.SCORES)
    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return minus the squared reconstruction error of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float32
            Minus the squared error summed over the features that are observed, in X's
            squared units; minus infinity where that is beyond float32. However large
            a row's values are, the other rows have their own scores.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for `transform`, but for large values.
        """
        errors = self._squares(X)[:, 0]
        with np.errstate(over="ignore"):
            scores = (-errors * self._unit**2).astype(np.float32)
        return as_given(self._lowest_for_nan(scores), X)

    def _feature_scores(self, X):
        """Return the squared error of each feature, which make up minus the score."""
        rows = self._checked_rows(X)
        out = np.empty((len(rows), self.n_features_in_))
        squares = partial(self.net_.module_.value_squares, unit=self._unit)
        with np.errstate(over="ignore"):
            squares = self._apply_to_any(squares, rows, out) * self._unit**2
        return -self._lowest_for_nan(-squares)

    def score(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the share of variance that reconstructions explain.

        One minus the squared error over the squared distance to the training mean,
        both of the observed values and whatever the loss was: 1.0 is perfect, 0.0 no
        better than the mean. PCA's share with as many components compares.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : None
            Ignored; there for scikit-learn's conventions.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the rows, of at least 0; None counts all alike.

        Returns
        -------
        score : float
            The share of variance explained; for rows that all equal the training mean,
            1.0 where they are reconstructed exactly and 0.0 else. Minus infinity where
            a row is too far out for float32.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for `transform`, but for large values, or if weights are negative, all
            zero, or not as many as rows.
        """
        squares = np.asarray(self._squares(X))
        weights = check_weights(sample_weight, squares)
        if weights is not None:
            squares, weights = squares[weights > 0], weights[weights > 0]
        if not np.isfinite(squares).all():
            return float("-inf")
        error, distance = squares.sum(axis=0) if weights is None else weights @ squares
        if distance == 0:
            return 1.0 if error == 0 else 0.0
        return float(1 - error / distance)

    def denoise(self, X: ArrayLike) -> np.ndarray:
        """Encode rows and decode them again.

        Equals ``inverse_transform(transform(X))``. It takes noise away where the
        estimator was fitted with a `corruption` that resembles it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Noisy rows.

        Returns
        -------
        X_clean : ndarray of shape (n_samples, n_features)
            Mean reconstructions in the units, and the floating dtype, of the training
            rows.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has another number of features, infinite values, or values outside the
            domain of the loss.
        """
        return self.reconstruct(X)
