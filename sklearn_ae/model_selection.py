"""What goes with scikit-learn's model selection: sizes of codes, splits by time."""

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from sklearn_ae._training.defaults import n_validation_rows
from sklearn_ae._utils import Interval, StrOptions, check_parameters, num_samples

__all__ = ["LastRows", "fewest_components"]

NAME = "n_components"


def fewest_components(cv_results: dict[str, Any]) -> int:
    """Choose the fewest components that score as the best do: ``refit=`` of a search.

    The one-standard-error rule [1]_: of the candidates whose mean score is within one
    standard error of the best one's, over its folds, the one with the smallest
    `n_components`; of several with that, the one that scores best.

    Parameters
    ----------
    cv_results : dict of str to ndarray
        The `cv_results_` of a `sklearn.model_selection.GridSearchCV` or
        `sklearn.model_selection.RandomizedSearchCV` over `n_components`, or over that
        of a step such as ``reduce__n_components``, and over other parameters as well.

    Returns
    -------
    best_index : int
        Index of the candidate, for the search's `best_index_`. As with any callable,
        the search then has no `best_score_`.

    Raises
    ------
    ValueError
        If there is more than one metric, no `n_components` or more than one, if its
        values are not all ints or all floats, or if no candidate has a score.

    References
    ----------
    .. [1] Hastie, T., Tibshirani, R. & Friedman, J. (2009). The elements of statistical
       learning, 2nd edition, section 7.10.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_ae import fewest_components
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> pipeline = make_pipeline(StandardScaler(), PCA(), LogisticRegression())
    >>> grid = {"pca__n_components": [1, 2, 4, 8]}
    >>> GridSearchCV(pipeline, grid).fit(X, y).best_params_
    {'pca__n_components': 8}
    >>> search = GridSearchCV(pipeline, grid, refit=fewest_components).fit(X, y)
    >>> search.best_params_
    {'pca__n_components': 4}
    """
    metric = _metric(cv_results)
    means = _mean_scores(cv_results, metric)
    sizes = _sizes(cv_results)
    # What could not be scored is no candidate.
    best = np.nanargmax(means)
    error = _standard_error(cv_results, metric, best)
    enough = np.flatnonzero(means >= means[best] - error)
    smallest = enough[sizes[enough] == sizes[enough].min()]
    return int(smallest[np.argmax(means[smallest])])


def _metric(cv_results):
    """Return the name of the search's only metric, "score" unless it was given one."""
    metrics = [
        name.removeprefix("mean_test_")
        for name in cv_results
        if name.startswith("mean_test_")
    ]
    if len(metrics) != 1:
        raise ValueError(
            f"fewest_components goes by one metric, and the search has {metrics}; give "
            "its scoring a single one."
        )
    return metrics[0]


def _mean_scores(cv_results, metric):
    means = np.asarray(cv_results[f"mean_test_{metric}"], dtype=float)
    if np.isnan(means).all():
        raise ValueError(
            "fewest_components needs a score, and all candidates' means are NaN; "
            "error_score='raise' shows why."
        )
    return means


def _standard_error(cv_results, metric, index):
    """Return that of a candidate's mean over the folds; zero where there is one."""
    scores = []
    while (name := f"split{len(scores)}_test_{metric}") in cv_results:
        scores.append(cv_results[name][index])
    if len(scores) < 2:
        return 0.0
    return np.std(scores, ddof=1) / np.sqrt(len(scores))


def _sizes(cv_results):
    """Return each candidate's number of components."""
    names = [
        name.removeprefix("param_")
        for name in cv_results
        if name == f"param_{NAME}"
        or (name.startswith("param_") and name.endswith(f"__{NAME}"))
    ]
    if len(names) != 1:
        raise ValueError(
            f"fewest_components needs a search over one {NAME}, its own or a step's. "
            f"Got {names or 'none'} instead."
        )
    values = [params.get(names[0]) for params in cv_results["params"]]
    if not _are_all(values, Integral) and not _are_all(values, float | np.floating):
        raise ValueError(
            f"fewest_components needs values of {names[0]!r} that can be compared: all "
            f"ints, or all floats. Got {values!r} instead."
        )
    return np.array(values, dtype=float)


def _are_all(values, kind):
    return all(isinstance(value, kind) for value in values)


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
