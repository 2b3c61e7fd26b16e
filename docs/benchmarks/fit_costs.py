"""What a fit costs besides its steps, and many fits one after another.

Competitors are measured side by side and medians compared, on one thread.

    python docs/benchmarks/fit_costs.py [PART ...] [--repeats 5]

Parts: `imports` (a process that only imports), `small` (ten epochs of 100 x 10, the
first in a process and later ones), `search` (GridSearchCV over six latent sizes and
three folds of 6000 x 30), `drift` (late epochs against early, memory after 50 fits),
`checks` (a default fit with validation, the best weights and the guard against the same
epochs alone), `profile` (where a default fit spends its time).
"""

import argparse
import cProfile
import os
import platform
import pstats
import statistics
import subprocess
import sys
import time

import numpy as np
import sklearn
import skorch
import torch
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from training_speed import ours, plain_net, settings

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae.networks import MLP

BARE = {"guard": False, "early_stopping": False, "validation_fraction": None}


def seconds(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def medians(functions, repeats):
    """Return the median time of each function; repeats are interleaved."""
    times = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            times[name].append(seconds(function))
    return {name: statistics.median(values) for name, values in times.items()}


def in_a_process(code):
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout


def imports(repeats):
    dependencies = (
        "import torch, skorch; from sklearn import base, decomposition, mixture"
    )
    found = medians(
        {
            "torch, skorch and scikit-learn": lambda: in_a_process(dependencies),
            "sklearn_ae": lambda: in_a_process("import sklearn_ae"),
        },
        repeats,
    )
    for name, value in found.items():
        print(f"A process that imports {name}: {value:.2f} s")


def small(repeats):
    X = np.random.default_rng(0).standard_normal((100, 10), dtype=np.float32)
    for estimator in (AutoencoderTransformer, VAETransformer):
        name = estimator.__name__
        code = f"""
import time
import numpy as np
from sklearn_ae import {name}
X = np.random.default_rng(0).standard_normal((100, 10), dtype=np.float32)
begin = time.perf_counter()
{name}(2, max_epochs=10, random_state=0).fit(X)
print(time.perf_counter() - begin)
"""
        first = statistics.median(float(in_a_process(code)) for _ in range(repeats))

        def fit(estimator=estimator, **params):
            estimator(2, max_epochs=10, random_state=0, **params).fit(X)

        fit()
        found = medians(
            {
                "the defaults": fit,
                "no validation": lambda: fit(**BARE),
                "no validation, hidden layers of 16": lambda: fit(
                    network=MLP((16,)), **BARE
                ),
            },
            5 * repeats,
        )
        later = ", ".join(f"{1000 * v:.0f} ms with {k}" for k, v in found.items())
        print(f"{name}, ten epochs of 100 x 10: first {first:.2f} s; later {later}")


class SkorchAutoencoder(BaseEstimator):
    """Stock skorch in the same search."""

    def __init__(self, k=2, batch_size=128, epochs=20):
        self.k = k
        self.batch_size = batch_size
        self.epochs = epochs

    def fit(self, X, y=None):
        self.net_ = skorch.NeuralNet(
            plain_net(X.shape[1], (64,), self.k),
            criterion=torch.nn.MSELoss,
            optimizer=torch.optim.AdamW,
            lr=3e-3,
            batch_size=self.batch_size,
            max_epochs=self.epochs,
            train_split=None,
            iterator_train__shuffle=True,
            verbose=0,
        ).fit(X, X)
        return self

    def score(self, X, y=None):
        return -np.square(self.net_.predict(X) - X).mean()


def search(repeats):
    X = np.random.default_rng(0).standard_normal((6000, 30), dtype=np.float32)
    sizes = [2, 4, 6, 8, 10, 12]
    model = AutoencoderTransformer(network=MLP((64,)), **settings(128, 20))

    def run(estimator, name, n_jobs):
        GridSearchCV(estimator, {name: sizes}, cv=3, n_jobs=n_jobs).fit(X)

    found = medians(
        {
            "AutoencoderTransformer, one job": lambda: run(model, "n_components", 1),
            "AutoencoderTransformer, two jobs": lambda: run(model, "n_components", 2),
            "stock skorch, one job": lambda: run(SkorchAutoencoder(), "k", 1),
        },
        max(1, repeats // 2),
    )
    reference = found["AutoencoderTransformer, one job"]
    for name, value in found.items():
        print(f"{name}: {value:.1f} s ({value / reference:.2f})")


def resident():
    """Return what this process has in memory now, in MiB; Linux only."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def drift(repeats):
    X = np.random.default_rng(0).standard_normal((20_000, 30), dtype=np.float32)
    model = AutoencoderTransformer(8, network=MLP((64,)), **settings(128, 120)).fit(X)
    times = [epoch["dur"] for epoch in model.history_]
    early, late = (statistics.median(times[i : i + 21]) for i in (1, 89))
    print(f"Epochs 90 to 110 take {late / early:.3f} of epochs 2 to 22")
    for count in range(1, 51):
        ours(X[:2000], (64,), 8, 128, 5)
        if count in (5, 50):
            print(f"After {count} fits: {resident():.0f} MiB")


def checks(repeats):
    X = load_digits().data
    epochs = {"max_epochs": 61, "random_state": 0}
    found = medians(
        {
            "bare": lambda: AutoencoderTransformer(
                8, batch_size=49, **epochs, **BARE
            ).fit(X[:1617]),
            "checked": lambda: AutoencoderTransformer(
                8, batch_size=49, n_iter_no_change=61, **epochs
            ).fit(X),
        },
        repeats,
    )
    print(
        f"Digits, 61 epochs of 1617 training rows: alone {found['bare']:.2f} s, with "
        f"180 held-out rows, the best weights and the guard {found['checked']:.2f} s "
        f"({found['checked'] / found['bare']:.2f})"
    )


GROUPS = {
    "matrix products": ("torch.mm", "torch.addmm", "linear}"),
    "activations": ("silu",),
    "the optimizer's update": ("fused_adamw", "vector_norm", "torch.maximum"),
    "sums": ("torch.sum", "'sum'"),
    "other operations on tensors": ("torch", "copy_", "run_backward"),
}


def profile(repeats):
    X = load_digits().data
    AutoencoderTransformer(8, random_state=0, max_epochs=12).fit(X)
    profiler = cProfile.Profile()
    profiler.enable()
    AutoencoderTransformer(8, random_state=0).fit(X)
    profiler.disable()
    rows = pstats.Stats(profiler).stats.items()
    spent = dict.fromkeys([*GROUPS, "recording", "Python"], 0.0)
    for (file, _, function), (_, _, own, cumulative, _) in rows:
        if function == "record_step":
            spent["recording"] = cumulative
        is_builtin = file == "~"
        for group, names in GROUPS.items():
            if is_builtin and any(name in function for name in names):
                spent[group] += own
                break
        else:
            spent["Python"] += own
    # Recording is Python for the most part.
    spent["Python"] -= spent["recording"]
    whole = sum(spent.values())
    print(f"A default fit of the digits, {whole:.1f} s under the profiler:")
    for name, value in spent.items():
        print(f"- {name}: {value / whole:.0%}")


PARTS = {
    "imports": imports,
    "small": small,
    "search": search,
    "drift": drift,
    "checks": checks,
    "profile": profile,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, skorch {skorch.__version__}, scikit-learn "
        f"{sklearn.__version__}"
    )
    for name in options.parts or PARTS:
        print(f"\n## {name}\n", flush=True)
        PARTS[name](options.repeats)


if __name__ == "__main__":
    main()
