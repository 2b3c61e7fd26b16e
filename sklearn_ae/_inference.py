"""Running a trained net over many rows: chunk by chunk, into one array."""

import numpy as np
import torch

from sklearn_ae._utils import own_modes

# Numbers, and rows, of a chunk: large enough for the arithmetic to be efficient, small
# enough for caches.
CHUNK_NUMBERS = 2**19
FEWEST_ROWS, MOST_ROWS = 256, 4096
# Training rows whose codes tell the density of codes.
MOST_CODES = 10_000


def thinned(rows, most=MOST_CODES):
    """Return every so many-th row, `most` of them at most."""
    return rows[:: -(-len(rows) // most)]


def chunk_rows(width):
    """Return how many rows of a width to take at a time."""
    return min(max(CHUNK_NUMBERS // width, FEWEST_ROWS), MOST_ROWS)


def chunks(net, X, prepare, n_rows):
    """Yield slices of rows and, as tensors for a net in evaluation mode, their chunks.

    Parameters
    ----------
    net, X, prepare, n_rows
        As for `apply_in_chunks`.
    """
    # To ask for the mode takes less time than to set it, which matters for single rows.
    if any(part.training for part in net.module_.modules()):
        net._set_training(False)
    for start in range(0, len(X), n_rows):
        rows = slice(start, start + n_rows)
        yield rows, torch.from_numpy(prepare(X[rows])).to(net.device)


def apply_in_chunks(net, function, X, out, prepare, n_rows):
    """Fill `out` with a torch function of prepared chunks of X's rows.

    Parameters
    ----------
    net : Net
        Whose module is put in evaluation mode; tells the device.
    function : callable
        From a float32 tensor to a tensor of as many rows.
    X : ndarray or SparseRows
        Rows.
    out : ndarray
        Where the results go, row by row.
    prepare : callable
        From some rows of X to the float32 array that `function` gets as a tensor.
    n_rows : int
        Rows of a chunk.

    Returns
    -------
    out : ndarray
        The array that was given.
    """
    with own_modes(inference=True):
        for rows, chunk in chunks(net, X, prepare, n_rows):
            out[rows] = function(chunk).cpu().numpy()
    return out


def check_finite(out):
    """Return `out`, or raise ValueError if it is not finite."""
    if not np.isfinite(out).all():
        raise ValueError(
            "The network's output is not finite: X has rows far outside the training "
            "data's range."
        )
    return out
