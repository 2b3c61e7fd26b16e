"""Two processes train one autoencoder, each on its own half of the digits.

Started by ``python examples/beyond_one_machine.py`` the script starts the two itself;
``torchrun --nproc-per-node=3 examples/beyond_one_machine.py`` starts three, on this
machine or on several. The first compares the result with that of one process.
"""

import os
import socket

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import distributed, multiprocessing

from sklearn_ae import AutoencoderTransformer


def autoencoder(**params):
    """Return what is to be fitted; an int as seed, so that it can be repeated."""
    return AutoencoderTransformer(5, max_epochs=20, random_state=0, **params)


def train():
    """Fit this rank's rows with the others, in a process group that is up."""
    torch.set_num_threads(1)
    rank, n_ranks = distributed.get_rank(), distributed.get_world_size()
    X = load_digits().data
    shard = np.array_split(X, n_ranks)[rank]  # yours come from files of its own
    together = autoencoder(
        net_params={"distributed": True, "distributed_timeout": 60}, device="cpu"
    ).fit(shard)

    state = together.net_.module_.state_dict()
    weights = torch.cat([values.ravel() for values in state.values()])
    all_weights = [torch.empty_like(weights) for _ in range(n_ranks)]
    distributed.all_gather(all_weights, weights)
    if rank > 0:
        return
    are_same = all(torch.equal(other, weights) for other in all_weights)
    print(f"{n_ranks} ranks, the same weights on each: {are_same}")
    alone = autoencoder(device="cpu").fit(X)
    codes, expected = together.transform(X), alone.transform(X)
    difference = np.abs(codes - expected).max() / np.abs(expected).max()
    print(f"codes differ from one process's by at most {difference:.0e} of the largest")
    print(
        f"share of PCA's error that was removed: {together.gain_over_pca_:.6f}, by one "
        f"process {alone.gain_over_pca_:.6f}"
    )


def start(rank, port):
    """Be one of two ranks on this machine."""
    distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2
    )
    train()
    distributed.destroy_process_group()


def main():
    """Take part, or start two processes that do."""
    if "RANK" in os.environ:  # torchrun has started this process
        distributed.init_process_group("gloo")  # "nccl" for GPUs
        train()
        distributed.destroy_process_group()
        return
    with socket.socket() as some_socket:
        some_socket.bind(("127.0.0.1", 0))
        port = some_socket.getsockname()[1]
    multiprocessing.spawn(start, (port,), nprocs=2)


if __name__ == "__main__":
    main()
