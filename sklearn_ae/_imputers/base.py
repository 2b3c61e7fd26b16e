"""What any imputer does with a table: which columns come, which go, and their names."""

from abc import abstractmethod

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sklearn_ae._frames import check_columns, nan_for_na, telling_the_column
from sklearn_ae._utils import (
    BaseImputer,
    MissingValues,
    check_feature_names_in,
    check_inputs_dtype,
    is_na,
    is_nan,
    mask_of,
)


def _has_indicator(imputer):
    if not imputer.add_indicator:
        raise AttributeError(
            "inverse_transform needs the indicator's columns; set add_indicator=True "
            "before fit. Got add_indicator=False."
        )
    return True


class TableImputer(BaseImputer):
    """Base class of imputers of numbers, with the conventions of scikit-learn's.

    Warning: this class should not be used directly. Use derived classes instead.

    ``fit`` of a derived class sets `_columns`, and calls `_fit_indicator`.
    """

    _parameter_constraints: dict = {
        **BaseImputer._parameter_constraints,
        "missing_values": [MissingValues(numeric_only=True)],
    }

    @abstractmethod
    def _completed(self, X, missing):
        """Return rows, each with a gap, of the columns that had values."""

    @property
    def _is_kept(self):
        """Which of X's columns `transform` gives."""
        return self._columns.valued | self.keep_empty_features

    @property
    def _gap(self):
        """What stands for a missing value in checked rows, where NA is NaN."""
        return np.nan if is_na(self.missing_values) else self.missing_values

    def _checked(self, X, *, reset):
        """Return X as rows of float32 or float64."""
        check_columns(X)
        with telling_the_column(X):
            X = validate_data(
                self,
                nan_for_na(X),
                dtype=[np.float64, np.float32],
                reset=reset,
                ensure_min_samples=1 + reset,
                ensure_all_finite="allow-nan" if is_nan(self._gap) else True,
            )
        check_inputs_dtype(X, self._gap)
        return X

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Fill in missing values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        X_imputed : ndarray of shape (n_samples, n_features_out)
            The rows, in X's floating dtype; values that were not missing are as given.
            Without columns that had no value in ``fit``, unless `keep_empty_features`;
            the indicator's columns follow where `add_indicator`.

        Raises
        ------
        NotFittedError
            If the imputer is not fitted.
        ValueError
            If X has other columns than in ``fit``, infinite values, or NaN that is not
            `missing_values`.
        TypeError
            If X is sparse.
        """
        check_is_fitted(self)
        table = self._checked(X, reset=False)
        missing = mask_of(table, self._gap)
        filled = np.where(missing, table.dtype.type(0), table)
        valued = np.flatnonzero(self._columns.valued)
        part = np.ix_(np.flatnonzero(missing[:, valued].any(axis=1)), valued)
        filled[part] = self._completed(table[part], missing[part])
        filled = filled[:, self._is_kept]
        return self._concatenate_indicator(filled, self._transform_indicator(missing))

    @available_if(_has_indicator)
    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Put missing values back, which is there with ``add_indicator=True``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_out)
            Rows as from ``transform``.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Rows with `missing_values` where the indicator's columns are not 0, and in
            columns that ``transform`` leaves out.

        Raises
        ------
        NotFittedError
            If the imputer is not fitted.
        AttributeError
            If `add_indicator` is False.
        ValueError
            If X has another number of columns than from ``transform``.
        """
        check_is_fitted(self)
        table = check_array(
            X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
        )
        kept = np.flatnonzero(self._is_kept)
        flagged = self.indicator_.features_
        if table.shape[1] != len(kept) + len(flagged):
            raise ValueError(
                f"X has {table.shape[1]} columns, but transform gives {len(kept)}, and "
                f"{len(flagged)} of the indicator."
            )
        original = np.full((len(table), self.n_features_in_), self._gap, table.dtype)
        original[:, kept] = table[:, : len(kept)]
        flags = np.zeros(original.shape, dtype=bool)
        flags[:, flagged] = table[:, len(kept) :]
        original[flags] = self._gap
        return original

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> np.ndarray:
        """Return the names of the columns that ``transform`` gives.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of X's columns, which must be `feature_names_in_` if there are any;
            None takes these, or "x0", "x1", ...

        Returns
        -------
        feature_names_out : ndarray of str objects
            Names of the columns that are kept, then of the indicator's.
        """
        check_is_fitted(self, "n_features_in_")
        given = check_feature_names_in(self, input_features)
        names = given[self._is_kept]
        return self._concatenate_indicator_feature_names_out(names, given)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
