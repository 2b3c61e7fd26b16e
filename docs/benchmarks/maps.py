"""Maps of two columns: PCA, the default autoencoder, `Neighbours`, and UMAP if there.

Figures are of test rows: accuracies of 1 and 5 nearest neighbours among the codes of
the training rows, trustworthiness, and the squared error of reconstructions over the
squared distance to the mean; then seconds of the processor for the fit.

    python docs/benchmarks/maps.py digits
    python docs/benchmarks/maps.py fashion [--rows 20000] [--data FOLDER]
        [--only PCA ...]

FOLDER holds fashion_mnist.npz with X_train, y_train, X_test and y_test; without it the
data are fetched from openml.org. Pixels are in [0, 1]. UMAP takes part where
umap-learn is installed; its inverse is asked for 200 rows.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.datasets import fetch_openml, load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.networks import MLP
from sklearn_ae.penalties import Neighbours

# Test rows of which neighbours are compared, and which UMAP takes back.
N_TRUSTED, N_INVERTED = 2000, 200


def maps():
    """Yield reducers by name."""
    yield "PCA", PCA(2, random_state=0)
    yield "default", AutoencoderTransformer(2, random_state=0)
    map_of = AutoencoderTransformer(2, penalty=Neighbours(), random_state=0)
    yield "Neighbours", map_of
    wide = clone(map_of).set_params(network=MLP((256, 256, 256)))
    yield "Neighbours, MLP((256, 256, 256))", wide
    try:
        from umap import UMAP
    except ImportError:
        return
    # The first call compiles.
    UMAP().fit(np.random.default_rng(0).normal(size=(200, 5)))
    yield "UMAP", UMAP(random_state=0, n_jobs=1)


def load_fashion(n_rows, folder):
    """Return training and test rows and their classes."""
    if folder is None:
        X, y = fetch_openml("Fashion-MNIST", return_X_y=True, as_frame=False)
        data = X[:60000], X[60000:], y[:60000].astype(int), y[60000:].astype(int)
    else:
        file = np.load(Path(folder) / "fashion_mnist.npz")
        data = (file[name] for name in ("X_train", "X_test", "y_train", "y_test"))
    X, X_test, y, y_test = data
    rng = np.random.RandomState(0)
    chosen, tested = rng.permutation(len(X))[:n_rows], rng.permutation(10000)[:5000]
    pixels = (part.astype(np.float32) / 255 for part in (X[chosen], X_test[tested]))
    return *pixels, y[chosen], y_test[tested]


def compare(data, only):
    """Print a line for each reducer."""
    X, X_test, y, y_test = data
    for name, reducer in maps():
        if only and name not in only:
            continue
        start = time.process_time()
        codes = reducer.fit_transform(X)
        seconds = time.process_time() - start
        code = reducer.transform(X_test)
        scores = [
            KNeighborsClassifier(k).fit(codes, y).score(code, y_test) for k in (1, 5)
        ]
        trusted = trustworthiness(X_test[:N_TRUSTED], code[:N_TRUSTED])
        few = slice(N_INVERTED if name == "UMAP" else None)
        errors = X_test[few] - reducer.inverse_transform(code[few])
        error = np.square(errors).sum() / np.square(X_test[few] - X.mean(axis=0)).sum()
        figures = " | ".join(f"{value:.3f}" for value in [*scores, trusted, error])
        print(f"| {name} | {figures} | {seconds:.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=["digits", "fashion"])
    parser.add_argument("--rows", type=int, default=20000)
    parser.add_argument("--data")
    parser.add_argument("--only", nargs="+")
    args = parser.parse_args()
    if args.table == "fashion":
        compare(load_fashion(args.rows, args.data), args.only)
        return
    X, y = load_digits(return_X_y=True)
    for seed in range(3):
        print(f"split {seed}")
        data = train_test_split(X.astype(np.float32), y, random_state=seed)
        compare(data, args.only)


if __name__ == "__main__":
    main()
