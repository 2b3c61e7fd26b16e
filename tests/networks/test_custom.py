"""Networks of the user's own modules."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from torch import nn
from torch.distributions import Independent, Laplace, Normal

from sklearn_ae._estimators.generative import GenerativeAutoencoder
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
        custom.transform(noise), kept.transform(noise), rtol=1e-4, atol=1e-5
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


def with_norm_and_dropout(n_in, n_out):
    return nn.Sequential(
        nn.Linear(n_in, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(8, n_out),
    )


# The training part leaves one row over with 8 of 73 rows held out, too.
@pytest.mark.parametrize("n_rows", [65, 33, 73])
def test_batch_norm_gets_no_batch_of_one_row(make, rng, n_rows):
    X = rng.normal(size=(n_rows, 10))
    model = make(
        network=Custom(with_norm_and_dropout, with_norm_and_dropout),
        batch_size=32,
        max_epochs=1,
        validation_fraction=8 / 73 if n_rows == 73 else None,
        early_stopping=False,
        guard=False,
    ).fit(X)
    codes = model.transform(X)
    # Neither dropout nor batch statistics at inference: a row alone is the same row.
    np.testing.assert_array_equal(codes, model.transform(X))
    np.testing.assert_allclose(codes[:1], model.transform(X[:1]), atol=1e-5)
    assert model.inverse_transform(codes[:1]).shape == (1, 10)


class Remember(Callback):
    """Keeps the module's state after each epoch."""

    states = []

    def on_train_begin(self, net, **kwargs):
        self.states.clear()

    def on_epoch_end(self, net, **kwargs):
        self.states.append(copy.deepcopy(net.module_.state_dict()))


@pytest.mark.filterwarnings("ignore:Training left only 0")
def test_buffers_come_back_with_the_best_weights(make, curved, monkeypatch):
    # It changes the noise afterwards.
    monkeypatch.setattr(GenerativeAutoencoder, "_widen_noise", lambda self, rows: None)
    model = make(
        network=Custom(with_norm_and_dropout, with_norm_and_dropout),
        callbacks=[Remember()],
        max_epochs=6,
        learning_rate=0.3,
        guard=False,
        init="random",
    ).fit(curved)
    best = int(np.argmin([epoch["valid_loss"] for epoch in model.history_]))
    assert best < 5
    state = model.net_.module_.state_dict()
    assert any(name.endswith("running_mean") for name in state)
    for name, value in Remember.states[best].items():
        # A VAE fits its mixture afterwards.
        assert name.startswith("prior") or torch.equal(state[name], value), name
    reloaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(reloaded.transform(curved), model.transform(curved))


def test_lazy_modules_find_their_sizes(make, curved):
    factor = 2 if "likelihood" in make().get_params() else 1
    encoder = nn.Sequential(nn.LazyLinear(5), nn.Tanh(), nn.LazyLinear(2 * factor))
    model = make(network=Custom(encoder, nn.Linear)).fit(curved)
    assert model.transform(curved).shape == (200, 2)


class GivesNormal(nn.Module):
    """Ends in a distribution, as encoders elsewhere do."""

    def __init__(self, n_in, n_out, independent=False):
        super().__init__()
        self.layer = nn.Linear(n_in, n_out)
        self.independent = independent

    def forward(self, x):
        mean, log_variance = self.layer(x).chunk(2, dim=1)
        normal = Normal(mean, (0.5 * log_variance).exp())
        return Independent(normal, 1) if self.independent else normal


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("independent", [False, True])
def test_an_encoder_may_give_a_normal_distribution(make_vae, curved, init, independent):
    encoder = partial(GivesNormal, independent=independent)
    given = make_vae(network=Custom(encoder, nn.Linear), init=init, guard=False)
    plain = make_vae(network=Custom(nn.Linear, nn.Linear), init=init, guard=False)
    np.testing.assert_allclose(
        given.fit_transform(curved), plain.fit_transform(curved), atol=1e-5
    )


class Gives(nn.Module):
    """Gives what a function makes of its input, whatever that is."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def test_other_distributions_are_refused(make_ae, make_vae, curved):
    def laplace(x):
        return Laplace(x[:, :2], 1.0)

    def normal(x):
        return Normal(x[:, :2], 1.0)

    for make, function, name in (
        (make_vae, laplace, "Laplace"),
        (make_ae, normal, "Normal"),
    ):
        message = f"'encoder' parameter of Custom must return a tensor. Got {name}"
        with pytest.raises(TypeError, match=message):
            make(network=Custom(Gives(function), nn.Linear)).fit(curved)


@pytest.mark.parametrize(
    "encoder", [nn.BatchNorm2d(6), Gives(lambda x: x.no_such_attribute)]
)
def test_what_a_half_raises_is_told(make_ae, curved, encoder):
    with pytest.raises(ValueError, match="'encoder' parameter of Custom does not acc"):
        make_ae(network=Custom(encoder, nn.Linear)).fit(curved)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 4), r"\(2, 4\), multiplies to 8 values, but X has 6 features"),
        ((2, 3.0), "tuple of positive ints"),
        ((), "tuple of positive ints"),
        ((-2, -3), "tuple of positive ints"),
        (6, "'input_shape' parameter of Custom must be"),
    ],
)
def test_bad_input_shape(make, curved, shape, message):
    network = Custom(nn.Linear, nn.Linear, input_shape=shape)
    with pytest.raises(ValueError, match=message):
        make(network=network).fit(curved)


def test_input_shape_is_what_the_encoder_gets_on_one_scale(make_ae, rng):
    seen = []

    class Looking(nn.Module):
        def __init__(self, n_in, n_out):
            super().__init__()
            self.layer = nn.Linear(n_in, n_out)

        def forward(self, x):
            seen.append(x.detach().clone())
            return self.layer(x.flatten(1))

    X = rng.normal(size=(100, 6)) * [1, 1, 1, 3, 3, 3]
    network = Custom(Looking, nn.Linear, input_shape=[2, 3])
    make_ae(network=network, batch_size=100).fit(X)
    batch = max(seen, key=len)
    assert batch.shape[1:] == (2, 3)
    spread = batch.std((0, 2))
    assert spread[1] / spread[0] == pytest.approx(3.0, rel=0.2)
    assert batch.square().mean() == pytest.approx(1.0, rel=0.2)


class SequenceEncoder(nn.Module):
    """What a user with sequences brings: 1-D convolutions over (channels, time)."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(2, 8, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv1d(8, 8, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * (n_in // 8), n_out),
        )

    def forward(self, x):
        return self.layers(x)


class SequenceDecoder(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_in, 8 * (n_out // 8)),
            nn.ReLU(),
            nn.Unflatten(1, (8, n_out // 8)),
            nn.ConvTranspose1d(8, 8, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose1d(8, 2, 4, stride=2, padding=1),
        )

    def forward(self, code):
        return self.layers(code)


def sequences(rng, n_rows=400, n_steps=24):
    """Two channels with a pulse that comes at any time, in the second one later."""
    time = np.arange(n_steps)
    start = rng.uniform(4, n_steps - 8, size=(n_rows, 1, 1))
    pulse = np.exp(-np.square((time - start - [[0], [4]]) / 2))
    return (pulse + 0.02 * rng.normal(size=pulse.shape)).reshape(n_rows, -1)


def test_sequences_with_one_dimensional_convolutions(make, rng):
    X = sequences(rng)
    network = Custom(SequenceEncoder, SequenceDecoder, input_shape=(2, 24))
    model = make(network=network, max_epochs=15, batch_size=32)
    pipeline = Pipeline([("reduce", model), ("scale", StandardScaler())]).fit(X)
    assert pipeline.transform(X).shape == (400, 2)
    restored = model.inverse_transform(model.transform(X))
    pca = PCA(2).fit(X)
    by_pca = pca.inverse_transform(pca.transform(X))
    error, pca_error = (np.square(part - X).mean() for part in (restored, by_pca))
    assert error < 0.8 * pca_error


def test_a_search_over_a_custom_network(make, curved):
    model = make(network=Custom(nn.Linear, nn.Linear), max_epochs=1)
    search = GridSearchCV(
        model, {"n_components": [1, 3]}, cv=2, error_score="raise"
    ).fit(curved)
    assert search.best_estimator_.network.encoder is nn.Linear


def test_a_clone_of_a_fitted_custom_network_is_not_fitted(make, curved):
    factor = 2 if "likelihood" in make().get_params() else 1
    parts = {
        "network": Custom(nn.Linear(6, 2 * factor), nn.Linear, input_shape=[6]),
        "corruption": ["gaussian", "swap"],
        "penalty": ["l1"],
        "callbacks": [],
        "net_params": {"optimizer__betas": (0.9, 0.99)},
    }
    model = make(**parts)
    for name, part in parts.items():
        assert getattr(model, name) is part
        assert model.get_params()[name] is part
    model.set_params(**model.get_params(deep=False)).fit(curved)
    for name, part in parts.items():
        assert getattr(model, name) is part
    with pytest.raises(NotFittedError):
        clone(model).transform(curved)
    nested = clone(Pipeline([("reduce", model)]))
    with pytest.raises(NotFittedError):
        nested.transform(curved)
    assert nested.fit(curved).transform(curved).shape == (200, 2)


class InDtype(nn.Module):
    """Computes in a dtype of its own, and may leave the casting to others."""

    def __init__(self, n_in, n_out, dtype, takes_rows, gives_rows):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_in, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, n_out)
        ).to(dtype)
        self.dtype, self.takes_rows, self.gives_rows = dtype, takes_rows, gives_rows

    def forward(self, x):
        y = self.layers(x.to(self.dtype) if self.takes_rows else x)
        return y.float() if self.gives_rows else y


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("takes_rows", [True, False])
@pytest.mark.parametrize("gives_rows", [True, False])
def test_weights_keep_their_dtype(make, curved, dtype, takes_rows, gives_rows):
    def half(n_in, n_out):
        return InDtype(n_in, n_out, dtype, takes_rows, gives_rows)

    model = make(n_components=2, network=Custom(half, half), guard=False).fit(curved)
    for network in (model.net_.module_.encoder, model.net_.module_.decoder):
        own = next(m for m in network.modules() if isinstance(m, InDtype))
        tensors = [*own.parameters(), *own.buffers()]
        assert {t.dtype for t in tensors if t.is_floating_point()} == {dtype}
    codes = model.transform(curved)
    assert codes.dtype == np.float32
    assert np.isfinite(model.inverse_transform(codes)).all()


def test_a_network_in_float64_learns_as_in_float32(make_ae, curved):
    def double(n_in, n_out):
        return nn.Sequential(nn.Linear(n_in, 16), nn.Tanh(), nn.Linear(16, n_out))

    scores = [
        make_ae(
            n_components=2,
            network=Custom(
                lambda *sizes, dtype=dtype: double(*sizes).to(dtype),
                lambda *sizes, dtype=dtype: double(*sizes).to(dtype),
            ),
            max_epochs=60,
        )
        .fit(curved)
        .score(curved)
        for dtype in (torch.float32, torch.float64)
    ]
    assert scores[1] == pytest.approx(scores[0], rel=1e-3)


class Doubling(nn.Linear):
    """Gives float64, with weights of float32."""

    def forward(self, x):
        return super().forward(x).double()


def test_outputs_of_another_dtype_become_float32(make, curved):
    network = Custom(Doubling, Doubling)
    model = make(n_components=2, network=network, guard=False).fit(curved)
    assert model.transform(curved).dtype == np.float32


def test_what_takes_no_dtype_is_named(make_ae, curved):
    class Mixed(nn.Module):
        def __init__(self, n_in, n_out):
            super().__init__()
            self.first = nn.Linear(n_in, 4).double()
            self.second = nn.Linear(4, n_out)

        def forward(self, x):
            return self.second(self.first(x))

    model = make_ae(n_components=2, network=Custom(Mixed, nn.Linear))
    with pytest.raises(ValueError, match=r"'encoder' .* weights of torch\.float64"):
        model.fit(curved)
