"""How long a default fit takes on this machine, by rows and columns.

Run ``OMP_NUM_THREADS=1 python docs/benchmarks/fit_times.py``; it takes some minutes and
prints the tables of fit_times.md. ``--rows`` and ``--columns`` choose others. CPU
seconds of one fit each, with as many components as there are factors.
"""

import argparse
import platform
import time
import warnings

import numpy as np
import sklearn
import torch
from sklearn.decomposition import PCA

from sklearn_ae import AutoencoderTransformer, VAETransformer

N_FACTORS = 5
# Values of X beyond which a size is left out: 400 MB.
MOST_VALUES = 10**8


def linear(rng, n_rows, n_columns):
    """Return factors and noise: what PCA is for."""
    factors = rng.normal(size=(n_rows, N_FACTORS)).astype(np.float32)
    loadings = rng.normal(size=(N_FACTORS, n_columns)).astype(np.float32)
    X = factors @ loadings
    X += 0.5 * rng.standard_normal(X.shape, dtype=np.float32)
    return X


def curved(rng, n_rows, n_columns):
    """Return smooth functions of factors, and noise."""
    X = np.tanh(linear(rng, n_rows, n_columns))
    X += 0.1 * rng.standard_normal(X.shape, dtype=np.float32)
    return X


def seconds(estimator, X):
    """Return the CPU seconds of a fit."""
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X)
    return time.process_time() - start


def row(kind, n_rows, n_columns):
    """Return a line of the table."""
    X = kind(np.random.default_rng(0), n_rows, n_columns)
    pca = seconds(PCA(N_FACTORS, random_state=0), X)
    ae = AutoencoderTransformer(N_FACTORS, random_state=0)
    vae = VAETransformer(N_FACTORS, random_state=0)
    cells = [f"{pca:.3f}", f"{seconds(ae, X):.2f}", f"{ae.gain_over_pca_:.2f}"]
    cells += [f"{seconds(vae, X):.1f}", f"{vae.gain_over_pca_:.1f}"]
    return f"| {n_rows} x {n_columns} | {' | '.join(cells)} |"


def main(arguments):
    """Print both tables."""
    print(
        f"{platform.machine()}, torch {torch.__version__}, scikit-learn "
        f"{sklearn.__version__}, {torch.get_num_threads()} threads"
    )
    # What the first fit of a process pays once.
    for kind in (AutoencoderTransformer, VAETransformer):
        seconds(kind(2), curved(np.random.default_rng(0), 200, 10))
    for kind in (linear, curved):
        print(f"\n{kind.__name__}\n")
        print("| rows x columns | PCA | autoencoder | gain | VAE | gain, nats |")
        print("| --- | --- | --- | --- | --- | --- |")
        for n_rows in arguments.rows:
            for n_columns in arguments.columns:
                if n_rows * n_columns < MOST_VALUES:
                    print(row(kind, n_rows, n_columns), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--columns", type=int, nargs="+", default=[10, 100, 1000])
    main(parser.parse_args())
