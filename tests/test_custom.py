"""Networks of the user's own modules."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ae.networks import Custom


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
