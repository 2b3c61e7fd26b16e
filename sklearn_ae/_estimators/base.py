"""The verbs of both autoencoders: transform and back, effects of codes, sample."""

import copy
from abc import abstractmethod
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._arrays import (
    FittedArray,
    as_given,
    check_kind,
    kept,
    with_kind_converted,
)
from sklearn_ae._components.moments import code_moments
from sklearn_ae._dask import lazily
from sklearn_ae._estimators.absent import WithoutLoadings
from sklearn_ae._fitting.fit import Fitting
from sklearn_ae._inference import apply_in_chunks, check_finite, chunk_rows
from sklearn_ae._pca.start import centred_float32, centred_or_infinite
from sklearn_ae._rows.joined import JoinedRows
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._utils import (
    RandomStateLike,
    check_seed,
    gives_frames,
    random_stream,
)
from sklearn_ae._validation import check_codes, check_count, check_rows


def _has_linear_path(estimator):
    """Whether there is PCA beside the network, or will be once it is fitted."""
    net = getattr(estimator, "net_", None)
    return net is None or net.module_.decode_weight is not None


class BaseAutoencoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, WithoutLoadings, Fitting
):
    """Base class of the autoencoders: transform, the way back, and new rows.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    mean_ = FittedArray()

    @property
    def _mean(self):
        """The column means, as NumPy has them."""
        return kept(self, "mean_")

    @abstractmethod
    def _draw_codes(self, n_samples, rng):
        """Draw codes to decode."""

    @property
    def device_(self) -> str:
        """Device that the network is on."""
        return str(self.net_.device)

    @property
    def _n_features_out(self):
        return self.n_components_

    def _checked_codes(self, X):
        """Return codes to decode, of one of the numbers of columns they may have."""
        return check_codes(self, X, [self.n_components_])

    def _has_pca_s_codes(self, X, continued):
        """Whether codes of the training rows are PCA's, or probabilistic PCA's.

        Theirs are in order already. What is missing was filled in otherwise by PCA.
        """
        if continued or self.init != "pca" or self.net_.module_.codes_bend:
            return False
        if isinstance(X, SparseRows | JoinedRows):
            return True
        with np.errstate(over="ignore", invalid="ignore"):
            return bool(np.isfinite(X.sum()))

    def _code_moments(self, X, weights):
        n_rows = chunk_rows(max(self.n_features_in_, self.n_components_))
        return code_moments(self.net_, X, self._centred, n_rows, self._unit, weights)

    def _code_scale(self):
        """Return what brings inner codes to X's units."""
        return self.net_.module_.axes.scale.cpu().numpy().astype(np.float64)

    def _apply(self, function, X, out, prepare, n_rows=None):
        return check_finite(self._filled(function, X, out, prepare, n_rows))

    def _apply_to_any(self, function, X, out, n_rows=None):
        """Fill `out` from rows, with what is not finite where one is too far out."""
        return self._filled(function, X, out, self._centred_or_infinite, n_rows)

    def _filled(self, function, X, out, prepare, n_rows):
        if n_rows is None:
            n_rows = chunk_rows(max(self.n_features_in_, self.n_components_))
        return apply_in_chunks(self.net_, function, X, out, prepare, n_rows)

    @staticmethod
    def _lowest_for_nan(scores):
        """Return scores with minus infinity where arithmetic on a row gave up."""
        return np.where(np.isfinite(scores), scores, np.float32(-np.inf))

    def _centred(self, X):
        return centred_float32(X, self._mean)

    def _centred_or_infinite(self, X):
        return centred_or_infinite(X, self._mean)

    def _checked_rows(self, X):
        check_is_fitted(self)
        check_kind(self, X)
        X = check_rows(self, X, reset=False)
        self._check_domain(X)
        return X

    def _encoded(self, rows):
        """Return the codes of checked rows."""
        out = np.empty((len(rows), self.n_components_), dtype=np.float32)
        return self._apply(self.net_.module_.encode, rows, out, self._centred)

    @lazily.by_blocks(lazily.CODES)
    def transform(self, X: ArrayLike) -> np.ndarray:
        """Encode rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows; of a dask array or DataFrame the codes are a lazy dask array.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_components), float32
            Codes, in X's units as PCA's scores are; where they are whitened, in their
            standard deviations over the training rows.
            Under scikit-learn's ``array_api_dispatch`` this, and what other methods
            return for rows, is an array of X's library on X's device.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has another number of features, infinite values, values beyond what
            float32 can hold, or values outside the domain of the loss or likelihood; if
            it is sparse and has NaN; if it is a tensor that requires grad or, under
            ``array_api_dispatch``, of another library or on another device than in
            ``fit``.
        """
        codes = self._encoded(self._checked_rows(X))
        return codes if gives_frames(self) else as_given(codes, X)

    @lazily.by_blocks(lazily.ROWS, lazily.check_columns_of_codes)
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
        check_kind(self, X)
        codes = self._checked_codes(X)
        return as_given(self._decode(codes, self.net_.module_.decode), X)

    @lazily.by_blocks(lazily.ROWS)
    def reconstruct(self, X: ArrayLike) -> np.ndarray:
        """Encode rows and decode their codes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
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
        codes = self._encoded(self._checked_rows(X))
        return as_given(self._decode(codes, self.net_.module_.decode), X)

    @available_if(_has_linear_path)
    @lazily.by_blocks(lazily.ROWS)
    def reconstruct_by_pca(
        self, X: ArrayLike, n_components: int | None = None
    ) -> np.ndarray:
        """Return what PCA makes of rows: the linear path that training started from.

        It is the PCA of the rows of ``fit``, of the first call's after ``partial_fit``,
        and what displays and `summary` compare with; where PCA was kept, `reconstruct`
        equals it. A loss or likelihood that has a range keeps it within. There is none
        with ``init="random"``, and the method is then not available.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        n_components : int or None, default=None
            Number of PCA's components, the first ones; None takes `n_components_`.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            Reconstructions in X's units.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for `transform`, or if there are not so many components.
        """
        rows = self._checked_rows(X)
        n_fitted = len(self.net_.module_.decode_weight)
        if n_components is None:
            n_components = self.n_components_
        check_count(n_components, "n_components", "reconstruct_by_pca")
        if n_components > n_fitted:
            raise ValueError(
                f"n_components={n_components} is more than the {n_fitted} that PCA was "
                f"fitted with; give reconstruct_by_pca at most {n_fitted}."
            )
        out = np.empty((len(rows), self.n_features_in_), dtype=self._mean.dtype)
        # As it is without networks, where it clips nothing.
        link = copy.deepcopy(self.net_.module_.cost.link)
        for part in link.modules():
            part.networks_on = False
        by_pca = partial(self._by_pca, link=link, n_components=n_components)
        made = self._apply(by_pca, rows, out, self._centred)
        return as_given(self._in_units(made, link), X)

    def _by_pca(self, x, *, link, n_components):
        """Return what the first columns of the linear path make of centred rows."""
        module = self.net_.module_
        x, missing = module.without_nan(x)
        axes = module.principal_axes()[:n_components].to(x)
        linear = module.filled(x, missing) @ axes.T @ axes
        return link.mean(link.link(linear))

    @lazily.refuse_collections
    def component_effects(self, X: ArrayLike) -> np.ndarray:
        """Return how much each column of the code moves each feature.

        For PCA that is the absolute value of `components_` times the standard deviation
        of the scores, and so it is where `AutoencoderTransformer` keeps PCA.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows about which codes are moved, at least two.

        Returns
        -------
        effects : ndarray of shape (n_components, n_features), float64
            Mean absolute change of a feature's reconstruction, in the feature's units,
            when a column of the code moves by one standard deviation of its values for
            X: half the change from one below to one above, the other columns as they
            are. Features are in the order of X's columns.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for `transform`, or if X is a single row.
        """
        codes = self._encoded(self._checked_rows(X))
        if len(codes) < 2:
            raise ValueError(
                "X has 1 row, but component_effects needs at least 2, whose codes have "
                "a standard deviation."
            )
        # Without the mean, beside which small effects would be rounded away.
        n_rows = chunk_rows(max(self.n_features_in_, self.n_components_))
        effects = np.zeros((self.n_components_, self.n_features_in_))
        for column, step in enumerate(codes.std(axis=0, dtype=np.float64)):
            move = partial(self._change_along, column=column, step=float(step))
            # A chunk at a time: all rows would take as much memory as dense ones.
            for first in range(0, len(codes), n_rows):
                some = codes[first : first + n_rows]
                change = np.empty((len(some), self.n_features_in_), dtype=np.float32)
                self._apply(move, some, change, self._float32)
                effects[column] += change.sum(axis=0, dtype=np.float64)
        return as_given(effects / len(codes), X)

    def _change_along(self, codes, *, column, step):
        """Return by how much a step along a column changes what codes decode to."""
        decode = self.net_.module_.decode
        above, below = codes.clone(), codes.clone()
        above[:, column] += step
        below[:, column] -= step
        return (decode(above) - decode(below)).abs() / 2

    def _decode(self, codes, function):
        """Decode codes by a function that gives centred rows; add the mean."""
        out = np.empty((len(codes), self.n_features_in_), dtype=self._mean.dtype)
        rows = self._apply(function, codes, out, self._float32)
        return self._in_units(rows, self.net_.module_.cost.link)

    def _in_units(self, rows, link):
        """Add the mean to centred rows, in place, and keep them within bounds."""
        rows += self._mean
        bounds = link.bounds
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
        check_seed(random_state, f"a draw of {type(self).__name__}")
        return self._stream if random_state is None else random_stream(random_state)

    def _copied(self):
        """Return a copy, which shares nothing with this one but its callbacks."""
        # What callbacks hold may have no copy.
        kept = {id(callback): callback for _, callback in self.net_.callbacks_}
        return copy.deepcopy(self, kept)

    def __sklearn_array_api_convert__(self, converter):
        """Return a copy whose fitted arrays are of another library, or device."""
        return with_kind_converted(self._copied(), converter)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.allow_nan = True
        tags.array_api_support = True
        tags.input_tags.sparse = True
        return tags
