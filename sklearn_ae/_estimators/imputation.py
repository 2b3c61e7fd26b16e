"""Filling in missing values: by reconstruction, or by draws from the posterior."""

from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from sklearn_ae._arrays import as_given
from sklearn_ae._dask import lazily
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._rows.stored import floating_dtype, in_floats
from sklearn_ae._utils import RandomStateLike
from sklearn_ae._validation import check_count

# Codes that are drawn for each row, to be weighted.
PROPOSALS = 500


def _check_turns(max_iter, tol):
    check_count(max_iter, "max_iter", "impute")
    if not (isinstance(tol, Real) and tol >= 0):
        raise ValueError(
            "The 'tol' parameter of impute must be a float in the range [0, inf). "
            f"Got {tol!r} instead."
        )


def _rows_with_gaps(model, X):
    rows = model._checked_rows(X)
    if isinstance(rows, SparseRows):
        raise TypeError(
            "X is sparse, and sparse rows miss no values that impute could fill in; "
            "give it dense rows with NaN."
        )
    return rows


def _with_values(model, X, function, n_draws=None, n_rows=None):
    """Return X with its missing values as a function of centred rows gives them."""
    missing = np.isnan(X)
    rows = np.flatnonzero(missing.any(axis=1))
    shape = (len(rows), model.n_features_in_)
    if n_draws is not None:
        shape = (shape[0], n_draws, shape[1])
    values = np.empty(shape, dtype=model._mean.dtype)
    model._apply(function, X[rows], values, model._centred, n_rows)
    values = model._in_units(values, model.net_.module_.cost.link)
    if n_draws is None:
        completed = X.astype(floating_dtype(X), order="C")
    else:
        completed = in_floats(np.repeat(X[np.newaxis], n_draws, axis=0))
        values = model._whole(values).swapaxes(0, 1)
    completed[..., rows, :] = np.where(missing[rows], values, X[rows])
    return completed


class ReconstructionImputer:
    """Mixin of the deterministic autoencoder."""

    @lazily.by_blocks(lazily.FILLED_ROWS)
    def impute(
        self: Any, X: ArrayLike, *, max_iter: int = 20, tol: float = 1e-3
    ) -> np.ndarray:
        """Fill in missing values by reconstruction.

        Decoding and encoding take turns: missing values are replaced by their
        reconstruction, which is encoded again, until none moves any more or the
        observed values are no longer reconstructed better. They start at probabilistic
        PCA's means given the observed values, and stay there where PCA was kept. Rows
        do not depend on each other, and the training rows may have had missing values
        or not.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, with NaN for what is missing.
        max_iter : int, default=20
            Largest number of turns.
        tol : float, default=1e-3
            A row is done once none of its values moves further than this, in standard
            deviations of its column in training.

        Returns
        -------
        X_imputed : ndarray of shape (n_samples, n_features)
            The rows; values that were not missing are as given, and so is the floating
            dtype.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has another number of features, infinite values, or values outside the
            loss's domain, or `max_iter` or `tol` is out of its range.
        TypeError
            If X is sparse, which misses no values.
        """
        rows = _rows_with_gaps(self, X)
        _check_turns(max_iter, tol)
        completed = partial(self.net_.module_.completed, max_iter=max_iter, tol=tol)
        return as_given(_with_values(self, rows, lambda x: completed(x)[0]), X)


class PosteriorImputer:
    """Mixin of the variational autoencoder."""

    @lazily.by_blocks(lazily.FILLED_ROWS, whole=("n_draws",))
    def impute(
        self: Any,
        X: ArrayLike,
        *,
        n_draws: int | None = None,
        n_proposals: int = PROPOSALS,
        max_iter: int = 20,
        tol: float = 1e-3,
        random_state: RandomStateLike = None,
    ) -> np.ndarray:
        """Fill in missing values by their distribution given the observed ones.

        For each row `n_proposals` codes are drawn from its posterior and weighted by
        how likely they are given the observed values: the importance weights of
        `score_samples`. Missing values are the weighted mean of the decoded codes [2]_.
        For multiple imputation, `n_draws` codes are drawn from the proposals by their
        weights (sampling importance resampling), and values from the likelihood at
        them: draws of what is missing, with the model's uncertainty.

        The model is that of `score_samples`, of which probabilistic PCA is a part; it
        proposes codes of its own, and has the weight that the observed values give it.
        The posterior that proposes is that of the row filled by decoding and encoding
        in turn [1]_. Rows do not depend on each other.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, with NaN for what is missing.
        n_draws : int or None, default=None
            Number of imputations; None gives the conditional mean.
        n_proposals : int, default=500
            Codes that are drawn for each row.
        max_iter : int, default=20
            Largest number of turns.
        tol : float, default=1e-3
            A row is done once none of its values moves further than this, in standard
            deviations of its column in training.
        random_state : int, RandomState or None, default=None
            Seeds the draws, as for `sample`. Without `n_draws` the proposals are
            decided by the row's values, and the result is deterministic.

        Returns
        -------
        X_imputed : ndarray of shape (n_samples, n_features) or (n_draws, n_samples, \
                n_features)
            The rows; values that were not missing are as given, and so is the floating
            dtype.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has another number of features, infinite values, or values outside the
            likelihood's domain, or another argument is out of its range.
        TypeError
            If X is sparse, which misses no values.

        References
        ----------
        .. [1] Rezende, D. J., Mohamed, S. & Wierstra, D. (2014). Stochastic
           backpropagation and approximate inference in deep generative models.
           International Conference on Machine Learning, 1278-1286.
        .. [2] Mattei, P.-A. & Frellsen, J. (2019). MIWAE: deep generative modelling and
           imputation of incomplete data sets. International Conference on Machine
           Learning, 4413-4423.
        """
        rows = _rows_with_gaps(self, X)
        if n_draws is not None:
            check_count(n_draws, "n_draws", "impute")
        check_count(n_proposals, "n_proposals", "impute")
        _check_turns(max_iter, tol)
        density = self._density()
        turns = {"max_iter": max_iter, "tol": tol}
        n_rows = self._scored_rows(n_proposals)
        if n_draws is None:
            completed = _with_values(
                self,
                rows,
                lambda x: density.conditional_mean(
                    x, self._score_noise(x, n_proposals), **turns
                ),
                n_rows=n_rows,
            )
            return as_given(completed, X)
        device = self.net_.device
        seed = int(self._rng(random_state).randint(2**31))
        generator = torch.Generator(device).manual_seed(seed)

        def draws(x):
            shape = (len(x), n_proposals, self.n_components_)
            noise = torch.randn(
                shape, generator=generator, device=device, dtype=torch.float32
            )
            return density.conditional_draws(x, noise, n_draws, generator, **turns)

        return as_given(_with_values(self, rows, draws, n_draws, n_rows), X)
