"""The extra, without which these tests are skipped, and a cluster of two processes.

Modules are asked for by their full names: this folder is importable as `dask`, and
another one as `distributed`, where those packages are not installed.
"""

import pytest


@pytest.fixture(scope="session")
def client():
    """A client of two workers, each a process with a single thread."""
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def on_cluster(client):
    """Have the cluster compute, in a test alone."""
    with client.as_current():
        yield client


@pytest.fixture
def da():
    return pytest.importorskip("dask.array")


@pytest.fixture
def dd():
    return pytest.importorskip("dask.dataframe")


@pytest.fixture
def blocks(da, curved):
    """The curved rows in blocks of some rows and some columns."""
    return da.from_array(curved, chunks=(60, 4))


@pytest.fixture
def frame(curved):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(curved, columns=list("abcdef"))


@pytest.fixture
def partitions(dd, frame):
    return dd.from_pandas(frame, npartitions=3)
