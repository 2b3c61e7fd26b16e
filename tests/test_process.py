"""What else goes on in a process: other threads' draws, torch's settings, forks."""

import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae._training import recording
from sklearn_ae.corruptions import PatchMasking
from sklearn_ae.likelihoods import Bernoulli, Mixed
from sklearn_ae.networks import MLP, Conv, Custom, _mlp

AE, VAE = AutoencoderTransformer, VAETransformer


def plain_layers(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 8), nn.BatchNorm1d(8), nn.Linear(8, n_out))


def with_dropout(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 8), nn.Dropout(0.2), nn.Linear(8, n_out))


def counts(X):
    return np.rint(3 * np.abs(X))


def bits(X):
    return (X > 0).astype(float)


def one_hot_and_more(X):
    return np.column_stack([X[:, 0] > 0, X[:, 0] <= 0, X[:, 2:]]).astype(float)


def with_holes(X):
    X = X.copy()
    X[::3, 1] = np.nan
    return X


IMAGES = Conv((1, 2, 3), n_stages=1, n_channels=4, group_norm=True)
OF_OURS = [
    (AE(), None),
    (AE(init="random", network=IMAGES, corruption=PatchMasking((1, 2, 3), 2)), None),
    (AE(loss="poisson", network=MLP((8,), tied=True)), counts),
    (AE(corruption=["gaussian", "masking", "salt_and_pepper", "swap"]), None),
    (AE(penalty=["contractive", "decorrelation"], loss="huber"), None),
    (AE(network=MLP((8, 8, 4), dropout=0.2, layer_norm=True, residual=True)), None),
    (AE(), with_holes),
    (AE(optimizer=torch.optim.SGD), None),
    (VAE(), None),
    (VAE(), with_holes),
    (VAE(likelihood=Bernoulli(resample=True), prior="vamp"), bits),
    (VAE(likelihood="student_t", penalty="contractive", prior="normal"), None),
    (VAE(likelihood="laplace", n_importance_samples=2), None),
    (VAE(likelihood="negative_binomial"), counts),
    (VAE(likelihood=Mixed([("categorical", [0, 1])])), one_hot_and_more),
]
WITH_THE_USER_S = [
    (AE(network=Custom(plain_layers, plain_layers)), None),
    (AE(network=Custom(with_dropout, with_dropout)), None),
    (VAE(network=MLP((8,), activation=nn.PReLU)), None),
    (AE(corruption=lambda x, generator: x + torch.rand_like(x)), None),
]


def cases(models):
    """Return each with plain and with recorded steps."""
    return [
        pytest.param(model, data, steps, id=f"{type(model).__name__}-{steps}")
        for model, data in models
        for steps in ("plain", "recorded")
    ]


def prepared(model, data, steps, X):
    """Return a small version of a model, and data for it."""
    network = MLP((8,)) if model.network == "mlp" else model.network
    X = X[:80]
    settings = {"network": network, "max_epochs": 2, "batch_size": 16, "guard": False}
    params = {**model.get_params(deep=False), **settings}
    params |= {"random_state": 0, "device": "cpu", "net_params": {"steps": steps}}
    return type(model)(**params), X if data is None else data(X)


def weights(model):
    return {k: v.clone() for k, v in model.net_.module_.state_dict().items()}


def assert_same_weights(one, other):
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


# ---- other threads' draws


@contextmanager
def drawing_between(monkeypatch):
    """Let another thread draw from torch's generator; give what it drew."""
    drawn = []
    other = ThreadPoolExecutor(1)

    def draw():
        drawn.append(torch.rand(()))
        np.random.random()  # noqa: NPY002

    def after(owner, name):
        function = getattr(owner, name)

        def drawing(*args, **kwargs):
            result = function(*args, **kwargs)
            other.submit(draw).result()
            return result

        monkeypatch.setattr(owner, name, drawing)

    after(_mlp, "drawn")
    after(recording.Recorder, "_call")
    after(recording, "_agrees")
    after(torch, "randperm")
    after(nn.functional, "linear")
    with other:
        yield drawn


@pytest.mark.parametrize(("model", "data", "steps"), cases(OF_OURS))
def test_a_fit_of_our_parts_does_not_know_torch_s_generator(
    model, data, steps, curved, monkeypatch
):
    model, X = prepared(model, data, steps, curved)
    expected = weights(model.fit(X))
    with drawing_between(monkeypatch) as drawn:
        torch.manual_seed(7)
        model.fit(X)
    assert drawn
    torch.manual_seed(7)
    assert drawn == [torch.rand(()) for _ in drawn]
    assert_same_weights(weights(model), expected)


@pytest.mark.parametrize(
    ("model", "data", "steps"), cases([*OF_OURS[:1], *WITH_THE_USER_S])
)
def test_any_fit_is_seeded_and_gives_torch_s_generator_back(model, data, steps, curved):
    model, X = prepared(model, data, steps, curved)
    fitted = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        fitted.append(weights(model.fit(X)))
        assert torch.equal(torch.get_rng_state(), before)
    assert_same_weights(*fitted)


def test_a_thread_draws_its_own_stream_beside_fits(make, curved):
    drawn = []

    def draw():
        drawn.extend(torch.rand(()) for _ in range(4000))

    model = make(corruption="gaussian", max_epochs=5)
    expected = weights(model.fit(curved))
    torch.manual_seed(7)
    thread = threading.Thread(target=draw)
    thread.start()
    model.fit(curved).sample(3)
    thread.join()
    assert_same_weights(weights(model), expected)
    torch.manual_seed(7)
    assert drawn == [torch.rand(()) for _ in drawn]


# ---- threads that ask one estimator

N_THREADS = 8
ASKED = ["transform", "score_samples", "round_trip"]


def ask(model, method, X):
    if method == "round_trip":
        return model.inverse_transform(model.transform(X))
    return getattr(model, method)(X)


@pytest.mark.parametrize("method", ASKED)
def test_threads_may_ask_one_fitted_pipeline_at_once(make, curved, method):
    """A server's: each gets its own rows' answers, to the bit."""
    model = make_pipeline(StandardScaler(), make(n_components=2)).fit(curved)
    blocks = [curved[: 1 + 20 * i % 170] for i in range(5 * N_THREADS)]
    expected = [ask(model, method, X) for X in blocks]
    # Loaded anew, so that what is made at first use is made by several at once.
    loaded, together = pickle.loads(pickle.dumps(model)), threading.Barrier(N_THREADS)

    def ask_in_turn(first):
        together.wait()
        return [ask(loaded, method, X) for X in blocks[first::N_THREADS]]

    with ThreadPoolExecutor(N_THREADS) as threads:
        for first, answers in enumerate(threads.map(ask_in_turn, range(N_THREADS))):
            for answer, right in zip(answers, expected[first::N_THREADS], strict=True):
                np.testing.assert_array_equal(answer, right)


# ---- torch's settings


@contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device(device):
    """Let factories of torch make what has no values: a device is to be named."""
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def switched_on(switch):
    switch(True)
    try:
        yield
    finally:
        switch(False)


SETTINGS = {
    "float64": lambda: default_dtype(torch.float64),
    "default_device": lambda: default_device("meta"),
    "with_device": lambda: torch.device("meta"),
    "deterministic": lambda: switched_on(torch.use_deterministic_algorithms),
    "anomaly": lambda: switched_on(torch.autograd.set_detect_anomaly),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "flush_denormal": lambda: switched_on(torch.set_flush_denormal),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}
# Those of which none hides another are looked at together.
TOGETHER = [
    ["float64", "deterministic", "flush_denormal"],
    ["default_device", "autocast"],
    ["with_device", "anomaly"],
    ["no_grad"],
    ["inference_mode"],
]


def all_results(model, X):
    """Return what every method gives, after every way to fit."""
    model.fit(X)
    holed = with_holes(X)
    if isinstance(model, VAE) and isinstance(model.likelihood, Mixed):
        holed[np.isnan(holed[:, 1]), 0] = np.nan
    codes = model.transform(X)
    results = [
        codes,
        model.inverse_transform(codes),
        np.array(model.score(X)),
        model.score_samples(X),
        model.sample(3, random_state=0),
        model.impute(holed),
        pickle.loads(pickle.dumps(model)).transform(X),
    ]
    if isinstance(model, VAE):
        results += [
            model.sample(3, observation_noise=True, random_state=0),
            model.sample_posterior(X, random_state=0),
            model.impute(holed, n_draws=2, random_state=0),
        ]
    results.append(model.partial_fit(X).transform(X))
    results.append(model.set_params(warm_start=True).fit(X).transform(X))
    model.set_params(warm_start=False)
    return results


# A user's own layers draw other weights where torch's default dtype is another.
@pytest.mark.slow
@pytest.mark.parametrize(("model", "data", "steps"), cases(OF_OURS))
def test_no_setting_of_torch_s_matters(model, data, steps, curved):
    model, X = prepared(model, data, steps, curved)
    expected = all_results(model, X)
    assert {name for names in TOGETHER for name in names} == SETTINGS.keys()
    for names in TOGETHER:
        with ExitStack() as stack:
            for name in names:
                stack.enter_context(SETTINGS[name]())
            found = all_results(model, X)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == other.dtype, names
            np.testing.assert_array_equal(one, other, err_msg=str(names))
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(("model", "data", "steps"), cases(WITH_THE_USER_S[:3]))
def test_a_user_s_modules_work_with_any_setting(model, data, steps, setting, curved):
    model, X = prepared(model, data, steps, curved)
    with SETTINGS[setting]():
        assert np.isfinite(model.fit(X).transform(X)).all()


# ---- forks

BEFORE_FORKS = """
import os, signal
import numpy as np
import torch
from torch import nn
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.networks import Custom

X = np.random.RandomState(0).normal(size=(4000, 64))
"""
FORKED = """
model = AutoencoderTransformer(2, max_epochs=1, random_state=0)
{before}
child = os.fork()
if child == 0:
    signal.alarm(100)
    {after}
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
HELD = """
from threading import Event, Thread
from sklearn_ae._utils import seeded

model.set_params(network=Custom(nn.Linear, nn.Linear), max_epochs=1)
held, over = Event(), Event()

def hold():
    with seeded(0, torch.device("cpu")):
        held.set()
        over.wait()

Thread(target=hold, daemon=True).start()
held.wait()
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forks")
@pytest.mark.parametrize(
    ("threads", "forks"),
    [
        (
            1,
            {
                "model.fit(X).transform(X)": "model.transform(X)",
                HELD: "model.fit(X[:100])",
            },
        ),
        (
            2,
            {
                "torch.set_num_threads(1); model.fit(X)": "model.transform(X)",
                "torch.set_num_threads(2); model.fit(X).transform(X)": (
                    "torch.set_num_threads(1); model.transform(X)"
                ),
            },
        ),
    ],
    ids=["one_thread", "one_in_the_parent_or_the_child"],
)
def test_a_forked_process_works(threads, forks):
    """With two threads in both torch hangs, whatever it runs: see docs/serving.md."""
    code = BEFORE_FORKS + "".join(
        FORKED.format(before=before, after=after) for before, after in forks.items()
    )
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        check=True,
        env=environment,
        timeout=200,
    )
