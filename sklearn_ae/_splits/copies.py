"""Rows that are copies of each other.

A network that has trained on a row knows its copies by heart. Among the held-out rows
they would speak for it, and several copies there would count as independent evidence.
"""

import numpy as np

from sklearn_ae._rows.joined import JoinedRows
from sklearn_ae._rows.sparse import SparseRows

# Values whose hashes are computed at a time, few enough for a processor's cache.
HASHED_VALUES = 2**16
# Distinct rows by which it is judged how often rows are equal by chance, and how much
# more often than if columns were independent that may be.
JUDGED_ROWS, DEPENDENCE = 1000, 1e4


def originals(rows):
    """Return for each row the index of the first row that it is a copy of.

    Its own index where there is none. Rows of few possible values, such as bits, are
    often equal without being copies: new rows will equal those trained on as well. So
    where rows may be equal by chance, none counts as a copy.
    """
    hashes = row_hashes(rows)
    in_order = np.sort(hashes)
    if (in_order[1:] != in_order[:-1]).all():
        return np.arange(len(rows))
    _, first, which, counts = np.unique(
        hashes, return_index=True, return_inverse=True, return_counts=True
    )
    share = _pairs(counts).sum() / _pairs(len(rows))
    # They are in the order of their hashes, which is as good as a random one.
    if are_equal_by_chance(rows[first[:JUDGED_ROWS]], share):
        return np.arange(len(rows))
    return first[which]


def row_hashes(rows):
    """Return a 64-bit number for each row, the same for equal rows alone.

    NaN equals NaN and -0.0 equals 0.0. That two different rows share a number is less
    likely than 2 ** -60 [1]_.

    References
    ----------
    .. [1] Lemire, D. & Kaser, O. (2014). Strongly universal string hashing is fast.
       The Computer Journal 57(11), 1624-1638.
    """
    if isinstance(rows, JoinedRows):
        return rows.gathered(row_hashes(np.asarray(rows.local)).view(np.int64)).view(
            np.uint64
        )
    n_rows, n_features = rows.shape
    factors = np.random.default_rng(0).integers(
        2**64, size=(n_features, 2), dtype=np.uint64
    )
    if isinstance(rows, SparseRows):
        return _upper_halves(_sparse_sums(rows, factors))
    hashes = np.empty(n_rows, dtype=np.uint64)
    n_together = max(1, HASHED_VALUES // n_features)
    for start in range(0, n_rows, n_together):
        stop = start + n_together
        sums = _bits(rows[start:stop]).astype(np.uint64) @ factors
        hashes[start:stop] = _upper_halves(sums)
    return hashes


def _upper_halves(sums):
    """Return the upper halves of two sums, those that are well mixed, as one number."""
    upper, lower = (sums >> np.uint64(32)).T
    return (upper << np.uint64(32)) | lower


def _sparse_sums(rows, factors):
    """Return what dense rows' bits times factors add up to, modulo 2 ** 64."""
    matrix, fill = rows.matrix, _bits(rows.fill).astype(np.uint64)
    others = _bits(matrix.data).astype(np.uint64) - fill[matrix.indices]
    sums = np.empty((len(rows), factors.shape[1]), dtype=np.uint64)
    for number, column in enumerate(factors.T):
        steps = np.cumsum(others * column[matrix.indices], dtype=np.uint64)
        steps = np.append(np.uint64(0), steps)[matrix.indptr]
        sums[:, number] = fill @ column + np.diff(steps)
    return sums


def are_equal_by_chance(distinct, share):
    """Whether as large a share of the pairs of rows may be equal by chance.

    It is compared with what it would be if columns were independent, and two rows
    agreed in each as often as two distinct rows do. A tenth of a pair more counts as
    agreeing, so that few distinct rows or a single column say little.
    """
    expected = 1.0
    is_sparse = isinstance(distinct, SparseRows)
    columns = map(_bits, distinct.columns()) if is_sparse else _bits(distinct).T
    for column in columns:
        _, counts = np.unique(column, return_counts=True)
        expected *= (_pairs(counts).sum() + 0.1) / (_pairs(len(distinct)) + 0.1)
        if share > DEPENDENCE * expected:
            return False
    return True


def _pairs(n):
    return n * (n - 1) // 2


def _bits(rows):
    """Return float32 values as integers that are equal where the values are."""
    values = np.asarray(rows) + np.float32(0.0)  # -0.0 + 0.0 is 0.0
    values[np.isnan(values)] = np.nan
    return values.view(np.uint32)
