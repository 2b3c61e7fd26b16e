"""The fully connected network."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ae.networks import MLP
from sklearn_ae.networks._layers import Dropout


def by_pickle(thing):
    return pickle.loads(pickle.dumps(thing))


def build(network, zero_output=False, n_features=36, decoder_outputs=None):
    return network.build(
        n_features,
        2,
        encoder_outputs=4,
        decoder_outputs=decoder_outputs or n_features,
        zero_output=zero_output,
    )


def linear_widths(module):
    return [m.out_features for m in module.modules() if isinstance(m, nn.Linear)]


@pytest.mark.parametrize(
    ("n_features", "widths"),
    [
        (1, [128] * 3),
        (64, [128] * 3),
        (256, [256] * 3),
        (257, [256, 128]),
        (784, [512, 256]),
        (11_585, [512, 256]),
        (20_000, [256, 128]),
        (100_000, [128, 64]),
    ],
)
def test_mlp_default_widths(n_features, widths):
    with torch.device("meta"):
        encoder, decoder = build(MLP(), False, n_features)
    assert linear_widths(encoder) == [*widths, 4]
    assert linear_widths(decoder) == [*widths[::-1], n_features]


def test_mlp_mirrors_its_encoder():
    encoder, decoder = build(MLP((7, 5, 3), activation="relu"), False)
    assert linear_widths(encoder) == [7, 5, 3, 4]
    assert linear_widths(decoder) == [3, 5, 7, 36]
    assert sum(isinstance(module, nn.ReLU) for module in encoder) == 3


def test_identity_activation_is_linear():
    torch.manual_seed(0)
    encoder, _ = build(MLP((7, 5), activation="identity"), False)
    a, b = torch.randn(2, 36)
    zero = encoder(torch.zeros(1, 36))
    together = encoder((a + b)[None]) + zero
    torch.testing.assert_close(
        together, encoder(a[None]) + encoder(b[None]), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize(
    "network",
    [
        MLP((8, 0)),
        MLP((2.5,)),
        MLP("big"),
        MLP(8),
        MLP(activation="step"),
        MLP(dropout=1.0),
        MLP(tied=2),
    ],
    ids=repr,
)
def test_mlp_bad_parameters(make, curved, network):
    with pytest.raises(ValueError, match=r"parameter of MLP must be .* Got .* instead"):
        make(network=network).fit(curved)


def linears(module):
    return [m for m in module.modules() if isinstance(m, nn.Linear)]


@pytest.mark.parametrize(
    "activation", ["relu", nn.ReLU, nn.ReLU(), partial(nn.Threshold, 0.0, 0.0)]
)
def test_activations_by_name_class_module_or_callable(activation):
    torch.manual_seed(0)
    encoder, _ = build(MLP((7,), activation=activation))
    x = torch.randn(5, 36)
    first, last = linears(encoder)
    torch.testing.assert_close(encoder(x), last(first(x).clamp(min=0)))


def test_an_activation_with_parameters_is_copied_for_each_layer():
    given = nn.PReLU()
    encoder, decoder = build(MLP((7, 5), activation=given))
    copies = [m for m in (*encoder, *decoder) if isinstance(m, nn.PReLU)]
    assert len({id(m) for m in (*copies, given)}) == 5


def not_a_module():
    return 3


def test_an_activation_that_is_no_module(make, curved):
    network = MLP((8,), activation=not_a_module)
    with pytest.raises(TypeError, match=r"'activation' parameter of MLP.*int instead"):
        make(network=network).fit(curved)


def test_layer_norm_by_hand():
    torch.manual_seed(0)
    encoder, _ = build(MLP((7,), activation="relu", layer_norm=True))
    x = torch.randn(5, 36)
    first, last = linears(encoder)
    hidden = first(x)
    hidden = (hidden - hidden.mean(1, keepdim=True)) / (
        hidden.var(1, keepdim=True, unbiased=False) + 1e-5
    ).sqrt()
    torch.testing.assert_close(encoder(x), last(hidden.clamp(min=0)))


def test_dropout_works_in_training_only():
    torch.manual_seed(0)
    encoder, _ = build(MLP((400,), activation="identity", dropout=0.25))
    hidden = encoder[:-1]
    x = torch.randn(50, 36)
    dropped = hidden(x) == 0
    assert abs(dropped.float().mean() - 0.25) < 0.01
    assert not (hidden.eval()(x) == 0).any()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, by_pickle])
def test_dropout_draws_from_its_generator(duplicate):
    dropout = Dropout(0.25)
    dropout.training_generator = torch.Generator().manual_seed(0)
    other = duplicate(dropout)
    before = torch.get_rng_state()
    x = torch.ones(500, 80)
    out = dropout(x)
    assert torch.equal(torch.get_rng_state(), before)
    assert abs((out == 0).float().mean() - 0.25) < 0.01
    torch.testing.assert_close(out[out != 0].unique(), torch.tensor([1 / 0.75]))
    # A copy draws what this one draws, and neither moves the other.
    assert torch.equal(other(x), out)
    assert not torch.equal(dropout(x), out)
    assert torch.equal(dropout.eval()(x), x)


def test_residual_by_hand():
    torch.manual_seed(0)
    encoder, _ = build(MLP((7, 7, 5), activation="tanh", residual=True))
    x = torch.randn(5, 36)
    a, b, c, around, last = linears(encoder)
    hidden = torch.tanh(a(x))
    hidden = hidden + torch.tanh(b(hidden))
    assert around.bias is None
    hidden = around(hidden) + torch.tanh(c(hidden))
    torch.testing.assert_close(encoder(x), last(hidden))


@pytest.mark.parametrize("sizes", [(), (8,)])
def test_residual_needs_two_hidden_layers(make, curved, sizes):
    with pytest.raises(ValueError, match="residual=True of MLP needs at least two"):
        make(network=MLP(sizes, residual=True)).fit(curved)


@pytest.mark.parametrize("sizes", [(), (7,), (7, 5)])
def test_tied_by_hand(sizes):
    """Without non-linearities and biases, the decoder is the encoder's transpose."""
    torch.manual_seed(0)
    encoder, decoder = build(MLP(sizes, activation="identity", tied=True))
    for module in (encoder, decoder):
        for name, parameter in module.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
    # The encoder's first two outputs, its means, are what the decoder mirrors.
    matrix = encoder(torch.eye(36))[:, :2]
    torch.testing.assert_close(decoder(torch.eye(2)), matrix.T)


def test_tied_weights_stay_tied(make, curved):
    """Through training, the best weights' return, and recorded or plain steps."""
    network = MLP((8, 4), tied=True)
    model = make(network=network, guard=False).fit(curved)
    module = model.net_.module_
    layers = [m for m in module.encoder.modules() if isinstance(m, nn.Linear)]
    mirrored = [m for m in module.decoder.modules() if hasattr(m, "tied_to")]
    assert [m.tied_to[0] for m in mirrored] == layers[::-1]
    copied = copy.deepcopy(module)
    for half in (module, copied):
        weights = [m.weight for m in half.encoder.modules() if hasattr(m, "weight")]
        assert {id(w) for w in weights} == {
            id(m.tied_to[0].weight)
            for m in half.decoder.modules()
            if hasattr(m, "tied_to")
        }
    assert model.transform(curved).shape == (200, 2)


def test_tied_starts_at_pca(make_ae, noise):
    params = {"learning_rate": 1e-12, "network": MLP((8,), tied=True)}
    model = make_ae(guard=False, **params).fit(noise)
    kept = make_ae().fit(noise)
    np.testing.assert_allclose(model.transform(noise), kept.transform(noise), atol=1e-5)


def test_tied_needs_one_output_a_feature():
    with pytest.raises(ValueError, match=r"tied=True of MLP needs .* has 2; set"):
        build(MLP((7,), tied=True), decoder_outputs=72)


def test_all_options_at_once(make, curved):
    network = MLP(
        (8, 8), "tanh", dropout=0.1, layer_norm=True, residual=True, tied=True
    )
    model = make(network=network, guard=False, init="random").fit(curved)
    assert np.isfinite(model.transform(curved)).all()


def test_depth_does_not_fade_the_input():
    """Linear hidden layers hand on the spread of what comes in."""
    torch.manual_seed(0)
    network = MLP((256,) * 6, activation="identity")
    encoder, _ = network.build(
        40, 2, encoder_outputs=2, decoder_outputs=40, zero_output=True
    )
    x = torch.randn(500, 40)
    for layer in list(encoder)[:-1]:
        x = layer(x)
        assert 0.7 < x.std() < 1.4
