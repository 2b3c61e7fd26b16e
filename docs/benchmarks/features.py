"""Codes as features for a classifier: corruptions and penalties against PCA.

Figures are the accuracies of a logistic regression on standardised codes and of 5
nearest neighbours, on codes as they are and on standardised ones.

Tables: half of the rows train a reducer and then the classifiers; the other half tests.
Figures are means over the splits. "interactions" is synthetic: its class is the sign of
a product of two factors, each of which shows in ten noisy features.

MNIST: 10 000 training images train a reducer, without their labels. Its setting is to
be chosen by the first three figures, of classifiers that learn from 8 000 of these
images and are tested on the other 2 000; the others are of classifiers that learn from
all of them and are tested on the 10 000 test images.

    python docs/benchmarks/features.py tables [--splits 3]
    python docs/benchmarks/features.py mnist [--data FOLDER] [--only "MLP, plain" ...]

FOLDER holds mnist.npz with X_train, y_train, X_test and y_test; without it the data are
fetched from openml.org. Pixels are in [0, 1].
"""

import argparse
import platform
import time
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.datasets import (
    fetch_openml,
    load_breast_cancer,
    load_digits,
    load_wine,
)
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.corruptions import GaussianNoise, MaskingNoise, SwapNoise
from sklearn_ae.networks import Conv

ON_TABLES = {
    "PCA": None,
    "plain": {},
    "Gaussian .5": {"corruption": GaussianNoise(0.5, relative=True)},
    "masking 30 %": {"corruption": MaskingNoise(0.3, fill="mean")},
    "swap 30 %": {"corruption": SwapNoise(0.3)},
    "decorrelation": {"penalty": "decorrelation"},
}
# Levels that are drawn for each row, and training of a minute, as in denoising.py.
MLP_20 = {"max_epochs": 20}
CONV = {"network": Conv(), "batch_size": 64, "max_epochs": 8}
GAUSSIAN = {"corruption": GaussianNoise(scale=(0.1, 0.6))}
MASKING = {"corruption": MaskingNoise(rate=(0.1, 0.6))}
ON_MNIST = {
    "PCA": None,
    "MLP, plain": MLP_20,
    "MLP, Gaussian": {**MLP_20, **GAUSSIAN},
    "MLP, masking": {**MLP_20, **MASKING},
    "MLP, contractive": {**MLP_20, "penalty": "contractive"},
    "MLP, decorrelation": {**MLP_20, "penalty": "decorrelation"},
    "Conv, plain": CONV,
    "Conv, Gaussian": {**CONV, **GAUSSIAN},
    "Conv, masking": {**CONV, **MASKING},
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


def accuracies(codes, y, test_codes, y_test):
    """Return those of a linear classifier, of neighbours, of neighbours when scaled."""
    linear = LogisticRegression(max_iter=1000)
    classifiers = (
        make_pipeline(StandardScaler(), linear),
        KNeighborsClassifier(5),
        make_pipeline(StandardScaler(), KNeighborsClassifier(5)),
    )
    return [model.fit(codes, y).score(test_codes, y_test) for model in classifiers]


def print_row(name, figures):
    print(f"| {name} | " + " | ".join(f"{f:.3f}" for f in figures) + " |", flush=True)


def on_tables(n_splits):
    print("| data, size: reducer | linear | 5-NN | 5-NN, scaled |")
    print("|---" * 4 + "|", flush=True)
    for name, (load, n_components, scaled) in TABLES.items():
        X, y = load()
        for reducer, params in ON_TABLES.items():
            figures = []
            for seed in range(n_splits):
                X_train, X_test, y_train, y_test = train_test_split(
                    X, y, test_size=0.5, stratify=y, random_state=seed
                )
                if scaled:
                    scaler = StandardScaler().fit(X_train)
                    X_train, X_test = map(scaler.transform, (X_train, X_test))
                model = make(params, n_components, seed).fit(X_train)
                codes, test_codes = map(model.transform, (X_train, X_test))
                figures.append(accuracies(codes, y_train, test_codes, y_test))
            print_row(f"{name}, {n_components}: {reducer}", np.mean(figures, axis=0))


def load_mnist(folder):
    """Return training rows and labels, test rows and labels."""
    path = Path(folder or "", "mnist.npz")
    if path.exists():
        data = np.load(path)
        X, y, X_test, y_test = (
            data[name] for name in ("X_train", "y_train", "X_test", "y_test")
        )
    else:
        images, labels = fetch_openml(
            "mnist_784", return_X_y=True, as_frame=False, parser="liac-arff"
        )
        X, X_test = images[:60_000], images[60_000:]
        y, y_test = labels[:60_000], labels[60_000:]
    chosen = np.random.RandomState(0).permutation(60_000)[:10_000]

    def pixels(images):
        return (images.reshape(len(images), -1) / 255).astype(np.float32)

    return pixels(X[chosen]), y[chosen], pixels(X_test), y_test


def print_on_mnist(name, model, seconds, data):
    X, y, X_test, y_test = data
    codes, test_codes = model.transform(X), model.transform(X_test)
    chosen_by = accuracies(codes[:8000], y[:8000], codes[8000:], y[8000:])
    figures = [*chosen_by, *accuracies(codes, y, test_codes, y_test)]
    print_row(f"{name} ({seconds:.0f} s)", figures)


def on_mnist(folder, reducers):
    names = ["linear", "5-NN", "5-NN, scaled"]
    columns = [f"{name}, 2 000" for name in names] + names
    print("| 32 components: reducer | " + " | ".join(columns) + " |")
    print("|---" * 7 + "|", flush=True)
    data = load_mnist(folder)
    for name in reducers:
        start = time.process_time()
        model = make(ON_MNIST[name], 32, 0).fit(data[0])
        print_on_mnist(name, model, time.process_time() - start, data)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["tables", "mnist"])
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--data", help="folder with mnist.npz")
    parser.add_argument("--only", nargs="+", choices=ON_MNIST, default=list(ON_MNIST))
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, scikit-learn {sklearn.__version__}\n"
    )
    if options.what == "tables":
        on_tables(options.splits)
    else:
        on_mnist(options.data, options.only)


if __name__ == "__main__":
    main()
