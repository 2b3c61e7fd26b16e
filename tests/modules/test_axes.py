"""The axes of codes: there and back, and what a permutation does."""

import numpy as np
import pytest
import torch

from sklearn_ae._modules.axes import CodeAxes, Unshrinking


def permutation():
    axes = CodeAxes(np.array([2.0, 3.0, 5.0]))
    matrix = np.array([[0, 0, -2.0], [3.0, 0, 0], [0, 5.0, 0]])
    axes.take(matrix, np.linalg.inv(matrix), np.zeros(3))
    return axes


def affine(rng):
    axes = CodeAxes(np.ones(3))
    matrix = rng.normal(size=(3, 3))
    axes.take(matrix, np.linalg.inv(matrix), rng.normal(size=3))
    return axes


def test_they_start_as_the_scale_alone():
    axes = CodeAxes(np.array([2.0, 0.25]))
    code = torch.tensor([[1.0, 4.0], [-3.0, 0.5]])
    torch.testing.assert_close(axes.outward(code), code * axes.scale)
    torch.testing.assert_close(axes.inward(axes.outward(code)), code)
    assert {buffer.dtype for buffer in axes.buffers()} == {torch.float32}


def test_the_way_back_undoes_the_way_out(rng):
    axes = affine(rng)
    code = torch.from_numpy(rng.normal(size=(20, 3)).astype(np.float32))
    handed_out = axes.outward(code)
    assert not torch.allclose(handed_out, code)
    torch.testing.assert_close(axes.inward(handed_out), code, rtol=1e-4, atol=1e-5)


def test_a_permutation_takes_deviations_along():
    axes = permutation()
    deviation = torch.tensor([[1.0, 10.0, 100.0]])
    torch.testing.assert_close(
        axes.outward_spread(deviation), torch.tensor([[30.0, 500.0, 2.0]])
    )
    assert axes.order().tolist() == [1, 2, 0]


@pytest.mark.parametrize("taken_before", [False, True])
def test_the_state_has_all_of_it(rng, taken_before):
    axes, other = affine(rng), CodeAxes(np.full(3, 7.0))
    if taken_before:
        other = permutation()
    other.load_state_dict(axes.state_dict())
    code = torch.from_numpy(rng.normal(size=(20, 3)).astype(np.float32))
    assert torch.equal(other.outward(code), axes.outward(code))
    assert torch.equal(other.inward(code), axes.inward(code))


def test_a_map_that_is_taken_leaves_saved_states_alone(rng):
    axes = CodeAxes(np.ones(3))
    state = axes.state_dict()
    before = {name: tensor.clone() for name, tensor in state.items()}
    axes.take(*(rng.normal(size=shape) for shape in ((3, 3), (3, 3), 3)))
    assert all(torch.equal(state[name], before[name]) for name in before)
    assert axes.matrix.dtype == torch.float32


def test_means_are_decoded_over_their_share_of_the_variance(rng):
    mean = rng.normal(size=(50, 2)) * [2.0, 0.5]
    mean *= [2.0, 0.5] / mean.std(axis=0, ddof=1)
    unshrinking = Unshrinking(2)
    code = torch.ones(1, 2)
    assert torch.equal(unshrinking(code), code)
    unshrinking.take(mean, np.full((50, 2), 0.5))
    torch.testing.assert_close(unshrinking(code), torch.tensor([[1.0625, 2.0]]))


def test_noise_of_columns_that_say_nothing_is_not_magnified_without_end(rng):
    unshrinking = Unshrinking(1)
    unshrinking.take(1e-6 * rng.normal(size=(50, 1)), np.ones((50, 1)))
    assert unshrinking.factor.item() == pytest.approx(Unshrinking.most)
