"""What both torch modules share, on their own, with parts made by hand."""

import numpy as np
import pytest
import torch
from parts import Constant, autoencoder, variational

from sklearn_ae.corruptions import GaussianNoise
from sklearn_ae.penalties import L1


def test_networks_that_give_nothing_leave_pca(start, x):
    module = autoencoder(start)
    axes = torch.tensor(start.components, dtype=torch.float32)
    torch.testing.assert_close(module.encode(x), x @ axes.T)
    torch.testing.assert_close(module.decode(x @ axes.T), x @ axes.T @ axes)
    loss = module(x)["reconstruction"] * module.natural_scale
    torch.testing.assert_close(loss, (x - x @ axes.T @ axes).square().sum(1))


@pytest.mark.parametrize("build", [autoencoder, variational])
def test_networks_can_be_switched_off_and_on(start, x, build):
    encoder = Constant(1.0) if build is autoencoder else Constant(1.0, 1.0)
    module = build(start, encoder, Constant(1.0, 2.0, 3.0, 4.0))
    plain = build(start)
    module.use_networks(False)
    torch.testing.assert_close(module.encode(x), plain.encode(x))
    torch.testing.assert_close(module.decode(x[:, :1]), plain.decode(x[:, :1]))
    module.use_networks(True)
    assert not torch.allclose(module.encode(x), plain.encode(x))
    assert not torch.allclose(module.decode(x[:, :1]), plain.decode(x[:, :1]))


def test_the_vae_s_noise_is_switched_off_with_its_networks(start, x):
    module = variational(start)
    with torch.no_grad():
        before = module(x)["reconstruction"]
        module.cost.correction.fill_(0.3)
        assert not torch.allclose(module(x)["reconstruction"], before)
        module.use_networks(False)
        torch.testing.assert_close(module(x)["reconstruction"], before)


def test_a_decoder_corrects_in_units_of_the_residual(start, x):
    module = autoencoder(start, decoder=Constant(1.0, 1.0, 1.0, 1.0))
    difference = module.decode(x[:, :1]) - autoencoder(start).decode(x[:, :1])
    np.testing.assert_allclose(
        difference[0].numpy(), start.residual_scale, rtol=1e-4, atol=1e-6
    )


def test_terms_are_rows(start, x):
    parts = {
        "corruption": GaussianNoise().build(
            center=start.mean, feature_scale=np.ones(4), data_range=(0.0, 1.0)
        ),
        "penalty": L1().build(code_scale=np.ones(1), natural_scale=1.0),
    }
    assert {
        name: tuple(term.shape) for name, term in autoencoder(start)(x).items()
    } == {"reconstruction": (9,)}
    assert {
        name: tuple(term.shape) for name, term in variational(start, **parts)(x).items()
    } == {"reconstruction": (9,), "kl": (9,), "penalty": (9,)}
