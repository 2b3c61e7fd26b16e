"""What a step costs on one and on two ranks, and what adding up gradients costs.

Steps are in seconds of the processor, which other work beside does not change; sums
are in seconds of the clock.

Started without arguments it starts two processes by torchrun itself, and prints the
tables of beyond_one_machine.md.

    python docs/benchmarks/beyond_one_machine.py
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import distributed

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.networks import MLP

N_ROWS, N_FEATURES, EPOCHS = 8192, 256, 3
SMALL, LARGE = (64,), (1024,)
BATCHES = (128, 512, 2048)
WEIGHTS = (10**4, 10**5, 10**6, 10**7)
# Bytes a second of a link, and seconds until a message of no length arrives: ten
# gigabits, and a network of a cluster.
BANDWIDTH, LATENCY = 1.25e9, 50e-6
MACHINES = (1, 2, 4, 8, 16)


class Clock(Callback):
    """Notes the processor's seconds at the end of each epoch."""

    def on_epoch_end(self, net, **kwargs):
        net.history.record("seconds", time.process_time())


def rows():
    """Return rows of eight factors, bent and with noise."""
    rng = np.random.default_rng(0)
    bent = np.tanh(rng.normal(size=(N_ROWS, 8)) @ rng.normal(size=(8, N_FEATURES)))
    return (bent + 0.1 * rng.normal(size=bent.shape)).astype(np.float32)


def step_seconds(X, widths, batch_size, together):
    """Return the seconds of a step of the last epochs, and the number of weights."""
    ae = AutoencoderTransformer(
        8,
        network=MLP(widths),
        batch_size=batch_size,
        max_epochs=EPOCHS,
        validation_fraction=None,
        early_stopping=False,
        guard=False,
        callbacks=[Clock()],
        device="cpu",
        net_params={"distributed": together},
        random_state=0,
    ).fit(X)
    steps = -(-N_ROWS // batch_size)
    seconds = np.diff([row["seconds"] for row in ae.history_]).min() / steps
    return seconds, sum(p.numel() for p in ae.net_.module_.parameters())


def sum_seconds(n_weights, repeats=20):
    """Return the median seconds of adding up the gradients of so many weights."""
    buffer, durations = torch.zeros(n_weights), []
    for _ in range(repeats):
        distributed.barrier()
        start = time.perf_counter()
        distributed.all_reduce(buffer)
        durations.append(time.perf_counter() - start)
    return float(np.median(durations))


def measured(together):
    """Return all durations by name, as one process or as a rank."""
    X, shard = rows(), slice(None)
    if together:
        half = N_ROWS // 2
        shard = slice(half) if distributed.get_rank() == 0 else slice(half, None)
    return {
        f"{widths} {batch_size}": step_seconds(X[shard], widths, batch_size, together)
        for widths in (SMALL, LARGE)
        for batch_size in BATCHES
    }


def computed(seconds, n_weights, n_machines):
    """Return the milliseconds of a step of so many machines, by a ring of them."""
    if n_machines == 1:
        return 1e3 * seconds
    sent = 2 * (n_machines - 1) / n_machines * 4 * n_weights
    added = sent / BANDWIDTH + 2 * (n_machines - 1) * LATENCY
    return 1e3 * (seconds / n_machines + added)


def main():
    """Measure and print."""
    torch.set_num_threads(1)
    if "RANK" in os.environ:
        distributed.init_process_group("gloo")
        found = {"steps": measured(together=True)}
        found["sums"] = {n: sum_seconds(n) for n in WEIGHTS}
        if distributed.get_rank() == 0:
            Path(sys.argv[1]).write_text(json.dumps(found))
        distributed.destroy_process_group()
        return
    alone = measured(together=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "found.json")
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        subprocess.run([*launcher, "--nproc-per-node=2", __file__, path], check=True)
        found = json.loads(path.read_text())
    print("| weights | batch | one rank, ms | each of two ranks, ms |")
    print("| --- | --- | --- | --- |")
    for name, (seconds, n_weights) in alone.items():
        of_two = found["steps"][name][0]
        batch = name.rpartition(" ")[2]
        print(f"| {n_weights} | {batch} | {1e3 * seconds:.2f} | {1e3 * of_two:.2f} |")
    print("\n| weights | ms to add up |\n| --- | --- |")
    for n_weights, seconds in found["sums"].items():
        print(f"| {n_weights} | {1e3 * seconds:.2f} |")
    print("\n| weights | batch |", *(f"{n} |" for n in MACHINES))
    print("| --- | --- |", *("--- |" for _ in MACHINES))
    for name, (seconds, n_weights) in alone.items():
        batch = int(name.rpartition(" ")[2])
        times = (computed(seconds, n_weights, n) for n in MACHINES)
        print(f"| {n_weights} | {batch} |", *(f"{each:.2f} |" for each in times))


if __name__ == "__main__":
    main()
