"""Rows on the device or on the host, and the batches that are made of them."""

import numpy as np
import pytest
import torch
from scipy import sparse

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._training.batches import (
    FEWEST_BOUNDED,
    Batches,
    Rows,
    fits,
    parts_of,
)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 8, 19, 20, 21, 1000])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 8, 9, 20, 57])
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_hold_every_row_once(n_rows, batch_size, shuffle):
    data = torch.arange(n_rows)[:, None]
    batches = Batches(Rows(data), batch_size, shuffle=shuffle)
    for _ in range(2):
        parts = [x for x, _ in batches]
        assert len(parts) == len(batches)
        assert torch.equal(torch.cat(parts).sort(dim=0).values, data)
        sizes = [len(part) for part in parts]
        assert max(sizes) <= batch_size + 1
        if batch_size > 1:
            assert min(sizes) > 1 or n_rows == 1


def test_shuffled_anew_each_epoch():
    batches = Batches(Rows(torch.arange(100)[:, None]), 10, shuffle=True)
    first, second = (torch.cat([x for x, _ in batches]) for _ in range(2))
    assert not torch.equal(first, second)
    in_order = Batches(batches, 10)
    assert torch.equal(torch.cat([x for x, _ in in_order]), torch.arange(100)[:, None])


@pytest.fixture
def pinned(monkeypatch):
    """Count what is pinned, which works only where there is a GPU."""
    sizes = []

    def pin_memory(tensor):
        sizes.append(len(tensor))
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    return sizes


@pytest.mark.parametrize("shuffle", [False, True])
def test_rows_on_the_host_travel_some_batches_at_a_time(shuffle, pinned, monkeypatch):
    monkeypatch.setattr("sklearn_ae._training.batches.GATHERED_VALUES", 60)
    # A device that is not the host wherever the tests run.
    rows = Rows(torch.randn(58, 3), device=torch.device("meta"))
    batches = list(Batches(rows, 8, shuffle=shuffle))
    assert [x.device.type for x, _ in batches] == ["meta"] * 8
    assert [len(x) for x, _ in batches] == [8] * 7 + [2]
    assert sum(pinned) == 58
    assert max(pinned) * 3 <= 60


def test_the_order_does_not_depend_on_where_rows_are(pinned, monkeypatch):
    data = torch.randn(50, 3)
    for fitting in (True, False):
        monkeypatch.setattr(
            "sklearn_ae._training.batches.fits",
            lambda data, device, value=fitting: value,
        )
        rows = Rows.for_device(data, torch.device("meta"))
        assert rows.data.device.type == ("meta" if fitting else "cpu")
        assert rows.device.type == "meta"
    orders = []
    for rows in (Rows(data), Rows(data.clone(), device=torch.device("cpu"))):
        torch.manual_seed(0)
        orders.append(torch.cat([x for x, _ in Batches(rows, 8, shuffle=True)]))
    assert torch.equal(*orders)


@pytest.mark.parametrize(("free", "expected"), [(16_000, True), (15_999, False)])
def test_rows_take_at_most_half_of_a_gpu_s_free_memory(free, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 10**9))
    data = torch.zeros(200, 10)
    assert fits(data, torch.device("cuda")) is expected
    assert fits(data, torch.device("cpu"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_fit_from_the_host_is_the_fit_from_the_device(curved, monkeypatch):
    errors = []
    for fitting in (True, False):
        monkeypatch.setattr(
            "sklearn_ae._training.batches.fits",
            lambda data, device, value=fitting: value,
        )
        model = AutoencoderTransformer(2, device="cuda", random_state=0).fit(curved)
        errors.append(model.reconstruction_error(curved))
    np.testing.assert_allclose(*errors, rtol=1e-3)


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_of_sparse_rows_are_those_of_dense_ones(shuffle):
    dense = np.random.RandomState(0).normal(size=(23, 4)).astype(np.float32)
    dense[dense < 0.5] = 0.0
    tables = Rows(torch.from_numpy(dense)), Rows(SparseRows(sparse.csr_array(dense)))
    batches = [
        list(Batches(rows, 5, shuffle, torch.Generator().manual_seed(0)))
        for rows in tables
    ]
    for (one, _), (other, _) in zip(*batches, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    for one, other in zip(*(parts_of(rows.data, 10) for rows in tables), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert not tables[1].is_incomplete
    # As a DataLoader takes them.
    torch.testing.assert_close(tables[0][3][0], tables[1][3][0])


def test_bounded_batches_hold_every_row_once_and_few_values():
    data = torch.arange(3000.0)[:, None].expand(-1, 10)
    batches = Batches(Rows(data), 2500).bound(10 * 200)
    assert [len(x) for x, _ in batches] == 15 * [200]
    torch.testing.assert_close(torch.cat([x for x, _ in batches]), data)
    # Of narrow rows, and where fewer are asked for, nothing changes.
    assert len(Batches(Rows(data), 2500).bound(10 * 3000)) == 2
    assert len(Batches(Rows(data), 50).bound(10)) == 60
    assert len(Batches(Rows(data), 2500).bound(10)) == -(-3000 // FEWEST_BOUNDED)
