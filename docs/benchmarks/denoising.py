"""Denoising against PCA and the linear Wiener filter.

The estimators are fitted to clean training rows with a corruption and clean up test
rows with the same noise, drawn once. Figures are mean squared errors to the clean test
rows, over that of the best PCA: the one of all numbers of components whose
reconstruction of the noisy test rows is best, a choice that needs the clean ones. The
Wiener filter is the affine map of least expected error, from the training rows'
covariance and the noise's. "matched" fits know the noise's level, "range" fits draw one
for each row, so that one fit of each kind of noise serves two levels.

    python docs/benchmarks/denoising.py --data FOLDER [--only digits] [--network Conv]
                                        [--fits range]

FOLDER holds mnist.npz with X_train and X_test; without it the data are fetched from
openml.org. Pixels are in [0, 1].
"""

import argparse
import platform
import time
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.datasets import fetch_openml, load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.corruptions import GaussianNoise, MaskingNoise
from sklearn_ae.networks import Conv

# name: kind and level.
NOISES = {
    "Gaussian .3": ("gaussian", 0.3),
    "Gaussian .5": ("gaussian", 0.5),
    "masking 30 %": ("masking", 0.3),
    "masking 50 %": ("masking", 0.5),
}
RANGES = {
    "gaussian": GaussianNoise(scale=(0.1, 0.6)),
    "masking": MaskingNoise(rate=(0.1, 0.6)),
}
# Parameters of AutoencoderTransformer for each network and data set.
PARAMETERS = {
    ("MLP", "digits"): {"n_components": 16},
    ("MLP", "mnist"): {"n_components": 32, "max_epochs": 20},
    ("Conv", "mnist"): {
        "n_components": 32,
        "network": Conv(),
        "batch_size": 64,
        "max_epochs": 20,
    },
}


def load(name, folder, n_rows):
    """Return clean training and test rows."""
    if name == "digits":
        return train_test_split(load_digits().data / 16, random_state=0)
    path = Path(folder or "", "mnist.npz")
    if path.exists():
        data = np.load(path)
        X, X_test = data["X_train"], data["X_test"]
    else:
        images = fetch_openml("mnist_784", as_frame=False, parser="liac-arff").data
        X, X_test = images[:60_000], images[60_000:]
    X = X[np.random.RandomState(0).permutation(len(X))[:n_rows]]
    return tuple(
        (part.reshape(len(part), -1) / 255).astype(np.float32) for part in (X, X_test)
    )


def corruption(kind, level):
    return GaussianNoise(level) if kind == "gaussian" else MaskingNoise(level)


def corrupted(X, kind, level):
    rng = np.random.RandomState(1)
    if kind == "gaussian":
        return X + level * rng.normal(size=X.shape)
    return np.where(rng.uniform(size=X.shape) < level, 0.0, X)


def best_pca(X, noisy, clean):
    """Return the smallest error of PCA's reconstructions, and its size."""
    pca = PCA().fit(X)
    codes = pca.transform(noisy)
    # Squared errors with k axes, from those with k - 1 and the k-th codes.
    gains = np.square(codes - pca.transform(clean)) - np.square(pca.transform(clean))
    total = np.square(clean - pca.mean_).sum()
    errors = (total + np.cumsum(gains.sum(axis=0))) / clean.size
    return errors.min(), 1 + int(errors.argmin())


def wiener(X, noisy, kind, level):
    """Return the linear reconstruction of least expected error."""
    mean, covariance = X.mean(axis=0), np.cov(X.T)
    if kind == "gaussian":
        kept, noise = 1.0, np.full(len(mean), level**2)
    else:
        kept = 1 - level
        noise = kept * level * np.square(X).mean(axis=0)
    # A pixel that never varies needs some noise to be inverted.
    seen = kept**2 * covariance + np.diag(noise + 1e-6)
    weights = np.linalg.solve(seen, kept * covariance)
    return mean + (noisy - kept * mean) @ weights


def fit(params, corruption, X):
    model = AutoencoderTransformer(
        **params, corruption=corruption, random_state=0, device="cpu"
    )
    start = time.process_time()
    model.fit(X)
    return model, time.process_time() - start


def compare(network, data_name, data, fits):
    X, clean = data
    params = PARAMETERS[network, data_name]
    ranged = {}
    for name, (kind, level) in NOISES.items():
        noisy = corrupted(clean, kind, level)

        def error(rows):
            return float(np.square(rows - clean).mean())

        pca, size = best_pca(X, noisy, clean)
        cells = [
            f"{data_name}, {network}, {name}",
            f"{pca:.5f} ({size})",
            f"{error(wiener(X, noisy, kind, level)) / pca:.3f}",
        ]
        models = []
        if "matched" in fits:
            models.append(fit(params, corruption(kind, level), X))
        if "range" in fits:
            if kind not in ranged:
                ranged[kind] = fit(params, RANGES[kind], X)
            models.append(ranged[kind])
        for model, seconds in models:
            ratio = error(model.denoise(noisy)) / pca
            cells += [f"{ratio:.3f}", f"{seconds:.0f} s"]
        print("| " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with mnist.npz")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--only", choices=["digits", "mnist"])
    parser.add_argument("--network", choices=["MLP", "Conv"])
    parser.add_argument(
        "--fits", nargs="+", choices=["matched", "range"], default=["matched", "range"]
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, scikit-learn {sklearn.__version__}\n"
    )
    columns = ["", "best PCA (k)", "Wiener / PCA"]
    for kind in ("matched", "range"):
        if kind in options.fits:
            columns += [f"{kind} / PCA", "fit"]
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|", flush=True)
    for network, name in PARAMETERS:
        if options.only in (None, name) and options.network in (None, network):
            data = load(name, options.data, options.rows)
            compare(network, name, data, options.fits)


if __name__ == "__main__":
    main()
