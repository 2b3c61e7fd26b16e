"""The flat buffers: which parameters lie in them, and moments that fade away."""

import copy

import pytest
import torch
from torch import nn

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae._optim.adamw import FlatAdamW
from sklearn_ae._optim.flat import FLUSH_EVERY, Flat


def one_gradient_then_zeros(dtype, n_steps, **settings):
    value = nn.Parameter(torch.ones(3, dtype=dtype))
    optimizer = FlatAdamW([value], **settings)
    for number in range(n_steps):
        value.grad = torch.full_like(value, 1e-3 if number == 0 else 0.0)
        optimizer.step()
    return value, optimizer.state[value]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_moment_becomes_denormal(dtype):
    """As those of a ReLU unit that gives nothing any more."""
    n_steps = 8000 if dtype == torch.float64 else 2000
    value, state = one_gradient_then_zeros(dtype, n_steps, betas=(0.9, 0.9))
    for name in ("exp_avg", "exp_avg_sq"):
        moment = state[name]
        normal = moment.abs() >= torch.finfo(dtype).tiny
        assert (normal | (moment == 0)).all()
    assert (value < 1).all()


@pytest.mark.parametrize("eps", [1e-8, 1e-3, 0.0])
def test_nothing_is_lost_with_the_moments(eps):
    settings = {"eps": eps, "betas": (0.9, 0.99), "weight_decay": 0.0, "lr": 1e-3}
    n_steps = 6 * FLUSH_EVERY
    ours, _ = one_gradient_then_zeros(torch.float64, n_steps, **settings)
    theirs = nn.Parameter(torch.ones(3, dtype=torch.float64))
    optimizer = torch.optim.AdamW([theirs], **settings)
    for number in range(n_steps):
        theirs.grad = torch.full_like(theirs, 1e-3 if number == 0 else 0.0)
        optimizer.step()
    torch.testing.assert_close(ours.detach(), theirs.detach(), rtol=1e-14, atol=0)


@pytest.mark.parametrize("estimator", [AutoencoderTransformer, VAETransformer])
def test_a_net_lies_in_one_piece(estimator, curved):
    model = estimator(max_epochs=1, random_state=0, device="cpu").fit(curved)
    net = copy.deepcopy(model.net_)
    optimizer = net.optimizer_
    for value in net.module_.parameters():
        value.grad = torch.zeros_like(value)
    optimizer.step()
    [flat] = optimizer._flats
    assert isinstance(flat, Flat)
    assert len(flat.runs) == len(optimizer.param_groups)


def test_runs_split_where_a_gradient_is_missing_and_join_again():
    layers = nn.Sequential(*[nn.Linear(2, 2) for _ in range(3)])
    values = list(layers.parameters())
    optimizer = FlatAdamW(values)
    runs = []
    for missing in ([], [2, 3], [2, 3], [], []):
        for number, value in enumerate(values):
            value.grad = None if number in missing else torch.ones_like(value)
        optimizer.step()
        [flat] = optimizer._flats
        runs.append([parts[0][0].numel() for _, parts, _ in flat.runs])
    # Later updates differ where the counts of steps do.
    assert runs == [[18], [6, 6], [6, 6], [6, 6, 6], [6, 6, 6]]
