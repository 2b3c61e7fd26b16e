"""The convolutional network."""

import numpy as np
import pytest
import torch

from sklearn_ae.networks import Conv


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
