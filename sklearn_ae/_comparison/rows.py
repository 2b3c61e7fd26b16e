"""What a transformer, alone or in a pipeline, makes of rows, and PCA beside it.

PCA is the linear path of the autoencoder itself, inside the same pipeline: that of the
rows of ``fit``, whatever rows are looked at.
"""

from functools import cached_property

import numpy as np
from scipy.sparse import issparse
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.utils.validation import check_array, check_is_fitted

from sklearn_ae._frames import telling_the_column
from sklearn_ae._pca.start import reconstruction_with_gaps
from sklearn_ae._pipelines import steps_of

# Numbers of a sparse X that is made dense, 128 MB of them.
MOST_DENSE = 2**24


class Comparison:
    """A fitted transformer, or a pipeline taken apart, and rows.

    Of a pipeline the step that makes codes is the autoencoder, else the last
    transformer; what is behind it and has no way back, as a classifier, is left out. If
    a step before it has no way back, rows are compared as the next step gets them.
    Detectors and models of tables are taken apart as well.

    Parameters
    ----------
    estimator : estimator instance
        A fitted transformer, pipeline, or search.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows, as the estimator takes them.

    Attributes
    ----------
    coder : estimator instance
        What makes the codes.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows that reconstructions can be compared with.
    coder_X : {array-like, sparse matrix} of shape (n_samples, n_coder_features)
        The rows as the coder gets them.
    """

    def __init__(self, estimator, X):
        check_is_fitted(estimator)
        before, self.coder, behind = taken_apart(estimator)
        for method in ("transform", "inverse_transform"):
            if not hasattr(self.coder, method):
                raise TypeError(
                    f"estimator must have transform and inverse_transform, as an "
                    f"autoencoder has; {type(self.coder).__name__} has no {method}."
                )
        first = before[0] if before else self.coder
        names = getattr(first, "feature_names_in_", getattr(X, "columns", None))
        while before and not (all(map(_has_way_back, before)) and _is_numeric(X)):
            X, names = _through(before[0], X, names)
            before = before[1:]
        self.X, self._names = X, names
        self._before, self._behind = before, behind
        for step in before:
            X, names = _through(step, X, names)
        self.coder_X, self._coder_names = X, names

    @cached_property
    def codes(self):
        """The codes of the rows as an array."""
        codes = self.coder.transform(self.coder_X)
        for step in self._behind:
            codes = step.transform(codes)
        return np.asarray(codes, dtype=np.float64)

    def decode(self, codes):
        """Return the rows that codes stand for, in the units of `X`."""
        for step in reversed(self._behind):
            codes = step.inverse_transform(codes)
        return self._back(self.coder.inverse_transform(codes))

    def _back(self, rows):
        """Bring rows of the coder to the units of `X`."""
        for step in reversed(self._before):
            rows = step.inverse_transform(rows)
        return np.asarray(rows)

    @cached_property
    def rows(self):
        """The rows of `X` as an array, NaN where a value is missing."""
        return observed_numbers(self.X)

    @property
    def feature_names(self):
        """Names of the features of `X`; x0, x1 and so on where they have none."""
        n_features = self.X.shape[1] if hasattr(self.X, "shape") else len(self.X[0])
        if self._names is None or len(self._names) != n_features:
            return np.array([f"x{index}" for index in range(n_features)], dtype=object)
        return np.asarray(self._names, dtype=object)

    def center_and_spread(self):
        """Return means and standard deviations of the features of `rows`.

        A feature whose values are all alike has a deviation of exactly 0.
        """
        rows = self.rows
        # Of equal values rounding may make a small number.
        varies = np.nanmax(rows, axis=0) > np.nanmin(rows, axis=0)
        return np.nanmean(rows, axis=0), np.where(varies, np.nanstd(rows, axis=0), 0.0)

    def of_coder(self):
        """Return the comparison of the coder alone, by the rows that it gets.

        It is what ``fit`` minimised the error of, and measured `gain_over_pca_` by.
        """
        inner = Comparison(self.coder, self.coder_X)
        inner._names = self._coder_names
        return inner

    # ---- PCA

    @property
    def has_linear_path(self):
        """Whether there is a PCA that was fitted with the coder."""
        return hasattr(self.coder, "reconstruct_by_pca") or _is_pca(self.coder)

    @property
    def pca_name(self):
        """What labels call PCA; without a linear path it is fitted to the rows."""
        return "PCA" if self.has_linear_path else "PCA of these rows"

    def pca_reconstruction(self, n_components=None):
        """Return what PCA makes of the rows, in the units of `X`.

        Parameters
        ----------
        n_components : int, default=None
            Number of components; None is that of the codes.
        """
        if hasattr(self.coder, "reconstruct_by_pca"):
            rows = self.coder.reconstruct_by_pca(self.coder_X, n_components)
            return self._back(rows)
        rows = observed_numbers(self.coder_X)
        n_components = n_components or self.codes.shape[1]
        if np.isnan(rows).any():
            most = min(n_components, *rows.shape)
            return self._back(reconstruction_with_gaps(rows, most))
        axes, mean = self._pca.components_[:n_components], self._pca.mean_
        return self._back((rows - mean) @ axes.T @ axes + mean)

    @cached_property
    def _pca(self):
        """The coder if it is a PCA, else one fitted to the rows."""
        if _is_pca(self.coder):
            return self.coder
        rows = observed_numbers(self.coder_X)
        pca = PCA(min(self.codes.shape[1], *rows.shape), svd_solver="full")
        # Rows that are all alike have no variance to take shares of.
        with np.errstate(invalid="ignore"):
            return pca.fit(rows)


def taken_apart(estimator):
    """Return the steps before what makes the codes, that, and the steps behind it.

    Those behind it are none unless all of them have a way back.

    Raises
    ------
    TypeError
        If it is something that has several autoencoders and no code of its own.
    """
    steps = [part for step in steps_of(estimator) for part in _opened(step)]
    ours = [place for place, step in enumerate(steps) if is_autoencoder(step)]
    transformers = [
        place for place, step in enumerate(steps) if hasattr(step, "transform")
    ]
    place = (ours or transformers or [len(steps) - 1])[-1]
    if hasattr(steps[place], "_why_no_code"):
        name = type(steps[place]).__name__
        raise TypeError(f"{name} {steps[place]._why_no_code}.")
    behind = steps[place + 1 :]
    return (
        steps[:place],
        steps[place],
        behind if all(map(_has_way_back, behind)) else [],
    )


def is_autoencoder(estimator):
    """Whether this is a fitted autoencoder of the package."""
    return hasattr(estimator, "gain_over_pca_")


def _opened(step):
    """Return the steps that our estimators around an autoencoder say they have."""
    inside = getattr(step, "_steps_inside", None)
    if inside is None:
        return [step]
    steps = [step for each in inside() for step in steps_of(each)]
    return [part for step in steps for part in _opened(step)]


def to_last_step(estimator, X):
    """Return rows as the last step gets them, and their names, None for unknown."""
    first, *others = steps_of(estimator)
    names = getattr(first, "feature_names_in_", getattr(X, "columns", None))
    for step in [first, *others][:-1]:
        X, names = _through(step, X, names)
    return X, names


def _has_way_back(step):
    if getattr(step, "func", None) is not None:
        # Without its inverse a FunctionTransformer goes back by doing nothing.
        return step.inverse_func is not None
    # An imputer knows what it filled in by its indicators alone.
    return hasattr(step, "inverse_transform") and getattr(step, "add_indicator", True)


def _is_numeric(X):
    """Whether the rows are numbers; texts and categories are not."""
    if issparse(X):
        return True
    try:
        np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return True


def _is_pca(coder):
    return isinstance(coder, (PCA, IncrementalPCA))


def _through(step, X, names):
    """Return what a step makes of rows, and its features' names, None for unknown."""
    X = step.transform(X)
    try:
        return X, step.get_feature_names_out(names)
    except (AttributeError, ValueError):
        return X, getattr(X, "columns", None)


# ---- rows


def _dense(X):
    """Return X, dense if it was sparse and is small enough for that."""
    if not issparse(X):
        return X
    n_rows, n_features = X.shape
    if n_rows * n_features > MOST_DENSE:
        raise ValueError(
            f"X is sparse and has {n_rows} rows, of which a comparison with "
            f"reconstructions, which are dense, takes at most "
            f"{MOST_DENSE // n_features}; give it fewer rows."
        )
    return X.toarray()


def numbers(X):
    """Return X as a finite float64 array."""
    return check_array(X, dtype=np.float64, input_name="X")


def observed_numbers(X):
    """Return X as a float64 array that may have NaN, but not as a whole column."""
    X = _dense(X)
    with telling_the_column(X):
        rows = check_array(X, dtype=np.float64, input_name="X", ensure_all_finite=False)
    if np.isinf(rows).any():
        return numbers(X)
    empty = np.flatnonzero(np.isnan(rows).all(axis=0))
    if len(empty):
        raise ValueError(
            f"X has no value in column {empty[0]}, so that there is nothing to compare "
            "in it; give rows of which one has."
        )
    return rows


def squared_distances(rows):
    """Return each feature's squared distance to its mean, over observed values."""
    return np.nansum((rows - np.nanmean(rows, axis=0)) ** 2, axis=0)
