"""Held-out error over PCA's against CPU seconds, at the defaults.

`compare` checks out another version of the package and fits both in turn, each in a
process of its own with one thread: the same tables, sizes, seeds and splits as
versus_pca.py. `torch` gives a hand-written autoencoder of the same widths (fused Adam,
one cosine schedule, standardised input) 1, 4 and 16 times the CPU time that ours took.
`curves` measures error against time for six tables: ours, the hand-written one and
`MLPRegressor`; `draw` draws what it measured. `long` fits one long table.

    python docs/benchmarks/time_to_quality.py compare --before REVISION
        [--group report] [--seeds 5] [--only NAME] [--size K] [--estimator ae]
        [--images] [--data FOLDER] [--out results.jsonl]
    python docs/benchmarks/time_to_quality.py torch [the same options]
    python docs/benchmarks/time_to_quality.py curves --out curves.jsonl
    python docs/benchmarks/time_to_quality.py draw --out curves.jsonl [--picture FILE]
    python docs/benchmarks/time_to_quality.py long [--rows 1000000] [--curved]
    python docs/benchmarks/time_to_quality.py table --out results.jsonl

CPU seconds are those of the process (`time.process_time`), so that other work on the
machine changes them little.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
from collections import defaultdict
from io import BytesIO
from itertools import pairwise
from pathlib import Path

# One thread, before NumPy and torch are imported.
os.environ["OMP_NUM_THREADS"] = "1"

import datasets
import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from torch import nn

HERE = Path(__file__).resolve().parent
# Held-out errors have this floor, a share of the variance, as in versus_pca.py.
FLOOR = 1e-10
MULTIPLES = (1, 4, 16)
CURVES = (
    ("digits", 8),
    ("swiss roll", 2),
    ("S curve", 2),
    ("tanh factors", 4),
    ("breast cancer, scaled", 2),
    ("linear factors", 3),
)


def split_of(table, seed):
    X = table.draw(np.random.RandomState(seed))
    return train_test_split(X, test_size=1 / 3, random_state=seed)


def error_ratio(errors, train, test, k, seed):
    """Return a mean squared error over PCA's, and PCA's CPU seconds."""
    begin = time.process_time()
    pca = PCA(k, random_state=seed).fit(train)
    seconds = time.process_time() - begin
    floor = FLOOR * train.var(axis=0).mean()
    pca_errors = test - pca.inverse_transform(pca.transform(test))
    ratio = (np.mean(errors**2) + floor) / (np.mean(pca_errors**2) + floor)
    return float(ratio), seconds


# ---- ours


def fit_ours(estimator, train, test, k, seed, **params):
    """Return how a default fit did; for a VAE the ratio is nats a feature over PCA."""
    # Imported late: a worker has the package of the version that it measures.
    import sklearn_ae

    cls = {"ae": "AutoencoderTransformer", "vae": "VAETransformer"}[estimator]
    model = getattr(sklearn_ae, cls)(k, random_state=seed, **params)
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(train)
    seconds = time.process_time() - begin
    errors = test - model.inverse_transform(model.transform(test))
    ratio, pca_seconds = error_ratio(errors, train, test, k, seed)
    row = {
        "ratio": ratio,
        "seconds": seconds,
        "pca_seconds": pca_seconds,
        "kept_pca": bool(model.gain_over_pca_ == 0),
        "epochs": model.n_iter_,
    }
    if estimator == "vae":
        pca = PCA(k, random_state=seed).fit(train)
        row["nats"] = (model.score(test) - float(pca.score(test))) / train.shape[1]
    return row


def has_density(train, k):
    """Whether probabilistic PCA has noise, so that it has a density."""
    pca = PCA(k).fit(train)
    return pca.noise_variance_ > FLOOR * train.var(axis=0).sum()


def work():
    """Fit what standard input says, a line for each, until it ends."""
    torch.set_num_threads(1)
    tables = {table.name: table for table in datasets.REPORT + datasets.SELECTION}
    images = datasets.REPORT_IMAGES + datasets.SELECTION_IMAGES
    tables |= {table.name: table for table in images}
    # What a process pays once is no part of a fit.
    warm = np.random.RandomState(0).normal(size=(60, 4))
    for estimator in ("ae", "vae"):
        fit_ours(estimator, warm, warm, 1, 0, max_epochs=2)
    for line in sys.stdin:
        task = json.loads(line)
        if task["data"]:
            datasets.use_images_of(task["data"])
        train, test = split_of(tables[task["table"]], task["seed"])
        if task["estimator"] == "vae" and not has_density(train, task["k"]):
            row = None
        else:
            row = fit_ours(task["estimator"], train, test, task["k"], task["seed"])
        print(json.dumps(row), flush=True)


class Worker:
    """A process that fits with one version of the package."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "work"],
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, task):
        print(json.dumps(task), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def check_out(revision, folder):
    """Write the package as it was at a revision into a folder."""
    archive = subprocess.run(
        ["git", "archive", revision, "sklearn_ae"],
        cwd=HERE.parents[1],
        check=True,
        capture_output=True,
    ).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def tasks_of(args):
    group = args.group.upper()
    tables = getattr(datasets, f"{group}_IMAGES" if args.images else group)
    for table in tables:
        if not table.name.startswith(args.only):
            continue
        for seed in getattr(datasets, f"{group}_SEEDS")[: args.seeds]:
            for k in table.sizes if args.size is None else (args.size,):
                yield {
                    "table": table.name,
                    "k": k,
                    "seed": seed,
                    "estimator": args.estimator,
                    "data": args.data,
                }


def compare(args):
    with tempfile.TemporaryDirectory() as folder, open(args.out, "a") as out:
        versions = {
            "before": Worker(check_out(args.before, folder)),
            "after": Worker(HERE.parents[1]),
        }
        for task in tasks_of(args):
            for version, fit in versions.items():
                row = fit(task)
                if row is not None:
                    row = {**task, "version": version, **row}
                    print(json.dumps(row), file=out, flush=True)
        for worker in versions.values():
            worker.process.stdin.close()
            worker.process.wait()


# ---- by hand


def hidden_sizes(d):
    """Return the widths of our default networks."""
    width = int(np.clip(2 ** np.round(np.log2(16 * np.sqrt(d))), 128, 512))
    return [width, width, width] if d <= 256 else [width, width // 2]


def hand_written(train, k, seconds, seed):
    """Train a plain autoencoder for about so many CPU seconds; return its function.

    The number of steps is set from the time of the first ones, so that the cosine
    schedule ends where the time does.
    """
    torch.manual_seed(seed)
    hidden = hidden_sizes(train.shape[1])
    sizes = [train.shape[1], *hidden, k, *hidden[::-1], train.shape[1]]
    layers = []
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        layers.append(nn.Linear(n_in, n_out))
        if i not in (len(hidden), len(sizes) - 2):
            layers.append(nn.SiLU())
    net = nn.Sequential(*layers)
    mean, scale = train.mean(axis=0), train.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    unit = float(np.sqrt(train.var(axis=0).mean())) or 1.0
    x = torch.tensor((train - mean) / scale, dtype=torch.float32)
    # Errors count in X's units, as for PCA.
    weight = torch.tensor(scale / unit, dtype=torch.float32)
    batch = int(np.clip(len(train) // 32, 16, 256))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3, fused=True)
    begin, step, n_steps = time.process_time(), 0, None
    while n_steps is None or step < n_steps:
        if n_steps is None and step == 30:
            spent = time.process_time() - begin
            n_steps = max(60, int(30 * seconds / spent))
        progress = 0.0 if n_steps is None else step / n_steps
        optimizer.param_groups[0]["lr"] = 1.5e-3 * (1 + np.cos(np.pi * progress))
        rows = x[torch.randint(len(x), (batch,))]
        loss = ((net(rows) - rows) * weight).square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
    spent = time.process_time() - begin

    def reconstruct(rows):
        with torch.no_grad():
            z = torch.tensor((rows - mean) / scale, dtype=torch.float32)
            return net(z).numpy() * scale + mean

    return reconstruct, spent


def beside_torch(args):
    torch.set_num_threads(1)
    tables = {table.name: table for table in getattr(datasets, args.group.upper())}
    hand_written(np.random.RandomState(0).normal(size=(100, 4)), 1, 0.1, 0)
    ours = Worker(HERE.parents[1])
    with open(args.out, "a") as out:
        for task in tasks_of(args):
            train, test = split_of(tables[task["table"]], task["seed"])
            k, seed = task["k"], task["seed"]
            row = ours(task)
            print(json.dumps({**task, "version": "ours", **row}), file=out)
            for multiple in MULTIPLES:
                reconstruct, spent = hand_written(
                    train, k, multiple * row["seconds"], seed
                )
                errors = test - reconstruct(test)
                ratio, _ = error_ratio(errors, train, test, k, seed)
                by_hand = {"ratio": ratio, "seconds": spent}
                version = f"torch {multiple}x"
                print(json.dumps({**task, "version": version, **by_hand}), file=out)
            out.flush()
    ours.process.stdin.close()


# ---- curves


def curve_of_ours(train, test, k):
    for epochs in (2, 4, 8, 15, 30, 60, 120):
        row = fit_ours("ae", train, test, k, 0, max_epochs=epochs)
        yield "max_epochs", row["seconds"], row["ratio"]
        if row["kept_pca"] and row["epochs"] == 0:
            break
    row = fit_ours("ae", train, test, k, 0)
    yield "default", row["seconds"], row["ratio"]


def curve_of_torch(train, test, k):
    for seconds in (0.1, 0.3, 1, 3, 10):
        reconstruct, spent = hand_written(train, k, seconds, 0)
        errors = test - reconstruct(test)
        yield "torch", spent, error_ratio(errors, train, test, k, 0)[0]


def curve_of_regressor(train, test, k):
    """Tell of scikit-learn's; with its default rectifiers, which beat tanh here."""
    width = hidden_sizes(train.shape[1])[0]
    mean, scale = train.mean(axis=0), train.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    z, z_test = (train - mean) / scale, (test - mean) / scale
    for epochs in (3, 10, 30, 100, 300):
        net = MLPRegressor(
            hidden_layer_sizes=(width, k, width),
            max_iter=epochs,
            n_iter_no_change=epochs,
            random_state=0,
        )
        begin = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net.fit(z, z)
        spent = time.process_time() - begin
        errors = (z_test - net.predict(z_test)) * scale
        yield "MLPRegressor", spent, error_ratio(errors, train, test, k, 0)[0]


def curves(args):
    """Measure the points of every curve, a line of JSON each."""
    torch.set_num_threads(1)
    tables = {table.name: table for table in datasets.REPORT}
    warm = np.random.RandomState(0).normal(size=(100, 4))
    hand_written(warm, 1, 0.1, 0)
    fit_ours("ae", warm, warm, 1, 0, max_epochs=2)
    with open(args.out, "w") as out:
        for name, k in CURVES:
            train, test = split_of(tables[name], 0)
            for curve in (curve_of_ours, curve_of_torch, curve_of_regressor):
                for version, seconds, ratio in curve(train, test, k):
                    row = {"table": name, "k": k, "version": version}
                    row |= {"seconds": seconds, "ratio": ratio}
                    print(json.dumps(row), file=out, flush=True)


def draw(args):
    """Draw the curves that were measured."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    with open(args.out) as lines:
        rows = [json.loads(line) for line in lines]
    looks = {
        "max_epochs": ("sklearn_ae, max_epochs from 2 on", "o-", "C0", 4),
        "torch": ("torch by hand, 0.1 to 10 s", "s-", "C1", 4),
        "MLPRegressor": ("MLPRegressor, 3 to 300 epochs", "^-", "C2", 4),
        "default": ("sklearn_ae at its defaults", "*", "black", 13),
    }
    figure, axes = plt.subplots(2, 3, figsize=(11, 6.8), layout="constrained")
    for axis, (name, k) in zip(axes.flat, CURVES, strict=True):
        axis.axhline(1, color="grey", linewidth=1, linestyle="--", label="PCA")
        for version, (label, style, color, size) in looks.items():
            points = [
                (row["seconds"], row["ratio"])
                for row in rows
                if (row["table"], row["version"]) == (name, version)
            ]
            axis.plot(
                *zip(*points, strict=True),
                style,
                color=color,
                markersize=size,
                label=label,
                zorder=3 if version == "default" else 2,
            )
        axis.set(xscale="log", yscale="log", title=f"{name}, {k} components")
        axis.set_xlim(0.005, 20)
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(NullFormatter())
        axis.grid(alpha=0.3)
    for axis in axes[1]:
        axis.set_xlabel("CPU seconds")
    for axis in axes[:, 0]:
        axis.set_ylabel("held-out error over PCA's")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.savefig(args.picture, dpi=110)


# ---- a long table


def long_table(n_rows, curved):
    """Return rows of four factors in thirty columns, in single precision."""
    rng = np.random.RandomState(0)
    loadings = rng.normal(size=(4, 30))
    X = np.empty((n_rows, 30), np.float32)
    for chunk in np.array_split(X, max(1, n_rows // 50_000)):
        rows = rng.normal(size=(len(chunk), 4)) @ loadings
        rows = np.tanh(2 * rows) if curved else rows
        noise = 0.05 * (0.9 if curved else 2.0)
        chunk[:] = rows + noise * rng.normal(size=rows.shape)
    return X


def memory(name):
    """Return a figure of /proc/self/status in MiB."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if name in line)


def long(args):
    """Fit one long table; the most memory beyond what there was before (Linux)."""
    torch.set_num_threads(1)
    X = long_table(args.rows + 20_000, args.curved)
    train, test = X[:-20_000], X[-20_000:]
    fit_ours("ae", train[:200], test, 2, 0, max_epochs=2)
    from sklearn_ae import AutoencoderTransformer

    model = AutoencoderTransformer(4, random_state=0)
    # Forget the most memory so far.
    Path("/proc/self/clear_refs").write_text("5")
    present, begin = memory("VmRSS"), time.process_time()
    model.fit(train)
    seconds = time.process_time() - begin
    used = memory("VmHWM") - present
    errors = test - model.inverse_transform(model.transform(test))
    ratio, pca_seconds = error_ratio(errors, train, test, 4, 0)
    print(
        f"{args.rows} rows: {seconds:.2f} CPU s, PCA {pca_seconds:.2f}; {used:.0f} MiB "
        f"beyond X of {train.nbytes / 2**20:.0f}; ratio {ratio:.3f}; "
        f"{model.n_iter_} epochs"
    )


# ---- tables


def geometric_mean(values):
    return float(np.exp(np.mean(np.log(values))))


def print_table(path):
    with open(path) as lines:
        rows = [json.loads(line) for line in lines]
    versions = list(dict.fromkeys(row["version"] for row in rows))
    groups = defaultdict(lambda: defaultdict(list))
    for row in rows:
        groups[row["table"], row["k"]][row["version"]].append(row)
    measure = "nats" if "nats" in rows[0] else "ratio"
    head = " | ".join(f"{version}: {measure} | CPU s" for version in versions)
    print(f"| data | k | {head} |\n|---|---|" + "---|---|" * len(versions))
    for (name, k), by_version in groups.items():
        cells = []
        for version in versions:
            fits = by_version[version]
            values = [fit[measure] for fit in fits]
            value = np.mean(values) if measure == "nats" else geometric_mean(values)
            seconds = geometric_mean([fit["seconds"] for fit in fits])
            cells.append(f"{value:.3f} | {seconds:.2f}")
        print(f"| {name} | {k} | {' | '.join(cells)} |")
    print()
    first = {}
    for version in versions:
        fits = [row for row in rows if row["version"] == version]
        values = np.array([fit[measure] for fit in fits])
        seconds = np.array([fit["seconds"] for fit in fits])
        first = first or {"seconds": seconds}
        share = geometric_mean(seconds / first["seconds"])
        line = (
            f"{version}: {len(fits)} fits, CPU seconds {share:.3f} of {versions[0]}'s"
        )
        if measure == "ratio":
            line += (
                f", geometric mean ratio {geometric_mean(values):.3f}, above 1.001 in "
                f"{(values > 1.001).sum()}, above 1.02 in {(values > 1.02).sum()}"
            )
        else:
            line += (
                f", mean {values.mean():+.4f} nats a feature, lowest {values.min():.4f}"
            )
        print(line)
    if measure == "ratio":
        for version in versions[1:]:
            print_wins(groups.values(), versions[0], version)


def print_wins(groups, first, second):
    """Say in how many cells of the table the first version has the lower error."""
    pairs = [
        [
            geometric_mean([row["ratio"] for row in group[version]])
            for version in (first, second)
        ]
        for group in groups
    ]
    lower = sum(a < b for a, b in pairs)
    no_worse = sum(a <= 1.001 * b for a, b in pairs)
    print(
        f"{first} beside {second}: lower in {lower} of {len(pairs)}, "
        f"no worse in {no_worse}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = {"compare": compare, "torch": beside_torch, "curves": curves, "draw": draw}
    parts["long"] = long
    parser.add_argument("part", choices=[*parts, "table", "work"])
    parser.add_argument("--before", default="HEAD")
    parser.add_argument("--group", choices=["report", "selection"], default="report")
    parser.add_argument("--estimator", choices=["ae", "vae"], default="ae")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="how a table's name begins")
    parser.add_argument("--size", type=int, help="of the code, instead of the table's")
    parser.add_argument("--images", action="store_true", help="the image sets alone")
    parser.add_argument("--data", help="folder with mnist.npz and fashion_mnist.npz")
    parser.add_argument("--out", default="time_to_quality.jsonl")
    parser.add_argument("--picture", default="time_to_quality.png")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the long table")
    parser.add_argument("--curved", action="store_true", help="a long table of tanh")
    args = parser.parse_args()
    if args.part == "work":
        work()
        return
    if args.part in parts:
        parts[args.part](args)
    if args.part not in ("curves", "draw", "long"):
        print_table(args.out)


if __name__ == "__main__":
    main()
