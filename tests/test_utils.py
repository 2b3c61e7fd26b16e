"""Small helpers."""

import numpy as np
import pytest
import torch
from skorch.callbacks import EpochTimer
from torch import nn

from sklearn_ae import _utils
from sklearn_ae.corruptions import MaskingNoise
from sklearn_ae.corruptions._modules import Called
from sklearn_ae.likelihoods import Gaussian, Mixed
from sklearn_ae.networks import MLP, Custom
from sklearn_ae.networks._layers import Gate


def test_resolve():
    registry = {"mlp": MLP}
    network = MLP((3,))
    assert isinstance(_utils.resolve("mlp", registry), MLP)
    assert _utils.resolve("mlp", registry) is not _utils.resolve("mlp", registry)
    assert _utils.resolve(network, registry) is network
    assert _utils.resolve(None, registry) is None


def test_check_parameters_names_the_component():
    with pytest.raises(ValueError, match="'activation' parameter of MLP must be"):
        _utils.check_parameters(MLP(activation="none"))


def test_random_stream():
    given = np.random.RandomState(0)
    assert _utils.random_stream(given) is given
    assert _utils.random_stream(7).randint(2**31) == np.random.RandomState(7).randint(
        2**31
    )


def test_no_seed_is_numpy_s_global_stream():
    draws = []
    for _ in range(2):
        np.random.seed(3)  # noqa: NPY002
        draws.append(_utils.random_stream(None).randint(2**31, size=2))
    np.testing.assert_array_equal(*draws)
    assert draws[0][0] != draws[0][1]


def test_choose_device():
    assert _utils.choose_device("cpu", "Owner") == torch.device("cpu")
    assert _utils.choose_device(torch.device("cpu"), "Owner") == torch.device("cpu")
    assert isinstance(_utils.choose_device("auto", "Owner"), torch.device)


@pytest.mark.parametrize(
    "device", ["banana", "", "cuda:99", "cpu:x", "meta", torch.device("meta")]
)
def test_a_device_that_is_not_there(device):
    with pytest.raises(ValueError, match=r"'device' parameter of Owner .*'cpu'") as e:
        _utils.choose_device(device, "Owner")
    assert str(e.value).endswith(f"Got {device!r} instead.")


KINDS = ("cuda", "mps", "xpu")
MISSING_KINDS = [kind for kind in KINDS if not getattr(torch, kind).device_count()]


@pytest.mark.parametrize("kind", MISSING_KINDS)
def test_a_kind_of_device_that_is_not_there(kind):
    for device in (kind, torch.device(kind)):
        with pytest.raises(ValueError, match="'device' parameter of Owner"):
            _utils.choose_device(device, "Owner")


def test_a_fork_renews_the_lock():
    before = _utils._GENERATOR_LOCK
    _utils._renew_lock()
    assert _utils._GENERATOR_LOCK is not before
    with _utils.seeded(0, torch.device("cpu")):
        assert _utils._GENERATOR_LOCK._is_owned()


class Subclass(MLP):
    """May do anything."""


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        (None, True),
        ("mlp", True),
        (MLP((3,)), True),
        (["gaussian", MaskingNoise((0.1, 0.5))], True),
        (Mixed([("poisson", [0, 1])], remainder=Gaussian()), True),
        (MLP(activation=nn.ReLU), False),
        (Custom(nn.Linear, nn.Linear), False),
        (Subclass(), False),
        (["gaussian", lambda x, generator: x], False),
        (Mixed([(Subclass(), [0])]), False),
    ],
)
def test_is_ours(value, ours):
    assert _utils.is_ours(value) == ours


class OwnLayer(nn.Linear):
    """May draw."""


@pytest.mark.parametrize(
    "cls", [nn.Linear, nn.BatchNorm1d, nn.Sequential, torch.optim.SGD, EpochTimer, Gate]
)
def test_what_draws_nothing_of_its_own(cls):
    assert _utils.draws_as_told(cls)


@pytest.mark.parametrize(
    "cls",
    [
        nn.Dropout,
        nn.GRU,
        nn.RReLU,
        nn.MultiheadAttention,
        nn.TransformerEncoderLayer,
        OwnLayer,
        Called,
        torch.utils.data.DataLoader,
    ],
)
def test_what_may_draw_as_it_likes(cls):
    assert not _utils.draws_as_told(cls)


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize(
    "mode", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu")]
)
def test_own_modes(mode, inference):
    x = torch.ones(2, 2, requires_grad=True)

    def state():
        return (
            torch.is_inference_mode_enabled(),
            torch.is_grad_enabled(),
            torch.is_autocast_enabled("cpu"),
        )

    with mode():
        before = state()
        with _utils.own_modes(inference=inference):
            y = x @ x
            assert y.dtype == torch.float32
            assert y.is_inference() == inference
            assert y.requires_grad != inference
        assert state() == before


def test_seeded_repeats_and_restores():
    before = torch.get_rng_state()
    draws = []
    for seed in (5, 5, 6):
        with _utils.seeded(seed, torch.device("cpu")):
            draws.append(torch.rand(3))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.get_rng_state(), before)


def draw_and_fail():
    with _utils.seeded(0, torch.device("cpu")):
        torch.rand(3)
        raise KeyError


def test_seeded_restores_after_an_error():
    before = torch.get_rng_state()
    with pytest.raises(KeyError):
        draw_and_fail()
    assert torch.equal(torch.get_rng_state(), before)


def change_and_fail(network):
    with _utils.unchanged_on_error(network):
        network.added_ = 1
        network.activation = "relu"
        del network.hidden_layer_sizes
        raise KeyboardInterrupt


def test_unchanged_on_error():
    network = MLP((3,))
    before = vars(network).copy()
    with pytest.raises(KeyboardInterrupt):
        change_and_fail(network)
    assert vars(network) == before


def test_changes_stay_without_an_error():
    network = MLP((3,))
    with _utils.unchanged_on_error(network):
        network.activation = "relu"
    assert network.activation == "relu"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_seeded_on_a_gpu():
    before = torch.get_rng_state(), torch.cuda.get_rng_state()
    draws = []
    for _ in range(2):
        with _utils.seeded(5, torch.device("cuda")):
            draws.append(torch.rand(3, device="cuda"))
    assert torch.equal(*draws)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(torch.cuda.get_rng_state(), before[1])


def test_what_takes_no_callbacks_has_none_to_be_told():
    """As all estimators before scikit-learn 1.9."""
    plain = MLP()
    assert _utils.callback_context(plain, 1) is None
    assert _utils.without_callbacks(plain) is plain


def test_an_estimator_without_callbacks_has_nobody_to_be_told(make):
    model = make()
    assert _utils.callback_context(model, 1) is None
    assert _utils.without_callbacks(model) is model
