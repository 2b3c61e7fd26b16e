"""Are rows drawn by TableVAETransformer like the table's? Beside a copula and TVAE.

    python docs/benchmarks/tables.py [penguins.csv wage.csv ...] [--tvae] [--draws 5]
    python docs/benchmarks/tables.py links penguins.csv wage.csv

Each CSV file is a table; at most 5000 rows of it are taken, of which a third, or 40 %
where there are a thousand, are for tests. Printed are the forest-AUC, how well a random
forest tells test rows from drawn ones, 0.5 being not at all, beside that of training
rows; and how well gradient boosting that saw drawn rows predicts the column of
`TARGETS` on test rows, beside that of training rows. `links` prints the held-out
log-density of each column of numbers, in nats, under a normal distribution, a
log-normal one and the normal scores that `TableVAETransformer` takes. All run on one
thread.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import norm
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    StratifiedKFold,
    cross_val_predict,
    train_test_split,
)

from sklearn_ae import TableVAETransformer
from sklearn_ae._tables.scores import NormalScores

# What to predict, what of the other columns tells it outright, and code columns.
TARGETS = {
    "penguins": ("species", [], 5),
    "Wage": ("wage", ["logwage"], 8),
    "diamonds": ("price", [], 8),
}


def load(path, seed=0):
    table = pd.read_csv(path)
    table = table.sample(min(len(table), 5000), random_state=0)
    share = 0.4 if len(table) > 1000 else 1 / 3
    train, test = train_test_split(table, test_size=share, random_state=seed)
    return train.reset_index(drop=True), test.dropna().reset_index(drop=True)


class Copula:
    """A Gaussian copula: ranks of all columns and their correlation."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def fit(self, X):
        self.columns, scores = {}, []
        for name in X:
            values, codes = np.unique(X[name].dropna(), return_inverse=True)
            codes = codes if len(codes) == len(X) else self._with_gaps(X[name], codes)
            ordered = np.sort(codes)
            low, high = (np.searchsorted(ordered, codes, s) for s in ("left", "right"))
            share = self.rng.uniform(low, high) / len(codes)
            scores.append(ndtri(share.clip(1e-6, 1 - 1e-6)))
            self.columns[name] = values, ordered
        self.correlation = np.corrcoef(scores)
        return self

    def _with_gaps(self, column, codes):
        """Draw what is missing from the column's other values."""
        filled = self.rng.choice(codes, size=len(column))
        filled[column.notna()] = codes
        return filled

    def sample(self, n_samples, random_state):
        rng = np.random.default_rng(random_state)
        mean = np.zeros(len(self.columns))
        shares = norm.cdf(rng.multivariate_normal(mean, self.correlation, n_samples))
        return pd.DataFrame(
            {
                name: values[ordered[(share * len(ordered)).astype(int)]]
                for share, (name, (values, ordered)) in zip(
                    shares.T, self.columns.items(), strict=True
                )
            }
        )


class TVAE:
    """The variational autoencoder for tables of the package ctgan, at its defaults."""

    def fit(self, X):
        import torch
        from ctgan import TVAE as CtganTVAE

        torch.manual_seed(0)
        X = X.dropna()
        self.model = CtganTVAE(enable_gpu=False)
        self.model.fit(X, [name for name in X if not is_number(X[name])])
        return self

    def sample(self, n_samples, random_state):
        import torch

        torch.manual_seed(random_state)
        return self.model.sample(n_samples)


class Rows:
    """Training rows themselves."""

    def fit(self, X):
        self.X = X.dropna()
        return self

    def sample(self, n_samples, random_state):
        return self.X.sample(n_samples, random_state=random_state, replace=False)


def is_number(column):
    return pd.api.types.is_numeric_dtype(column)


def numbers(X, train):
    """Return X with categories as numbers, in the order of training rows'."""
    columns = [
        X[name]
        if is_number(train[name])
        else pd.Categorical(X[name], sorted(train[name].dropna().unique())).codes
        for name in train
    ]
    return np.column_stack(columns).astype(float)


def forest_auc(test, drawn, train):
    n_rows = min(len(test), len(drawn))
    X = np.concatenate([numbers(part[:n_rows], train) for part in (test, drawn)])
    y = np.repeat([0, 1], n_rows)
    forest = RandomForestClassifier(200, random_state=0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    odds = cross_val_predict(forest, X, y, cv=folds, method="predict_proba")
    return roc_auc_score(y, odds[:, 1])


def utility(train, test, columns, target, left_out):
    """Return accuracy, or R^2, on test rows of boosting that saw `train`."""
    X = columns.drop(columns=[target, *left_out])
    kind = (
        HistGradientBoostingRegressor
        if is_number(columns[target])
        else HistGradientBoostingClassifier
    )
    model = kind(random_state=0).fit(numbers(train, X), train[target])
    return model.score(numbers(test, X), test[target])


def generators(n_components, options):
    found = {
        "training rows": lambda: Rows(),
        "TableVAETransformer": lambda: TableVAETransformer(
            n_components, random_state=options.seed
        ),
        "Gaussian copula": lambda: Copula(options.seed),
    }
    return found | ({"TVAE of ctgan": lambda: TVAE()} if options.tvae else {})


def compare(path, options):
    target, left_out, n_components = TARGETS[path.stem]
    train, test = load(path, options.seed)
    whole = utility(train, test, train, target, left_out)
    for name, make in generators(n_components, options).items():
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = make().fit(train)
        seconds = time.process_time() - start
        few = min(len(test), len(train.dropna()))
        aucs = [
            forest_auc(test, model.sample(few, random_state=draw), train)
            for draw in range(options.draws)
        ]
        scores = [
            utility(
                model.sample(len(train.dropna()), random_state=draw),
                test,
                train,
                target,
                left_out,
            )
            for draw in range(options.draws)
        ]
        print(
            f"| {path.stem} | {name} | {np.mean(aucs):.3f} | {np.mean(scores):.3f} | "
            f"{np.mean(scores) - whole:+.3f} | {seconds:.0f} |",
            flush=True,
        )


def links(path):
    train, test = load(path)
    for name in train:
        if not is_number(train[name]) or train[name].nunique() <= 12:
            continue
        seen, new = train[name].dropna().to_numpy(float), test[name].to_numpy(float)
        scores = NormalScores(seen)
        by_ranks = norm.logpdf(scores.forward(new)) + scores.log_slope(new)
        by_logs = np.nan
        if seen.min() > 0:
            logs = np.log(seen)
            by_logs = (
                norm.logpdf(np.log(new), logs.mean(), logs.std()) - np.log(new)
            ).mean()
        normal = norm.logpdf(new, seen.mean(), seen.std()).mean()
        found = f"{normal:.2f} | {by_logs:.2f} | {by_ranks.mean():.2f}"
        print(f"| {path.stem} | {name} | {found} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="+", help="CSV files, perhaps after 'links'")
    parser.add_argument("--tvae", action="store_true")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    paths = [Path(name) for name in options.what if name != "links"]
    for path in paths:
        links(path) if "links" in options.what else compare(path, options)
