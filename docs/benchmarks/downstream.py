"""Codes as features: classifiers on ours against the same classifiers on PCA's.

Accuracy of a logistic regression (on standardised codes) and of five nearest neighbours
(on the codes as they are), in five folds whose training rows alone the reducer and the
classifier see. At two components also the trustworthiness of the held-out rows' codes
[1]_. AutoencoderTransformer has its defaults.

    python docs/benchmarks/downstream.py [--data FOLDER] [--seeds 3] [--only digits]

References
----------
.. [1] Venna, J. & Kaski, S. (2001). Neighborhood preservation in nonlinear projection
   methods: an experimental study. International Conference on Artificial Neural
   Networks, 485-491.
"""

import argparse
import platform
import warnings
from collections import defaultdict

import datasets
import numpy as np
import sklearn
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import trustworthiness
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer

SIZES = (2, 5, 10, 20)
MEASURES = ("logistic", "neighbours", "trustworthiness")


def digits_of_mnist(folder):
    arrays = datasets.load_images("mnist", folder)
    rows = np.random.RandomState(0).permutation(60_000)[:10_000]
    return arrays["X_train"][rows] / np.float32(255), arrays["y_train"][rows]


def tables(folder):
    return {
        "digits": lambda: load_digits(return_X_y=True),
        "breast cancer": lambda: load_breast_cancer(return_X_y=True),
        "MNIST, 10 000": lambda: digits_of_mnist(folder),
    }


def measures(reducer, train, y_train, test, y_test):
    codes, test_codes = reducer.transform(train), reducer.transform(test)
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    found = {
        "logistic": logistic.fit(codes, y_train).score(test_codes, y_test),
        "neighbours": KNeighborsClassifier()
        .fit(codes, y_train)
        .score(test_codes, y_test),
    }
    if codes.shape[1] == 2:
        found["trustworthiness"] = trustworthiness(test, test_codes, n_neighbors=5)
    return found


def compare(X, y, k, seed):
    """Return PCA's and our measures, averaged over five folds."""
    sums = defaultdict(float)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    for train, test in folds.split(X, y):
        reducers = {
            "PCA": PCA(k, random_state=seed),
            "ours": AutoencoderTransformer(k, random_state=seed),
        }
        for name, reducer in reducers.items():
            reducer.fit(X[train])
            found = measures(reducer, X[train], y[train], X[test], y[test])
            for measure, value in found.items():
                sums[measure, name] += value / 5
    return sums


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with mnist.npz")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--only", help="part of a table's name")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    print("| data | k | " + " | ".join(f"{m}: PCA | ours" for m in MEASURES) + " |")
    print("|---|---" + "|---|---" * len(MEASURES) + "|", flush=True)
    for table, load in tables(args.data).items():
        if args.only is not None and args.only not in table:
            continue
        X, y = load()
        for k in args.sizes:
            runs = [compare(X, y, k, seed) for seed in range(args.seeds)]
            cells = [
                f"{np.mean([run[measure, name] for run in runs]):.3f}"
                if (measure, name) in runs[0]
                else ""
                for measure in MEASURES
                for name in ("PCA", "ours")
            ]
            print(f"| {table} | {k} | {' | '.join(cells)} |", flush=True)
    print(
        f"\n{args.seeds} seeds. Python {platform.python_version()}, torch "
        f"{torch.__version__}, scikit-learn {sklearn.__version__}, one thread."
    )


if __name__ == "__main__":
    main()
