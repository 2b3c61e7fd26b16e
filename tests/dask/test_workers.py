import os
import signal

import numpy as np
import pytest

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._dask.workers import trains_on_workers
from sklearn_ae.networks import MLP

TOGETHER = {"net_params": {"distributed": True, "distributed_timeout": 60}}
pytestmark = pytest.mark.slow


def test_workers_train_one_model(on_cluster, make, partitions, frame):
    alone = make(guard=False, max_epochs=4).fit(frame)
    together = make(guard=False, max_epochs=4, **TOGETHER)
    assert together.fit(partitions) is together
    np.testing.assert_allclose(together.mean_, alone.mean_)
    assert together.feature_names_in_.tolist() == frame.columns.tolist()
    assert together.n_iter_ == alone.n_iter_
    # Rows are in another order, and others are held out.
    scores = together.score(frame), alone.score(frame)
    np.testing.assert_allclose(*scores, rtol=0.2)
    assert together.transform(frame).shape == (len(frame), 2)


def test_nothing_is_left_on_the_workers(on_cluster, make_ae, da, curved):
    def left(dask_worker):
        from torch import distributed

        names = os.listdir(dask_worker.local_directory)
        return distributed.is_initialized(), [n for n in names if "sklearn_ae" in n]

    X = da.from_array(curved, chunks=(25, 6)).astype(np.float32).persist()
    fitted = make_ae(**TOGETHER).fit(X)
    assert fitted.mean_.dtype == np.float32
    assert set(map(str, on_cluster.run(left).values())) == {"(False, [])"}


def test_a_stream_of_draws_goes_on(on_cluster, make_ae, blocks, rng):
    first, second = (make_ae(random_state=rng, **TOGETHER).fit(blocks) for _ in "ab")
    weights, others = (each.net_.module_.encoder[0].weight for each in (first, second))
    assert (weights != others).any()


def test_whole_numbers_are_floats_on_every_rank(on_cluster, make_ae, da, curved):
    X = da.from_array(np.rint(5 * curved).astype(int), chunks=(70, 6))
    assert make_ae(**TOGETHER).fit(X).mean_.dtype == np.float64


def test_what_a_rank_raises_is_raised_once(on_cluster, make_ae, da, curved):
    X = curved.copy()
    X[150, 2] = np.nan
    estimator = make_ae(**TOGETHER)
    with pytest.raises(ValueError, match="miss no value, and X has NaN"):
        estimator.fit(da.from_array(X, chunks=(60, 6)))
    assert not hasattr(estimator, "net_")
    # The workers go on.
    estimator.fit(da.from_array(curved, chunks=(60, 6)))


def test_a_single_worker_is_enough(on_cluster, make_ae, da, curved):
    fitted = make_ae(**TOGETHER).fit(da.from_array(curved, chunks=(-1, -1)))
    assert fitted.n_iter_ > 0


def test_what_workers_do_not_take(on_cluster, make_ae, blocks, curved):
    each = np.ones(len(curved))
    for given in (
        {"sample_weight": each},
        {"groups": each},
        {"X_val": curved},
        {"y": each},
    ):
        (name,) = given
        with pytest.raises(ValueError, match=f"does not take {name}; leave it out"):
            make_ae(**TOGETHER).fit(blocks, **given)


def test_a_client_is_needed(make_ae, blocks):
    pytest.importorskip("dask.distributed")
    with pytest.raises(ValueError, match=r"make a distributed\.Client before fit"):
        make_ae(**TOGETHER).fit(blocks)


def test_only_collections_go_to_workers(make_ae, blocks, curved):
    assert trains_on_workers(make_ae(**TOGETHER), blocks)
    assert not trains_on_workers(make_ae(), blocks)
    assert not trains_on_workers(make_ae(**TOGETHER), curved)


def test_workers_that_share_a_process_are_refused(make_ae, blocks):
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster),
        pytest.raises(RuntimeError, match="make it with processes=True"),
    ):
        make_ae(**TOGETHER).fit(blocks)


def test_a_worker_that_dies_is_told_and_none_hangs(on_cluster, da, curved):
    class Dying(AutoencoderTransformer):
        """Its second rank dies when it begins to train."""

        def _train(self, *args, **kwargs):
            from torch import distributed

            if distributed.get_rank() == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return super()._train(*args, **kwargs)

    estimator = Dying(2, network=MLP((8,)), max_epochs=2, **TOGETHER)
    with pytest.raises(RuntimeError, match=r"was lost during fit|another rank has"):
        estimator.fit(da.from_array(curved, chunks=(60, 6)))
    # A new one takes its place, for the tests that follow.
    on_cluster.wait_for_workers(2, timeout=60)
