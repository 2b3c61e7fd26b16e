"""Small helpers."""

import numpy as np
import pytest
import torch

from sklearn_ae import _utils
from sklearn_ae.networks import MLP


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
    assert _utils.choose_device("cpu") == torch.device("cpu")
    assert _utils.choose_device(torch.device("meta")) == torch.device("meta")
    assert isinstance(_utils.choose_device("auto"), torch.device)


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
