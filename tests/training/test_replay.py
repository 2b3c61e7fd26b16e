"""From noted operations to those to repeat."""

import pytest
import torch

from sklearn_ae._training.replay import Recorder, Tape


def recorded(function, x, target):
    """Record a function of one tensor that returns (term, gradient)."""
    with Tape() as tape:
        result, gradient = function(x)
    recorder = Recorder(tape.calls, [x])
    (term,) = recorder.run([result], [gradient], [target])
    return recorder.operations, term


def replay(operations):
    for function, args, kwargs in operations:
        function(*args, **kwargs)


def test_results_follow_the_input_in_their_own_memory():
    x, target = torch.ones(3), torch.zeros(3)
    operations, term = recorded(lambda x: (x.exp(), 2 * x.sin()), x, target)
    addresses = term.data_ptr(), target.data_ptr()
    for value in (0.5, -1.0):
        x.fill_(value)
        replay(operations)
        torch.testing.assert_close(term, x.exp())
        torch.testing.assert_close(target, 2 * x.sin())
    assert (term.data_ptr(), target.data_ptr()) == addresses


def test_only_what_changes_is_repeated():
    def function(x):
        constant = torch.ones_like(x.sin()).cumsum(0)
        unread = x.cos()
        assert unread is not None
        return (x.view(3, 1).view(3) + 0) * 1, x.exp() * constant

    x, target = torch.ones(3), torch.zeros(3)
    operations, term = recorded(function, x, target)
    # exp and its product; views, constants and identities cost nothing.
    assert len(operations) == 2
    x.fill_(2.0)
    replay(operations)
    torch.testing.assert_close(term, x)
    torch.testing.assert_close(target, x.exp() * torch.tensor([1.0, 2.0, 3.0]))


def test_a_gradient_that_is_read_again_is_copied():
    def function(x):
        gradient = x.exp()
        return gradient.sin(), gradient

    x, target = torch.ones(3), torch.zeros(3)
    operations, term = recorded(function, x, target)
    x.fill_(2.0)
    replay(operations)
    torch.testing.assert_close(target, x.exp())
    torch.testing.assert_close(term, x.exp().sin())


def test_draws_are_new_in_each_replay():
    def function(x):
        noise = torch.rand(x.shape)
        return x + noise, noise

    x, target = torch.zeros(3), torch.zeros(3)
    state = torch.get_rng_state()
    operations, term = recorded(function, x, target)
    torch.set_rng_state(state)
    expected = [torch.rand(3) for _ in range(2)]
    torch.set_rng_state(state)
    for noise in expected:
        replay(operations)
        assert torch.equal(term, noise)
        assert torch.equal(target, noise)
    torch.set_rng_state(state)


@pytest.mark.parametrize(
    "look", [lambda x: x.sum().item(), lambda x: x[x > 0].sum(), lambda x: x.nonzero()]
)
def test_what_depends_on_values_cannot_be_repeated(look):
    x, target = torch.ones(3), torch.zeros(3)
    with pytest.raises(ValueError, match="depends on the values"):
        recorded(lambda x: (look(x) * x.sum(), x.exp()), x, target)
    operations, _ = recorded(lambda x: (look(torch.ones(3)) * x, x.exp()), x, target)
    assert operations


def test_an_operation_without_an_out_variant_is_copied():
    def function(x):
        values, _ = torch.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5)[
            :2
        ]
        return values.sum(0), values.square()

    x, target = torch.randn(5, 3), torch.zeros(5, 3)
    operations, term = recorded(function, x, target)
    x.copy_(torch.arange(15.0).reshape(5, 3).square())
    replay(operations)
    expected = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(target, expected.square(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(term, torch.zeros(3), rtol=0, atol=1e-4)
