"""Memory and speed of fits to large tables: on a disk, in memory, wide, sparse.

Each line is measured in a process of its own, which another thread watches: what its
memory grows by beyond X, without what the system keeps of files. Tables are made up:
tanh of eight normal factors, with noise.

    python docs/benchmarks/large.py [--folder FOLDER] [--rows 5000000] [--only NAME ...]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import torch
from scipy import sparse

from sklearn_ae import AutoencoderTransformer, VAETransformer

CHUNK = 50_000


def make(path, n_rows, n_features, dtype="float32", by_column=False, missing=0.0):
    """Write a table to a file, a chunk at a time; whole numbers are bytes."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(8, n_features))
    shape = n_rows, n_features
    X = np.lib.format.open_memmap(path, "w+", dtype, shape, by_column)
    for start in range(0, n_rows, CHUNK):
        codes = rng.normal(size=(min(CHUNK, n_rows - start), 8))
        part = np.tanh(codes @ weights)
        part += 0.1 * rng.normal(size=part.shape)
        if X.dtype.kind == "u":
            part = np.clip(128 + 100 * part, 0, 255)
        if missing:
            part[rng.uniform(size=part.shape) < missing] = np.nan
        X[start : start + CHUNK] = part


def make_sparse(path, n_rows, n_features, density):
    """Write rows of words: of each row's twentieth of the columns, mostly."""
    rng = np.random.default_rng(0)
    n_words = int(n_features * density)
    topic = rng.integers(20, size=n_rows)[:, np.newaxis]
    words = rng.integers(n_features // 20, size=(n_rows, n_words)) * 20 + topic
    noise = rng.uniform(size=words.shape) < 0.3
    words[noise] = rng.integers(n_features, size=noise.sum())
    rows = np.repeat(np.arange(n_rows), n_words)
    values = np.ones(words.size, dtype=np.float32)
    shape = n_rows, n_features
    sparse.save_npz(path, sparse.csr_array((values, (rows, words.ravel())), shape))


def own_memory():
    """Return the process's memory in MiB, without pages of files."""
    with open("/proc/self/status") as lines:
        kilobytes = next(line for line in lines if line.startswith("RssAnon"))
    return int(kilobytes.split()[1]) / 1024


class Peak:
    """Watches the largest memory from a thread, beyond that of the beginning."""

    def __enter__(self):
        self.before = self.largest = own_memory()
        self.is_over = False
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        self.seconds = time.process_time()
        return self

    def _watch(self):
        while not self.is_over:
            self.largest = max(self.largest, own_memory())
            time.sleep(0.02)

    def __exit__(self, *error):
        self.seconds = time.process_time() - self.seconds
        self.is_over = True
        self.thread.join()
        self.more = self.largest - self.before


def measure(name, path, how, n_components, n_epochs):
    torch.set_num_threads(1)
    # What is imported at the first fit is not the table's.
    small = np.random.default_rng(0).normal(size=(300, 10))
    AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(small)
    if path.endswith(".npz"):
        X = sparse.load_npz(path)
        size = X.data.nbytes + X.indices.nbytes
    else:
        X = np.load(path, mmap_mode="r" if how == "on disk" else None)
        size = X.nbytes
    kind = VAETransformer if "VAE" in how else AutoencoderTransformer
    model = kind(n_components, max_epochs=n_epochs, random_state=0)
    given = {}
    if "X_val" in how:
        X, given["X_val"] = np.split(X, 2)
    with Peak() as fitting:
        model.fit(X, **given)
    with Peak() as encoding:
        codes = model.transform(X)
    more = encoding.more - codes.nbytes / 2**20
    rate = X.shape[0] * model.n_iter_ / fitting.seconds
    print(
        f"| {name}, {how} | {X.shape[0]} x {X.shape[1]} {X.dtype} | {size / 2**20:.0f} "
        f"| {fitting.more:.0f} | {fitting.seconds:.1f} | {rate:.0f} | {more:.0f} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", help="where to write tables; default: a new one")
    parser.add_argument("--rows", type=int, default=5_000_000, help="of the long table")
    parser.add_argument("--only", nargs="+", help="names of tables; default: all")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        *words, n_components, n_epochs = args.measure
        measure(*words, int(n_components), int(n_epochs))
        return
    print(
        "| table | shape | X, MiB | fit, MiB beyond X | fit, CPU s "
        "| rows x epochs per s | transform, MiB beyond codes |\n"
        "|---|---|---|---|---|---|---|",
        flush=True,
    )
    memory = ["in memory"]
    medium, wide = (200_000, 200), (3000, 10_000)
    tables = [
        ("long", make, (args.rows, 50), ["on disk"], 8, 1),
        ("long", make, (args.rows // 5, 50), ["on disk", *memory], 8, 1),
        ("medium", make, medium, [*memory, "in memory, half X_val"], 8, 2),
        ("medium", make, (*medium, "float64"), memory, 8, 2),
        ("by column", make, (*medium, "float32", True), memory, 8, 2),
        ("by column", make, (*medium, "float64", True), memory, 8, 2),
        ("bytes", make, (*medium, "uint8"), memory, 8, 2),
        ("whole", make, (*medium, "uint16"), memory, 8, 2),
        ("gaps", make, (*medium, "float32", False, 0.05), memory, 8, 2),
        ("gaps", make, (*medium, "float64", False, 0.05), memory, 8, 2),
        ("wide", make, wide, memory, 8, 2),
        ("wide", make, (*wide, "float64"), memory, 8, 2),
        ("words", make_sparse, (20_000, 20_000, 0.005), [*memory, "VAE"], 16, 2),
    ]
    if args.only:
        tables = [table for table in tables if table[0] in args.only]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for name, write, shape, ways, n_components, n_epochs in tables:
            suffix = "npz" if write is make_sparse else "npy"
            path = os.path.join(folder, f"table.{suffix}")
            write(path, *shape)
            for how in ways:
                told = [name, path, how, str(n_components), str(n_epochs)]
                command = [sys.executable, __file__, "--measure", *told]
                subprocess.run(command, check=True, env=environment)
            os.remove(path)


if __name__ == "__main__":
    main()
