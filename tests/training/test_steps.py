"""When steps are recorded, and when autograd takes them."""

import pytest
import torch
from torch import nn

from sklearn_ae._training import steps as steps_module
from sklearn_ae._training.steps import FEWEST_STEPS, MOST_RECORDINGS, Steps


class Terms(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 3)
        self.factor = 1.0
        self.offset = torch.zeros(3)
        self.factors = (torch.ones(3), 1.0)

    def forward(self, x):
        y = self.factor * self.factors[0] * self.layer(x) + self.offset
        return {"reconstruction": (x - y).square().sum(1), "size": y.abs().sum(1)}


def criterion(terms):
    return sum(terms.values()).mean()


def make_steps(n_steps=10_000, kind="auto"):
    module = Terms()

    return module, Steps(module, criterion, module.zero_grad, n_steps, kind)


def batch(seed=0, n_rows=5):
    return torch.randn(n_rows, 3, generator=torch.Generator().manual_seed(seed))


def assert_gradients(module, x):
    found = [parameter.grad for parameter in module.parameters()]
    expected = torch.autograd.grad(
        criterion(module(x)) / x.shape[1], list(module.parameters())
    )
    for ours, gradient in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, gradient)


def test_long_runs_are_recorded():
    module, steps = make_steps()
    steps(batch())
    # Only after a step does it show where gradients stay, and which there are.
    assert steps.recorded is None
    assert_gradients(module, batch())
    steps(batch())
    first = steps.recorded
    assert first is not None
    for seed in range(3):
        steps(batch(seed))
        assert_gradients(module, batch(seed))
    steps.begin_epoch()
    assert steps.recorded is first


def test_short_runs_are_not():
    module, steps = make_steps(n_steps=FEWEST_STEPS - 1)
    steps(batch())
    assert steps.recorded is None
    assert_gradients(module, batch())


@pytest.mark.parametrize(("kind", "n_steps"), [("recorded", 1), ("plain", 10_000)])
def test_recording_can_be_asked_for_and_forbidden(kind, n_steps):
    module, steps = make_steps(n_steps, kind)
    steps(batch())
    steps(batch())
    assert (steps.recorded is not None) == (kind == "recorded")
    assert_gradients(module, batch())


def test_a_batch_of_another_size_is_taken_by_autograd():
    module, steps = make_steps()
    for n_rows in (5, 3, 5):
        steps(batch(n_rows=n_rows))
        assert_gradients(module, batch(n_rows=n_rows))


def test_terms_are_summed_over_all_steps_once():
    module, steps = make_steps()
    batches = [batch(0), batch(1), batch(2), batch(3, n_rows=2)]
    for x in batches:
        steps(x)
    assert steps.recorded is not None
    sums = steps.take_sums()
    terms = module(torch.cat(batches))
    assert list(sums) == list(terms)
    for name, total in sums.items():
        torch.testing.assert_close(total, terms[name].detach().sum())
    steps(batch(1))
    torch.testing.assert_close(
        steps.take_sums()["size"], module(batch(1))["size"].detach().sum()
    )


def change_attribute(module):
    module.factor = 2.0


def replace_tensor(module):
    module.offset = torch.ones(3)


def change_tensor(module):
    module.offset += 1.0


def change_tuple(module):
    module.factors = (torch.full((3,), 2.0), 1.0)


def freeze(module):
    module.layer.bias.requires_grad_(False)
    module.layer.bias.grad = None


def move(module):
    for parameter in module.parameters():
        parameter.data = parameter.data.clone()


@pytest.mark.parametrize(
    "change",
    [
        change_attribute,
        replace_tensor,
        change_tensor,
        change_tuple,
        freeze,
        move,
    ],
)
def test_a_changed_module_is_recorded_anew(change):
    module, steps = make_steps()
    steps(batch())
    steps(batch())
    first = steps.recorded
    change(module)
    steps.begin_epoch()
    steps(batch(1))
    assert steps.recorded is None
    steps(batch(1))
    assert steps.recorded is not None
    assert steps.recorded is not first
    expected = torch.autograd.grad(
        criterion(module(batch(1))) / 3, [module.layer.weight]
    )[0]
    torch.testing.assert_close(module.layer.weight.grad, expected)
    # What the first recording had summed up is not lost.
    sums = steps.take_sums()
    assert sums["size"] > module(batch(1))["size"].detach().sum()


def test_a_module_that_keeps_changing_is_left_to_autograd():
    module, steps = make_steps()
    for seed in range(MOST_RECORDINGS + 2):
        for _ in range(2):
            steps(batch(seed))
            assert_gradients(module, batch(seed))
        assert (steps.recorded is not None) == (seed < MOST_RECORDINGS)
        move(module)


@pytest.mark.parametrize("set_to_none", [True, False])
def test_gradients_that_were_set_to_none_are_put_back(set_to_none):
    module, steps = make_steps()
    for seed in range(4):
        steps(batch(seed))
        assert_gradients(module, batch(seed))
        module.zero_grad(set_to_none=set_to_none)
    assert steps.recordings_left == MOST_RECORDINGS - 1


def test_large_batches_are_not_recorded_nor_a_small_one_beside_them(monkeypatch):
    monkeypatch.setattr(steps_module, "MOST_RECORDED", 3 * 5)
    module, steps = make_steps()
    for n_rows in (6, 6, 2, 6, 2, 2):
        x = batch(n_rows=n_rows)
        steps(x)
        assert_gradients(module, x)
    assert steps.recorded is None
