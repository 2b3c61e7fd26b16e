"""Time of a training step by one process and by two ranks, and of what ranks exchange.

Two processes on this machine, one thread each, over gloo. A step of two ranks takes the
batch in halves, and adds up one buffer of gradients. Fits and sums are interleaved; of
each the least is taken, since others may use the cores: of steps, of the means over an
epoch. CPU time, of the first rank with its threads, counts no waiting. The last tables
are computed, not measured: a step of a machine's share of the batch, what a rank does
beside that and the sum (CPU time at 64 rows), the sum as measured here, and a ring over
a network of 10 Gbit/s and 0.1 ms.

    python docs/benchmarks/beyond_one_machine.py [--repeats 3] [--only table]
"""

import argparse
import platform
import tempfile
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import distributed, multiprocessing

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.networks import MLP

# name: rows, features, hidden layer sizes, latent size, epochs.
CASES = {
    "table": (16_384, 30, (64,), 8, 4),
    "images": (8192, 784, (512, 128), 32, 2),
}
BATCHES = (64, 256, 1024, 4096)
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
N_SUMS = 20
MACHINES = (1, 4, 16, 64)
# Of the network that is assumed: bytes a second, and seconds from host to host.
BANDWIDTH, LATENCY = 10e9 / 8, 1e-4


class CpuTime(Callback):
    """Appends the CPU seconds of each epoch to a list."""

    def __init__(self, seconds):
        self.seconds = seconds

    def on_epoch_begin(self, net, **kwargs):
        self.begin = time.process_time()

    def on_epoch_end(self, net, **kwargs):
        self.seconds.append(time.process_time() - self.begin)


def fitted(X, case, batch_size, net_params=None):
    """Return a fitted estimator, and the least wall and CPU seconds of a step."""
    n_rows, _, hidden, k, epochs = case
    cpu = []
    estimator = AutoencoderTransformer(
        k,
        network=MLP(hidden),
        init="random",
        guard=False,
        early_stopping=False,
        validation_fraction=None,
        batch_size=batch_size,
        max_epochs=epochs,
        device="cpu",
        callbacks=[CpuTime(cpu)],
        net_params=net_params,
        random_state=0,
    ).fit(X)
    wall = min(row["dur"] for row in estimator.history_)
    n_steps = n_rows // batch_size
    return estimator, wall / n_steps, min(cpu) / n_steps


def measure_steps(name, rank, found):
    """Note the least seconds of a step, alone and by two ranks."""
    n_rows, n_features = CASES[name][:2]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    shard = np.array_split(X, 2)[rank]
    for batch_size in BATCHES:
        distributed.barrier()
        if rank == 0:
            alone, wall, cpu = fitted(X, CASES[name], batch_size)
            found[name, batch_size, 1].append(wall)
            found[name, batch_size, 1, "cpu"].append(cpu)
            trained = [w for w in alone.net_.module_.parameters() if w.requires_grad]
            found[name, "weights"] = [sum(w.numel() for w in trained)]
        distributed.barrier()
        options = {"distributed": True}
        _, wall, cpu = fitted(shard, CASES[name], batch_size, options)
        found[name, batch_size, 2].append(wall)
        found[name, batch_size, 2, "cpu"].append(cpu)


def measure_sums(sizes, found):
    """Note the least seconds in which two ranks add up so many numbers."""
    for size in sizes:
        gradients = torch.zeros(size)
        distributed.all_reduce(gradients)
        for _ in range(N_SUMS):
            distributed.barrier()
            begin = time.perf_counter()
            distributed.all_reduce(gradients)
            found["sum", size].append(time.perf_counter() - begin)


def measure(rank, folder, names, repeats):
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/ranks",
        rank=rank,
        world_size=2,
        timeout=timedelta(minutes=10),
    )
    found = defaultdict(list)
    for _ in range(repeats):
        for name in names:
            measure_steps(name, rank, found)
        measure_sums(SIZES, found)
    # Those of the first rank, which alone knows them.
    n_weights = [[size for name in names for size in found[name, "weights"]]]
    distributed.broadcast_object_list(n_weights, 0)
    measure_sums(n_weights[0], found)
    if rank == 0:
        torch.save({key: min(values) for key, values in found.items()}, folder / "out")
    distributed.destroy_process_group()


def over_network(n_weights, n_machines):
    """Return the seconds in which a ring of machines adds up float32 gradients."""
    travelled = 2 * (n_machines - 1) / n_machines * 4 * n_weights
    return travelled / BANDWIDTH + 2 * (n_machines - 1) * LATENCY


def print_steps(name, found):
    print(
        f"\n| {name}, rows in a batch | 1 process, ms | 2 ranks, ms | times as fast "
        "| CPU ms of 1 process | CPU ms of a rank |"
    )
    print("|---" * 6 + "|")
    for batch_size in BATCHES:
        one, two = (found[name, batch_size, n] for n in (1, 2))
        alone, rank = (found[name, batch_size, n, "cpu"] for n in (1, 2))
        print(
            f"| {batch_size} | {one * 1e3:.2f} | {two * 1e3:.2f} | {one / two:.2f} "
            f"| {alone * 1e3:.2f} | {rank * 1e3:.2f} |"
        )


def print_sums(found):
    print("\n| numbers added up by 2 ranks | ms |\n|---|---|")
    for size in SIZES:
        print(f"| {size} | {found['sum', size] * 1e3:.2f} |")


def print_machines(name, found):
    """Print what more machines would do, with as many rows in all, or to each."""
    n_weights, most, share = found[name, "weights"], BATCHES[-1], 1024
    in_sum = found["sum", n_weights]
    alone, rank = (found[name, BATCHES[0], n, "cpu"] for n in (1, 2))
    beside = max(0.0, rank - alone - in_sum)
    print(
        f"\n| computed: {name}, {n_weights} weights, machines "
        "| beside the step, ms "
        f"| {most} rows in all: step, ms | times as fast "
        f"| {share} rows to each: step, ms | rows a second, times as many |"
    )
    print("|---" * 6 + "|")
    for n in MACHINES:
        total = 0.0
        if n > 1:
            total = beside + in_sum + over_network(n_weights, n)
        fixed = found[name, most // n, 1] + total
        grown = found[name, share, 1] + total
        print(
            f"| {n} | {total * 1e3:.2f} "
            f"| {fixed * 1e3:.2f} | {found[name, most, 1] / fixed:.1f} "
            f"| {grown * 1e3:.2f} | {n * found[name, share, 1] / grown:.1f} |"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=CASES)
    options = parser.parse_args()
    names = [options.only] if options.only else list(CASES)
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(measure, (Path(folder), names, options.repeats), nprocs=2)
        found = torch.load(Path(folder) / "out")
    print(
        f"{platform.machine()}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, one thread a rank"
    )
    for name in names:
        print_steps(name, found)
    print_sums(found)
    for name in names:
        print_machines(name, found)


if __name__ == "__main__":
    main()
