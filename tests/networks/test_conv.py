"""The convolutional network."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae.corruptions._build import CORRUPTIONS
from sklearn_ae.likelihoods._by_name import LIKELIHOODS
from sklearn_ae.losses import LOSSES
from sklearn_ae.networks import Conv
from sklearn_ae.networks._conv import _Doubled, _ToImages, _ToMaps, _ToRows
from sklearn_ae.penalties._build import PENALTIES


def build(network, zero_output=False, n_features=36, decoder_outputs=None):
    return network.build(
        n_features,
        2,
        encoder_outputs=4,
        decoder_outputs=decoder_outputs or n_features,
        zero_output=zero_output,
    )


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


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("n_channels", [0, 1.5, "a"]),
        ("n_stages", [0, 1.5, "a"]),
        ("n_blocks", [-1, 1.5, "a"]),
        ("n_hidden", [-1, 1.5, "a"]),
        ("activation", ["step", None]),
        ("group_norm", [1, "yes"]),
    ],
)
def test_conv_bad_parameters(make_ae, rng, name, values):
    for value in values:
        with pytest.raises(ValueError, match=f"'{name}' parameter of Conv must be"):
            make_ae(network=Conv(**{name: value})).fit(rng.normal(size=(20, 64)))


SHAPES = [
    (1, 8, 8),
    (3, 8, 8),
    (1, 9, 15),
    (3, 17, 8),
    (1, 28, 28),
    (3, 31, 33),
    (3, 32, 32),
    (1, 64, 64),
    (3, 63, 64),
    (2, 1, 5),
    (64, 1, 1),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("zero_output", [False, True])
def test_any_height_and_width(shape, zero_output):
    torch.manual_seed(0)
    n_features = int(np.prod(shape))
    network = Conv(shape, n_channels=8, group_norm=True)
    encoder, decoder = build(network, zero_output, n_features, 2 * n_features)
    x = torch.randn(3, n_features)
    codes, rows = encoder(x), decoder(codes_of(3))
    assert codes.shape == (3, 4)
    assert rows.shape == (3, 2 * n_features)
    assert (codes == 0).all() == zero_output
    assert (rows == 0).all() == zero_output


def codes_of(n_rows):
    return torch.randn(n_rows, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("shape", "n_stages"),
    [
        ((1, 4, 4), 1),
        ((1, 8, 8), 1),
        ((1, 28, 28), 2),
        ((3, 33, 8), 3),
        ((1, 64, 64), 3),
    ],
    ids=str,
)
def test_auto_stages_bring_both_sides_to_eight(shape, n_stages):
    encoder, _ = build(Conv(shape), n_features=int(np.prod(shape)))
    strided = [m for m in encoder if isinstance(m, nn.Conv2d)]
    assert len(strided) == n_stages
    maps = encoder[: list(encoder).index(strided[-1]) + 1](
        torch.zeros(1, int(np.prod(shape)))
    )
    assert max(maps.shape[2:]) <= 8


def test_channels_are_halved_down_to_eight():
    encoder, _ = build(Conv((3, 64, 64), n_channels=24, n_stages=4), n_features=12288)
    strided = [m for m in encoder if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in strided] == [8, 8, 12, 24]


@pytest.mark.parametrize("n_hidden", [0, 7])
def test_hidden_units_between_maps_and_code(n_hidden):
    encoder, decoder = build(Conv((1, 6, 6), n_channels=8, n_hidden=n_hidden))
    widths = [
        [(m.in_features, m.out_features) for m in half if isinstance(m, nn.Linear)]
        for half in (encoder, decoder)
    ]
    if n_hidden:
        assert widths == [[(72, 7), (7, 4)], [(2, 7), (7, 72)]]
    else:
        assert widths == [[(72, 4)], [(2, 72)]]


def test_blocks_are_residual():
    """With blocks that give nothing, the network is the one without blocks."""
    torch.manual_seed(0)
    encoder, decoder = build(Conv((1, 6, 6), n_blocks=2))
    torch.manual_seed(0)
    # The same first convolution; the layers behind the blocks are copied.
    plain_encoder, plain_decoder = build(Conv((1, 6, 6), n_blocks=0))
    for half, plain in ((encoder, plain_encoder), (decoder, plain_decoder)):
        blocks = [m for m in half if hasattr(m, "layers")]
        assert len(blocks) == 2
        for block in blocks:
            nn.init.zeros_(block.layers[-1].weight)
            nn.init.zeros_(block.layers[-1].bias)
        others = nn.Sequential(*(m for m in half if not hasattr(m, "layers")))
        plain.load_state_dict(others.state_dict())
        x = torch.randn(3, 36 if half is encoder else 2)
        torch.testing.assert_close(half(x), plain(x))


def test_no_checkerboards():
    """Every pixel but those at the edges is made by as many weights."""
    doubled = _Doubled(2, 1, (9, 10))
    nn.init.ones_(doubled.convolution.weight)
    nn.init.zeros_(doubled.convolution.bias)
    pixels = doubled(torch.ones(1, 2, 5, 5))
    assert pixels.shape == (1, 1, 9, 10)
    assert (pixels[:, :, 1:-1, 1:-1] == 8).all()


def test_rows_are_images_with_their_channels_first():
    x = torch.arange(24.0).reshape(2, 12)
    images = _ToImages((2, 2, 3))(x)
    assert torch.equal(images, x.reshape(2, 2, 2, 3))
    assert images.is_contiguous(memory_format=torch.channels_last)
    maps = _ToMaps((2, 2, 3))(x)
    assert maps.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(_ToRows()(maps), x)


def test_conv_sees_neighbours():
    """The encoder's first layer is local: a far pixel cannot change it."""
    encoder, _ = build(Conv((1, 6, 6), n_channels=2))
    image = torch.zeros(1, 36)
    moved = image.clone()
    moved[0, -1] = 1.0
    first = encoder[:2]
    difference = (first(moved) - first(image))[0].abs().sum(0)
    assert difference[-1, -1] > 0
    assert difference[0, 0] == 0


@pytest.mark.parametrize("group_norm", [False, True])
def test_a_row_does_not_depend_on_its_batch(group_norm):
    encoder, _ = build(Conv((1, 6, 6), group_norm=group_norm))
    x = torch.randn(5, 36)
    torch.testing.assert_close(encoder(x)[:2], encoder(x[:2]))


def images(rng, n_rows=64, n_features=64):
    return rng.uniform(size=(n_rows, n_features)).astype(np.float32)


def test_conv_starts_at_pca(make, rng):
    X = images(rng)
    params = {"network": Conv(n_channels=4), "learning_rate": 1e-12}
    model = make(guard=False, **params).fit(X)
    kept = make().fit(X)
    assert kept.gain_over_pca_ == 0
    np.testing.assert_allclose(model.transform(X), kept.transform(X), atol=1e-5)


def test_batches_are_of_64_rows_at_most(make, rng):
    X = images(rng, n_rows=3000, n_features=4)
    params = {"max_epochs": 1, "validation_fraction": 0.1}
    assert make(**params).fit(X).net_.batch_size == 2700 // 32
    conv = make(network=Conv(n_channels=1), **params)
    assert conv.fit(X).net_.batch_size == 64
    assert conv.set_params(batch_size=100).fit(X).net_.batch_size == 100


SMALL = {
    "n_components": 4,
    "network": Conv(n_channels=4),
    "max_epochs": 1,
    "guard": False,
    "random_state": 0,
    "device": "cpu",
}


@pytest.mark.parametrize(
    "model",
    [
        *(AutoencoderTransformer(loss=loss) for loss in sorted(LOSSES)),
        *(AutoencoderTransformer(corruption=name) for name in sorted(CORRUPTIONS)),
        *(AutoencoderTransformer(penalty=name) for name in sorted(PENALTIES)),
        *(VAETransformer(likelihood=name) for name in sorted(LIKELIHOODS)),
        *(VAETransformer(corruption=name) for name in sorted(CORRUPTIONS)),
        *(VAETransformer(penalty=name) for name in sorted(PENALTIES)),
        AutoencoderTransformer(init="random"),
        VAETransformer(init="random"),
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore:Training left only 0")
def test_conv_works_with_every_part(model, rng):
    likelihood = getattr(model, "likelihood", None)
    X = np.eye(64) if likelihood == "categorical" else images(rng)
    if likelihood in ("poisson", "negative_binomial"):
        X = np.rint(9 * X)
    codes = model.set_params(**SMALL).fit_transform(X)
    assert codes.shape == (64, 4)
    assert np.isfinite(model.inverse_transform(codes)).all()
    assert model.sample(2).shape == (2, 64)


@pytest.mark.parametrize("image_shape", [(2, 8, 4), (64, 1, 1), (1, 64, 1), (4, 4, 4)])
def test_conv_fits_images(make, rng, image_shape):
    X = images(rng)
    model = make(n_components=4, network=Conv(image_shape, n_channels=4)).fit(X)
    assert model.inverse_transform(model.transform(X)).shape == X.shape


def bars(rng, n_rows=300, side=8):
    """Images of a bright bar, somewhere: few numbers tell them, no linear map can."""
    t = np.arange(side)
    top, left = rng.uniform(1, side - 2, size=(2, n_rows))
    down = np.exp(-np.square(t - top[:, None]))
    across = np.exp(-np.square(t - left[:, None]) / 4)
    return np.einsum("ni,nj->nij", down, across).reshape(n_rows, -1)


def test_conv_beats_pca_on_moving_bars(make_ae, rng):
    X = bars(rng)
    model = make_ae(n_components=2, network=Conv(n_channels=8), max_epochs=15).fit(X)
    assert model.gain_over_pca_ > 0.2
