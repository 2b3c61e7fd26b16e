"""What a fitted model of tables does: codes, and tables from codes, gaps and draws."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ae._fitting.generative import SCORE_DRAWS
from sklearn_ae._tables.encoder import TableEncoder
from sklearn_ae._tables.libraries import Arrays, library_of
from sklearn_ae._tables.likeness import CANDIDATES
from sklearn_ae._utils import RandomStateLike
from sklearn_ae._validation import check_count, check_rows

# Rows that are drawn at a time where each is chosen among candidates.
PART = 5000


class TableVerbs(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Base class of `TableVAETransformer`, which has the parameters and ``fit``.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    vae_: Any
    _table: Any
    _likeness: Any
    handle_unknown: str

    @property
    def _n_features_out(self):
        return self.n_components_

    def _steps_inside(self):
        """Return what displays and `summary` show: the VAE, and what is before it."""
        return [TableEncoder(self), self.vae_]

    def _checked(self, X, *, reset):
        """Return X's library and X: a frame as it is, anything else as numbers."""
        backend = library_of(X)
        if issparse(X):
            raise TypeError(
                f"X is sparse, which {type(self).__name__} does not take: a table has "
                "columns of several kinds; use X.toarray(), or VAETransformer."
            )
        if backend is Arrays:
            return backend, check_rows(self, X, reset=reset)
        names = list(X.columns)
        counts = Counter(names)
        twice = [name for name in names if counts[name] > 1]
        if twice:
            raise ValueError(
                f"X has {len(twice)} columns that share a name, {twice[0]!r} among "
                "them; give each its own."
            )
        if X.shape[0] < 1 + reset or not names:
            raise ValueError(
                f"X has {X.shape[0]} rows and {len(names)} columns, but "
                f"{type(self).__name__} needs at least {1 + reset} and 1."
            )
        validate_data(self, X, reset=reset, skip_check_array=True)
        return backend, X

    def _columns(self, X):
        """Return X's columns, and its index if it has one."""
        check_is_fitted(self)
        backend, X = self._checked(X, reset=False)
        return self._table.read(backend, X), getattr(X, "index", None)

    def _encoded(self, columns):
        if self.handle_unknown == "error":
            for name, value in self._table.unseen(columns):
                raise ValueError(
                    f"X has the category {value!r} in column {name!r}, which training "
                    "did not see; handle_unknown='missing' takes it for missing."
                )
        return self._table.encode(columns)

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Encode rows.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            Rows, with the columns of ``fit``.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_components), float32
            Codes: means of posteriors.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other columns, infinite values, texts where numbers were, or, with
            ``handle_unknown="error"``, a category that training did not see.
        """
        columns, _ = self._columns(X)
        # Of which no configuration makes a frame.
        return self.vae_.posterior(self._encoded(columns))[0]

    def inverse_transform(self, X: ArrayLike) -> Any:
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        X_original : frame or ndarray of shape (n_samples, n_features)
            Rows as the training rows were: the medians of numbers, and the likeliest
            categories, of the distribution at each code.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has another number of columns than `n_components_`, or values that are
            not finite.
        """
        check_is_fitted(self)
        return self._table.frame(self._table.decode(self.vae_.inverse_transform(X)))

    def reconstruct(self, X: ArrayLike) -> Any:
        """Encode rows and decode their codes.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        X_reconstructed : frame or ndarray of shape (n_samples, n_features)
            ``inverse_transform(transform(X))``, with X's index if it has one.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for `transform`.
        """
        columns, index = self._columns(X)
        rows = self.vae_.reconstruct(self._encoded(columns))
        return self._table.frame(self._table.decode(rows), index)

    def impute(
        self,
        X: ArrayLike,
        *,
        draw: bool = False,
        random_state: RandomStateLike = None,
    ) -> Any:
        """Fill in missing values by their distribution given the others.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            Rows with missing values.
        draw : bool, default=False
            Whether to draw what is missing, with the model's uncertainty; several calls
            are multiple imputation. Without, numbers are the values of mean normal
            scores, and categories the likeliest.
        random_state : int, RandomState or None, default=None
            Seeds the draws, as for `sample`.

        Returns
        -------
        X_imputed : frame or ndarray of shape (n_samples, n_features)
            The rows, with X's index if it has one. Values that were not missing are as
            given, categories that training did not see among them.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for `transform`.
        """
        columns, index = self._columns(X)
        rows = self._encoded(columns)
        if draw:
            rows = self.vae_.impute(rows, n_draws=1, random_state=random_state)[0]
        else:
            rows = self.vae_.impute(rows)
        backend = self._table.backend
        completed = [
            backend.completed(column, backend.missing(column), decoded)
            for column, decoded in zip(columns, self._table.decode(rows), strict=True)
        ]
        return self._table.frame(completed, index)

    def sample(
        self,
        n_samples: int = 1,
        *,
        given: Mapping[Any, Any] | None = None,
        random_state: RandomStateLike = None,
    ) -> Any:
        """Draw rows from the model, noise included.

        With `given` they are draws given these values: for each row 500 codes are
        proposed from the posterior, of which some are drawn by how likely they make the
        values, and the other columns are drawn at these. So no two rows share a code.

        With `refine_samples` each row is chosen among ten draws, in proportion to the
        odds that it is a row of the table. What is drawn is then nearer to the table
        than the density that `score_samples` tells, and has its support.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        given : dict or None, default=None
            Values by the name of a column, such as ``{"city": "north"}``.
        random_state : int, RandomState or None, default=None
            Seeds the draws. None draws afresh each time.

        Returns
        -------
        X : frame or ndarray of shape (n_samples, n_features)
            Rows, without missing values.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `n_samples` is not a positive int; if `given` names a column that is not
            there, a category that training did not see, or a value that is missing or
            not of its column's kind.
        TypeError
            If `given` is no dict.
        """
        check_is_fitted(self)
        check_count(n_samples, "n_samples", "sample")
        if given is not None and not isinstance(given, Mapping):
            raise TypeError(
                "given must be a dict of values by the name of a column, got "
                f"{type(given).__name__}."
            )
        known = self._table.given(given or {})
        rows = self._drawn(n_samples, known, self.vae_._rng(random_state))
        decoded = dict(zip(self._table.names, self._table.decode(rows), strict=True))
        first = np.zeros(n_samples, dtype=np.intp)
        for name, column in known.items():
            decoded[name] = self._table.backend.taken(column, first)
        return self._table.frame(list(decoded.values()))

    def _drawn(self, n_samples, known, rng):
        """Return encoded rows, each chosen among candidates if there are odds."""
        if self._likeness is None:
            return self._candidates(1, n_samples, known, rng)[0]
        parts = []
        for start in range(0, n_samples, PART):
            n_rows = min(PART, n_samples - start)
            rows = self._candidates(CANDIDATES, n_rows, known, rng)
            values = self._table.values(rows.reshape(-1, rows.shape[2]))
            values = values.reshape(*rows.shape[:2], -1)
            chosen = self._likeness.chosen(values, rng)
            parts.append(rows[chosen, np.arange(n_rows)])
        return np.concatenate(parts)

    def _candidates(self, n_candidates, n_rows, known, rng):
        """Return draws, an array of shape (n_candidates, n_rows, width)."""
        seed = rng.randint(2**31)
        if not known:
            rows = self.vae_.sample(
                n_candidates * n_rows, observation_noise=True, random_state=seed
            )
            return rows.reshape(n_candidates, n_rows, -1)
        row = np.repeat(self._table.encode_some(known), n_rows, axis=0)
        return self.vae_.impute(row, n_draws=n_candidates, random_state=seed)

    def score_samples(self, X: ArrayLike, *, n_draws: int = SCORE_DRAWS) -> np.ndarray:
        """Return the log-likelihood of each row, in nats.

        That of its observed values: densities of numbers in their columns' own units,
        times probabilities of categories and of discrete numbers. The density of a
        number is that of its normal score times the slope of the scores; dates have
        the resolution of their dtype for a unit. Scores compare between models of the
        same columns and kinds.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            Rows.
        n_draws : int, default=100
            Draws from each row's posterior, as for `VAETransformer`.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            The lower, the more unusual.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for `transform`, or if `n_draws` is not a positive int.
        """
        columns, _ = self._columns(X)
        scores = self.vae_.score_samples(self._encoded(columns), n_draws=n_draws)
        return scores + self._table.log_slope(columns)

    def _feature_scores(self, X):
        """Return the nats of each column's values, given the row's code."""
        columns, _ = self._columns(X)
        terms = self.vae_._feature_scores(self._encoded(columns))
        return self._table.terms(columns, terms)

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return the mean log-likelihood of a row, in nats.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            Rows.
        y : None
            Ignored; there for scikit-learn's conventions.

        Returns
        -------
        score : float
            The mean of `score_samples`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for `transform`.
        """
        return float(self.score_samples(X).mean())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags
