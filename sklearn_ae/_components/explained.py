"""How much variance each number of components explains, and how many are enough."""

from dataclasses import dataclass

import numpy as np

# A share of the variance that counts as nothing left: rounding of float32.
SMALLEST_LEFT = 1e-10


@dataclass(frozen=True)
class ExplainedVarianceCurve:
    """Shares of variance that the first columns of a code explain, beside PCA's.

    Attributes
    ----------
    n_components : ndarray of shape (n_columns,), int
        Numbers of columns: 1, 2 and so on.
    explained : ndarray of shape (n_columns,)
        One minus the squared error over the squared distance to the training mean, of
        the rows below.
    standard_error : ndarray of shape (n_columns,)
        Of `explained`, as other rows would have it.
    pca_explained : ndarray of shape (n_columns,)
        The same of PCA with as many components.
    n_rows : int
        Number of rows.
    held_out : bool
        Whether the rows are held-out ones, or those trained on.
    """

    n_components: np.ndarray
    explained: np.ndarray
    standard_error: np.ndarray
    pca_explained: np.ndarray
    n_rows: int
    held_out: bool

    @property
    def reached(self) -> np.ndarray:
        """What is explained by so many columns or fewer; it never falls."""
        return np.maximum.accumulate(np.maximum(self.explained, 0.0))

    @property
    def increments(self) -> np.ndarray:
        """What each column adds to `reached`."""
        return np.diff(self.reached, prepend=0.0)


def explained_variance_curve(squares, pca_squares, *, held_out):
    """Return the curve of rows' squares.

    Parameters
    ----------
    squares, pca_squares : ndarray of shape (n_rows, 1 + n_columns)
        Each row's squared distance to the training mean, then its squared errors by
        number of columns.
    held_out : bool
    """
    n_rows = len(squares)
    distance = squares[:, 0].mean()
    shares, pca_shares = (
        _explained(part[:, 1:].mean(axis=0), distance)
        for part in (squares, pca_squares)
    )
    # The error of a ratio of means, to first order.
    residuals = squares[:, 1:] - (1 - shares) * squares[:, :1]
    errors = np.full(len(shares), np.nan)
    if n_rows > 1 and distance > 0:
        errors = residuals.std(axis=0, ddof=1) / (np.sqrt(n_rows) * distance)
    return ExplainedVarianceCurve(
        n_components=np.arange(1, len(shares) + 1),
        explained=shares,
        standard_error=errors,
        pca_explained=pca_shares,
        n_rows=n_rows,
        held_out=held_out,
    )


def _explained(errors, distance):
    """Return shares; rows at the mean are explained where they are given back.

    So have it scikit-learn's `r2_score` and the estimators' `score`.
    """
    return 1 - errors / distance if distance > 0 else 1 - np.sign(errors)


def fewest_columns(curve, share):
    """Return the smallest number of columns that explain a share; all where none do."""
    enough = np.flatnonzero(curve.reached >= share)
    return int(enough[0]) + 1 if len(enough) else len(curve.n_components)


def elbow(curve, n_directions, next_fall=0.0):
    """Return the number of columns after which what is left falls least.

    The logarithm of the share that a column leaves of what was left before it, over
    that of the next one, is largest there: the growth ratio [1]_. The next one counts
    as no less than one more of directions that are all alike.

    Parameters
    ----------
    curve : ExplainedVarianceCurve
    n_directions : int
        How many there are in which rows may differ.
    next_fall : float, default=0.0
        Logarithm of the share that a column after the last would leave, with its sign
        turned; where it is not known, it counts as its part of what is left.

    References
    ----------
    .. [1] Ahn, S. C. & Horenstein, A. R. (2013). Eigenvalue ratio test for the number
       of factors. Econometrica 81(3), 1203-1227.
    """
    left = np.maximum(1 - np.append(0.0, curve.reached), SMALLEST_LEFT)
    falls = np.log(left[:-1] / left[1:])
    n_left = np.maximum(n_directions - curve.n_components, 1)
    least = np.log1p(1 / n_left)
    following = np.maximum(np.append(falls[1:], next_fall), least)
    # As many columns as that are no reduction.
    ratios = (falls / following)[: max(1, n_directions - 1)]
    return int(np.argmax(ratios)) + 1
