"""Alarms on new usual rows, and the ranking of odd ones, by AnomalyDetector.

    python docs/benchmarks/anomalies.py [--only NAME ...] [--seeds 3] [--data FOLDER]
    python docs/benchmarks/anomalies.py --found [--only NAME ...] [--seeds 2]

The first trains on usual rows alone and judges new ones: with a threshold from the
scores of the rows trained on, and by `AnomalyDetector`. `--found` has a twentieth of
outliers among the rows of ``fit``, and counts how many of the rows that are called
outliers are some. FOLDER holds mnist.npz. Seconds are of the processor; all on one
thread.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import LocalOutlierFactor
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AnomalyDetector, AutoencoderTransformer, VAETransformer

RATES = (0.01, 0.05, 0.10)


def digits(seed, folder):
    X, y = load_digits(return_X_y=True)
    return X[y < 5], X[y >= 5], 8


def breast_cancer(seed, folder):
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit(X[y == 1]).transform(X)
    return X[y == 1], X[y == 0], 8


def swiss_roll(seed, folder):
    rng = np.random.RandomState(seed)
    X = make_swiss_roll(3000, noise=0.1, random_state=rng)[0]
    return X, rng.uniform(X.min(axis=0), X.max(axis=0), size=(1000, 3)), 2


def gaussian(seed, folder):
    """Five factors, noise, and outliers of which one feature is off by four sigma."""
    rng = np.random.RandomState(seed)
    rows = rng.normal(size=(4000, 5)) @ rng.normal(size=(5, 20))
    rows += rng.normal(size=rows.shape)
    odd = rows[3000:].copy()
    odd[np.arange(1000), rng.randint(20, size=1000)] += 4
    return rows[:3000], odd, 5


def mnist(seed, folder):
    """10 000 images of all digits but one to train on."""
    with np.load(Path(folder, "mnist.npz")) as arrays:
        X = arrays["X_train"].reshape(60_000, -1).astype(np.float32) / 255
        y = arrays["y_train"]
    order = np.random.RandomState(seed).permutation(len(X))
    X, y = X[order], y[order]
    digit = (4 + seed) % 10
    return X[y != digit][:15_000], X[y == digit][:2000], 16


SETS = {
    "digits": digits,
    "breast cancer": breast_cancer,
    "swiss roll": swiss_roll,
    "gaussian": gaussian,
    "MNIST": mnist,
}


def estimators(n_components, seed):
    return {
        "AutoencoderTransformer": AutoencoderTransformer(
            n_components, random_state=seed
        ),
        "VAETransformer": VAETransformer(n_components, random_state=seed),
        "PCA": PCA(n_components),
        "IsolationForest": IsolationForest(random_state=seed),
        "LocalOutlierFactor": LocalOutlierFactor(novelty=True),
    }


def auc(usual, odd):
    scores = np.nan_to_num(np.concatenate([usual, odd]), neginf=-1e30)
    return roc_auc_score(np.arange(len(scores)) < len(usual), scores)


def timed(model, X):
    start = time.process_time()
    return model.fit(X), time.process_time() - start


def alarms(scores, thresholds):
    return [float((scores < threshold).mean()) for threshold in thresholds]


def new_rows(make, seed, folder):
    """Yield what one split gives: a name, and a row of figures."""
    usual, odd, n_components = make(seed, folder)
    n_train = 10_000 if len(usual) > 10_000 else len(usual) // 2
    train, test = train_test_split(usual, train_size=n_train, random_state=seed)
    for name, model in estimators(n_components, seed).items():
        model, seconds = timed(clone(model), train)
        scores = model.score_samples(test)
        own = np.quantile(model.score_samples(train), RATES)
        before = [auc(scores, model.score_samples(odd)), *alarms(scores, own), seconds]
        detector = AnomalyDetector(clone(model), random_state=seed)
        detector, seconds = timed(detector, train)
        p = detector.p_values(test)
        after = [auc(detector.score_samples(test), detector.score_samples(odd))]
        yield name, [*before, *after, *((p <= rate).mean() for rate in RATES), seconds]


def found_rows(make, seed, folder):
    """Yield the share of outliers among the rows that are called so."""
    usual, odd, n_components = make(seed, folder)
    rng = np.random.RandomState(seed)
    usual = usual[rng.permutation(len(usual))[: min(len(usual) // 2, 10_000)]]
    odd = odd[rng.permutation(len(odd))[: round(len(usual) / 19)]]
    X = np.concatenate([usual, odd])
    is_odd = np.arange(len(X)) >= len(usual)
    order = rng.permutation(len(X))
    X, is_odd = X[order], is_odd[order]
    for name, model in estimators(n_components, seed).items():
        model = clone(model)
        if name == "LocalOutlierFactor":
            model.set_params(novelty=False)
            own = model.fit(X).negative_outlier_factor_
        else:
            own = model.fit(X).score_samples(X)
        lowest = np.argsort(own)[: round(0.05 * len(X))]
        row = [is_odd[lowest].mean()]
        base = estimators(n_components, seed)[name]
        detector = AnomalyDetector(base, contamination=0.05, random_state=seed)
        detector, seconds = timed(detector, X)
        yield name, [*row, is_odd[detector.predict(X) == -1].mean(), seconds]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", help="folder with mnist.npz")
    parser.add_argument("--only", nargs="+", choices=SETS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--found", action="store_true")
    options = parser.parse_args()
    for data in options.only or SETS:
        table = {}
        for seed in range(options.seeds):
            measure = found_rows if options.found else new_rows
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for name, row in measure(SETS[data], seed, options.data):
                    table.setdefault(name, []).append(row)
        for name, rows in table.items():
            figures = " | ".join(f"{value:.3f}" for value in np.mean(rows, axis=0))
            print(f"| {data} | {name} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
