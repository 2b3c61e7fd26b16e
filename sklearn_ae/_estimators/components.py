"""What the columns of an autoencoder's code tell: their shares, effects, and fewer."""

import copy
from numbers import Integral
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._estimators.reconstruction import ReconstructingAutoencoder


class ComponentwiseAutoencoder(ReconstructingAutoencoder):
    """Base class of autoencoders whose codes may be ordered.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    @property
    def explained_variance_ratio_(self) -> np.ndarray:
        """Share of the variance that each column of an ordered code adds."""
        increments = self._curve("explained_variance_ratio_").increments
        return increments[: self.n_components_]

    @property
    def explained_variance_(self) -> np.ndarray:
        """Variance that each column of an ordered code adds, in X's squared units."""
        increments = self._curve("explained_variance_").increments
        return increments[: self.n_components_] * self._total_variance

    def _curve(self, name):
        check_is_fitted(self)
        if self.explained_variance_curve_ is None:
            raise AttributeError(
                f"{name} is there for ordered codes alone, whose first columns are a "
                "code on their own; set ordered=True, or n_components to a share of "
                "variance such as 0.95 or to 'auto'."
            )
        return self.explained_variance_curve_

    def _code_widths(self):
        """Return the numbers of columns that `inverse_transform` takes."""
        if self.explained_variance_curve_ is None:
            return super()._code_widths()
        return range(1, self.n_components_ + 1)

    def truncate(self, n_components: int) -> Self:
        """Return a fitted estimator of an ordered code's first columns.

        Nothing is trained: its codes are the first columns of this one's, and its
        reconstructions what `inverse_transform` gives for them.

        Parameters
        ----------
        n_components : int
            Number of columns, at most as many as were trained.

        Returns
        -------
        estimator : AutoencoderTransformer
            A copy, which shares nothing with this one but its callbacks.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        AttributeError
            If its codes are not ordered.
        ValueError
            If `n_components` is not such a number.
        """
        trained = len(self._curve("truncate").n_components)
        is_count = isinstance(n_components, Integral) and n_components is not True
        if not is_count or not 1 <= n_components <= trained:
            raise ValueError(
                f"The 'n_components' parameter of truncate must be an int in the range "
                f"[1, {trained}], the columns that were trained. "
                f"Got {n_components!r} instead."
            )
        # What callbacks hold may have no copy.
        kept = {id(callback): callback for _, callback in self.net_.callbacks_}
        shorter = copy.deepcopy(self, kept)
        shorter._hand_out(int(n_components))
        return shorter

    def component_effects(self, X: ArrayLike) -> np.ndarray:
        """Return how much each column of the code moves each feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, at least two, about which codes are moved.

        Returns
        -------
        effects : ndarray of shape (n_components, n_features)
            Mean absolute change of a feature's reconstruction, in the feature's units,
            when a column of the code moves by one standard deviation of the rows'
            codes: half the change from one below to one above. Columns are in the order
            of X's.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for `transform`.
        """
        codes = self.transform(X)
        effects = np.empty((self.n_components_, self.n_features_in_))
        for column, step in enumerate(codes.std(axis=0)):
            moved = []
            for direction in (-step, step):
                shifted = codes.copy()
                shifted[:, column] += direction
                moved.append(self.inverse_transform(shifted))
            effects[column] = np.abs(moved[1] - moved[0]).mean(axis=0) / 2
        return effects
