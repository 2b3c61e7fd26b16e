"""What torch asks of its own optimizers, asked of FlatAdamW beside torch.optim.AdamW.

After torch's test/test_optim.py: the settings, the order of steps and what is compared.
"""

import copy
import io
import math
import pickle
from collections import defaultdict

import pytest
import torch
from torch import nn

from sklearn_ae._optim.adamw import FlatAdamW

BOTH = {"lr": 1e-3, "betas": (0.9, 0.999), "weight_decay": 1e-2}
SETTINGS = [
    {},
    {"lr": 0.01},
    {"weight_decay": 0.1},
    {"weight_decay": 0.1, "maximize": True},
    {"weight_decay": 0.1, "amsgrad": True},
    {"weight_decay": 0.1, "amsgrad": True, "maximize": True},
    {"eps": 1e-3, "betas": (0.0, 0.5)},
    {"lr": torch.tensor(0.01)},
]
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


def parameters(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 4), (4,), (), (2, 3, 2), (0,)]
    return [
        nn.Parameter(torch.randn(shape, generator=generator).to(dtype))
        for shape in shapes
    ]


def optimizers(values=parameters, **settings):
    """Each optimizer with parameters of its own, and those."""
    settings = copy.deepcopy({**BOTH, **settings})
    ours, theirs = values(), values()
    return (
        (FlatAdamW(ours, **settings), ours),
        (torch.optim.AdamW(theirs, **settings), theirs),
    )


def set_gradients(values, seed, without=()):
    generator = torch.Generator().manual_seed(seed)
    for number, value in enumerate(values):
        gradient = torch.randn(value.shape, generator=generator).to(value.dtype)
        value.grad = None if number in without else gradient


def step(optimizer, values, seeds, without=()):
    for seed in seeds:
        optimizer.zero_grad()
        set_gradients(values, seed, without)
        optimizer.step()


def assert_same(ours, theirs, **tolerances):
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.detach(), b.detach(), **tolerances)


def assert_same_state(ours, theirs):
    """The state dicts say the same, apart from what only one of them has."""
    ours, theirs = ours.state_dict(), theirs.state_dict()
    assert ours["state"].keys() == theirs["state"].keys()
    for number, entry in theirs["state"].items():
        assert ours["state"][number].keys() == entry.keys()
        for name, value in entry.items():
            torch.testing.assert_close(ours["state"][number][name], value)
    for one, other in zip(ours["param_groups"], theirs["param_groups"], strict=True):
        for name in one.keys() & other.keys():
            assert one[name] == other[name]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_steps(settings, dtype):
    (ours, a), (theirs, b) = optimizers(lambda: parameters(dtype), **settings)
    for seed in range(8):
        step(ours, a, [seed])
        step(theirs, b, [seed])
        assert_same(a, b)
    assert_same_state(ours, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(dtype):
    """Against torch's fused update, which rounds as ours does."""
    settings = {**BOTH, "eps": 0.1}
    a, b = parameters(dtype), parameters(dtype)
    step(FlatAdamW(a, **settings), a, range(5))
    step(torch.optim.AdamW(b, fused=True, **settings), b, range(5))
    assert_same(a, b)


def test_several_dtypes_and_a_norm_over_all():
    def mixed():
        return [*parameters(torch.float64), *parameters(torch.float32)]

    (_, a), (theirs, b) = optimizers(mixed)
    ours = FlatAdamW(a, **BOTH, max_grad_norm=0.5)
    for seed in range(5):
        step(ours, a, [seed])
        set_gradients(b, seed)
        nn.utils.clip_grad_norm_(b, 0.5)
        theirs.step()
        assert_same(a, b)
        for one, other in zip(a, b, strict=True):
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=1e-7)
    assert [value.dtype for value in a] == [value.dtype for value in b]


@pytest.mark.parametrize("settings", SETTINGS[:5], ids=str)
def test_complex(settings):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(5, 5, generator=generator, dtype=torch.complex64)
    (ours, a), (theirs, b) = optimizers(
        lambda: [nn.Parameter(start.clone()), *parameters()], **settings
    )
    step(ours, a, range(4))
    step(theirs, b, range(4))
    assert_same(a, b)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": -1e-2}, "Invalid learning rate: -0.01"),
        ({"lr": math.nan}, "Invalid learning rate: nan"),
        ({"lr": torch.tensor([0.1, 0.2])}, "Tensor lr must be 1-element"),
        ({"eps": -1e-8}, "Invalid epsilon value: -1e-08"),
        ({"betas": (1.0, 0.0)}, "Invalid beta parameter at index 0: 1.0"),
        ({"betas": (0.0, 1.0)}, "Invalid beta parameter at index 1: 1.0"),
        ({"betas": (0.9, torch.tensor(0.99))}, "both floats or both Tensors"),
        ({"betas": (0, 0.99)}, "both floats or both Tensors"),
        ({"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
    ],
)
def test_settings_are_refused_in_the_same_words(settings, message):
    for optimizer in (FlatAdamW, torch.optim.AdamW):
        with pytest.raises(ValueError, match=message):
            optimizer(parameters(), **settings)


@pytest.mark.parametrize("optimizer", [FlatAdamW, torch.optim.AdamW])
def test_wrong_parameters(optimizer):
    value = parameters()[0]
    with pytest.raises(TypeError, match="iterable of Tensors or dicts"):
        optimizer(value)
    with pytest.raises(ValueError, match="empty parameter list"):
        optimizer([])
    with pytest.raises(TypeError, match="can only optimize Tensors"):
        optimizer([1.0])
    with pytest.raises(ValueError, match="non-leaf"):
        optimizer([value * 2])
    with pytest.raises(ValueError, match="more than one parameter group"):
        optimizer([{"params": value}, {"params": value}])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optimizer([value, value])
    value.grad = torch.zeros(value.shape).to_sparse()
    with pytest.raises(RuntimeError, match="does not support sparse gradients"):
        optimizer([value]).step()


def test_gradients_are_none_after_zero_grad():
    for optimizer, values in optimizers():
        step(optimizer, values, [0])
        optimizer.zero_grad(set_to_none=False)
        assert not any(value.grad.any() for value in values)
        optimizer.zero_grad()
        assert all(value.grad is None for value in values)


def test_no_step_without_gradients():
    for optimizer, values in optimizers():
        before = [value.detach().clone() for value in values]
        optimizer.step()
        assert_same(values, before, rtol=0, atol=0)
        assert not optimizer.state


@pytest.mark.parametrize("amsgrad", [False, True])
def test_parameters_without_a_gradient_are_skipped(amsgrad):
    """In turn, so that their counts of steps differ."""
    (ours, a), (theirs, b) = optimizers(amsgrad=amsgrad)
    for seed, without in enumerate([(0, 3), (), (1,), (1, 2), (0, 1, 2, 3, 4), (3,)]):
        before = [a[number].detach().clone() for number in without]
        step(ours, a, [seed], without)
        step(theirs, b, [seed], without)
        assert_same([a[number] for number in without], before, rtol=0, atol=0)
        assert_same(a, b)
    assert_same_state(ours, theirs)


def test_those_without_a_gradient_do_not_count_in_the_norm():
    (_, a), (theirs, b) = optimizers()
    ours = FlatAdamW(a, **BOTH, max_grad_norm=0.1)
    for seed, without in enumerate([(), (0,), (1, 2), ()]):
        step(ours, a, [seed], without)
        theirs.zero_grad()
        set_gradients(b, seed, without)
        nn.utils.clip_grad_norm_(b, 0.1)
        theirs.step()
        assert_same(a, b)


def replaced(optimizer):
    optimizer.state = defaultdict(dict)


def cleared(optimizer):
    optimizer.state.clear()


def one_entry(optimizer):
    del optimizer.state[optimizer.param_groups[0]["params"][1]]


def one_tensor(optimizer):
    for entry in optimizer.state.values():
        entry["exp_avg_sq"] = torch.ones_like(entry["exp_avg_sq"])


def in_place(optimizer):
    for entry in optimizer.state.values():
        entry["exp_avg"].zero_()


def other_group(optimizer):
    optimizer.param_groups = [{**optimizer.param_groups[0], "lr": 0.5}]


def fewer_parameters(optimizer):
    del optimizer.param_groups[0]["params"][0]


def no_tensor_steps(optimizer):
    state = optimizer.state_dict()
    for entry in state["state"].values():
        entry["step"] = entry["step"].item()
    optimizer.load_state_dict(state)


@pytest.mark.parametrize(
    "change",
    [
        replaced,
        cleared,
        one_entry,
        one_tensor,
        in_place,
        other_group,
        fewer_parameters,
        no_tensor_steps,
    ],
)
def test_what_was_replaced_is_honoured(change):
    (ours, a), (theirs, b) = optimizers()
    for optimizer, values in ((ours, a), (theirs, b)):
        step(optimizer, values, range(3))
        change(optimizer)
        step(optimizer, values, range(3, 6))
    assert_same(a, b)


def test_each_loads_the_other_s_state_dict():
    (ours, a), (theirs, b) = optimizers(amsgrad=True)
    step(ours, a, range(3))
    step(theirs, b, range(3))
    mine, other = (copy.deepcopy(o.state_dict()) for o in (ours, theirs))
    ours.load_state_dict(other)
    theirs.load_state_dict(mine)
    step(ours, a, range(3, 6))
    step(theirs, b, range(3, 6))
    assert_same(a, b)


def test_a_state_dict_of_fewer_settings_is_loaded():
    (optimizer, values), _ = optimizers()
    state = optimizer.state_dict()
    for group in state["param_groups"]:
        del group["amsgrad"], group["maximize"]
    optimizer.load_state_dict(state)
    step(optimizer, values, [0])


def saved(thing):
    file = io.BytesIO()
    torch.save(thing, file)
    return file.getvalue()


def test_a_state_dict_passes_through_a_file():
    (ours, a), (fresh, _) = optimizers()
    step(ours, a, range(3))
    state = ours.state_dict()
    loaded = torch.load(io.BytesIO(saved(state)), weights_only=True)
    assert loaded["param_groups"] == state["param_groups"]
    fresh.load_state_dict(loaded)
    assert_same_state(ours, fresh)


def test_one_layer_is_saved_alone():
    layers = nn.Sequential(nn.Linear(4, 4), nn.Linear(500, 500))
    before = len(saved(layers[0]))
    optimizer = FlatAdamW(layers.parameters())
    step(optimizer, list(layers.parameters()), range(2))
    assert len(saved(layers[0])) == before
    assert len(saved(layers[0].state_dict())) < before
    small = layers[0].weight
    for tensor in (small, small.grad, *optimizer.state[small].values()):
        assert tensor.untyped_storage().nbytes() == tensor.nbytes
    assert copy.deepcopy(layers[0]).weight.untyped_storage().nbytes() == small.nbytes


def test_named_parameters():
    values = dict(zip("abcde", parameters(), strict=True))
    optimizer = FlatAdamW(values.items())
    step(optimizer, list(values.values()), [0])
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == list("abcde")
    with pytest.raises(ValueError, match="with/without names"):
        optimizer.add_param_group({"params": parameters()})


def test_hooks_of_state_dicts():
    (optimizer, _), _ = optimizers()
    calls = []
    for name in ("state_dict", "load_state_dict"):
        for when in ("pre", "post"):
            register = getattr(optimizer, f"register_{name}_{when}_hook")
            register(lambda *_, call=(name, when): calls.append(call))
    optimizer.load_state_dict(optimizer.state_dict())
    names = ("state_dict", "load_state_dict")
    assert calls == [(name, when) for name in names for when in ("pre", "post")]


def test_printed_and_copied():
    (optimizer, values), _ = optimizers()
    step(optimizer, values, [0])
    assert "max_grad_norm: None" in repr(optimizer)
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        public = [{n for n in vars(o) if n[0] != "_"} for o in (optimizer, other)]
        assert public[0] == public[1]
        assert_same_state(optimizer, other)


def strided():
    first = torch.arange(30.0).reshape(5, 3, 2)
    last = torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last)
    return [
        nn.Parameter(first[..., 0]),
        nn.Parameter(first.clone().mT),
        nn.Parameter(last),
    ]


def test_strides_are_kept():
    (ours, a), (theirs, b) = optimizers(strided)
    before = [value.stride() for value in a]
    step(ours, a, range(4))
    step(theirs, b, range(4))
    assert_same(a, b)
    assert [value.stride() for value in a] == before


def tied():
    whole = torch.linspace(-1, 1, 12).reshape(3, 4)
    return [nn.Parameter(whole[:2]), nn.Parameter(whole[1:]), *parameters()]


def test_parameters_that_share_memory_go_on_sharing_it():
    (ours, a), (theirs, b) = optimizers(tied)
    step(ours, a, range(4))
    step(theirs, b, range(4))
    assert_same(a, b)
    assert torch.equal(a[0][1], a[1][0])


def test_gradients_that_can_be_differentiated():
    (ours, a), (theirs, b) = optimizers()
    for optimizer, values in ((ours, a), (theirs, b)):
        for _ in range(3):
            optimizer.zero_grad()
            loss = sum(value.pow(3).sum() for value in values)
            gradients = torch.autograd.grad(loss, values, create_graph=True)
            for value, gradient in zip(values, gradients, strict=True):
                value.grad = gradient
            optimizer.step()
    assert_same(a, b)
    assert not any(value.grad.requires_grad for value in a)
