"""How encoders and decoders are built."""

from functools import partial

import pytest
import torch
from sklearn.base import clone
from torch import nn

from sklearn_ae.networks import MLP, Conv, Custom
from sklearn_ae.networks._layers import drawn

NETWORKS = [
    MLP(),
    MLP(()),
    MLP((7,), activation="tanh"),
    MLP([7, 5]),
    MLP((7, 7), activation=nn.Tanh, layer_norm=True, residual=True, dropout=0.5),
    MLP((7, 5), activation=nn.PReLU(), residual=True),
    MLP((7,), activation=partial(nn.LeakyReLU, 0.1)),
    Conv((1, 6, 6), n_channels=2),
    Conv((4, 3, 3), n_channels=2, n_stages=3),
    Conv((1, 36, 1), n_channels=2, n_stages=1),
    Conv(n_channels=2),
    Custom(nn.Linear, nn.Linear),
    Custom(nn.Linear(36, 4), nn.Linear(2, 72)),
]


def build(network, zero_output, n_features=36):
    return network.build(
        n_features,
        2,
        encoder_outputs=4,
        decoder_outputs=2 * n_features,
        zero_output=zero_output,
    )


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
@pytest.mark.parametrize("zero_output", [False, True])
def test_sizes_and_zero_output(network, zero_output):
    torch.manual_seed(0)
    encoder, decoder = build(network, zero_output)
    codes = encoder(torch.randn(5, 36))
    rows = decoder(torch.randn(5, 2))
    assert codes.shape == (5, 4)
    assert rows.shape == (5, 72)
    assert (codes == 0).all() == zero_output
    assert (rows == 0).all() == zero_output


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "network", [n for n in NETWORKS if not isinstance(n, Custom)], ids=repr
)
def test_weights_are_torch_s_but_from_a_generator(network, dtype):
    sizes = {"encoder_outputs": 4, "decoder_outputs": 72, "zero_output": False}
    torch.manual_seed(3)
    expected = network.build(36, 2, **sizes)
    before = torch.get_rng_state()
    generator = torch.Generator().manual_seed(3)
    torch.set_default_dtype(dtype)
    try:
        found = network.build(36, 2, **sizes, generator=generator)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.get_rng_state(), before)
    for one, other in zip(found, expected, strict=True):
        for ours, theirs in zip(one.parameters(), other.parameters(), strict=True):
            assert ours.dtype == torch.float32
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        (nn.Linear, (5, 3)),
        (nn.Conv2d, (4, 3, 3)),
        (nn.ConvTranspose2d, (4, 3, 4)),
    ],
)
@pytest.mark.parametrize("bias", [False, True])
def test_a_layer_is_drawn_as_torch_draws_it(kind, sizes, bias):
    torch.manual_seed(3)
    theirs = kind(*sizes, bias=bias)
    generator = torch.Generator().manual_seed(3)
    ours = drawn(kind, *sizes, bias=bias, generator=generator)
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value)


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_a_zero_output_can_be_left(network):
    """Some gradient is not zero, or training could never leave PCA."""
    torch.manual_seed(0)
    for half, width in zip(build(network, True), (36, 2), strict=True):
        half(torch.randn(5, width)).sum().backward()
        gradients = [parameter.grad for parameter in half.parameters()]
        assert any((g is not None and (g != 0).any()) for g in gradients)


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_networks_are_estimators(network):
    copied = clone(network)
    assert repr(copied) == repr(network)
    assert vars(network).keys() == network.get_params(deep=False).keys()
