"""How encoders and decoders are built."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from sklearn_ae.networks import MLP, Conv, Custom

NETWORKS = [
    MLP(),
    MLP(()),
    MLP((7,), activation="tanh"),
    MLP([7, 5]),
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
        (100_000, [512, 256]),
    ],
)
def test_mlp_default_widths(n_features, widths):
    with torch.device("meta"):
        encoder, decoder = build(MLP(), False, n_features)
    assert linear_widths(encoder) == [*widths, 4]
    assert linear_widths(decoder) == [*widths[::-1], 2 * n_features]


def test_mlp_mirrors_its_encoder():
    encoder, decoder = build(MLP((7, 5, 3), activation="relu"), False)
    assert linear_widths(encoder) == [7, 5, 3, 4]
    assert linear_widths(decoder) == [3, 5, 7, 72]
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
    [MLP((8, 0)), MLP((2.5,)), MLP("big"), MLP(8), MLP(activation="step")],
    ids=repr,
)
def test_mlp_bad_parameters(make, curved, network):
    with pytest.raises(ValueError, match=r"parameter of MLP must be .* Got .* instead"):
        make(network=network).fit(curved)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 8, 9), r"\(1, 8, 9\), multiplies to 72 values, but X has 64 features"),
        ((8, 8), "tuple of 3 positive ints"),
        ((1, -8, -8), "tuple of 3 positive ints"),
        ((1, 8.0, 8), "tuple of 3 positive ints"),
        ("square", "'image_shape' parameter of Conv must be"),
    ],
)
def test_conv_bad_image_shape(make, rng, shape, message):
    with pytest.raises(ValueError, match=message):
        make(network=Conv(shape)).fit(rng.normal(size=(20, 64)))


@pytest.mark.parametrize("network", ["conv", Conv()], ids=repr)
def test_conv_auto_needs_a_square(make, curved, network):
    with pytest.raises(ValueError, match="6 features, not a perfect square"):
        make(network=network).fit(curved)


@pytest.mark.parametrize("name", ["n_channels", "n_stages"])
@pytest.mark.parametrize("value", [0, 1.5, "a"])
def test_conv_bad_sizes(make, rng, name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of Conv must be"):
        make(network=Conv(**{name: value})).fit(rng.normal(size=(20, 64)))


@pytest.mark.parametrize(
    "image_shape", [(1, 8, 8), (2, 8, 4), (64, 1, 1), (1, 64, 1), (4, 4, 4), "auto"]
)
def test_conv_fits_images(make, rng, image_shape):
    X = rng.uniform(size=(64, 64)).astype(np.float32)
    model = make(n_components=4, network=Conv(image_shape, n_channels=4)).fit(X)
    codes = model.transform(X)
    assert codes.shape == (64, 4)
    assert model.inverse_transform(codes).shape == X.shape


def test_conv_sees_neighbours(rng):
    """The encoder's first layer is local: a far pixel cannot change it."""
    encoder, _ = build(Conv((1, 6, 6), n_channels=2), False)
    image = torch.zeros(1, 36)
    moved = image.clone()
    moved[0, -1] = 1.0
    first = encoder[:2]
    difference = (first(moved) - first(image))[0].abs().sum(0)
    assert difference[-1, -1] > 0
    assert difference[0, 0] == 0


class Recorder(nn.Module):
    """Remembers the dtypes that it was given."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.layer = nn.Linear(n_in, n_out)
        self.seen = set()

    def forward(self, x):
        self.seen.add(x.dtype)
        return self.layer(x)


def test_no_double_precision_reaches_a_network(make, rng):
    """Some devices refuse any float64 tensor."""
    X = rng.normal(size=(64, 8))
    factor = 2 if "likelihood" in make().get_params() else 1
    encoder, decoder = Recorder(8, 2 * factor), Recorder(2, 8)
    model = make(network=Custom(encoder, decoder)).fit(X)
    module = model.net_.module_
    recorders = [m for m in module.modules() if isinstance(m, Recorder)]
    assert len(recorders) == 2
    model.inverse_transform(model.transform(X).astype(np.float64))
    model.sample(3)
    model.score(X)
    for recorder in recorders:
        assert recorder.seen == {torch.float32}
    for tensor in (*module.parameters(), *module.buffers()):
        assert tensor.dtype == torch.float32 or not tensor.is_floating_point()


def test_user_modules_are_not_trained_in_place(make, curved):
    factor = 2 if "likelihood" in make().get_params() else 1
    encoder = nn.Sequential(nn.Linear(6, 2 * factor), nn.BatchNorm1d(2 * factor))
    decoder = nn.Linear(2, 6).double()
    encoder.eval()
    before = [
        {name: value.clone() for name, value in module.state_dict().items()}
        for module in (encoder, decoder)
    ]
    network = Custom(encoder, decoder)
    make(network=network, init="random").fit(curved)
    assert network.encoder is encoder
    assert not encoder.training
    assert decoder.training
    for module, states in zip((encoder, decoder), before, strict=True):
        assert not any(parameter.grad is not None for parameter in module.parameters())
        for name, value in module.state_dict().items():
            assert value.dtype == states[name].dtype
            assert torch.equal(value, states[name])


def not_a_module(n_in, n_out):
    return n_in


@pytest.mark.parametrize(
    ("encoder", "decoder", "error", "message"),
    [
        (nn.Linear(6, 3), nn.Linear, ValueError, r"'encoder'.*map \(rows, 6\) to \(ro"),
        (nn.Linear(5, 2), nn.Linear, ValueError, "'encoder'.* rows of 6 columns"),
        (nn.Linear, nn.Linear(2, 7), ValueError, r"'decoder'.*\(rows, 6\), but .*2, 7"),
        (nn.Linear, nn.Linear(4, 6), ValueError, "'decoder'.* rows of 2 columns"),
        (nn.Linear, not_a_module, TypeError, "'decoder' .* returned int instead"),
        (None, nn.Linear, ValueError, "'encoder' parameter of Custom must be"),
        (nn.Linear, "linear", ValueError, "'decoder' parameter of Custom must be"),
    ],
)
def test_custom_halves_are_checked(make_ae, curved, encoder, decoder, error, message):
    with pytest.raises(error, match=message):
        make_ae(network=Custom(encoder, decoder)).fit(curved)


def test_a_vae_s_encoder_gives_two_columns_a_component(make_vae, curved):
    with pytest.raises(ValueError, match=r"'encoder'.*\(rows, 4\), but .*\(2, 2\)"):
        make_vae(network=Custom(nn.Linear(6, 2), nn.Linear)).fit(curved)
    assert make_vae(network=Custom(nn.Linear, nn.Linear)).fit(curved)


def test_a_custom_network_starts_at_pca(make_ae, noise):
    """Its output passes a gate that starts at zero."""
    custom = make_ae(network=Custom(nn.Linear, nn.Linear), guard=False)
    custom.set_params(learning_rate=1e-12).fit(noise)
    kept = make_ae().fit(noise)
    assert kept.gain_over_pca_ == 0
    assert custom.net_.module_.networks_on
    np.testing.assert_allclose(
        custom.transform(noise), kept.transform(noise), atol=1e-6
    )


def test_custom_encoder_sees_standardised_rows(make_ae, rng):
    """Each feature on its own scale, whatever X's units."""
    seen = []

    class Looking(nn.Linear):
        def forward(self, x):
            seen.append(x.detach().clone())
            return super().forward(x)

    X = rng.normal(size=(100, 3)) * [1e-3, 1.0, 1e3] + [5.0, 0.0, -1e3]
    make_ae(network=Custom(Looking, nn.Linear), batch_size=100).fit(X)
    rows = max(seen, key=len)
    np.testing.assert_allclose(rows.std(0).numpy()[1:], 1.0, rtol=0.3)
    # A column a million times below the others is scaled up to a bound only.
    assert rows.std(0)[0] <= 1.3
