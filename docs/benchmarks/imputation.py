"""Filling in missing values, against scikit-learn's imputers.

Values are taken out completely at random, of a category all of its columns; each
imputer is fitted to what is left and fills it in. Columns are standardised by their
observed values first. Figures are root mean squared errors of the missing values, in
standard deviations of their columns, and seconds of fitting and filling in, as means
over the seeds.

    python docs/benchmarks/imputation.py [--only digits ...] [--rates 0.3] [--seeds 3]
    python docs/benchmarks/imputation.py --tables --data FOLDER --rates 0.2

The second is of the tables in `imputation_tables.py`, which says what the folder is.
"""

import argparse
import platform
import time
import warnings

import numpy as np
import sklearn
import torch
from datasets import REPORT, SELECTION
from imputation_tables import KINDS, read_table
from sklearn import datasets as bundled
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from sklearn_ae import AutoencoderImputer, AutoencoderTransformer, VAETransformer

IMPUTERS = ("mean", "KNN", "iterative", "trees", "AE", "VAE", "imputer")
# Those of the tables, for which no size of a code is given.
OF_TABLES = ("mean", "KNN", "iterative", "trees", "more trees", "imputer")
# Trees for each of more columns than this take many minutes.
MOST_COLUMNS_FOR_TREES = 15


def linnerud(rng):
    return np.hstack(bundled.load_linnerud(return_X_y=True))


def table(loader):
    return lambda rng: loader(return_X_y=True)[0]


def drawn(name):
    """Return the first 800 rows of a set of `datasets.py`."""
    draw = next(table.draw for table in SELECTION + REPORT if table.name == name)
    return lambda rng: draw(rng)[:800]


# name: rows, and the size of the code.
SETS = {
    "linnerud": (linnerud, 2),
    "diabetes": (table(bundled.load_diabetes), 4),
    "wine": (table(bundled.load_wine), 4),
    "breast cancer": (table(bundled.load_breast_cancer), 6),
    "swiss roll": (drawn("swiss roll"), 2),
    "tanh factors": (drawn("tanh factors"), 4),
    "digits": (table(bundled.load_digits), 16),
}


class Ours:
    """One of our estimators with the interface of an imputer."""

    def __init__(self, estimator, n_components, seed):
        self.model = estimator(n_components, random_state=seed, device="cpu")

    def fit_transform(self, X):
        return self.model.fit(X).impute(X)


def imputers(n_components, n_features, seed):
    """Return the imputers by name; without a size of the code those of the tables."""
    trees = ExtraTreesRegressor(20, random_state=seed)
    found = {
        "mean": SimpleImputer(),
        "KNN": KNNImputer(),
        "iterative": IterativeImputer(random_state=seed),
        "trees": IterativeImputer(trees, max_iter=3, random_state=seed),
        "imputer": AutoencoderImputer(random_state=seed),
    }
    if n_components is None:
        more = ExtraTreesRegressor(50, min_samples_leaf=2, random_state=seed)
        found["more trees"] = IterativeImputer(more, max_iter=4, random_state=seed)
        return found
    if n_features > MOST_COLUMNS_FOR_TREES:
        del found["trees"]
    found["AE"] = Ours(AutoencoderTransformer, n_components, seed)
    found["VAE"] = Ours(VAETransformer, n_components, seed)
    return found


def errors(complete, variables, rate, seed, n_components):
    """Return the error and the time of each imputer."""
    n_variables = variables[-1] + 1
    missing = np.random.RandomState(seed).uniform(size=(len(complete), n_variables))
    missing = (missing < rate)[:, variables]
    # Some values are left in each column.
    missing[:2] = False
    X = np.where(missing, np.nan, complete)
    mean, spread = np.nanmean(X, axis=0), np.nanstd(X, axis=0)
    told = spread > 0
    spread[~told] = 1.0
    truth, X = (complete - mean) / spread, (X - mean) / spread
    # A rare category may be gone; then there is nothing to tell it by.
    truth, X, missing = truth[:, told], X[:, told], missing[:, told]
    results = {}
    for name, imputer in imputers(n_components, X.shape[1], seed).items():
        start = time.process_time()
        with warnings.catch_warnings():
            # Neither the iterative imputers' limit of rounds nor code columns that a
            # small table has no use for are news here.
            warnings.simplefilter("ignore", ConvergenceWarning)
            filled = imputer.fit_transform(X)
        seconds = time.process_time() - start
        results[name] = np.sqrt(np.mean((filled - truth)[missing] ** 2)), seconds
    return results


def rows_of(name, folder, seed):
    """Return the rows of a set, the variable of each column, and the code's size."""
    if name in KINDS:
        return *read_table(name, folder), None
    draw, n_components = SETS[name]
    rows = draw(np.random.RandomState(seed))
    return rows, np.arange(rows.shape[1]), n_components


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=[*SETS, *KINDS])
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("--data", help="the folder of the tables' files")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rates", nargs="*", type=float, default=[0.1, 0.3, 0.5])
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, Python {platform.python_version()}, "
        f"torch {torch.__version__}, scikit-learn {sklearn.__version__}"
    )
    names = OF_TABLES if args.tables else IMPUTERS
    print("| data, missing | " + " | ".join(names) + " |")
    print("|---" * (1 + len(names)) + "|")
    for name in args.only or (KINDS if args.tables else SETS):
        for rate in args.rates:
            runs = []
            for seed in range(args.seeds):
                rows, variables, n_components = rows_of(name, args.data, seed)
                runs.append(errors(rows, variables, rate, seed, n_components))
            cells = []
            for imputer in names:
                if imputer not in runs[0]:
                    cells.append("-")
                    continue
                error, seconds = np.mean([run[imputer] for run in runs], axis=0)
                cells.append(f"{error:.3f} ({seconds:.1f} s)")
            print(f"| {name}, {rate:.0%} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
