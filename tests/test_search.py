"""Searches by several processes or threads: what one finds, to the bit."""

import joblib
import pytest
import torch
from searches import GRID, assert_same_search, halving
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_info

from sklearn_ae import AutoencoderTransformer


@pytest.mark.parametrize("search", [GridSearchCV, halving])
def test_search_by_threads(make, curved, search):
    n_threads = torch.get_num_threads()
    alone = search(make(), GRID, cv=2, n_jobs=1).fit(curved)
    with joblib.parallel_config("threading"):
        by_threads = search(make(), GRID, cv=2, n_jobs=2).fit(curved)
    assert_same_search(by_threads, alone)
    assert torch.get_num_threads() == n_threads


@pytest.mark.slow
def test_search_by_processes(make_ae, make_vae, curved, tmp_path):
    """All in one test, because processes take seconds to import torch."""
    n_threads = torch.get_num_threads()
    sizes = {"n_components": [1, 2, 3]}
    shared = make_ae(ordered=3, memory=str(tmp_path))
    searches = [
        (GridSearchCV, make_ae(), GRID, make_ae()),
        (halving, make_vae(), GRID, make_vae()),
        # Fits at the same time that keep trainings in one folder.
        (GridSearchCV, shared, sizes, make_ae(ordered=3)),
    ]
    with joblib.parallel_config("loky"):
        for search, estimator, grid, alone in searches:
            by_processes = search(estimator, grid, cv=2, n_jobs=2).fit(curved)
            assert_same_search(by_processes, search(alone, grid, cv=2).fit(curved))
    # One training for each fold and one for all rows.
    assert len(list(tmp_path.rglob("output.pkl"))) == 3
    assert torch.get_num_threads() == n_threads


@pytest.mark.slow
def test_processes_share_the_cores(curved, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def threads_around_a_fit(X):
        AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(X).transform(X)
        pools = [pool["num_threads"] for pool in threadpool_info()]
        return max(torch.get_num_threads(), *pools)

    with joblib.parallel_config("loky", n_jobs=2):
        each = joblib.Parallel()(
            joblib.delayed(threads_around_a_fit)(curved) for _ in range(2)
        )
    assert max(each) <= max(1, joblib.cpu_count() // 2)
