"""One model from two processes, each of which has half of the rows.

On a cluster torchrun, Slurm, Ray or Spark starts the processes, on many machines, and
each of them runs `fit_shard`. Here the script starts two by itself.

    python examples/beyond_one_machine.py
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import distributed, multiprocessing

from sklearn_ae import AutoencoderTransformer

RANKS = 2


def shard(rank):
    """Return the rows of a rank, as it would read them from its files."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 20))
    rows = np.tanh(rng.normal(size=(6000, 3)) @ weights)
    rows += 0.1 * rng.normal(size=rows.shape)
    return np.array_split(rows, RANKS)[rank]


def fit_shard(rank, folder):
    """Fit the model of all ranks, given the rows of one."""
    torch.set_num_threads(1)
    # torchrun sets what init_process_group() reads; here a file has it.
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/group", rank=rank, world_size=RANKS
    )
    ae = AutoencoderTransformer(
        3, net_params={"distributed": True}, device="cpu", random_state=0
    ).fit(shard(rank))
    np.save(Path(folder, f"codes{rank}.npy"), ae.transform(shard(0)[:5]))
    if rank == 0:
        print(f"{ae.n_iter_} epochs; {ae.guard_}")
    distributed.destroy_process_group()


def main():
    """Start the processes, and see that they have the same model."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(fit_shard, (folder,), nprocs=RANKS)
        codes = [np.load(Path(folder, f"codes{rank}.npy")) for rank in range(RANKS)]
    same = np.array_equal(*codes)
    print(f"Codes of the same rows are equal to the bit on both: {same}")


if __name__ == "__main__":
    main()
