"""The module of ordered codes on its own."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ae._modules.frames import ordered_frame, prefix_scales
from sklearn_ae._modules.ordered import WHOLE, OrderedAutoencoder
from sklearn_ae._pca.start import fit_start
from sklearn_ae.losses import SquaredError

K, D = 3, 5


@pytest.fixture
def start(rng):
    X = rng.normal(size=(200, D)) * [5.0, 4.0, 3.0, 2.0, 1.0]
    return fit_start(X, K, "pca", rng)[0]


@pytest.fixture
def x(rng, start):
    return torch.tensor(rng.normal(size=(40, D)), dtype=torch.float32)


def module_of(start, encoder, decoder, takes_prefix=False):
    options = {"pooled_input": False, "corrupted": False}
    return OrderedAutoencoder(
        encoder,
        decoder,
        ordered_frame(start, **options),
        SquaredError().build(center=start.mean, unit=start.residual_rms),
        residual_scales=prefix_scales(start, corrupted=False),
        takes_prefix=takes_prefix,
    ).eval()


@pytest.fixture
def module(start):
    return module_of(start, nn.Linear(D, K), nn.Linear(K, D))


def pca_of_prefix(start, x, n_columns):
    axes = torch.tensor(start.components[:n_columns], dtype=torch.float32)
    return x @ axes.T @ axes


@torch.no_grad()
def test_without_networks_a_prefix_is_pca_of_as_many_components(start, x, module):
    module.use_networks(False)
    code = module.encode(x)
    for n_columns in range(1, K + 1):
        torch.testing.assert_close(
            module.decode(code[:, :n_columns]), pca_of_prefix(start, x, n_columns)
        )


@torch.no_grad()
def test_a_closed_gate_leaves_pca_of_a_prefix_of_scores(start, x, module):
    module.bends = False
    module.gates[1] = 0.0
    code = module.encode(x)
    torch.testing.assert_close(module.decode(code[:, :2]), pca_of_prefix(start, x, 2))
    assert not torch.allclose(module.decode(code[:, :1]), pca_of_prefix(start, x, 1))


@torch.no_grad()
def test_later_columns_have_no_part_in_a_prefix(x, module):
    code = module.inner_codes(x)
    other = code.clone()
    other[:, 1:] = torch.randn(40, K - 1)
    torch.testing.assert_close(
        module.parameter_of_prefix(code, 1), module.parameter_of_prefix(other, 1)
    )


@torch.no_grad()
def test_the_decoder_is_told_which_columns_are_in_use(start, x):
    seen = []

    class Decoder(nn.Linear):
        def forward(self, code):
            seen.append(code)
            return super().forward(code)

    module = module_of(start, nn.Linear(D, K), Decoder(2 * K, D), takes_prefix=True)
    module.parameter_of_prefix(module.inner_codes(x), 2)
    code, flags = seen[0][:, :K], seen[0][:, K:]
    assert (code[:, 2] == 0).all()
    assert torch.equal(flags, torch.tensor([1.0, 1.0, 0.0]).expand(40, K))


@torch.no_grad()
def test_losses_of_prefixes_are_those_of_their_reconstructions(x, module):
    losses = module.losses_of_prefixes(x) * module.natural_scale
    squares = module.squares_of_prefixes(x, 1.0)
    torch.testing.assert_close(losses, squares[:, 1:])
    torch.testing.assert_close(squares[:, 0], x.square().sum(1))
    code = module.encode(x)
    errors = x - module.decode(code[:, :2])
    torch.testing.assert_close(squares[:, 2], errors.square().sum(1))


@torch.no_grad()
def test_numbers_of_columns_are_drawn_as_they_should_be(module):
    module.train()
    generator = torch.Generator().manual_seed(0)
    used = module._drawn(torch.zeros(100_000, K), generator)
    shares = module._last(used).mean(0)
    harmonic = torch.tensor([1.0, 1 / 2, 1 / 3])
    expected = (1 - WHOLE) * harmonic / harmonic.sum()
    expected[-1] += WHOLE
    torch.testing.assert_close(shares, expected, atol=0.01, rtol=0)
    # A prefix has no gaps.
    assert (used[:, 1:] <= used[:, :-1]).all()


@torch.no_grad()
def test_evaluation_draws_nothing(module):
    code = torch.zeros(1000, K)
    before = torch.get_rng_state()
    first, second = (module._drawn(code, None) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)
    shares = module._last(first).mean(0)
    torch.testing.assert_close(
        shares,
        module._last(module._drawn(torch.zeros(99_999, K), None)).mean(0),
        atol=0.01,
        rtol=0,
    )


@torch.no_grad()
def test_pca_has_about_the_same_loss_at_every_prefix(start, rng):
    X = rng.normal(size=(5000, D)) * [5.0, 4.0, 3.0, 2.0, 1.0]
    start, rows = fit_start(X, K, "pca", rng)
    module = module_of(start, nn.Linear(D, K), nn.Linear(K, D))
    module.use_networks(False)
    x = torch.from_numpy(rows)
    weighted = module.losses_of_prefixes(x).mean(0) * module.row_weights
    np.testing.assert_allclose(weighted, weighted[-1], rtol=1e-3)


@torch.no_grad()
def test_columns_in_use_are_handed_out(x, module):
    module.n_used = 2
    code = module.encode(x)
    assert code.shape == (40, 2)
    torch.testing.assert_close(
        module.decode(code), module._decoded(module.inner_codes(x))
    )


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
@torch.no_grad()
def test_the_state_says_what_is_in_use(start, x, module, copied):
    module.n_used, module.bends = 2, False
    module.gates[0] = 0.0
    fresh = module_of(start, nn.Linear(D, K), nn.Linear(K, D))
    fresh.load_state_dict(module.state_dict())
    for other in (fresh, copied(module)):
        assert (other.n_used, other.bends) == (2, False)
        torch.testing.assert_close(
            other.decode(other.encode(x)), module.decode(module.encode(x))
        )
