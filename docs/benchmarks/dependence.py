"""Are neighbouring rows alike? How often the test of `fit` says so, rightly or wrongly.

Prints the share of rows to which the row before or after is closer than all of many
others, at the most over seeds; a fit warns above 0.25. Tables of independent rows come
as they are, drawn or bundled, and sorted; dependent ones are windows of series and
repeated measures.

    python docs/benchmarks/dependence.py [--seeds 5]
"""

import argparse

import datasets
import numpy as np
from sklearn import datasets as bundled

from sklearn_ae._splits.neighbours import ALIKE, share_of_neighbours


def series(rng, n_values, persistence):
    """Return an autoregressive series."""
    values = rng.normal(size=n_values + 100)
    for i in range(1, len(values)):
        values[i] += persistence * values[i - 1]
    return values[100:]


def windows(persistence, width, step, n_rows=600):
    def draw(rng):
        values = series(rng, step * n_rows + width, persistence)
        every = np.lib.stride_tricks.sliding_window_view(values, width)
        return every[::step][:n_rows]

    return draw


def measured(n_subjects, n_times, noise, n_features=20):
    def draw(rng):
        subjects = rng.normal(size=(n_subjects, n_features))
        rows = np.repeat(subjects, n_times, axis=0)
        return rows + noise * rng.normal(size=rows.shape)

    return draw


def classes(n_classes, spread, n_rows=600, n_features=10):
    def draw(rng):
        y = np.sort(rng.randint(n_classes, size=n_rows))
        centres = spread * rng.normal(size=(n_classes, n_features))
        return centres[y] + rng.normal(size=(n_rows, n_features))

    return draw


def bundled_by_class(loader):
    def draw(rng):
        X, y = loader(return_X_y=True)
        return X[np.argsort(y, kind="stable")]

    return draw


def by_first_column(draw):
    def sorted_rows(rng):
        X = draw(rng)
        return X[np.argsort(X[:, 0])]

    return sorted_rows


def normal(n_features):
    return lambda rng: rng.normal(size=(600, n_features))


INDEPENDENT = {
    f"{table.name}, as it is": table.draw
    for table in [*datasets.REPORT, *datasets.SELECTION]
} | {
    "iris by class": bundled_by_class(bundled.load_iris),
    "wine by class": bundled_by_class(bundled.load_wine),
    "breast cancer by class": bundled_by_class(bundled.load_breast_cancer),
    "digits by class": bundled_by_class(bundled.load_digits),
    "3 blobs by class": classes(3, 5),
    "10 blobs by class": classes(10, 5),
    "20 blobs by class": classes(20, 5),
    "normal, 20 columns, by the first": by_first_column(normal(20)),
    "normal, 5 columns, by the first": by_first_column(normal(5)),
    "normal, 2 columns, by the first": by_first_column(normal(2)),
}
DEPENDENT = {
    "windows of 24, a step apart, persistence .95": windows(0.95, 24, 1),
    "windows of 24, a step apart, persistence .5": windows(0.5, 24, 1),
    "windows of 24, 12 steps apart, persistence .95": windows(0.95, 24, 12),
    "windows of 24, 24 steps apart, persistence .95": windows(0.95, 24, 24),
    "single values of 10 series, persistence .9": lambda rng: np.column_stack(
        [series(rng, 600, 0.9) for _ in range(10)]
    ),
    "60 subjects, 10 times, noise .3": measured(60, 10, 0.3),
    "60 subjects, 10 times, noise 1": measured(60, 10, 1.0),
    "200 subjects, 3 times, noise .3": measured(200, 3, 0.3),
    "20 subjects, 30 times, noise .3": measured(20, 30, 0.3),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    for name, tables in (("independent", INDEPENDENT), ("dependent", DEPENDENT)):
        print(f"| {name} | shares | warnings |\n|---|---|---|")
        for table, draw in tables.items():
            shares = []
            for seed in seeds:
                X = np.asarray(draw(np.random.RandomState(seed)), dtype=float)
                shares.append(share_of_neighbours(X - X.mean(axis=0)))
            n_warnings = sum(share > ALIKE for share in shares)
            row = f"{min(shares):.2f} to {max(shares):.2f} | {n_warnings}"
            print(f"| {table} | {row} of {len(seeds)} |")


if __name__ == "__main__":
    main()
