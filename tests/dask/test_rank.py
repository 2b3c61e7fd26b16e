import numpy as np
import pytest
from torch import distributed as process_groups

from sklearn_ae._dask.files import one_table, write_block
from sklearn_ae._dask.rank import Meeting, free_port


def test_ranks_that_do_not_meet_say_so():
    meeting = Meeting("127.0.0.1", free_port(), rank=1, n_ranks=2, timeout=0.5)
    with pytest.raises(RuntimeError, match="has not met the others"), meeting.held():
        pass
    assert not process_groups.is_initialized()


def test_a_rank_alone_has_a_group_for_the_time_of_the_block():
    meeting = Meeting("127.0.0.1", free_port(), rank=0, n_ranks=1, timeout=60)
    with meeting.held():
        assert process_groups.get_world_size() == 1
        with (
            pytest.raises(RuntimeError, match="a process group already"),
            meeting.held(),
        ):
            pass
        assert process_groups.is_initialized()
    assert not process_groups.is_initialized()


@pytest.mark.parametrize("dtype", [np.float32, np.int8, bool])
def test_blocks_become_one_table(tmp_path, rng, dtype):
    X = rng.normal(size=(20, 3)).astype(dtype)
    # One of them is stored by columns, and one has no rows.
    blocks = [X[:5], np.asfortranarray(X[5:12]), X[12:12], X[12:]]
    paths = [
        write_block(block, tmp_path / f"{number}.npy", dtype)
        for number, block in enumerate(blocks)
    ]
    table = one_table(paths, tmp_path / "all")
    assert type(table) is np.ndarray
    assert table.dtype == dtype
    np.testing.assert_array_equal(table, X)
    assert [path.name for path in tmp_path.iterdir()] == ["all"]


def test_no_rows_at_all_are_a_table_too(tmp_path):
    path = write_block(np.empty((0, 3)), tmp_path / "0.npy", np.float64)
    assert one_table([path], tmp_path / "all").shape == (0, 3)
