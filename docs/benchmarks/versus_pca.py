"""Held-out error of both estimators at their defaults, against PCA's.

Every fit has the defaults, `n_components` and `random_state` apart. A third of the rows
is held out. AutoencoderTransformer is compared by the mean squared error of the
held-out rows over that of PCA with as many components from the same training rows;
VAETransformer by the held-out log-likelihood minus probabilistic PCA's, in nats per
feature: that of `PCA.score`, or at the maximum likelihood in wide tables, where the
noise of `PCA.score` is too wide. The ratio of squared errors is noted, too. Both errors
have a floor of 1e-10 of the variance, below which float32 decides. All is measured once
more with a hundredth of the held-out rows, at least one, moved far out of the data.

    python docs/benchmarks/versus_pca.py [--group report] [--seeds 5] [--data FOLDER]
        [--images] [--only NAME] [--estimator both] [--out results.jsonl]
    python docs/benchmarks/versus_pca.py --table results.jsonl
"""

import argparse
import json
import platform
import time
from collections import defaultdict

import datasets
import numpy as np
import sklearn
import skorch
import torch
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer, VAETransformer

FLOOR = 1e-10


def squared_error(model, X):
    return float(np.mean((X - model.inverse_transform(model.transform(X))) ** 2))


def likeliest_noise(pca, train):
    """Return the maximum likelihood noise variance of probabilistic PCA."""
    n_rows, n_features = train.shape
    explained = pca.explained_variance_.sum() * (n_rows - 1) / n_rows
    return (train.var(axis=0).sum() - explained) / (n_features - pca.n_components_)


def probabilistic_score(pca, train, test):
    """Return the mean log-likelihood by probabilistic PCA.

    At its maximum likelihood where scikit-learn's noise is too wide.
    """
    n_rows, n_features = train.shape
    if n_rows > n_features:
        return float(pca.score(test))
    variances = pca.explained_variance_ * (n_rows - 1) / n_rows
    noise = likeliest_noise(pca, train)
    centred = test - pca.mean_
    scores = centred @ pca.components_.T
    left = np.square(centred).sum(axis=1) - np.square(scores).sum(axis=1)
    distances = left / noise + (np.square(scores) / variances).sum(axis=1)
    volume = np.log(variances).sum() + (n_features - len(variances)) * np.log(noise)
    return -0.5 * (distances.mean() + volume + n_features * np.log(2 * np.pi))


def error_ratio(model, pca, train, test):
    floor = FLOOR * train.var(axis=0).mean()
    return (squared_error(model, test) + floor) / (squared_error(pca, test) + floor)


def far_rows(test, train, seed):
    return datasets.with_far_rows(test, train, np.random.RandomState(seed))


def compare_autoencoder(pca, train, test, seed, **params):
    k = pca.n_components_
    begin = time.perf_counter()
    model = AutoencoderTransformer(k, random_state=seed, **params).fit(train)
    seconds = time.perf_counter() - begin
    far = far_rows(test, train, seed)
    return {
        "estimator": "AutoencoderTransformer",
        "ratio": error_ratio(model, pca, train, test),
        "far_ratio": error_ratio(model, pca, train, far),
        "seconds": seconds,
        "kept_pca": model.gain_over_pca_ == 0,
        "epochs": model.n_iter_,
    }


def nats_per_feature(model, pca, train, test):
    gain = model.score(test) - probabilistic_score(pca, train, test)
    return gain / train.shape[1]


def compare_vae(pca, train, test, seed, **params):
    k = pca.n_components_
    begin = time.perf_counter()
    model = VAETransformer(k, random_state=seed, **params).fit(train)
    seconds = time.perf_counter() - begin
    far = far_rows(test, train, seed)
    return {
        "estimator": "VAETransformer",
        "nats": nats_per_feature(model, pca, train, test),
        "far_nats": nats_per_feature(model, pca, train, far),
        "ratio": error_ratio(model, pca, train, test),
        "seconds": seconds,
        "kept_pca": model.gain_over_pca_ == 0,
        "epochs": model.n_iter_,
    }


COMPARISONS = {"ae": [compare_autoencoder], "vae": [compare_vae]}
COMPARISONS["both"] = COMPARISONS["ae"] + COMPARISONS["vae"]


def has_density(pca, train):
    """Whether probabilistic PCA has noise, so that its density is one."""
    return likeliest_noise(pca, train) > FLOOR * train.var(axis=0).sum()


def run(tables, seeds, comparisons, out):
    for table in tables:
        for seed in seeds:
            X = table.draw(np.random.RandomState(seed))
            train, test = train_test_split(X, test_size=1 / 3, random_state=seed)
            for k in table.sizes:
                # Its own choice of a solver loses digits to large means.
                pca = PCA(k, svd_solver="full").fit(train)
                for compare in comparisons:
                    if compare is compare_vae and not has_density(pca, train):
                        continue
                    row = {
                        "table": table.name,
                        "non_linear": table.non_linear,
                        "rows": len(train),
                        "features": X.shape[1],
                        "k": k,
                        "seed": seed,
                        **compare(pca, train, test, seed),
                    }
                    print(json.dumps(row), file=out, flush=True)


def grouped(rows, estimator):
    groups = defaultdict(list)
    for row in rows:
        if row["estimator"] == estimator:
            groups[row["table"], row["rows"], row["features"], row["k"]].append(row)
    return groups


def column(rows, name):
    return np.array([row[name] for row in rows])


def print_table(rows, estimator, measure, digits):
    groups = grouped(rows, estimator)
    n_seeds = max(map(len, groups.values()), default=0)
    print(f"\n## {estimator}\n")
    seeds = " | ".join(f"seed {i}" for i in range(n_seeds))
    print(f"| data | rows x features | k | {seeds} | PCA kept | seconds |")
    print("|---|---|---|" + "---|" * n_seeds + "---|---|")
    for (name, n_rows, n_features, k), group in groups.items():
        values = [f"{value:.{digits}f}" for value in column(group, measure)]
        values += [""] * (n_seeds - len(values))
        kept = column(group, "kept_pca").sum()
        print(
            f"| {name} | {n_rows} x {n_features} | {k} | {' | '.join(values)} "
            f"| {kept} of {len(group)} | {column(group, 'seconds').mean():.1f} |"
        )


def print_summary(rows):
    ours = [row for row in rows if row["estimator"] == "AutoencoderTransformer"]
    if ours:
        ratios, far = column(ours, "ratio"), column(ours, "far_ratio")
        means = [
            np.log(column(group, "ratio")).mean()
            for group in grouped(rows, "AutoencoderTransformer").values()
        ]
        print(
            f"\nAutoencoderTransformer, {len(ours)} fits: geometric mean of the ratio "
            f"{np.exp(np.mean(means)):.3f}; above 1.001 in {(ratios > 1.001).sum()}, "
            f"above 1.02 in {(ratios > 1.02).sum()}; largest {ratios.max():.4f}; "
            f"PCA kept in {column(ours, 'kept_pca').sum()}; longest fit "
            f"{column(ours, 'seconds').max():.1f} s. With far rows above 1.001 in "
            f"{(far > 1.001).sum()}, largest {far.max():.4f}."
        )
    ours = [row for row in rows if row["estimator"] == "VAETransformer"]
    if ours:
        nats, ratios = column(ours, "nats"), column(ours, "ratio")
        far = column(ours, "far_nats")
        curved = [row for row in ours if row["non_linear"]]
        above = (column(curved, "nats") > 0.05).sum() if curved else 0
        print(
            f"\nVAETransformer, {len(ours)} fits: mean difference {nats.mean():+.3f} "
            f"nats per feature; below -0.01 in {(nats < -0.01).sum()}, below -0.05 in "
            f"{(nats < -0.05).sum()}; lowest {nats.min():+.4f}; above +0.05 in {above} "
            f"of {len(curved)} on curved tables; longest fit "
            f"{column(ours, 'seconds').max():.1f} s. Squared errors over PCA's: "
            f"geometric mean {np.exp(np.log(ratios).mean()):.3f}, largest "
            f"{ratios.max():.3f}. With far rows below -0.01 in "
            f"{(far < -0.01).sum()}, lowest {far.min():+.4f}."
        )


def print_results(path):
    with open(path) as lines:
        rows = [json.loads(line) for line in lines]
    print_table(rows, "AutoencoderTransformer", "ratio", 3)
    print_table(rows, "VAETransformer", "nats", 3)
    print_summary(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--group", choices=["report", "selection"], default="report")
    parser.add_argument("--estimator", choices=list(COMPARISONS), default="both")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", help="part of a table's name")
    parser.add_argument("--images", action="store_true", help="the image sets alone")
    parser.add_argument("--data", help="folder with mnist.npz and fashion_mnist.npz")
    parser.add_argument("--out", default="versus_pca.jsonl")
    parser.add_argument("--table", help="print the tables of a file of results")
    args = parser.parse_args()
    if args.table is None:
        torch.set_num_threads(1)
        datasets.use_images_of(args.data)
        group = args.group.upper()
        tables = getattr(datasets, f"{group}_IMAGES" if args.images else group)
        tables = [t for t in tables if args.only is None or args.only in t.name]
        seeds = getattr(datasets, f"{group}_SEEDS")[: args.seeds]
        with open(args.out, "a") as out:
            run(tables, seeds, COMPARISONS[args.estimator], out)
    print(
        f"Python {platform.python_version()}, torch {torch.__version__}, skorch "
        f"{skorch.__version__}, scikit-learn {sklearn.__version__}, one thread."
    )
    print_results(args.table or args.out)


if __name__ == "__main__":
    main()
