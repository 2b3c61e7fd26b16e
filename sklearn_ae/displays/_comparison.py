"""Codes and reconstructions of any fitted transformer, and PCA's, as plain arrays."""

import numpy as np
from scipy.sparse import issparse
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_array, check_is_fitted

from sklearn_ae._pca.start import reconstruction_with_gaps

# Numbers of a sparse X that is made dense, 128 MB of them.
MOST_DENSE = 2**24


def codes_and_decoder(estimator, X):
    """Return the codes of X, and a function from codes to rows, as plain arrays."""
    check_is_fitted(estimator)
    for method in ("transform", "inverse_transform"):
        if not hasattr(estimator, method):
            raise TypeError(
                f"estimator must have transform and inverse_transform, as an "
                f"autoencoder has; {type(estimator).__name__} has no {method}."
            )
    codes = np.asarray(estimator.transform(X), dtype=np.float64)
    return codes, lambda codes: np.asarray(estimator.inverse_transform(codes))


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


def pca_reconstruction(rows, n_components):
    """Return what PCA, fitted to the rows, makes of them.

    It is scikit-learn's, or where values are missing the probabilistic PCA under which
    the observed ones are likeliest.
    """
    n_components = min(n_components, *rows.shape)
    if np.isnan(rows).any():
        return reconstruction_with_gaps(rows, n_components)
    pca = PCA(n_components, svd_solver="full")
    # Rows that are all alike have no variance to take shares of.
    with np.errstate(invalid="ignore"):
        return pca.inverse_transform(pca.fit_transform(rows))


def feature_names(estimator, X, n_features):
    """Return the names that the estimator saw in ``fit``, or those of X's columns.

    They are x0, x1 and so on where neither has any.
    """
    names = getattr(estimator, "feature_names_in_", getattr(X, "columns", None))
    if names is None or len(names) != n_features:
        return np.array([f"x{index}" for index in range(n_features)], dtype=object)
    return np.asarray(names, dtype=object)
