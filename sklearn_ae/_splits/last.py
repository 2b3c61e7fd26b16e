"""The rule that holds out the last rows, for rows in the order of time."""

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from sklearn_ae._training.defaults import n_validation_rows
from sklearn_ae._utils import Interval, StrOptions, check_parameters, num_samples


class LastRows(BaseEstimator):
    """Hold out the last rows: a split for rows in the order of time.

    ``validation_split="last"`` of the estimators stands for one without a gap. It is a
    splitter of scikit-learn's kind, so it serves `sklearn.model_selection` as well.

    Parameters
    ----------
    fraction : "auto" or float, default="auto"
        Share of the rows to hold out. "auto" is as `validation_fraction` of the
        estimators: a tenth, or a quarter of them up to 50 rows where that is more, and
        at most 4000 rows.
    gap : int, default=0
        Rows between those to train on and those held out, which are on neither side.
        Windows of a series that start a step apart and have `w` values share some with
        ``w - 1`` others before and after: a gap of ``w - 1`` parts both sides. In a
        fit, held-out rows within one gap of each other count as one piece of evidence.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ae.model_selection import LastRows
    >>> X = np.arange(10.0)[:, np.newaxis]
    >>> for train, test in LastRows(fraction=0.3, gap=2).split(X):
    ...     print(train, test)
    [0 1 2 3 4] [7 8 9]
    """

    _parameter_constraints: dict = {
        "fraction": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="neither")],
        "gap": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(self, fraction: str | float = "auto", gap: int = 0) -> None:
        self.fraction = fraction
        self.gap = gap

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits, one.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored.

        Returns
        -------
        n_splits : int
        """
        return 1

    def split(
        self, X: ArrayLike, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the indices of the rows to train on and of the last ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in the order of time.
        y, groups : object, default=None
            Ignored.

        Yields
        ------
        train, test : ndarray of int

        Raises
        ------
        ValueError
            If the gap leaves no row to train on.
        """
        check_parameters(self)
        n_rows = num_samples(X)
        n_last = n_validation_rows(n_rows, self.fraction)
        n_first = n_rows - n_last - self.gap
        if n_last < 1 or n_first < 1:
            raise ValueError(
                f"gap={self.gap} leaves none of {n_rows} rows to train on beside the "
                f"{n_last} that are held out; give a smaller gap or more rows."
            )
        indices = np.arange(n_rows)
        yield indices[:n_first], indices[n_rows - n_last :]
