"""How networks are run on what they were not trained on."""

import pytest
import torch

from sklearn_ae._modules.running import SeenRange


@pytest.fixture
def seen():
    seen_range = SeenRange(2)
    seen_range.widen(torch.tensor([[-3.0, 1.0], [1.0, 4.0]]))
    return seen_range


def test_what_was_seen_is_left_as_it_is(seen):
    inputs = torch.tensor([[-3.0, 4.0], [0.3, 2.0], [0.0, 0.0]])
    inside, share = seen(inputs)
    assert torch.equal(inside, inputs)
    assert (share == 1).all()


def test_what_is_beyond_is_clipped_and_counts_less(seen):
    # The longest row of the range is (-3, 4).
    inside, share = seen(torch.tensor([[1.0, 5.0], [2.0, 0.0], [1.0, 100.0]]))
    assert inside.tolist() == [[1.0, 4.0], [1.0, 0.0], [1.0, 4.0]]
    torch.testing.assert_close(share[:, 0], torch.tensor([0.8, 0.8, 0.0]))


@pytest.mark.parametrize("value", [1e20, float("inf")])
def test_no_row_is_too_far_out(seen, value):
    inside, share = seen(torch.tensor([[value, -value]]))
    assert inside.tolist() == [[1.0, 0.0]]
    assert share.item() == 0


def test_the_range_has_the_mean_and_only_grows(seen):
    assert seen.low.tolist() == [-3.0, 0.0]
    seen.widen(torch.tensor([[0.0, -1.0]]))
    assert seen.low.tolist() == [-3.0, -1.0]
    assert seen.high.tolist() == [1.0, 4.0]


def test_out_of_a_range_that_is_a_point_nothing_counts():
    seen = SeenRange(2)
    seen.widen(torch.zeros(3, 2))
    assert seen(torch.zeros(1, 2))[1].item() == 1
    assert seen(torch.tensor([[1e-3, 0.0]]))[1].item() == 0


def test_weights_saved_in_training_leave_the_range_alone(seen):
    seen.load_state_dict(SeenRange(2).state_dict())
    assert seen.is_known
    assert seen.high.tolist() == [1.0, 4.0]
    other = SeenRange(2)
    other.load_state_dict(seen.state_dict())
    assert other.is_known
    assert torch.equal(other.low, seen.low)
