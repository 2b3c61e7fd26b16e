"""From noted operations to those to repeat."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._training.recording import PlainStep, record_step
from sklearn_ae._training.replay import Recorder, Tape
from sklearn_ae.networks import Custom


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


@pytest.mark.parametrize(
    "turn",
    [
        lambda y: y.transpose_(0, 1),
        lambda y: y.t_(),
        lambda y: y.unsqueeze_(0).transpose_(1, 2).squeeze_(0),
        lambda y: y.as_strided_((3, 2), (1, 3)),
    ],
)
def test_a_view_that_is_changed_in_place_is_changed_once(turn):
    """Else an operation would write into a tensor of another shape."""

    def function(x):
        return turn(torch.stack([x, x.exp()])).clone(), x.sin()

    x, target = torch.ones(3), torch.zeros(3)
    operations, term = recorded(function, x, target)
    for value in (0.5, -1.0, 2.0):
        x.fill_(value)
        replay(operations)
        torch.testing.assert_close(term, torch.stack([x, x.exp()]).T)
    assert len(operations) == 4


class Recurrent(nn.Module):
    """Rows as sequences; a recurrent layer, and its last output."""

    def __init__(self, kind, n_out):
        super().__init__()
        self.layer = getattr(nn, kind)(2, 4, batch_first=True)
        self.last = nn.Linear(4, n_out)

    def forward(self, x):
        return self.last(self.layer(x.unflatten(1, (-1, 2)))[0][:, -1])


class Attention(nn.Module):
    """Rows as sets of pairs that attend to each other."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.first = nn.Linear(2, 4)
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
        self.last = nn.Linear(4, n_out)

    def forward(self, x):
        return self.last(self.layer(self.first(x.unflatten(1, (-1, 2)))).mean(1))


@pytest.mark.parametrize("kind", ["GRU", "RNN", "LSTM", "attention"])
def test_sequences_are_trained_as_by_autograd(kind, curved):
    """Recorded where that is possible, without a warning of torch's."""

    def encoder(n_in, n_out):
        return Attention(n_in, n_out) if kind == "attention" else Recurrent(kind, n_out)

    losses = []
    for steps in ("plain", "recorded"):
        model = AutoencoderTransformer(
            2,
            network=Custom(encoder, nn.Linear),
            max_epochs=3,
            batch_size=16,
            random_state=0,
            device="cpu",
            net_params={"steps": steps},
        ).fit(curved)
        losses.append([epoch["train_loss"] for epoch in model.history_])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


def test_a_gru_is_recorded():
    layer = nn.GRU(2, 3, batch_first=True)

    class Terms(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return {"loss": self.layer(x)[0].square().sum((1, 2))}

    module = Terms()
    step = PlainStep(module, lambda terms: terms["loss"].mean(), module.zero_grad)
    assert record_step(step, torch.randn(5, 4, 2)) is not None
