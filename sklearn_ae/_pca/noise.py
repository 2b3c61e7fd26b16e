"""The noise variance of probabilistic PCA."""


def noise_of(left, n_rows, n_components, n_features):
    """Return the noise variance of probabilistic PCA.

    Where rows outnumber features it is scikit-learn's, so that a model that is kept is
    PCA's. In wide tables that is too wide, about ``n_features / n_rows`` times. The
    maximum likelihood one, the mean square of what axes leave, is too narrow there: of
    each feature's rows the mean and the axes have taken ``1 + n_components`` degrees of
    freedom, most of few, and fresh rows cost without bound. So those that are left
    divide the squares.

    Parameters
    ----------
    left : float
        Variance that axes leave, over ``n_rows - 1``, summed over the features.
    n_rows, n_components, n_features : int
    """
    degrees = noise_degrees(n_rows, n_components, n_features)
    return float(left) * (n_rows - 1) / degrees / max(n_features - n_components, 1)


def noise_degrees(n_rows, n_components, n_features):
    """Return how many rows' worth of squares of each feature tell of the noise."""
    taken = n_components if n_rows <= n_features else 0
    return max(n_rows - 1 - taken, 1)
