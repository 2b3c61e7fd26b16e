"""Parameters that are nearly right: the error says what would be."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import KernelDensity
from torch import nn

from sklearn_ae.corruptions import GaussianNoise
from sklearn_ae.likelihoods import Gaussian, Mixed
from sklearn_ae.losses import SquaredError
from sklearn_ae.networks import MLP, Conv, Custom
from sklearn_ae.penalties import L1
from sklearn_ae.priors import GaussianMixture, VampPrior


@pytest.mark.parametrize(
    "value", [MLP, Conv, Custom, nn.Linear(6, 2), nn.Linear, (64, 32), [64], 3, None]
)
def test_networks_that_are_none(make, curved, value):
    with pytest.raises(
        ValueError,
        match=r"'network' .* an instance from sklearn_ae\.networks, such as MLP\(hid",
    ):
        make(network=value).fit(curved)


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("loss", SquaredError, "an instance from sklearn_ae.losses"),
        ("likelihood", Gaussian, "an instance from sklearn_ae.likelihoods"),
        ("prior", VampPrior, "an instance from sklearn_ae.priors"),
        ("latent_density", KernelDensity, "an instance with 'fit' and 'sample'"),
        ("corruption", GaussianNoise, "an instance"),
        ("corruption", [GaussianNoise], "an instance"),
        ("penalty", L1, "an instance"),
        ("penalty", [L1], "an instance"),
    ],
)
def test_classes_instead_of_instances(make_ae, make_vae, curved, name, value, match):
    for make in (make_ae, make_vae):
        if name in make().get_params():
            model = make(**{name: value})
            message = rf"'{name}' parameter .*{match}"
            with pytest.raises((ValueError, TypeError), match=message):
                model.fit(curved)


def test_a_class_as_what_remains(make_vae, curved):
    likelihood = Mixed([("gaussian", [0, 1])], remainder=Gaussian)
    with pytest.raises(ValueError, match=r"'remainder' .* an instance from"):
        make_vae(likelihood=likelihood).fit(curved)


@pytest.mark.parametrize("value", ["adam", "sgd", 3])
def test_names_of_optimizers(make, curved, value):
    with pytest.raises(ValueError, match=r"'optimizer' .* a class such as torch\.opt"):
        make(optimizer=value).fit(curved)


@pytest.mark.parametrize(
    "name",
    [
        "n_components",
        "max_epochs",
        "batch_size",
        "n_iter_no_change",
        "learning_rate",
        "weight_decay",
        "validation_fraction",
    ],
)
@pytest.mark.parametrize("value", [True, False, np.True_])
def test_truth_is_no_number(make, curved, name, value):
    with pytest.raises(ValueError, match=rf"'{name}' parameter .* Got .*{value}"):
        make(**{name: value}).fit(curved)


@pytest.mark.parametrize(
    ("component", "match"),
    [
        ({"network": MLP((True,))}, "'hidden_layer_sizes' parameter of MLP"),
        ({"network": Conv((1, 2, 3), n_channels=True)}, "'n_channels' parameter of"),
        ({"network": Conv((True, 2, 3))}, "'image_shape' parameter of Conv"),
        ({"network": MLP(dropout=True)}, "'dropout' parameter of MLP"),
        ({"penalty": L1(weight=True)}, "'weight' parameter of L1"),
    ],
)
def test_truth_is_no_number_in_components(make, curved, component, match):
    with pytest.raises(ValueError, match=match):
        make(**component).fit(curved)


def test_truth_is_no_count_of_draws(make_vae, curved):
    model = make_vae().fit(curved)
    with pytest.raises(ValueError, match=r"'n_samples' parameter of .* Got True"):
        model.sample(True)
    with pytest.raises(ValueError, match=r"'n_draws' parameter of .* Got True"):
        model.score_samples(curved, n_draws=True)


# ---- parameters of parts


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("network__hidden_layer_sizes", "network='mlp'"),
        ("corruption__scale", "corruption=None"),
        ("optimizer__betas", "optimizer='adamw'"),
    ],
)
def test_names_have_no_parameters(make, name, owner):
    model = make()
    if owner == "network='mlp'":
        model.set_params(network="mlp")
    before = model.get_params()
    with pytest.raises(
        ValueError, match=rf"'{name}' cannot be set while {owner} has no parameters"
    ):
        model.set_params(**{name: 3, "n_components": 1})
    assert model.get_params() == before


def test_a_name_that_is_replaced_has(make_vae):
    model = make_vae(network="mlp", prior="normal").set_params(
        network=MLP(),
        network__hidden_layer_sizes=(3,),
        prior=GaussianMixture(),
        prior__max_components=2,
    )
    assert model.network.hidden_layer_sizes == (3,)
    assert model.prior.max_components == 2
    with pytest.raises(ValueError, match="Invalid parameter 'foo'"):
        model.set_params(foo__bar=1)


# ---- settings of the net


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iterator_train__drop_last", True),
        ("iterator_train__num_workers", 2),
        ("iterator_train__batch_size", 3),
        ("iterator_valid__pin_memory", True),
        ("iterator_train", torch.utils.data.DataLoader),
        ("iterator_valid", torch.utils.data.DataLoader),
        ("dataset", torch.utils.data.TensorDataset),
        ("num_workers", 2),
        ("drop_last", True),
    ],
)
def test_settings_of_data_loaders(make, curved, name, value):
    with pytest.raises(
        ValueError, match=f"'net_params' .* cannot set '{name}': batches are slices of"
    ):
        make(net_params={name: value}).fit(curved)


def test_settings_of_batches(make, curved):
    params = {"iterator_train__shuffle": False, "iterator_valid__batch_size": 7}
    model = make(net_params=params, batch_size=200).fit(curved)
    assert not model.net_.get_iterator(curved_rows(curved), training=True).shuffle
    assert model.n_iter_ == 2


def curved_rows(X):
    from sklearn_ae._training.batches import Rows

    return Rows(torch.from_numpy(X))


# ---- seeds of draws


@pytest.mark.parametrize("seed", [np.random.default_rng(0), "0", 1.5, -1])
def test_seeds_of_draws(make, curved, seed):
    model = make().fit(curved)
    draws = [lambda: model.sample(2, random_state=seed)]
    if hasattr(model, "sample_posterior"):
        draws.append(lambda: model.sample_posterior(curved, random_state=seed))
        curved[0, 0] = np.nan
        draws.append(lambda: model.impute(curved, n_draws=2, random_state=seed))
    for draw in draws:
        with pytest.raises(ValueError, match=r"'random_state' parameter .* an int in"):
            draw()
