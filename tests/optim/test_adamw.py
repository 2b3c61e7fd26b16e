"""FlatAdamW against torch's own AdamW."""

import copy
import math
import pickle
from itertools import pairwise

import pytest
import torch
from torch import nn

from sklearn_ae._optim.adamw import FlatAdamW
from sklearn_ae._optim.flat import Flat


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))


def groups(module):
    matrices = [p for p in module.parameters() if p.ndim > 1]
    vectors = [p for p in module.parameters() if p.ndim == 1]
    return [
        {"params": matrices, "weight_decay": 0.1},
        {"params": vectors, "weight_decay": 0.0, "lr": 0.02, "betas": (0.5, 0.9)},
    ]


def pair(**settings):
    """The same network twice, one with each optimizer."""
    settings = {"lr": 0.01, "betas": (0.9, 0.99), "weight_decay": 0.0, **settings}
    ours, theirs = network(), network()
    return (
        (ours, FlatAdamW(groups(ours), **settings)),
        (theirs, torch.optim.AdamW(groups(theirs), **settings)),
    )


def gradients(module, seed):
    x = torch.randn(7, 4, generator=torch.Generator().manual_seed(seed))
    (100 * module(x).square().mean()).backward()


def steps(module, optimizer, seeds, max_norm=None):
    for seed in seeds:
        optimizer.zero_grad()
        gradients(module, seed)
        if max_norm is not None:
            nn.utils.clip_grad_norm_(module.parameters(), max_norm)
        optimizer.step()


def assert_same(ours, theirs, **tolerances):
    tolerances = tolerances or {"rtol": 1e-5, "atol": 1e-7}
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.detach(), b.detach(), **tolerances)


def test_step_for_step():
    ours, theirs = pair()
    for seed in range(20):
        steps(*ours, [seed])
        steps(*theirs, [seed])
        assert_same(ours[0], theirs[0])


def test_without_the_fused_update(monkeypatch):
    monkeypatch.setattr("sklearn_ae._optim.flat._FUSED", None)
    ours, theirs = pair()
    steps(*ours, range(10))
    steps(*theirs, range(10))
    assert_same(ours[0], theirs[0])


@pytest.mark.parametrize("max_norm", [1e-3, 1.0, 1e9])
@pytest.mark.parametrize("fused", [True, False])
def test_clipping(max_norm, fused, monkeypatch):
    if not fused:
        monkeypatch.setattr("sklearn_ae._optim.flat._FUSED", None)
    (ours, _), theirs = pair()
    own = FlatAdamW(groups(ours), lr=0.01, max_grad_norm=max_norm)
    for seed in range(5):
        steps(ours, own, [seed])
        steps(*theirs, [seed], max_norm)
        assert_same(ours, theirs[0])
        for a, b in zip(ours.parameters(), theirs[0].parameters(), strict=True):
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-6)


def test_clipping_by_torch_works_on_the_views():
    ours, theirs = pair()
    steps(*ours, range(5), max_norm=0.5)
    steps(*theirs, range(5), max_norm=0.5)
    assert_same(ours[0], theirs[0])


@pytest.mark.parametrize("set_to_none", [False, True])
def test_gradients_cleared_or_replaced_by_others(set_to_none):
    ours, theirs = pair()
    for seed in range(5):
        for module, optimizer in (ours, theirs):
            module.zero_grad(set_to_none=set_to_none)
            gradients(module, seed)
            optimizer.step()
    assert_same(ours[0], theirs[0])


def test_gradients_accumulate_without_zero_grad():
    ours, theirs = pair()
    for module, optimizer in (ours, theirs):
        for seed in range(3):
            gradients(module, seed)
        optimizer.step()
    assert_same(ours[0], theirs[0])


def test_parameters_loaded_in_between():
    ours, theirs = pair()
    fresh = {name: value + 1 for name, value in network().state_dict().items()}
    for module, optimizer in (ours, theirs):
        steps(module, optimizer, range(3))
        module.load_state_dict(fresh)
        steps(module, optimizer, range(3, 6))
    assert_same(ours[0], theirs[0])


def test_parameters_moved_in_between():
    """A new memory, as after a change of device, is flattened anew."""
    ours, theirs = pair()
    for module, optimizer in (ours, theirs):
        steps(module, optimizer, range(3))
        for parameter in module.parameters():
            parameter.data = parameter.data.clone()
        steps(module, optimizer, range(3, 6))
    assert_same(ours[0], theirs[0])


@pytest.mark.parametrize("moved", range(4))
def test_one_parameter_moved_in_between(moved):
    """Moving any one of them counts, not only the first of its group."""
    ours, theirs = pair()
    for module, optimizer in (ours, theirs):
        steps(module, optimizer, range(3))
        parameter = list(module.parameters())[moved]
        parameter.data = parameter.data.clone()
        steps(module, optimizer, range(3, 6))
    assert_same(ours[0], theirs[0])


def test_learning_rate_scheduler():
    ours, theirs = pair()
    for module, optimizer in (ours, theirs):
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        for seed in range(6):
            steps(module, optimizer, [seed])
            scheduler.step()
    assert ours[1].param_groups[0]["lr"] == theirs[1].param_groups[0]["lr"] < 0.001
    assert_same(ours[0], theirs[0])


def test_loads_the_state_of_torch_s_own():
    ours, theirs = pair()
    steps(*ours, range(4))
    steps(*theirs, range(8))
    ours[0].load_state_dict(theirs[0].state_dict())
    ours[1].load_state_dict(copy.deepcopy(theirs[1].state_dict()))
    steps(*ours, range(8, 12))
    steps(*theirs, range(8, 12))
    assert_same(ours[0], theirs[0])


def test_state_dict_round_trip_into_a_new_optimizer():
    (module, optimizer), _ = pair()
    steps(module, optimizer, range(3))
    restored = copy.deepcopy(module)
    other = FlatAdamW(groups(restored))
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    steps(module, optimizer, range(3, 6))
    steps(restored, other, range(3, 6))
    assert_same(module, restored, rtol=0, atol=0)


def pickled(objects):
    return pickle.loads(pickle.dumps(objects))


@pytest.mark.parametrize("copier", [copy.deepcopy, pickled])
def test_copied_in_mid_training(copier):
    (module, optimizer), _ = pair()
    steps(module, optimizer, range(3))
    before = [parameter.detach().clone() for parameter in module.parameters()]
    copied, optimizer_copy = copier((module, optimizer))
    steps(copied, optimizer_copy, range(3, 6))
    # The original is not dragged along by its copy.
    for parameter, value in zip(module.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
    steps(module, optimizer, range(3, 6))
    assert_same(module, copied, rtol=0, atol=0)


def test_release_keeps_values_and_training_goes_on():
    ours, theirs = pair()
    steps(*ours, range(3))
    steps(*theirs, range(3))
    ours[1].release()
    ours[1].release()
    assert_same(ours[0], theirs[0])
    for parameter in ours[0].parameters():
        assert parameter.untyped_storage().nbytes() == 4 * parameter.numel()
    steps(*ours, range(3, 6))
    steps(*theirs, range(3, 6))
    assert_same(ours[0], theirs[0])


@pytest.mark.parametrize(
    ("owner", "name", "at"),
    [
        (Flat, "_addresses", 1),
        (Flat, "_take_gradients", 1),
        *[(Flat, "_move_state", at) for at in (1, 2, 3)],
        (FlatAdamW, "_pieces", 1),
    ],
)
def test_interrupted_while_it_flattens_it_goes_on_the_same(
    owner, name, at, monkeypatch
):
    ours, theirs = pair()
    plain, calls = getattr(owner, name), []

    def interrupting(*args):
        calls.append(args)
        if len(calls) == at:
            raise KeyboardInterrupt
        return plain(*args)

    monkeypatch.setattr(owner, name, interrupting)
    with pytest.raises(KeyboardInterrupt):
        steps(*ours, [0])
    steps(*ours, range(3))
    steps(*theirs, range(3))
    assert_same(ours[0], theirs[0])


def test_added_group():
    ours, theirs = pair()
    extra = []
    for module, optimizer in (ours, theirs):
        steps(module, optimizer, range(2))
        parameter = nn.Parameter(torch.ones(3))
        extra.append(parameter)
        optimizer.add_param_group({"params": [parameter]})
        for _ in range(3):
            optimizer.zero_grad()
            (parameter.square().sum() * module(torch.ones(1, 4)).sum()).backward()
            optimizer.step()
    assert_same(ours[0], theirs[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(*[parameter.detach() for parameter in extra])
    assert (extra[0] != 1).all()


def test_closure():
    (module, optimizer), _ = pair()

    def closure():
        optimizer.zero_grad()
        loss = module(torch.ones(2, 4)).square().sum()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(50)]
    assert losses[-1] < 0.5 * losses[0]
    assert optimizer.step() is None


def test_parameters_lie_side_by_side():
    (module, optimizer), _ = pair()
    steps(module, optimizer, [0])
    ordered = sorted(module.parameters(), key=lambda parameter: parameter.data_ptr())
    for parameter, following in pairwise(ordered):
        assert parameter.data_ptr() + parameter.nbytes == following.data_ptr()


@pytest.mark.parametrize("watched", ["pre", "post"])
def test_step_hooks(watched):
    (module, optimizer), _ = pair()
    calls = []
    register = getattr(optimizer, f"register_step_{watched}_hook")
    handle = register(lambda optimizer, *_: calls.append(optimizer))
    steps(module, optimizer, [0, 1])
    handle.remove()
    steps(module, optimizer, [2])
    assert calls == [optimizer, optimizer]


def test_the_profiler_sees_steps():
    (module, optimizer), _ = pair()
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities) as profile:
        steps(module, optimizer, [0, 1, 2])
    marks = [e for e in profile.events() if e.name == "Optimizer.step#FlatAdamW.step"]
    assert len(marks) == 3


@pytest.mark.parametrize("max_grad_norm", [0.0, -1.0, math.nan])
def test_the_largest_norm_is_checked(max_grad_norm):
    with pytest.raises(ValueError, match="Invalid max_grad_norm value"):
        FlatAdamW(network().parameters(), max_grad_norm=max_grad_norm)
