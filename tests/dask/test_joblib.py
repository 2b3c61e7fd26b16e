"""Searches on joblib's backend dask: what one process finds, to the bit."""

import joblib
import numpy as np
import pytest
import torch
from searches import GRID, assert_same_search, halving
from sklearn.model_selection import GridSearchCV


@pytest.mark.slow
@pytest.mark.parametrize("search", [GridSearchCV, halving])
def test_search_on_a_cluster(on_cluster, make, curved, search):
    n_threads = torch.get_num_threads()
    alone = search(make(), GRID, cv=2, n_jobs=1).fit(curved)
    with joblib.parallel_config("dask"):
        on_workers = search(make(), GRID, cv=2, n_jobs=2).fit(curved)
    assert_same_search(on_workers, alone)
    assert torch.get_num_threads() == n_threads


@pytest.mark.slow
def test_workers_share_a_memory(on_cluster, make_ae, curved, tmp_path):
    sizes = {"n_components": [1, 2, 3]}
    alone = GridSearchCV(make_ae(ordered=3), sizes, cv=2, n_jobs=1).fit(curved)
    shared = make_ae(ordered=3, memory=str(tmp_path))
    with joblib.parallel_config("dask"):
        on_workers = GridSearchCV(shared, sizes, cv=2, n_jobs=2).fit(curved)
    assert_same_search(on_workers, alone)
    kept = list(tmp_path.rglob("output.pkl"))
    # One training for each fold and one for all rows.
    assert len(kept) == 3
    assert np.isfinite(on_workers.best_score_)
