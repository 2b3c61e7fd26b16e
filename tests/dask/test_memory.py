"""Rows that are more than a worker's memory: no worker is ended or stays paused."""

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.networks import MLP

# Bytes that a worker may have, of which torch and its kind take half.
LIMIT = 750 * 2**20
N_BLOCKS, ROWS, COLUMNS = 50, 10_000, 200


@pytest.fixture
def small_workers():
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            memory_limit=LIMIT,
            dashboard_address=":0",
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def processes(client):
    def told(dask_worker):
        import os

        return os.getpid(), str(dask_worker.status)

    return client.run(told)


@pytest.mark.slow
def test_fit_and_transform_of_more_than_a_workers_memory(small_workers, da):
    def some_rows(block_info):
        rng = np.random.RandomState(block_info[None]["chunk-location"][0])
        codes = rng.uniform(-2, 2, size=(ROWS // 10, 3))
        axes = np.random.RandomState(0).normal(size=(3, COLUMNS))
        rows = np.tanh(codes @ axes) + 0.1 * rng.normal(size=(len(codes), COLUMNS))
        return np.concatenate([rows + shift for shift in range(10)])

    X = da.map_blocks(
        some_rows,
        chunks=((ROWS,) * N_BLOCKS, (COLUMNS,)),
        dtype=np.float64,
        meta=np.empty((0, 0)),
    )
    assert X.nbytes > LIMIT
    before = processes(small_workers)
    ae = AutoencoderTransformer(
        3, network=MLP((16,)), max_epochs=1, random_state=0, device="cpu"
    )
    ae.fit(X)
    np.testing.assert_allclose(ae.mean_, X.mean(axis=0).compute())
    variances = ae.transform(X).var(axis=0).compute()
    assert (variances > 0).all()
    # Where they are to train as well, what they have to read is too much.
    together = clone(ae).set_params(net_params={"distributed": True})
    with pytest.raises(MemoryError, match="of its memory limit left"):
        together.fit(X)
    assert processes(small_workers) == before
    assert {status for _, status in before.values()} == {"Status.running"}
