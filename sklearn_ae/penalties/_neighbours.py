"""A penalty that keeps neighbours together, for maps."""

import math
from numbers import Integral, Real

import torch
from sklearn.base import BaseEstimator
from torch import nn

from sklearn_ae._utils import Interval, check_parameters

# Rows that are compared with each other, at most: their pairs are held in memory.
MOST_TOGETHER = 1024
# Inner codes, which have unit variance at PCA, are stretched by this before training: a
# map that starts small can still turn about. How fast the stretch is learned.
FIRST_STRETCH, STRETCH_RATE = 3.0, 5.0


class _BuiltNeighbours(nn.Module):
    # Fewer rows show no neighbours, more of them train in too few steps.
    batch_rows = (256, 512)
    # Large batches are few steps.
    peak_rate = 7e-3

    def __init__(self, weight, n_neighbors):
        super().__init__()
        self.weight = weight
        self.n_neighbors = n_neighbors
        self.log_stretch = nn.Parameter(torch.zeros(()))

    def forward(self, code, encode, x, generator):
        stretch = FIRST_STRETCH * (STRETCH_RATE * self.log_stretch).exp()
        n_groups = math.ceil(len(code) / MOST_TOGETHER)
        groups = zip(
            (code * stretch).tensor_split(n_groups),
            x.detach().tensor_split(n_groups),
            strict=True,
        )
        # A nat counts as what PCA leaves of a row: one a feature, on the inner scale.
        weight = self.weight * x.shape[1]
        return weight * torch.cat([self._divergences(*group) for group in groups])

    def _divergences(self, code, x):
        """Return each row's share of the divergence in nats, times their number."""
        n_rows = len(code)
        if n_rows == 1:
            return code.new_zeros(1)
        n_neighbors = min(self.n_neighbors, n_rows - 1)
        itself = torch.eye(n_rows, device=code.device, dtype=torch.bool)
        near = _nearest(x, itself, n_neighbors)
        one_more = 1 + _squared_distances(code)
        affinities = one_more.reciprocal().masked_fill(itself, 0.0)
        of_neighbours = (near * one_more.log()).sum(1) / n_neighbors
        return of_neighbours + affinities.sum().log() - math.log(n_rows * n_neighbors)


def _squared_distances(rows):
    """Return the squared distances of rows from each other."""
    squares = rows.square().sum(1)
    distances = squares[:, None] + squares - 2 * rows @ rows.T
    return distances.clamp(min=0.0)


@torch.no_grad()
def _nearest(x, itself, n_neighbors):
    """Return one for each row's nearest others, zero for the rest."""
    # So that squares stay in range.
    x = x / x.abs().amax().clamp(min=torch.finfo(x.dtype).tiny)
    # The squared distance, but for the row's own square and the sign.
    nearness = (2 * x @ x.T - x.square().sum(1)).masked_fill(itself, -torch.inf)
    chosen = nearness.topk(n_neighbors, dim=1).indices
    return torch.zeros_like(nearness).scatter(1, chosen, 1.0)


class Neighbours(BaseEstimator):
    r"""Penalty that keeps neighbours together, for maps: codes of two columns.

    Within a batch, codes of rows that are near each other in X are drawn together, and
    all others apart. The penalty is the Kullback-Leibler divergence from equal
    affinities of each row to its nearest neighbours in X to t-SNE's affinities,

    .. math:: q_{ij} \propto (1 + s^2 \lVert z_i - z_j \rVert^2)^{-1},

    where the scale s is learned. An encoder makes the codes [1]_, so new rows can be
    put into the map. A decoder is trained beside it [2]_, so each point of the map can
    be decoded to a row.

    Batches need many rows: `batch_size="auto"` takes 256 to 512. There are then few
    batches, so `learning_rate="auto"` is 0.007.

    The guard compares the whole loss, reconstruction and penalty. So a map whose
    reconstruction is not better than PCA's is kept if its neighbours are better.

    Parameters
    ----------
    weight : float, default=4.0
        Weight of the divergence, which is in nats per row. One nat counts as much as
        `weight` times the squared error that PCA leaves of a row; with a loss or
        likelihood that is not in units of X, as much as `weight` nats per feature.
    n_neighbors : int, default=3
        Number of neighbours of each row within a batch. In a batch of 500 of 10 000
        rows, 3 neighbours correspond to about 60 neighbours among all rows.

    See Also
    --------
    sklearn.manifold.TSNE : A map of the training rows alone.

    Notes
    -----
    Distances are Euclidean, in X's units: scale columns of different units first, as
    for `KNeighborsClassifier`. A missing value counts as its column's mean. Columns of
    zeros and ones are allowed.

    References
    ----------
    .. [1] van der Maaten, L. (2009). Learning a parametric embedding by preserving
       local structure. International Conference on Artificial Intelligence and
       Statistics, 384-391.
    .. [2] Sainburg, T., McInnes, L. & Gentner, T. Q. (2021). Parametric UMAP embeddings
       for representation and semisupervised learning. Neural Computation 33(11),
       2881-2907.
    .. [3] McInnes, L., Healy, J. & Melville, J. (2018). UMAP: Uniform manifold
       approximation and projection for dimension reduction. arXiv:1802.03426.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.penalties import Neighbours
    >>> X, _ = load_digits(return_X_y=True)
    >>> map_of = AutoencoderTransformer(
    ...     2, penalty=Neighbours(), max_epochs=5, random_state=0
    ... )
    >>> map_of.fit_transform(X).shape
    (1797, 2)
    """

    rotatable = True

    _parameter_constraints: dict = {
        "weight": [Interval(Real, 0, None, closed="left")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, weight: float = 4.0, n_neighbors: int = 3) -> None:
        self.weight = weight
        self.n_neighbors = n_neighbors

    def build(self, *, code_scale, natural_scale):
        """Return the module."""
        check_parameters(self)
        return _BuiltNeighbours(float(self.weight), int(self.n_neighbors))
