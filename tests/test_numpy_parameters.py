"""NumPy's scalars as parameters, which searches hand over, mean what Python's do."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_ae import (
    AutoencoderTransformer,
    VAETransformer,
    corruptions,
    likelihoods,
    losses,
    networks,
    penalties,
    priors,
)

AE, VAE = AutoencoderTransformer, VAETransformer
# Every number is exact in 16 bits.
SHARED = {
    "n_components": [2],
    "network": ["mlp"],
    "init": ["random"],
    "guard": [True, False, 0.25],
    "corruption": ["masking"],
    "penalty": ["l1"],
    "optimizer": ["adamw"],
    "learning_rate": ["auto", 0.0078125],
    "weight_decay": [0.5],
    "batch_size": ["auto", 32],
    "max_epochs": [3],
    "early_stopping": [True, False],
    "validation_fraction": ["auto", 0.25],
    "n_iter_no_change": [1],
    "device": ["cpu"],
    "warm_start": [True],
    "random_state": [3],
    "verbose": [0, False],
}
ESTIMATORS = {
    AE: {
        **SHARED,
        "n_components": [2, 0.5],
        "ordered": [True, False, 4],
        "whiten": [True, False],
        "loss": ["huber"],
        "output_range": ["auto", (-0.5, 1.5)],
        "latent_density": ["gaussian_mixture"],
    },
    VAE: {
        **SHARED,
        "likelihood": ["laplace"],
        "prior": ["normal"],
        "beta": [0.5, 2],
        "kl_warmup": ["auto", 0.5],
        "free_bits": [0.25],
        "n_importance_samples": [2],
    },
}
# The other parameters hold objects, not scalars.
OBJECTS = {
    AE: {"callbacks", "memory", "net_params", "validation_split"},
    VAE: {"callbacks", "net_params", "validation_split"},
}
COMPONENTS = [
    ("corruption", corruptions.GaussianNoise(0.5, relative=True)),
    ("corruption", corruptions.GaussianNoise((0.25, 0.5))),
    ("corruption", corruptions.MaskingNoise(0.25, fill=0.5)),
    ("corruption", corruptions.MaskingNoise((0.25, 0.5), fill="mean")),
    ("corruption", corruptions.SaltAndPepper(0.25, low=-1.0, high=2.0)),
    ("corruption", corruptions.SaltAndPepper(0.25, low="auto", high="auto")),
    ("corruption", corruptions.SwapNoise(0.25)),
    ("corruption", corruptions.PatchMasking((1, 3, 3), 2, 0.5, 0.25)),
    ("network", networks.MLP((8, 4), "relu", dropout=0.25, layer_norm=True)),
    ("network", networks.MLP((8, 4), residual=True)),
    ("network", networks.MLP([8], tied=True)),
    ("network", networks.MLP("auto")),
    ("network", networks.Conv((1, 3, 3), n_channels=8, n_stages=1, n_blocks=1)),
    ("network", networks.Conv(n_channels=8, n_hidden=4, group_norm=True)),
    ("network", networks.Conv("auto", activation="relu", n_hidden=0)),
    ("penalty", penalties.L1(0.25)),
    ("penalty", penalties.KLSparsity(0.5, rate=0.25)),
    ("penalty", penalties.Contractive(0.5, n_projections=2)),
    ("penalty", penalties.Contractive(0.5, n_projections="auto")),
    ("penalty", penalties.Decorrelation(0.5)),
    ("penalty", penalties.Neighbours(0.5, n_neighbors=2)),
]
OF_AE = [
    *COMPONENTS,
    ("loss", losses.Huber(0.5)),
    ("loss", losses.Huber("auto")),
    ("latent_density", priors.GaussianMixture(3, random_state=0)),
]
OF_VAE = [
    *COMPONENTS,
    ("likelihood", likelihoods.Bernoulli(resample=True)),
    ("likelihood", likelihoods.Categorical([3, 3, 3])),
    ("likelihood", likelihoods.Gaussian(0.5)),
    ("likelihood", likelihoods.Gaussian("per_feature")),
    ("likelihood", likelihoods.Laplace(0.5)),
    ("likelihood", likelihoods.StudentT(0.5, df=3.0)),
    ("likelihood", likelihoods.Poisson("total")),
    ("likelihood", likelihoods.NegativeBinomial(0.5, size_factors="total")),
    ("likelihood", likelihoods.NegativeBinomial("per_feature")),
    ("likelihood", likelihoods.Mixed([("bernoulli", [0, 1])], remainder="laplace")),
    ("likelihood", likelihoods.Mixed([("bernoulli", 2), ("poisson", [3])])),
    ("likelihood", likelihoods.Mixed([("bernoulli", [True] * 4 + [False] * 5)])),
    ("prior", priors.GaussianMixture(2, random_state=0)),
    ("prior", priors.VampPrior(5)),
    ("prior", priors.AggregatePosterior(50, random_state=0)),
]
NUMPY = {
    bool: [np.bool_],
    int: [np.int64, np.uint8, np.int32],
    float: [np.float64, np.float32, np.float16],
    str: [np.str_],
}


def twins(value):
    """Yield the same value in NumPy's types."""
    if isinstance(value, tuple | list):
        lists = [list(twins(part)) for part in value]
        for number in range(max(map(len, lists))):
            yield type(value)(part[number % len(part)] for part in lists)
    else:
        signed = NUMPY.get(type(value), [lambda same: same])
        yield from (kind(value) for kind in signed)


@pytest.fixture
def X(rng):
    """Rows that all likelihoods take: each third of them is a category."""
    kinds = rng.randint(3, size=(60, 3))
    return np.eye(3)[kinds].reshape(60, 9)


def outcome(model, X):
    """Return what a fit gives, and check that its history is Python's own."""
    model = clone(model).fit(X)
    json.dumps(model.history_)
    codes = model.transform(X)
    return np.concatenate([codes, model.inverse_transform(codes)], axis=1), model


def small(estimator, **params):
    defaults = {"network": networks.MLP((8,)), "max_epochs": 2, "random_state": 0}
    return estimator(1, **{**defaults, **params})


# Two epochs teach a VAE nothing, which it tells.
quiet = pytest.mark.filterwarnings("ignore:Training left only 0")


@quiet
@pytest.mark.parametrize(
    ("estimator", "name", "value"),
    [
        (estimator, name, value)
        for estimator, parameters in ESTIMATORS.items()
        for name, values in parameters.items()
        for value in values
    ],
)
def test_of_an_estimator(estimator, name, value, X):
    expected, plain = outcome(small(estimator).set_params(**{name: value}), X)
    for twin in twins(value):
        got, model = outcome(small(estimator).set_params(**{name: twin}), X)
        np.testing.assert_array_equal(got, expected)
        assert model.n_iter_ == plain.n_iter_
        assert repr(model.gain_over_pca_) == repr(plain.gain_over_pca_)
        assert repr(model.guard_) == repr(plain.guard_)
        sample = model.sample(3, random_state=np.int64(1))
        np.testing.assert_array_equal(sample, plain.sample(np.int64(3), random_state=1))


@quiet
@pytest.mark.parametrize(
    ("estimator", "name", "component"),
    [(AE, *case) for case in OF_AE] + [(VAE, *case) for case in OF_VAE],
    ids=str,
)
def test_of_a_component(estimator, name, component, X):
    expected, plain = outcome(small(estimator, **{name: component}), X)
    parameters = component.get_params(deep=False)
    choices = {name: list(twins(value)) for name, value in parameters.items()}
    for number in range(max(map(len, choices.values()))):
        twin = clone(component).set_params(
            **{name: values[number % len(values)] for name, values in choices.items()}
        )
        got, model = outcome(small(estimator, **{name: twin}), X)
        np.testing.assert_array_equal(got, expected)
        sample = model.sample(3, random_state=1)
        np.testing.assert_array_equal(sample, plain.sample(3, random_state=1))


@quiet
@pytest.mark.parametrize("estimator", [AE, VAE])
def test_narrow_types_do_not_overflow(estimator, X):
    """There are more than 255 steps, and a VAE's encoder has as many outputs."""
    params = {"n_components": 130, "max_epochs": 10, "batch_size": 2, "init": "random"}
    expected, _ = outcome(small(estimator).set_params(**params), X)
    narrow = {"n_components": np.uint8(130), "init": "random"}
    narrow |= {"max_epochs": np.int8(10), "batch_size": np.uint8(2)}
    got, _ = outcome(small(estimator).set_params(**narrow), X)
    np.testing.assert_array_equal(got, expected)


@quiet
@pytest.mark.parametrize(
    ("name", "component", "params"),
    [
        ("likelihood", likelihoods.Gaussian, {"scale": 300}),
        ("likelihood", likelihoods.StudentT, {"df": 3000.0}),
        ("penalty", penalties.Decorrelation, {"weight": 60000.0}),
    ],
)
def test_half_precision_does_not_overflow(name, component, params, X):
    expected, _ = outcome(small(VAE, **{name: component(**params)}), X)
    half = {key: np.float16(value) for key, value in params.items()}
    assert half == params
    got, _ = outcome(small(VAE, **{name: component(**half)}), X)
    np.testing.assert_array_equal(got, expected)


def test_every_parameter_is_tried():
    for estimator, parameters in ESTIMATORS.items():
        assert parameters.keys() | OBJECTS[estimator] == estimator().get_params().keys()
    tried = {type(component): set() for _, component in OF_AE + OF_VAE}
    for module in (corruptions, likelihoods, losses, networks, penalties, priors):
        for name in module.__all__:
            component = getattr(module, name)
            if component is networks.Custom:
                continue
            parameters = getattr(component, "_parameter_constraints", {})
            assert not parameters or component in tried, name


def test_a_search_over_an_array(X):
    """An array's items are `np.bool_`; the guard's level is the default one."""
    grid = {"guard": np.array([True, False])}
    search = GridSearchCV(small(AE), grid, cv=2).fit(X)
    plain = GridSearchCV(small(AE), {"guard": [True, False]}, cv=2).fit(X)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )
    assert small(AE, guard=np.True_).fit(X).guard_.level == 0.01
