"""Codes as features for a classifier: corruptions and penalties against PCA.

For each data set, half of the rows train a reducer and then a logistic regression and 5
nearest neighbours on its standardised codes, as many as given; the other half tests.
Figures are mean accuracies over the splits. "interactions" is synthetic: its class is
the sign of a product of two factors, each of which shows in ten noisy features.

    python docs/benchmarks/features.py [--splits 3] [--data FOLDER]

With --data, a folder with mnist.npz (X_train, y_train, X_test, y_test), 10 000 rows of
MNIST are added, and its test set: one fit of each kind, which takes long.
"""

import argparse
import platform
import time
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.corruptions import GaussianNoise, MaskingNoise, SwapNoise
from sklearn_ae.networks import Conv

REDUCERS = {
    "PCA": None,
    "plain": {},
    "Gaussian .5": {"corruption": GaussianNoise(0.5, relative=True)},
    "masking 30 %": {"corruption": MaskingNoise(0.3, fill="mean")},
    "swap 30 %": {"corruption": SwapNoise(0.3)},
    "decorrelation": {"penalty": "decorrelation"},
}
CONV = {
    "Conv": {"network": Conv(), "batch_size": 128, "max_epochs": 16},
    "Conv, masking 30 %": {
        "network": Conv(),
        "batch_size": 128,
        "max_epochs": 16,
        "corruption": MaskingNoise(0.3),
    },
}


def interactions(n_rows=1500):
    rng = np.random.RandomState(0)
    factors = rng.normal(size=(n_rows, 4))
    X = np.tanh(np.repeat(factors, 10, axis=1) * rng.uniform(0.5, 2, size=40))
    X += 0.5 * rng.normal(size=X.shape)
    return X, (factors[:, 0] * factors[:, 1] > 0).astype(int)


# name: data, size of the code, whether features are standardised first.
TABLES = {
    "breast cancer": (lambda: load_breast_cancer(return_X_y=True), 5, True),
    "wine": (lambda: load_wine(return_X_y=True), 3, True),
    "digits": (lambda: load_digits(return_X_y=True), 10, False),
    "interactions": (interactions, 4, True),
}


def make(params, n_components, seed):
    if params is None:
        return PCA(n_components, random_state=seed)
    return AutoencoderTransformer(
        n_components, device="cpu", random_state=seed, **params
    )


def accuracies(reducer, X, y, X_test, y_test):
    codes, test_codes = reducer.fit_transform(X), reducer.transform(X_test)
    return [
        make_pipeline(StandardScaler(), classifier)
        .fit(codes, y)
        .score(test_codes, y_test)
        for classifier in (LogisticRegression(max_iter=1000), KNeighborsClassifier(5))
    ]


def print_row(name, figures):
    print(f"| {name} | " + " | ".join(f"{f:.3f}" for f in figures) + " |", flush=True)


def on_tables(n_splits):
    for name, (load, n_components, scaled) in TABLES.items():
        X, y = load()
        for reducer, params in REDUCERS.items():
            figures = []
            for seed in range(n_splits):
                X_train, X_test, y_train, y_test = train_test_split(
                    X, y, test_size=0.5, stratify=y, random_state=seed
                )
                if scaled:
                    scaler = StandardScaler().fit(X_train)
                    X_train, X_test = map(scaler.transform, (X_train, X_test))
                model = make(params, n_components, seed)
                figures.append(accuracies(model, X_train, y_train, X_test, y_test))
            print_row(f"{name}, {n_components}: {reducer}", np.mean(figures, axis=0))


def on_mnist(folder):
    data = np.load(Path(folder, "mnist.npz"))
    chosen = np.random.RandomState(0).permutation(60_000)[:10_000]
    X, X_test = (
        (part.reshape(len(part), -1) / 255).astype(np.float32)
        for part in (data["X_train"][chosen], data["X_test"])
    )
    for reducer, params in {**REDUCERS, **CONV}.items():
        start = time.process_time()
        figures = accuracies(
            make(params, 32, 0), X, data["y_train"][chosen], X_test, data["y_test"]
        )
        seconds = time.process_time() - start
        print_row(f"MNIST, 32: {reducer} ({seconds:.0f} s)", figures)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--data", help="folder with mnist.npz")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, scikit-learn {sklearn.__version__}\n"
    )
    print("| data, size: reducer | linear | 5-NN |\n|---|---|---|", flush=True)
    if options.splits:
        on_tables(options.splits)
    if options.data:
        on_mnist(options.data)


if __name__ == "__main__":
    main()
