"""Mean and covariance of the training rows' codes, by one pass over the rows."""

from dataclasses import dataclass

import numpy as np

from sklearn_ae._inference import check_finite, chunks
from sklearn_ae._rows.joined import JoinedRows, own_rows, summed
from sklearn_ae._utils import own_modes


@dataclass
class Moments:
    """What axes of codes are chosen by.

    Attributes
    ----------
    mean : ndarray of shape (n_components,)
        Mean of the inner codes.
    covariance : ndarray of shape (n_components, n_components)
        Their covariance, with one less than the number of rows.
    with_features : ndarray of shape (n_features, n_components)
        Covariance of the features with them, up to a factor: it decides signs.
    """

    mean: np.ndarray
    covariance: np.ndarray
    with_features: np.ndarray


def code_moments(net, X, prepare, n_rows, unit, weights=None):
    """Return the moments of inner codes, summed in double precision.

    Parameters
    ----------
    net : Net
        Whose module encodes.
    X : ndarray of shape (n_rows, n_features)
        Rows, NaN where a value is missing.
    prepare : callable
        From some rows of X to centred ones as float32.
    n_rows : int
        Rows of a chunk.
    unit : float
        Scale of the features, so that no product is out of range.
    weights : ndarray of shape (n_rows,) or None, default=None
        Weights of the rows, whose sum is the number of rows that they stand for.

    Raises
    ------
    ValueError
        If a code is not finite.
    """
    n_components, n_features = len(net.module_.axes.shift), X.shape[1]
    offset = None
    sums = np.zeros(n_components)
    products = np.zeros((n_components, n_components))
    feature_sums = np.zeros(n_features)
    mixed = np.zeros((n_features, n_components))
    with own_modes(inference=True):
        for rows, x in chunks(net, own_rows(X), prepare, n_rows):
            inner = net.module_.inner_codes(x)
            codes = check_finite(inner.cpu().numpy()).astype(np.float64)
            if offset is None:
                # Next to the mean, so that nothing cancels.
                offset = codes.mean(axis=0)
                if isinstance(X, JoinedRows):
                    offset = X.ranks.agreed(offset)
            codes -= offset
            x = x.nan_to_num() / unit
            near = inner - inner.new_tensor(offset)
            weighed, weighed_x = codes, x
            if weights is not None:
                weighed = codes * weights[rows, np.newaxis]
                weighed_x = x * x.new_tensor(weights[rows])[:, None]
            sums += weighed.sum(axis=0)
            products += codes.T @ weighed
            feature_sums += weighed_x.sum(0).cpu().numpy()
            mixed += (weighed_x.T @ near).cpu().numpy()
    sums, products, feature_sums, mixed = summed(X, sums, products, feature_sums, mixed)
    total = len(X) if weights is None else weights.sum()
    centre = sums / total
    return Moments(
        mean=offset + centre,
        covariance=(products - np.outer(sums, centre)) / (total - 1),
        with_features=mixed - np.outer(feature_sums, centre),
    )
