"""What the columns of an autoencoder's code tell: their shares, and fewer of them."""

from typing import Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._arrays import in_kind
from sklearn_ae._estimators.reconstruction import ReconstructingAutoencoder
from sklearn_ae._validation import check_codes, check_count


class ComponentwiseAutoencoder(ReconstructingAutoencoder):
    """Base class of autoencoders whose codes may be ordered.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    @property
    def explained_variance_ratio_(self) -> np.ndarray:
        """Share of the variance that each column of an ordered code adds."""
        increments = self._curve("explained_variance_ratio_").increments
        return in_kind(increments[: self.n_components_], self)

    @property
    def explained_variance_(self) -> np.ndarray:
        """Variance that each column of an ordered code adds, in X's squared units."""
        increments = self._curve("explained_variance_").increments
        increments = increments[: self.n_components_] * self._total_variance
        return in_kind(increments, self)

    def _curve(self, name):
        check_is_fitted(self)
        if self.explained_variance_curve_ is None:
            raise AttributeError(
                f"{name} is there for ordered codes alone, whose first columns are a "
                "code on their own; set ordered=True, or n_components to a share of "
                "variance such as 0.95 or to 'auto'."
            )
        return self.explained_variance_curve_

    def _checked_codes(self, X):
        """Return codes to decode; of ordered ones the first columns are enough."""
        n_components = self.n_components_
        if self.explained_variance_curve_ is None:
            return check_codes(self, X, [n_components], "; fewer need ordered=True")
        return check_codes(self, X, range(1, n_components + 1))

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
            A copy, which shares nothing with this one but its callbacks. Its
            `n_components` is the number, and its `ordered` True unless it was given:
            fitted anew, or a clone of it, it has ordered codes as well.

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
        check_count(n_components, "n_components", "truncate")
        if n_components > trained:
            raise ValueError(
                f"n_components={n_components} is more than the {trained} columns that "
                f"can be handed out; give truncate at most {trained}."
            )
        shorter = self._copied()
        shorter.n_components = shorter._n_asked = int(n_components)
        # They were by a share, or "auto", that is no more.
        shorter.ordered = shorter.ordered or True
        shorter._hand_out(int(n_components))
        return shorter
