"""Time and memory of the verbs of fitted estimators, side by side with their products.

"products alone" is the time of the matrix products of the same encoder, its linear path
included, in chunks of the same rows. Repeats are interleaved and medians compared; all
on one thread. Memory is what a process of its own has at most beyond what it held
before the call and the output. Loading is in new processes, each import after those
above it in the table.

    python docs/benchmarks/inference_speed.py [--repeats 5] [--only loading]
"""

import argparse
import ctypes
import gc
import json
import os
import pickle
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.decomposition import PCA

import sklearn_ae
from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae._inference import chunk_rows
from sklearn_ae.networks import MLP

# name: rows, features, hidden layer sizes, latent size.
CASES = {
    "images": (20_000, 784, (512, 128), 32),
    "table": (1_000_000, 30, (64,), 8),
}
# A VAE scores each row at a hundred draws: fewer rows will do.
N_SCORED = 1000
VERBS = ("transform", "inverse_transform", "reconstruct", "score_samples", "sample")


def rows(name):
    n_rows, n_features, _, _ = CASES[name]
    rng = np.random.default_rng(0)
    return rng.standard_normal((n_rows, n_features), dtype=np.float32)


def fitted(estimator, X, hidden, k):
    return estimator(
        k,
        network=MLP(hidden),
        guard=False,
        early_stopping=False,
        validation_fraction=None,
        max_epochs=1,
        random_state=0,
    ).fit(X[:2000])


def products_alone(X, sizes):
    weights = [torch.randn(a, b) for a, b in pairwise(sizes)]
    linear = torch.randn(sizes[0], sizes[-1])
    n_rows = chunk_rows(max(sizes[0], sizes[-1]))
    with torch.inference_mode():
        for chunk in torch.from_numpy(X).split(n_rows):
            chunk @ linear
            for weight in weights:
                chunk = chunk @ weight
    return chunk


def calls(model, X, codes, n_scored):
    return {
        "transform": lambda: model.transform(X),
        "inverse_transform": lambda: model.inverse_transform(codes),
        "reconstruct": lambda: model.reconstruct(X),
        "score_samples": lambda: model.score_samples(X[:n_scored]),
        "sample": lambda: model.sample(len(X), random_state=0),
    }


def medians(functions, repeats):
    times = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(repeats):
        for name, function in functions.items():
            begin = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in times.items()}


def print_times(name, repeats):
    X = rows(name)
    _, n_features, hidden, k = CASES[name]
    pca = PCA(k).fit(X[:20_000])
    codes = pca.transform(X)
    sizes = (n_features, *hidden, k)
    functions = {
        "PCA.transform": lambda: pca.transform(X),
        "PCA.inverse_transform": lambda: pca.inverse_transform(codes),
        "products of the encoder alone": lambda: products_alone(X, sizes),
    }
    for estimator, n_scored in (
        (AutoencoderTransformer, len(X)),
        (VAETransformer, N_SCORED),
    ):
        model = fitted(estimator, X, hidden, k)
        for verb, call in calls(model, X, codes, n_scored).items():
            label = f"{estimator.__name__}.{verb}"
            if n_scored < len(X) and verb == "score_samples":
                label += f", {n_scored} rows"
            functions[label] = call
    found = medians(functions, repeats)
    by_products = found["products of the encoder alone"]
    by_pca = found["PCA.transform"]
    print(f"\n| {name}, {len(X)} x {n_features} | seconds | / products | / PCA |")
    print("|---|---|---|---|")
    for label, seconds in found.items():
        print(
            f"| {label} | {seconds:.3f} | {seconds / by_products:.2f} "
            f"| {seconds / by_pca:.2f} |"
        )


def memory(kind):
    """Return this process's memory now (VmRSS) or at its peak (VmHWM), in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(kind):
            return int(line.split()[1]) / 1024
    raise RuntimeError("memory can be measured on Linux only")


def measure_memory(name, estimator, verb):
    """Print what a verb takes beyond what was there and the output, in MiB."""
    estimators = {e.__name__: e for e in (AutoencoderTransformer, VAETransformer)}
    torch.set_num_threads(1)
    X = rows(name)
    _, _, hidden, k = CASES[name]
    model = fitted(estimators[estimator], X, hidden, k)
    codes = np.zeros((len(X), k), dtype=np.float32)
    # The first call has costs of its own.
    calls(model, X[:5000], codes[:5000], 100)[verb]()
    call = calls(model, X, codes, N_SCORED)[verb]
    gc.collect()
    # Give freed memory back, else the call is served from it; then forget the peak.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    out = call()
    print(f"{memory('VmHWM') - before - out.nbytes / 2**20:.0f}")


def print_memory():
    print("\n| MiB beyond input and output | " + " | ".join(VERBS) + " |")
    print("|---" * (1 + len(VERBS)) + "|")
    for name in CASES:
        for estimator in ("AutoencoderTransformer", "VAETransformer"):
            cells = [
                subprocess.run(
                    [sys.executable, __file__, "--memory", name, estimator, verb],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout.strip()
                for verb in VERBS
            ]
            print(f"| {estimator}, {name} | {' | '.join(cells)} |", flush=True)


# Prints the CPU seconds of each stage, in a process that has done nothing before.
LOADING = """
import json, pickle, sys, time
kind, path = sys.argv[1:]
seconds = {}
def note(stage):
    global last
    now = time.process_time()
    seconds[stage] = now - last
    last = now
last = time.process_time()
import numpy; note("import numpy")
import torch; note("import torch")
import sklearn.decomposition, sklearn.mixture, sklearn.pipeline
note("import of scikit-learn's parts")
import skorch; note("import skorch")
import sklearn_ae; note("import sklearn_ae")
torch.set_num_threads(1)
X = numpy.zeros((1, 784), dtype=numpy.float32)
last = time.process_time()
if kind == "pickle":
    with open(path, "rb") as file:
        model = pickle.load(file)
else:
    model = sklearn_ae.load(path)
note("load"); model.transform(X); note("first transform of a row")
model.transform(X); note("second transform")
print(json.dumps(seconds))
"""


def print_loading(repeats):
    # With compiled files, as an installed package has them.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    _, _, hidden, k = CASES["images"]
    model = fitted(AutoencoderTransformer, rows("images"), hidden, k)
    found = {"pickle": [], "file": []}
    with tempfile.TemporaryDirectory() as folder:
        paths = {kind: Path(folder) / f"model.{kind}" for kind in found}
        paths["pickle"].write_bytes(pickle.dumps(model))
        sklearn_ae.save(model, paths["file"])
        # The first of each is not counted.
        for repeat in range(repeats + 1):
            for kind, path in paths.items():
                printed = subprocess.run(
                    [sys.executable, "-c", LOADING, kind, str(path)],
                    check=True,
                    capture_output=True,
                    text=True,
                    env=environment,
                ).stdout
                if repeat:
                    found[kind].append(json.loads(printed))
    print("\n| CPU milliseconds in a new process | from a pickle | from a file |")
    print("|---|---|---|")
    for stage in found["pickle"][0]:
        cells = [
            f"{1000 * statistics.median(one[stage] for one in found[kind]):.1f}"
            for kind in found
        ]
        print(f"| {stage} | {' | '.join(cells)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=["loading"])
    parser.add_argument("--memory", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        measure_memory(*options.memory)
        return
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, scikit-learn {sklearn.__version__}"
    )
    if options.only == "loading":
        print_loading(options.repeats)
        return
    for name in CASES:
        print_times(name, options.repeats)
    print_memory()
    print_loading(options.repeats)


if __name__ == "__main__":
    main()
