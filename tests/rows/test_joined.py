"""Rows that several processes have, here in one process with two of them."""

import numpy as np
import pytest

from sklearn_ae._rows.joined import JoinedRows, own_rows, summed

X = np.random.RandomState(0).normal(size=(20, 3))


class Other:
    """The other of two ranks, whose sums are added to those of this one."""

    def __init__(self, theirs):
        self.theirs = theirs

    def all_sum(self, array):
        return array + self.theirs


def shards(cut=8):
    parts = [(X[:cut], np.arange(cut)), (X[cut:], np.arange(cut, len(X)))]
    return [JoinedRows(local, places, len(X), None) for local, places in parts]


@pytest.mark.parametrize(
    "index",
    [
        slice(None),
        slice(3, 17, 4),
        slice(None, None, -3),
        np.random.RandomState(1).permutation(20)[:11],
        np.arange(20) % 3 == 0,
        np.arange(8),
        np.array([], dtype=int),
    ],
    ids=str,
)
def test_each_rank_keeps_its_own_of_the_chosen_rows(index):
    chosen = X[index]
    parts = [rows[index] for rows in shards()]
    places = np.concatenate([part.places for part in parts])
    assert sorted(places) == list(range(len(chosen)))
    for part in parts:
        assert part.shape == chosen.shape
        np.testing.assert_array_equal(part.local, chosen[part.places])
        again = part[::-2]
        np.testing.assert_array_equal(again.local, chosen[::-2][again.places])


def test_an_array_of_them_has_those_of_the_others():
    ours, theirs = shards()
    missing = np.zeros_like(X)
    missing[theirs.places] = theirs.local
    ours.ranks = Other(missing)
    np.testing.assert_array_equal(np.asarray(ours), X)


def test_sums_are_those_of_all_ranks():
    ours, theirs = shards()
    ours.ranks = Other(theirs.local.sum())
    assert summed(ours, own_rows(ours).sum())[0] == pytest.approx(X.sum())
    assert summed(X, 3.0) == (3.0,)
