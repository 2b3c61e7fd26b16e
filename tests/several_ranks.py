"""Fits of several ranks, for the tests in tests/distributed: what torchrun starts.

Each rank writes what came out to a file in the folder that it is given.
"""

import io
import os
import pickle
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import distributed, nn

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae.networks import MLP, Custom

TOGETHER = {"distributed": True, "distributed_timeout": 20}


def curved(n_rows=400):
    """Return rows on a curved surface, with noise."""
    rng = np.random.RandomState(0)
    t = rng.uniform(-2, 2, size=(n_rows, 2))
    columns = [t, t**2, np.sin(2 * t)]
    return np.concatenate(columns, axis=1) + 0.05 * rng.normal(size=(n_rows, 6))


def small(kind, **params):
    """Return an estimator with a small network that trains for a few epochs."""
    given = {"network": MLP((8,)), "max_epochs": 3, "random_state": 0, **params}
    return kind(**{"device": "cpu", **given})


def with_dropout(n_in, n_out):
    return nn.Sequential(
        nn.Linear(n_in, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, n_out)
    )


class StopsOnOneRank(Callback):
    """Ends training after the first epoch, where it runs on the second rank."""

    def on_epoch_end(self, net, **kwargs):
        if rank() == 1:
            raise KeyboardInterrupt


class Raises(Callback):
    """Raises in the second epoch, where it runs on the second rank."""

    def on_epoch_end(self, net, **kwargs):
        if rank() == 1 and len(net.history) == 2:
            raise OSError("the disk is full")


class Dies(Callback):
    """Ends the process in the second epoch, where it runs on the second rank."""

    def on_epoch_end(self, net, **kwargs):
        if rank() == 1 and len(net.history) == 2:
            os._exit(0)


#: By name: the estimator, the rows of both ranks, and where the second's begin.
CASES = {
    "autoencoder": (small(AutoencoderTransformer, guard=False), curved(), 150),
    "until it no longer pays": (
        AutoencoderTransformer(
            2, network=MLP((8,)), batch_size=64, random_state=0, device="cpu"
        ),
        curved(120),
        50,
    ),
    "plain steps": (
        small(AutoencoderTransformer, net_params={"steps": "plain"}),
        curved(),
        150,
    ),
    "float32": (
        small(AutoencoderTransformer, guard=False),
        curved().astype(np.float32),
        150,
    ),
    "share of variance": (
        small(AutoencoderTransformer, n_components=0.9, guard=False),
        curved(),
        150,
    ),
    "random start": (
        small(AutoencoderTransformer, init="random", guard=False),
        curved(),
        150,
    ),
    "none held out": (
        small(
            AutoencoderTransformer,
            validation_fraction=None,
            early_stopping=False,
            guard=False,
        ),
        curved(),
        150,
    ),
    "noise": (
        small(AutoencoderTransformer),
        np.random.RandomState(0).normal(size=(200, 5)),
        100,
    ),
    "exact": (
        small(AutoencoderTransformer, n_components=6),
        curved(),
        150,
    ),
    "a wide table": (
        small(AutoencoderTransformer),
        np.random.RandomState(0).normal(size=(40, 60)),
        15,
    ),
    "copies": (small(AutoencoderTransformer), curved(200)[np.arange(400) // 2], 151),
    "vae": (small(VAETransformer, guard=False), curved(), 150),
    "vae by importance": (
        small(VAETransformer, n_importance_samples=3, kl_warmup=0.5),
        curved(),
        150,
    ),
    "vae with pseudo rows": (small(VAETransformer, prior="vamp"), curved(), 150),
    "one row": (small(AutoencoderTransformer), curved(), 399),
    "three rows first": (small(VAETransformer), curved(), 3),
}
# Whose draws are not those of one process.
DRAWN_APART = {
    "dropout": (
        small(AutoencoderTransformer, network=MLP((8,), dropout=0.2)),
        curved(),
        150,
    ),
    "layers of a user": (
        small(AutoencoderTransformer, network=Custom(with_dropout, with_dropout)),
        curved(),
        150,
    ),
    "stopped by one rank": (
        small(AutoencoderTransformer, callbacks=[StopsOnOneRank()]),
        curved(),
        150,
    ),
}
#: What goes wrong on one rank: the estimator and its rows on that rank.
FAILURES = {
    "missing value": (small(AutoencoderTransformer), np.full((9, 6), np.nan)),
    "other columns": (small(AutoencoderTransformer), curved()[:, :5]),
    "other dtype": (small(AutoencoderTransformer), curved().astype(np.float32)),
    "other parameters": (small(AutoencoderTransformer, n_components=3), curved()),
    "other settings of the optimizer": (
        small(AutoencoderTransformer, net_params={"optimizer__betas": (0.8, 0.9)}),
        curved(),
    ),
    "no rows": (small(AutoencoderTransformer), curved()[:0]),
    "a callback": (small(AutoencoderTransformer, callbacks=[Raises()]), curved()),
    "vae": (small(VAETransformer, callbacks=[Raises()]), curved()),
}


def rank():
    """Return this process's number; 0 where it is alone."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def outcome(estimator, X):
    """Return what can be compared of a fitted estimator."""
    return {
        "codes": estimator.transform(X[:50]),
        "mean": estimator.mean_,
        "weights": {
            name: value.numpy()
            for name, value in estimator.net_.module_.state_dict().items()
        },
        "history": [
            {name: value for name, value in row.items() if name != "dur"}
            for row in estimator.history_
        ],
        "gain": estimator.gain_over_pca_,
        "n_components": estimator.n_components_,
        "sample": estimator.sample(5, random_state=0),
        "net": type(estimator.net_).__name__,
        "attributes": sorted(vars(estimator)),
        "size": len(pickle.dumps(estimator)),
    }


def fitted_together(estimator, X, cut):
    """Fit an estimator to this rank's shard of X."""
    estimator.net_params = {**(estimator.net_params or {}), **TOGETHER}
    return estimator.fit(X[:cut] if rank() == 0 else X[cut:])


def failure(estimator, X):
    """Return the error of a fit that is to fail, and whether it is fitted."""
    estimator.net_params = {**(estimator.net_params or {}), **TOGETHER}
    try:
        estimator.fit(X)
    except Exception as error:
        return type(error).__name__, str(error), hasattr(estimator, "net_")
    return None


def main(folder):
    """Fit all cases, the failures last, and write what came out."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    found = {"seeds": np.random.get_state()[1].copy()}  # noqa: NPY002
    for name, (estimator, X, cut) in (CASES | DRAWN_APART).items():
        found[name] = outcome(fitted_together(estimator, X, cut), X)
    # Asked to print where it can.
    talks = small(AutoencoderTransformer, guard=False, verbose=1 - rank())
    with redirect_stdout(io.StringIO()) as printed:
        found["printing"] = outcome(fitted_together(talks, curved(), 150), curved())
    found["printed"] = printed.getvalue()
    # Those of the first rank are always in order.
    for name, (estimator, X) in FAILURES.items():
        alone = rank() == 0
        fine = small(type(estimator), callbacks=estimator.callbacks)
        found[f"failed: {name}"] = failure(
            fine if alone else estimator, curved() if alone else X
        )
    if rank() == 0:
        late = small(AutoencoderTransformer, net_params={"distributed_timeout": 1})
        late.net_params |= {"distributed": True}
        with suppress(RuntimeError):
            late.fit(curved())
    distributed.barrier()
    # No failure has broken anything for the next fit.
    estimator, X, cut = CASES["autoencoder"]
    found["afterwards"] = outcome(fitted_together(estimator, X, cut), X)
    found["seeds afterwards"] = np.random.get_state()[1]  # noqa: NPY002
    path = Path(folder) / f"rank{rank()}.pickle"
    path.write_bytes(pickle.dumps(found))
    estimator = small(AutoencoderTransformer, callbacks=[Dies()])
    found["failed: died"] = failure(estimator, curved())
    estimator.net_params = {**TOGETHER, "distributed_timeout": 1}
    try:
        estimator.fit(curved())
    except Exception as error:
        found["failed: never came"] = type(error).__name__, str(error), False
    path.write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
