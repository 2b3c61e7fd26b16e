"""Two processes that fit one model, as torchrun starts them: what each of them got.

They are started once for all tests; what they fit stands in tests/several_ranks.py.
"""

import os
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from several_ranks import CASES, DRAWN_APART, FAILURES, outcome
from sklearn.base import clone

# Windows has no such locks; other workers wait by them.
fcntl = pytest.importorskip("fcntl")
SCRIPT = Path(__file__).parents[1] / "several_ranks.py"
# Rounding grows from step to step, first in weights that hardly count.
LOSSES, CODES = 1e-5, 1e-3


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What came out on each of the two ranks."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Of all workers one starts them, and the others wait.
        folder = folder.parent
    files = [folder / f"rank{number}.pickle" for number in range(2)]
    with open(folder / "ranks.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all(file.exists() for file in files):
            _start_ranks(folder)
    return [pickle.loads(file.read_bytes()) for file in files]


def _start_ranks(folder):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    paths = [str(SCRIPT.parents[1]), os.environ.get("PYTHONPATH", "")]
    subprocess.run(
        [*launcher, "--nproc-per-node=2", SCRIPT, folder],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        },
        check=True,
        capture_output=True,
        timeout=300,
    )


@cache
def by_one_process(name):
    estimator, X, _ = CASES[name]
    return outcome(clone(estimator).fit(X), X)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CASES, *DRAWN_APART, "printing", "afterwards"])
def test_ranks_have_one_model_to_the_bit(ranks, name):
    one, other = (rank[name] for rank in ranks)
    assert pickle.dumps(one["history"]) == pickle.dumps(other["history"])
    for part in ("codes", "mean", "sample"):
        np.testing.assert_array_equal(one[part], other[part])
    for weight in one["weights"]:
        np.testing.assert_array_equal(one["weights"][weight], other["weights"][weight])


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_ranks_fit_what_one_process_does(ranks, name):
    ours, alone = ranks[0][name], by_one_process(name)
    assert len(ours["history"]) == len(alone["history"])
    for row, expected in zip(ours["history"], alone["history"], strict=True):
        assert row == pytest.approx(expected, rel=LOSSES, nan_ok=True)
    assert ours["gain"] == pytest.approx(alone["gain"], abs=LOSSES, nan_ok=True)
    assert ours["n_components"] == alone["n_components"]
    np.testing.assert_allclose(ours["mean"], alone["mean"], rtol=1e-6, atol=1e-12)
    for part in ("codes", "sample"):
        scale = np.abs(alone[part]).max()
        np.testing.assert_allclose(ours[part], alone[part], atol=CODES * scale)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CASES, *DRAWN_APART])
def test_what_is_fitted_knows_nothing_of_ranks(ranks, name):
    ours = ranks[0][name]
    assert ours["net"] == "Net"
    if name in CASES:
        alone = by_one_process(name)
        assert ours["attributes"] == alone["attributes"]
        # The options stand in it.
        assert ours["size"] < alone["size"] + 200


@pytest.mark.slow
def test_the_first_rank_alone_prints(ranks):
    assert "valid_loss" in ranks[0]["printed"]
    assert ranks[1]["printed"] == ""


@pytest.mark.slow
def test_one_rank_may_end_training(ranks):
    assert [len(rank["stopped by one rank"]["history"]) for rank in ranks] == [1, 1]


@pytest.mark.slow
def test_the_global_generator_is_left_alone(ranks):
    for rank in ranks:
        np.testing.assert_array_equal(rank["seeds"], rank["seeds afterwards"])


@pytest.mark.slow
@pytest.mark.parametrize("name", FAILURES)
def test_an_error_on_one_rank_ends_the_fit_of_all(ranks, name):
    (_, told, was_fitted), (kind, said, other_fitted) = (
        rank[f"failed: {name}"] for rank in ranks
    )
    assert not was_fitted
    assert not other_fitted
    is_of_both = "The ranks that fit one" in said
    is_passed_on = told == f"Rank 0 cannot go on with fit: rank 1 raised {kind}: {said}"
    assert told == said if is_of_both else is_passed_on


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seconds"), [("died", 20), ("never came", 1)])
def test_nobody_waits_for_a_rank_that_has_ended(ranks, name, seconds):
    kind, told, was_fitted = ranks[0][f"failed: {name}"]
    assert kind == "LostRanksError"
    assert told.startswith("Rank 0 cannot go on with fit: another rank has ended")
    assert f"within {seconds} seconds" in told
    assert not was_fitted
