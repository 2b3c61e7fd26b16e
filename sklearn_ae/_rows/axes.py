"""Principal axes of sparse rows and of large tables, of which no dense copy is made.

Sparse rows are centred by arithmetic, tables block by block.
"""

import numpy as np
from scipy.linalg import lu, qr, svd
from scipy.sparse.linalg import LinearOperator

from sklearn_ae._rows.stored import block_slices

# Where scikit-learn's PCA takes its randomized solver: for fewer axes than this share
# of the shorter side, and beyond so many rows or columns.
FEW, LARGE = 0.8, 500
# Directions that the randomized solver looks at beyond those wanted, as PCA's does.
OVERSAMPLES = 10
# Share of the largest variance below which products of rows tell no direction.
LEAST_VARIANCE = 1e-12


class CentredRows(LinearOperator):
    """Sparse rows less a mean, over a unit, as what they do to vectors.

    Parameters
    ----------
    X : SparseRows
        Whose values that are not stored are zero.
    mean : ndarray of shape (n_features,)
    unit : float
    weights : ndarray of shape (n_rows,) or None, default=None
        Weights of the rows.

    Attributes
    ----------
    roots : ndarray of shape (n_rows, 1)
        Roots of the weights, which rows are multiplied by.
    degrees : float
        What sums of squares are divided by.
    """

    def __init__(self, X, mean, unit, weights=None):
        super().__init__(np.float64, X.shape)
        self.values = X.matrix.astype(np.float64) / unit
        self.mean = mean.astype(np.float64) / unit
        weights = np.ones(len(X)) if weights is None else weights
        self.degrees = weights.sum() - 1
        self.roots = np.sqrt(weights)[:, np.newaxis]

    def _matmat(self, vectors):
        return self.roots * (self.values @ vectors - self.mean @ vectors)

    def _rmatmat(self, vectors):
        vectors = self.roots * vectors
        return self.values.T @ vectors - np.outer(self.mean, vectors.sum(axis=0))

    def products(self):
        """Return the scalar products of all rows with each other."""
        across = self.values @ self.mean
        products = (self.values @ self.values.T).toarray()
        products -= across + across[:, np.newaxis] - self.mean @ self.mean
        return self.roots * products * self.roots.T


class CentredTable(LinearOperator):
    """Rows of a large table over a unit, as what they do to vectors.

    They have their mean, which is zero, where they miss values.

    Parameters
    ----------
    rows : StoredRows
    unit : float
    weights : ndarray of shape (n_rows,) or None, default=None
        Weights of the rows.

    Attributes
    ----------
    roots, degrees
        As of `CentredRows`.
    """

    def __init__(self, rows, unit, weights=None):
        super().__init__(np.float64, rows.shape)
        self.rows = rows
        self.unit = unit
        weights = np.ones(len(rows)) if weights is None else weights
        self.degrees = weights.sum() - 1
        self.roots = np.sqrt(weights)[:, np.newaxis]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, rows):
        return CentredTable(self.rows[rows], self.unit, np.square(self.roots[rows, 0]))

    def arrays(self):
        """Return the rows in double precision, and where values are missing."""
        centred = np.asarray(self.rows, dtype=np.float64)
        centred /= self.unit
        missing = np.isnan(centred)
        centred[missing] = 0.0
        return centred, missing

    def blocks(self):
        """Yield slices of rows, and their arrays."""
        for rows in block_slices(self.rows):
            yield rows, *self[rows].arrays()

    def mean_square(self):
        squares = sum(np.square(x).sum() for _, x, _ in self.blocks())
        return squares / self.rows.size

    def _matmat(self, vectors):
        products = [x @ vectors for _, x, _ in self.blocks()]
        return self.roots * np.concatenate(products)

    def _rmatmat(self, vectors):
        vectors = self.roots * vectors
        return sum(x.T @ vectors[rows] for rows, x, _ in self.blocks())


def is_randomized(shape, n_axes):
    """Whether scikit-learn's PCA would take so many axes from its randomized solver."""
    return max(shape) > LARGE and n_axes < FEW * min(shape)


def randomized_axes(rows, n_axes, random_state):
    """Return the leading axes and their variances, as PCA's randomized solver does.

    By as many rounds and from the same draws [1]_. scikit-learn's own takes arrays
    alone, and its PCA of sparse rows has no such solver.

    Parameters
    ----------
    rows : CentredRows or CentredTable
    n_axes : int
    random_state : RandomState

    Returns
    -------
    axes : ndarray of shape (n_axes, n_features)
    variances : ndarray of shape (n_axes,)

    References
    ----------
    .. [1] Halko, N., Martinsson, P.-G. & Tropp, J. A. (2011). Finding structure with
       randomness: probabilistic algorithms for constructing approximate matrix
       decompositions. SIAM Review 53(2), 217-288.
    """
    wide = rows.shape[0] < rows.shape[1]
    across, back = (rows.T, rows) if wide else (rows, rows.T)
    n_rounds = 7 if n_axes < 0.1 * min(rows.shape) else 4
    basis = random_state.normal(size=(across.shape[1], n_axes + OVERSAMPLES))
    for _ in range(n_rounds):
        for step in (across, back):
            basis = lu(step.matmat(basis), permute_l=True, check_finite=False)[0]
    basis = qr(across.matmat(basis), mode="economic", check_finite=False)[0]
    # Of the rows, or of their transpose, within the basis.
    left, lengths, right = svd(back.matmat(basis).T, full_matrices=False)
    axes = (basis @ left).T if wide else right
    return axes[:n_axes], lengths[:n_axes] ** 2 / rows.degrees


def axes_by_products(rows, n_axes):
    """Return the leading axes and their variances, by the products of all rows.

    Parameters
    ----------
    rows, n_axes
        As for `randomized_axes`.
    """
    squares, vectors = np.linalg.eigh(rows.products())
    squares, vectors = squares[: -n_axes - 1 : -1], vectors[:, : -n_axes - 1 : -1]
    is_told = squares > LEAST_VARIANCE * squares[0]
    axes = np.zeros((n_axes, rows.shape[1]))
    axes[is_told] = (rows.rmatmat(vectors[:, is_told]) / np.sqrt(squares[is_told])).T
    return axes, np.where(is_told, squares, 0.0) / rows.degrees
