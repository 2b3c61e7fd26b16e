"""Links between decoder outputs and reconstructions."""

import numpy as np
import pytest
import torch

from sklearn_ae._modules.links import (
    ClippedLink,
    IdentityLink,
    LogitLink,
    LogLink,
    check_unit_interval,
)

CENTER = np.array([0.2, 0.5, 0.7])


@pytest.mark.parametrize(
    "link", [IdentityLink(), LogitLink(CENTER), LogLink(CENTER)], ids=type
)
def test_mean_inverts_link_inside_the_range(link):
    """A linear reconstruction passes through unchanged where it is admissible."""
    inside = torch.tensor([[0.3, 0.5, 0.9], [0.05, 0.9, 0.2]]) - torch.tensor(CENTER)
    inside = inside.float()
    torch.testing.assert_close(link.mean(link.link(inside)), inside)


@pytest.mark.parametrize("link", [LogitLink(CENTER), LogLink(CENTER)], ids=type)
def test_any_reconstruction_has_a_finite_parameter_in_bounds(link):
    wild = torch.tensor([[-1e30, 0.0, 1e30], [-1.0, 2.0, -5.0]])
    parameter = link.link(wild)
    assert torch.isfinite(parameter).all()
    mean = link.mean(parameter) + torch.tensor(CENTER)
    low, high = link.bounds
    assert (mean >= low - 1e-6).all()
    assert (mean <= high + 1e-6).all()


@pytest.mark.parametrize("link", [LogitLink(CENTER), LogLink(CENTER)], ids=type)
def test_target_is_the_uncentred_value(link):
    x = torch.tensor([[0.1, 0.0, -0.2]])
    torch.testing.assert_close(link.target(x), x + torch.tensor(CENTER).float())


def test_log_link_does_not_overflow():
    mean = LogLink(CENTER).mean(torch.full((1, 3), 1e4))
    assert torch.isfinite(mean).all()


def test_clipping_is_straight_through():
    link = ClippedLink(np.array([2.0, 2.0]), np.array([4.0, 5.0]), np.array([3.0, 3.0]))
    parameter = torch.tensor([[-5.0, 0.5], [5.0, 5.0]], requires_grad=True)
    mean = link.mean(parameter)
    torch.testing.assert_close(mean.detach(), torch.tensor([[-1.0, 0.5], [1.0, 2.0]]))
    mean.sum().backward()
    # Outside the range a plain clip has no gradient, and a value would be stuck.
    torch.testing.assert_close(parameter.grad, torch.ones(2, 2))


def test_after_training_means_are_in_the_range_however_far_they_were():
    link = ClippedLink(0.0, 1.0, np.full(1, 0.3)).eval()
    parameter = torch.tensor([[-1e12], [1e20], [0.5]])
    expected = torch.tensor([[-0.3], [0.7], [0.5]])
    torch.testing.assert_close(link.mean(parameter), expected)
    assert link.bounds == (0.0, 1.0)


def test_pca_is_not_clipped():
    link = ClippedLink(0.0, 1.0, np.zeros(1))
    link.networks_on = False
    assert link.bounds == (-np.inf, np.inf)
    parameter = torch.tensor([[-3.0], [4.0]])
    assert torch.equal(link.mean(parameter), parameter)


def test_check_unit_interval():
    check_unit_interval(np.array([[0.0, 1.0]]), "the test")
    with pytest.raises(
        ValueError, match=r"value 1\.01 in column 1, but the test needs .*MinMax"
    ):
        check_unit_interval(np.array([[0.0, 1.01]]), "the test")
    with pytest.raises(ValueError, match="Negative values in data passed to the test"):
        check_unit_interval(np.array([[0.0, -0.01]]), "the test")
