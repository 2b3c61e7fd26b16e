"""What only a probabilistic model can do: posteriors, scores in nats, draws."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from sklearn_ae._arrays import FittedArray, as_given
from sklearn_ae._components.axes import kept_axes, sorted_axes
from sklearn_ae._dask import lazily
from sklearn_ae._estimators.absent import WithoutShares
from sklearn_ae._estimators.base import BaseAutoencoder
from sklearn_ae._fitting.generative import SCORE_DRAWS, GenerativeFitting
from sklearn_ae._utils import RandomStateLike, own_modes
from sklearn_ae._validation import check_count
from sklearn_ae._weights import check_weights
from sklearn_ae.penalties._build import leave_axes_free


class GenerativeAutoencoder(WithoutShares, BaseAutoencoder, GenerativeFitting):
    """Base class of the probabilistic autoencoders.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    kl_per_component_ = FittedArray()
    active_units_ = FittedArray()

    @lazily.by_blocks(lazily.POSTERIORS)
    def posterior(self, X: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return the posterior distribution of each row's code.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components), float32
            What `transform` returns.
        standard_deviation : ndarray of shape (n_samples, n_components), float32
            In the units of `mean`; given a row the columns are independent.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for `transform`.
        """
        mean, deviation = self._posterior(X)
        return as_given(mean, X), as_given(deviation, X)

    def _posterior(self, X):
        rows = self._checked_rows(X)
        out = np.empty((len(rows), 2 * self.n_components_), dtype=np.float32)
        self._apply(self.net_.module_.posterior_moments, rows, out, self._centred)
        return np.split(out, 2, axis=1)

    @lazily.refuse_collections
    def sample_posterior(
        self,
        X: ArrayLike,
        n_draws: int = 1,
        *,
        random_state: RandomStateLike = None,
    ) -> np.ndarray:
        """Draw codes from the posterior of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        n_draws : int, default=1
            Draws of each row.
        random_state : int, RandomState or None, default=None
            As for `sample`.

        Returns
        -------
        codes : ndarray of shape (n_draws, n_samples, n_components), float32
            Codes as `transform` returns them; ``codes[0]`` is one draw of all rows.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for `transform`, or if `n_draws` is not a positive int.
        """
        mean, deviation = self._posterior(X)
        check_count(n_draws, "n_draws", "sample_posterior")
        rng = self._rng(random_state)
        noise = rng.standard_normal((n_draws, *mean.shape))
        return as_given((mean + deviation * noise).astype(np.float32), X)

    def _choose_axes(self, X, continued, weights):
        """Order the columns: a turn would make a posterior's columns dependent."""
        is_in_order = self._has_pca_s_codes(X, continued)
        scale = self._code_scale()
        if is_in_order or not leave_axes_free(self.penalty):
            axes = kept_axes(scale)
        else:
            axes = sorted_axes(self._code_moments(X, weights), scale)
        self.net_.module_.axes.take(*axes)

    # ---- samples

    def _draw_codes(self, n_samples, rng, prior=None):
        """Draw codes on the prior's scale, from the prior in use or another."""
        generator = torch.Generator().manual_seed(int(rng.randint(2**31)))
        with own_modes(inference=True):
            prior = prior or self.net_.module_.final_prior()
            return prior.sample(n_samples, generator).numpy()

    def _draw_rows(self, module, codes, rng, observation_noise):
        """Return rows at codes on the prior's scale: means, or draws around them."""
        if not observation_noise:
            return self._decode(codes, module.generated)
        device = self.net_.device
        generator = torch.Generator(device).manual_seed(int(rng.randint(2**31)))
        rows = self._decode(codes, lambda code: module.draw(code, generator))
        return self._whole(rows)

    def _whole(self, rows):
        """Round draws of whole numbers: taking the centre off left a rounding error."""
        return np.rint(rows, out=rows, where=self.net_.module_.cost.is_discrete)

    def sample(
        self,
        n_samples: int = 1,
        *,
        observation_noise: bool = False,
        random_state: RandomStateLike = None,
    ) -> np.ndarray:
        """Generate rows by decoding draws from the prior.

        They are rows of the model that `score_samples` speaks of: one in ``n + 1`` of
        them, with `n` training rows, is probabilistic PCA's.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        observation_noise : bool, default=False
            Whether to draw from the likelihood around each decoded mean, as the data
            are drawn under the model; without it rows are the means.
        random_state : int, RandomState or None, default=None
            Seeds the draws. None draws afresh each time, from a stream of the
            estimator's own that `random_state` seeded in ``fit``.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Rows in X's units.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `n_samples` is not a positive int.
        """
        rng = self._checked_draws(n_samples, random_state)
        density = self._density()
        codes = self._draw_codes(n_samples, rng, density.prior)
        rows = self._draw_rows(density.module, codes, rng, observation_noise)
        of_pca = rng.uniform(size=n_samples) < density.pca_weight
        if of_pca.any():
            codes = self._draw_codes(of_pca.sum(), rng, density.normal)
            rows[of_pca] = self._draw_rows(density.pca, codes, rng, observation_noise)
        return rows

    # ---- scores

    @lazily.by_blocks(lazily.SCORES)
    def score_samples(self, X: ArrayLike, *, n_draws: int = SCORE_DRAWS) -> np.ndarray:
        """Return the log-likelihood of each row, estimated by importance sampling.

        Each row has draws of its own, which its values decide: scores are deterministic
        and depend neither on the order of rows nor on their number, and the errors of
        different rows are independent, so that their mean has a smaller one. The
        estimate is a lower bound in expectation that tightens with `n_draws`. That of a
        row with missing values is the log-likelihood of its observed ones: 0.0 if there
        are none.

        Beside a trained network the density is a mixture, in which probabilistic PCA
        keeps the weight of one training row: with ``e = 1 / (n + 1)`` it is ``(1 - e) *
        p_vae + e * p_pca``, which is at least ``e * p_pca``. So no row, however far
        from the others, is less likely than under probabilistic PCA by more than the
        logarithm of ``n + 1``. `sample` and `impute` have the same density.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        n_draws : int, default=100
            Draws from each row's posterior.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float32
            Log-likelihoods in nats, in X's units: comparable with those of
            `sklearn.decomposition.PCA` and `sklearn.decomposition.FactorAnalysis`.
            Minus infinity for rows too far out for float32; the others have their own.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for `transform`, but for large values, or if `n_draws` is not a positive
            int.
        """
        return as_given(self._scores(X, n_draws), X)

    @lazily.by_blocks(lazily.SCORES)
    def _scores(self, X, n_draws):
        rows = self._checked_rows(X)
        check_count(n_draws, "n_draws", "score_samples")
        return self._estimated(rows, self._density().log_likelihood, n_draws)

    def _estimated(self, rows, likelihood, n_draws=SCORE_DRAWS):
        """Return one of the density's likelihoods of checked rows."""
        scores = self._apply_to_any(
            lambda x: likelihood(x, self._score_noise(x, n_draws)),
            rows,
            np.empty(len(rows), dtype=np.float32),
            n_rows=self._scored_rows(n_draws),
        )
        return self._lowest_for_nan(scores)

    def _outlier_scores(self, X):
        """Return what ranks rows by how unusual they are, in nats.

        Without the defence, which has rows that the network finds very unlikely in
        PCA's order.
        """
        return self._estimated(self._checked_rows(X), self._density().undefended)

    def _feature_scores(self, X):
        """Return the nats that each feature adds to minus `_outlier_scores`.

        What is left of that is the row's code's own.
        """
        rows = self._checked_rows(X)
        density = self._density()
        terms = self._apply_to_any(
            lambda x: density.undefended_terms(x, self._score_noise(x, SCORE_DRAWS)),
            rows,
            np.empty((len(rows), self.n_features_in_)),
            n_rows=self._scored_rows(SCORE_DRAWS),
        )
        return -self._lowest_for_nan(-terms)

    def score(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the mean log-likelihood of a row, in nats.

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
            The mean of `score_samples`; minus infinity where a row's is.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for `score_samples`, or if weights are negative, all zero, or not as
            many as rows.
        """
        scores = np.asarray(self._scores(X, SCORE_DRAWS), dtype=np.float64)
        weights = check_weights(sample_weight, scores)
        if weights is None:
            return float(scores.mean())
        counts = weights > 0
        return float(np.average(scores[counts], weights=weights[counts]))
