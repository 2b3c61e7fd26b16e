"""Recorded steps against autograd: the same training to float32 rounding."""

import random
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae._training import recording
from sklearn_ae._training.recording import PlainStep, record_step, trainable
from sklearn_ae.corruptions import GaussianNoise, MaskingNoise, PatchMasking
from sklearn_ae.likelihoods import Gaussian
from sklearn_ae.networks import MLP, Conv, Custom
from sklearn_ae.penalties import L1, Contractive

AE, VAE = AutoencoderTransformer, VAETransformer


def with_norm_and_dropout(n_in, n_out):
    return nn.Sequential(
        nn.Linear(n_in, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.LayerNorm(8),
        nn.Linear(8, n_out),
    )


def with_convolution(n_in, n_out):
    return nn.Sequential(
        nn.Unflatten(1, (1, n_in)),
        nn.Conv1d(1, 4, 3, padding=1),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(4 * n_in, n_out),
    )


def as_image(n_in, n_out):
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2), nn.Flatten(), nn.Linear(8, n_out)
    )


def halved(x, generator):
    """Halve about half of the values, with torch's own draws."""
    return torch.where(torch.rand(x.shape, generator=generator) < 0.5, 0.5 * x, x)


class Squared(nn.Module):
    """The squared error of a layer's reconstruction."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return {"reconstruction": (x - self.layer(x)).square().sum(1)}


def mean_of_sum(terms):
    return sum(terms.values()).mean()


ROWS = torch.linspace(-1, 1, 12).reshape(4, 3)


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    codes = rng.uniform(-1, 1, size=(50, 2))
    curved = np.tanh(codes @ rng.normal(size=(2, 16)) + rng.normal(size=16))
    return (0.5 + 0.4 * curved).astype(np.float32)


def fitted(estimator, X, monkeypatch, fewest_steps):
    """Fit with or without recording; return the weights and what was recorded."""
    recorded = []

    def spy(plain, x):
        recorded.append(record_step(plain, x))
        return recorded[-1]

    monkeypatch.setattr("sklearn_ae._training.steps.record_step", spy)
    monkeypatch.setattr("sklearn_ae._training.steps.FEWEST_STEPS", fewest_steps)
    estimator.set_params(
        max_epochs=3, batch_size=8, random_state=0, guard=False, early_stopping=False
    )
    estimator.fit(X)
    return estimator.net_.module_.state_dict(), estimator.history_, recorded


@pytest.mark.parametrize(
    "estimator",
    [
        AE(),
        AE(init="random", network=MLP((8,), activation="relu")),
        AE(network=Conv(image_shape=(1, 4, 4))),
        AE(network=Custom(with_norm_and_dropout, with_norm_and_dropout)),
        AE(network=Custom(with_convolution, with_convolution)),
        AE(loss="absolute_error"),
        AE(loss="huber"),
        AE(loss="log_loss"),
        AE(loss="poisson"),
        AE(output_range=(0, 1)),
        AE(corruption=GaussianNoise(scale=(0.0, 0.5))),
        AE(corruption=MaskingNoise(rate=(0.1, 0.5))),
        AE(corruption=["salt_and_pepper", "swap", PatchMasking(patch_size=2)]),
        AE(corruption=halved),
        AE(penalty=L1(0.1)),
        AE(penalty=["kl_sparsity", "contractive", "decorrelation"]),
        AE(penalty="neighbours"),
        AE(penalty=Contractive(n_projections=2), corruption="swap"),
        AE(network=MLP((8, 8), layer_norm=True, residual=True, dropout=0.2)),
        AE(network=MLP((8,), tied=True)),
        AE(network=Custom(as_image, nn.Linear, input_shape=(1, 4, 4))),
        AE(optimizer=torch.optim.SGD),
        AE(optimizer=torch.optim.RMSprop),
        VAE(),
        VAE(init="random", beta=0.5),
        VAE(likelihood=Gaussian("per_feature"), corruption="gaussian"),
        VAE(likelihood=Gaussian(0.3), penalty="l1"),
        VAE(likelihood="bernoulli"),
        VAE(network=Conv(image_shape=(1, 4, 4)), corruption="masking"),
        VAE(network=Custom(with_norm_and_dropout, with_norm_and_dropout)),
        VAE(network=MLP((8,), tied=True), penalty="contractive"),
    ],
)
def test_a_recorded_run_is_the_plain_run(estimator, X, monkeypatch):
    plain, plain_history, none = fitted(estimator, X, monkeypatch, 10**9)
    assert not none
    ours, history, recorded = fitted(estimator, X, monkeypatch, 0)
    assert len(recorded) == 1
    assert recorded[0] is not None
    for name, value in plain.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-3, atol=1e-4)
    for one, other in zip(history, plain_history, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-3)
        assert one["valid_loss"] == pytest.approx(other["valid_loss"], rel=1e-3)


def test_a_graph_takes_the_operations_place(monkeypatch):
    """As on a GPU: captured once, then replayed instead of called one by one."""
    module = nn.Linear(3, 3)
    zero_grad = partial(module.zero_grad, set_to_none=False)
    step = record_step(PlainStep(Squared(module), mean_of_sum, zero_grad), ROWS)
    calls = []

    class Graph:
        def __enter__(self):
            calls.append("capture")

        def __exit__(self, *error):
            calls.append("captured")

        def replay(self):
            calls.append("replay")
            step._compute()

        def register_generator_state(self, generator):
            calls.append(generator)

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: graph)
    step.generator = torch.Generator()
    step.capture()
    step(ROWS + 1)
    # Each replay draws on only from generators that the graph knows beforehand.
    assert calls == [step.generator, "capture", "captured", "replay"]
    ours = module.weight.grad.clone()
    zero_grad()
    mean_of_sum(Squared(module)(ROWS + 1)).div(3).backward()
    torch.testing.assert_close(ours, module.weight.grad)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    "estimator",
    [
        AE(),
        AE(corruption="masking", penalty="contractive"),
        AE(network=Conv(image_shape=(1, 4, 4)), corruption="gaussian"),
        VAE(),
        VAE(likelihood="bernoulli", n_importance_samples=3),
    ],
)
def test_a_run_by_a_graph_is_the_plain_run(estimator, X, monkeypatch):
    recorded = []

    def spy(plain, x):
        recorded.append(record_step(plain, x))
        return recorded[-1]

    monkeypatch.setattr("sklearn_ae._training.steps.record_step", spy)
    estimator.set_params(
        device="cuda", max_epochs=3, batch_size=8, random_state=0, guard=False
    )
    codes = [
        estimator.set_params(net_params={"steps": steps}).fit(X).transform(X)
        for steps in ("plain", "recorded")
    ]
    assert [step.graph is not None for step in recorded] == [True]
    np.testing.assert_allclose(codes[1], codes[0], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    "estimator",
    [
        AE(),
        AE(network=Conv(image_shape=(1, 4, 4)), corruption="masking"),
        AE(loss="poisson", penalty="contractive"),
        VAE(),
        VAE(likelihood="bernoulli", n_importance_samples=3),
        VAE(prior="vamp", kl_warmup=0.0),
        AE(init="random"),
    ],
)
def test_a_recorded_run_is_the_plain_run_where_values_are_missing(
    estimator, X, monkeypatch
):
    missing = np.random.default_rng(0).uniform(size=X.shape) < 0.3
    X = np.where(missing, np.float32(np.nan), X)
    test_a_recorded_run_is_the_plain_run(estimator, X, monkeypatch)


class Terms(nn.Module):
    """A network with one loss term a row; subclasses do odd things in `forward`."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 4)
        self.factor = 1.0

    def forward(self, x):
        return {"reconstruction": (x - self.factor * self.layer(x)).square().sum(1)}


class Branching(Terms):
    def forward(self, x):
        return super().forward(x if x.mean() > 0 else -x)


class Counting(Terms):
    count = 0

    def forward(self, x):
        self.count += 1
        return super().forward(x * self.count)


class Remembering(Terms):
    """Changes a tensor that is no buffer."""

    def __init__(self):
        super().__init__()
        self.seen = torch.zeros(())

    def forward(self, x):
        self.seen = self.seen + 1
        return super().forward(x * self.seen)


class ChangingWeights(Terms):
    """Shrinks its weights whenever it is called."""

    def forward(self, x):
        with torch.no_grad():
            self.layer.weight.mul_(0.5)
        return super().forward(x)


class InPlace(Terms):
    """Changes a copy of its weights in place."""

    def forward(self, x):
        weight = self.layer.weight * 1.0
        weight += 1.0
        return {"reconstruction": (x - x @ weight).square().sum(1)}


class PythonRandom(Terms):
    def forward(self, x):
        return super().forward(x * random.random())


class NumpyRandom(Terms):
    def forward(self, x):
        return super().forward(x * np.random.rand())  # noqa: NPY002


class NumpyOfRows(Terms):
    """Computes outside torch."""

    def forward(self, x):
        return super().forward(x * torch.from_numpy(np.abs(x.numpy()).max(axis=0)))


class NumpyOfWeights(Terms):
    def forward(self, x):
        largest = np.abs(self.layer.weight.detach().numpy()).max()
        return super().forward(x * float(largest))


class NumbersOfRows(Terms):
    def forward(self, x):
        return super().forward(x * max(x.flatten().tolist()))


def criterion(terms):
    return sum(terms.values()).mean()


def plain_step(module):
    return PlainStep(module, criterion, lambda: module.zero_grad(set_to_none=False))


def batch(seed=0, n_rows=6):
    return torch.randn(n_rows, 4, generator=torch.Generator().manual_seed(seed)) + 0.1


@pytest.mark.parametrize(
    "cls",
    [
        Branching,
        Counting,
        Remembering,
        PythonRandom,
        NumpyRandom,
        NumpyOfRows,
        NumpyOfWeights,
        NumbersOfRows,
    ],
)
def test_what_a_replay_would_miss_is_not_recorded(cls):
    assert record_step(plain_step(cls()), batch()) is None


@pytest.mark.parametrize("kind", ["forward_hook", "forward_pre_hook"])
def test_hooks_are_not_recorded(kind):
    module = Terms()
    handle = getattr(module.layer, f"register_{kind}")(lambda *args: None)
    assert record_step(plain_step(module), batch()) is None
    handle.remove()
    assert record_step(plain_step(module), batch()) is not None


def test_recording_changes_nothing():
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), Terms()).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    assert record_step(plain_step(module), batch()) is not None
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


class Drawing(Terms):
    """Draws from a generator of its own, as our modules do."""

    training_generator = None

    def forward(self, x):
        noise = torch.rand(x.shape, generator=self.training_generator)
        return super().forward(x + noise)


def test_a_replay_draws_on_from_the_module_s_generator():
    module = Drawing()
    module.training_generator = generator = torch.Generator().manual_seed(0)
    plain = plain_step(module)
    before, start = torch.get_rng_state(), generator.get_state()
    step = record_step(plain, batch())
    assert step.generator is generator
    assert torch.equal(generator.get_state(), start)
    for seed in range(3):
        start = generator.get_state()
        step(batch(seed))
        ours = [p.grad.clone() for p in module.parameters()]
        position = generator.get_state()
        assert not torch.equal(position, start)
        generator.set_state(start)
        plain(batch(seed))
        assert torch.equal(generator.get_state(), position)
        for gradient, parameter in zip(ours, module.parameters(), strict=True):
            torch.testing.assert_close(gradient, parameter.grad)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_module_with_a_generator_is_recorded_beside_other_threads(monkeypatch):
    """They may move the generators of Python and NumPy meanwhile."""
    agrees = recording._agrees

    def moving(*args):
        random.random()
        np.random.random()  # noqa: NPY002
        return agrees(*args)

    monkeypatch.setattr(recording, "_agrees", moving)
    module = Drawing()
    assert record_step(plain_step(module), batch()) is None
    module.training_generator = torch.Generator()
    assert record_step(plain_step(module), batch()) is not None


@pytest.mark.parametrize("cls", [ChangingWeights, InPlace])
def test_recording_leaves_weights_alone(cls):
    module = cls()
    before = module.layer.weight.detach().clone()
    record_step(plain_step(module), batch())
    assert torch.equal(module.layer.weight, before)


def test_other_batches_and_weights_are_followed():
    module = Terms()
    plain = plain_step(module)
    step = record_step(plain, batch())
    for seed in range(3):
        with torch.no_grad():
            module.layer.weight += 0.1
        step(batch(seed))
        gradients = [p.grad.clone() for p in module.parameters()]
        totals = step.take_totals()
        plain(batch(seed))
        for ours, parameter in zip(gradients, module.parameters(), strict=True):
            torch.testing.assert_close(ours, parameter.grad)
        torch.testing.assert_close(totals, plain.take_totals())
    assert step.is_current()


def test_a_step_that_disagrees_with_autograd_is_refused(monkeypatch):
    class Wrong(recording.Recorder):
        def run(self, graph, targets):
            terms = super().run(graph, targets)
            self.operations.append((targets[0].add_, (1.0,), {}))
            return terms

    monkeypatch.setattr("sklearn_ae._training.recording.Recorder", Wrong)
    assert record_step(plain_step(Terms()), batch()) is None


def test_frozen_parameters_get_no_gradient():
    module = Terms()
    module.layer.bias.requires_grad_(False)
    step = record_step(plain_step(module), batch())
    assert list(trainable(module)) == ["layer.weight"]
    step(batch())
    assert module.layer.bias.grad is None
