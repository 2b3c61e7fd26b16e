"""Ordered codes: prefixes against fits of their own, the guard, and numbers of columns.

    python docs/benchmarks/ordered.py prefixes [--seeds 3] [--images] [--data FOLDER]
    python docs/benchmarks/ordered.py guard [--seeds 5] [--only NAME]
    python docs/benchmarks/ordered.py shares [--seeds 3] [--images] [--data FOLDER]
    python docs/benchmarks/ordered.py auto [--seeds 20]
    python docs/benchmarks/ordered.py search

`prefixes` compares the first j of 32 ordered columns with a fit of j columns alone.
`guard` compares every prefix with PCA of as many components on the tables of
versus_pca.py. `shares` asks for shares of the variance, `auto` for a number of columns.
`search` counts the time of a grid search with one training a fold and without. A third
of the rows is held out, everything else is at its defaults, and CPU seconds are those
of one thread.
"""

import argparse
import os
import tempfile
import time
import warnings

# One thread, before NumPy and torch are imported.
os.environ["OMP_NUM_THREADS"] = "1"

import datasets
import numpy as np
from sklearn.datasets import load_digits, make_s_curve, make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer

SIZES = (1, 2, 4, 8, 16, 32)
IMAGES = ("MNIST, 10 000", "Fashion-MNIST, 10 000")
SHARES = (0.8, 0.9, 0.95)
MOST_COLUMNS = 16
# Errors have this floor, a share of the variance, as in versus_pca.py.
FLOOR = 1e-10


def timed(function):
    """Return what a function returns, and its CPU seconds."""
    begin = time.process_time()
    result = function()
    return result, time.process_time() - begin


def split(X, seed):
    return train_test_split(X, test_size=1 / 3, random_state=seed)


def draw(name, seed):
    """Return the rows of a table by its name."""
    tables = datasets.REPORT + datasets.REPORT_IMAGES
    (table,) = (table for table in tables if table.name == name)
    return table.draw(np.random.RandomState(seed))


def errors_of_prefixes(codes, decode, X, sizes):
    return np.array([np.mean((X - decode(codes[:, :j])) ** 2) for j in sizes])


def pca_errors(train, test, sizes):
    most = max(sizes)
    pca = PCA(min(most, *train.shape), svd_solver="full").fit(train)

    def decode(scores):
        return scores @ pca.components_[: scores.shape[1]] + pca.mean_

    return errors_of_prefixes(pca.transform(test), decode, test, sizes)


def ordered_fit(train, n_components, seed):
    return timed(
        lambda: AutoencoderTransformer(
            n_components, ordered=True, random_state=seed
        ).fit(train)
    )


def fit_alone(train, n_components, seed):
    return timed(
        lambda: AutoencoderTransformer(n_components, random_state=seed).fit(train)
    )


def prefixes(options):
    for name in IMAGES[:1] if options.images else ["digits"]:
        ratios, seconds = {"alone": [], "prefix": []}, {"alone": [], "prefix": []}
        for seed in range(options.seeds):
            train, test = split(draw(name, seed), seed)
            baseline = pca_errors(train, test, SIZES)
            ordered, took = ordered_fit(train, max(SIZES), seed)
            codes = ordered.transform(test)
            errors = errors_of_prefixes(codes, ordered.inverse_transform, test, SIZES)
            ratios["prefix"].append(errors / baseline)
            seconds["prefix"].append(took)
            alone = []
            for j in SIZES:
                model, took = fit_alone(train, j, seed)
                alone.append(np.mean((test - model.reconstruct(test)) ** 2))
            seconds["alone"].append(took)
            ratios["alone"].append(np.array(alone) / baseline)
        for kind, rows in ratios.items():
            figures = " ".join(f"{value:.3f}" for value in np.mean(rows, axis=0))
            print(f"{name:>12} {kind:>7} {figures}  {np.mean(seconds[kind]):.2f} s")


def guard(options):
    worst = []
    for table in datasets.REPORT:
        if options.only and options.only not in table.name:
            continue
        for seed in range(options.seeds):
            train, test = split(table.draw(np.random.RandomState(seed)), seed)
            # All components reproduce the rows.
            k = min(MOST_COLUMNS, *train.shape, train.shape[1] - 1)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                model = AutoencoderTransformer(k, ordered=True, random_state=seed)
                model.fit(train)
            sizes = range(1, k + 1)
            codes = model.transform(test)
            errors = errors_of_prefixes(codes, model.inverse_transform, test, sizes)
            floor = FLOOR * train.var(axis=0).mean()
            ratios = (errors + floor) / (pca_errors(train, test, sizes) + floor)
            module = model.net_.module_
            kind = "bent codes" if module.codes_bend else "PCA's scores"
            n_open = int(module.gates.sum()) if module.networks_on else 0
            print(
                f"{table.name:>24} {seed} {k:3d} {kind:>12} {n_open:3d} "
                f"mean {ratios.mean():.4f} worst {ratios.max():.4f}",
                flush=True,
            )
            worst.append(ratios)
    every = np.concatenate(worst)
    print(
        f"{len(worst)} fits, {len(every)} prefixes: geometric mean "
        f"{np.exp(np.log(every).mean()):.3f}, above 1.001 {(every > 1.001).sum()}, "
        f"above 1.01 {(every > 1.01).sum()}, worst {every.max():.4f}"
    )


def factors(n_factors, curved, seed):
    """Return rows of so many factors, linear or through tanh, with noise."""
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(1500, n_factors)) @ rng.normal(size=(n_factors, 30))
    X = np.tanh(2 * X) if curved else X
    noise = 0.05 if curved else 0.3
    return X + noise * X.std() * rng.normal(size=X.shape)


SYNTHETIC = {
    "swiss roll": (2, lambda seed: make_swiss_roll(1500, random_state=seed)[0]),
    "S curve": (2, lambda seed: make_s_curve(1500, random_state=seed)[0]),
    **{
        f"tanh factors {k}": (k, lambda seed, k=k: factors(k, True, seed))
        for k in (2, 3, 5)
    },
    **{
        f"linear factors {k}": (k, lambda seed, k=k: factors(k, False, seed))
        for k in (2, 5, 10)
    },
}


def shares(options):
    tables = {
        name: (lambda seed, name=name: draw(name, seed))
        for name in (IMAGES if options.images else ["digits", "breast cancer, scaled"])
    }
    if not options.images:
        for name in ("S curve", "tanh factors 5", "linear factors 10"):
            tables[name] = SYNTHETIC[name][1]
    for name, drawn in tables.items():
        for share in SHARES:
            found = []
            for seed in range(options.seeds):
                train, test = split(drawn(seed), seed)
                model = AutoencoderTransformer(share, random_state=seed)
                _, took = timed(lambda model=model, train=train: model.fit(train))
                n_pca = PCA(share, svd_solver="full").fit(train).n_components_
                found.append([model.n_components_, n_pca, model.score(test), took])
            ours, pca, explained, took = np.mean(found, axis=0)
            print(
                f"{name:>22} {share:.2f}: {ours:5.1f} columns, PCA {pca:5.1f} "
                f"({ours / pca:.2f}), explained {explained:.3f}, {took:.1f} s",
                flush=True,
            )


def auto(options):
    for name, (expected, drawn) in SYNTHETIC.items():
        found = [
            AutoencoderTransformer("auto", random_state=seed)
            .fit(drawn(seed))
            .n_components_
            for seed in range(options.seeds)
        ]
        right = sum(k == expected for k in found)
        print(f"{name:>18}: {right} of {len(found)}; {found}", flush=True)
    for name in ("digits", "breast cancer, scaled", "wine, scaled", "diabetes"):
        model = AutoencoderTransformer("auto", random_state=0).fit(draw(name, 0))
        print(f"{name:>22}: {model.n_components_}")


def search(options):
    X, y = load_digits(return_X_y=True)
    grid = {"autoencodertransformer__n_components": [2, 4, 8, 12, 16, 24]}
    with tempfile.TemporaryDirectory() as folder:
        for memory in (None, folder):
            reducer = AutoencoderTransformer(ordered=24, memory=memory, random_state=0)
            pipeline = make_pipeline(
                StandardScaler(), reducer, LogisticRegression(max_iter=2000)
            )
            found, took = timed(
                lambda pipeline=pipeline: GridSearchCV(pipeline, grid, cv=5).fit(X, y)
            )
            scores = found.cv_results_["mean_test_score"].round(3)
            print(f"memory={'a folder' if memory else None}: {took:.1f} s, {scores}")


def main():
    parts = {f.__name__: f for f in (prefixes, guard, shares, auto, search)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=list(parts))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", help="part of a table's name")
    parser.add_argument("--images", action="store_true", help="the image sets alone")
    parser.add_argument("--data", help="folder with mnist.npz and fashion_mnist.npz")
    options = parser.parse_args()
    datasets.use_images_of(options.data)
    parts[options.part](options)


if __name__ == "__main__":
    main()
