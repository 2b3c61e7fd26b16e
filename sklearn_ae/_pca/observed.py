"""Axes of rows that miss values: probabilistic PCA given the observed ones."""

import numpy as np
import torch

from sklearn_ae._inference import thinned
from sklearn_ae._modules.gaps import codes_given, linear_fill, precision_factor
from sklearn_ae._pca.noise import noise_degrees

# Numbers up to which those of a round are.
MOST_DOUBLES = 2**24
# Rounds of expectation and maximisation, and the gain of a
# row's log-likelihood below which they end.
FEWEST_ROUNDS, MOST_ROUNDS, LEAST_GAIN = 10, 60, 1e-3
# Multiplications up to which all rows take part in a round, the rows that do beyond it,
# and multiplications that all rounds together may take.
ROUND_BUDGET, FEWEST_ROWS, BUDGET = 2**30, 1000, 2**36
# The noise of rows that axes reproduce, as a share of their mean square.
LEAST_NOISE = 1e-12


def signed(axes):
    """Return axes as PCA has them: the largest entry of each is positive."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, np.newaxis], 1)
    return axes * np.sign(largest)


class ObservedRows:
    """Rows of which not all values were observed.

    Parameters
    ----------
    centred : ndarray of shape (n_rows, n_features)
        Rows, with zeros for what is missing.
    missing : ndarray of bool
        Where that is.
    """

    def __init__(self, centred, missing):
        self.centred = centred
        self.missing = missing

    def __len__(self):
        return len(self.centred)

    def __getitem__(self, rows):
        return ObservedRows(self.centred[rows], self.missing[rows])

    def arrays(self):
        """Return the rows in double precision, and where values are missing."""
        return self.centred.astype(np.float64), self.missing

    def mean_square(self):
        return np.mean(np.square(self.centred), dtype=np.float64)


def axes_of_observed(rows, loadings, noise_variance, weights):
    """Return axes, variances and noise of rows with gaps, and what fills these.

    They are those of probabilistic PCA, the likeliest given the observed values, by
    expectation and maximisation [1]_, [2]_. Each round also whitens the codes, which
    takes fewer rounds.

    Parameters
    ----------
    rows : ObservedRows
        Or what has its methods.
    loadings : ndarray of shape (n_axes, n_features)
        Where to start.
    noise_variance : float
        Likewise.
    weights : ndarray of shape (n_rows,) or None
        Weights of the rows.

    Returns
    -------
    axes : ndarray of shape (n_axes, n_features)
    variances : ndarray of shape (n_axes,)
    noise : float
    filled : callable
        From rows with zeros for what is missing, and where that is, to rows with its
        conditional means there.

    References
    ----------
    .. [1] Tipping, M. E. & Bishop, C. M. (1999). Probabilistic principal component
       analysis. Journal of the Royal Statistical Society B 61, 611-622.
    .. [2] Ilin, A. & Raiko, T. (2010). Practical approaches to principal component
       analysis in the presence of missing values. Journal of Machine Learning Research
       11, 1957-2000.
    """
    n_axes, n_features = loadings.shape
    cost = n_features * n_axes**2
    most = max(ROUND_BUDGET // cost, FEWEST_ROWS)
    if weights is None:
        weights = np.ones(len(rows))
    n_rows = weights.sum()
    rows, weights = thinned(rows, most), thinned(weights, most)
    mean_square = rows.mean_square()
    if mean_square == 0:
        # Rows that are all alike have no axes, and their means in their gaps already.
        return np.zeros_like(loadings), np.zeros(n_axes), 0.0, _as_they_are
    least = max(LEAST_NOISE * mean_square, np.finfo(float).tiny)
    loadings = torch.from_numpy(np.asarray(loadings, dtype=np.float64))
    # Small noise would hold on to the axes that it starts with.
    noise = max(noise_variance, 0.01 * mean_square, least)
    before = -np.inf
    rounds = np.clip(BUDGET // (cost * len(rows)), FEWEST_ROUNDS, MOST_ROUNDS)
    for _ in range(rounds):
        loadings, new_noise, likelihood = _round(rows, weights, loadings, noise)
        noise = max(new_noise, least)
        if likelihood - before < LEAST_GAIN:
            break
        before = likelihood
    scaled = loadings / noise**0.5

    def filled(centred, missing):
        gaps = torch.from_numpy(missing)
        return linear_fill(torch.from_numpy(centred), gaps, scaled).numpy()

    _, spread, axes = np.linalg.svd(loadings.numpy(), full_matrices=False)
    variances = n_rows / (n_rows - 1) * (spread**2 + noise)
    return (
        signed(axes),
        variances,
        noise * n_rows / noise_degrees(n_rows, *loadings.shape),
        filled,
    )


def _as_they_are(centred, missing):
    return centred


def _round(rows, weights, loadings, noise):
    """Return loadings and noise of one more round, and the rows' mean log-likelihood.

    The likelihood is that of the loadings and the noise that were given, but for a
    constant.
    """
    n_axes, n_features = loadings.shape
    scaled = loadings / noise**0.5
    # Sums over the rows that have a value, for each feature.
    # On the CPU, whatever torch's default device is.
    moments = scaled.new_zeros(n_features, n_axes**2)
    products = scaled.new_zeros(n_axes, n_features)
    whole = scaled.new_zeros(n_axes**2)
    squares = n_values = likelihood = 0.0
    step = max(1, MOST_DOUBLES // (8 * max(n_axes**2, n_features)))
    for first in range(0, len(rows), step):
        chunk = slice(first, first + step)
        centred, missing = rows[chunk].arrays()
        x, observed = torch.from_numpy(centred), torch.from_numpy(1.0 - missing)
        factor = precision_factor(observed, scaled)
        unit_code = codes_given(x, factor, scaled)
        code = unit_code / noise**0.5
        second = torch.cholesky_inverse(factor) + code[:, :, None] * code[:, None]
        second = second.flatten(1)
        each = torch.from_numpy(weights[chunk])
        moments += (each[:, None] * observed).T @ second
        whole += each @ second
        products += (each[:, None] * code).T @ x
        squares += float((each @ x.square()).sum())
        n_values += float((each @ observed).sum())
        volumes = factor.diagonal(dim1=1, dim2=2).log().sum(1)
        explained = (unit_code * (x @ scaled.T)).sum(1)
        likelihood += float(each @ (0.5 / noise * explained - volumes))
    likelihood -= 0.5 * (n_values * np.log(noise) + squares / noise)
    moments = moments.unflatten(1, (n_axes, n_axes))
    # A column without a spread has loadings of zero, whatever the moments.
    new = torch.linalg.solve(moments, products.T[:, :, None])[:, :, 0].T
    new_noise = (squares - float((new * products).sum())) / n_values
    n_rows = float(weights.sum())
    whitening = torch.linalg.cholesky(whole.reshape(n_axes, n_axes) / n_rows)
    return whitening.T @ new, new_noise, likelihood / n_rows
