"""Checks of scikit-learn that `parametrize_with_checks` leaves out, and the docs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks as checks

from sklearn_ae import (
    AnomalyDetector,
    AutoencoderImputer,
    AutoencoderTransformer,
    TableVAETransformer,
    VAETransformer,
    corruptions,
    likelihoods,
    losses,
    networks,
    penalties,
    priors,
)

ESTIMATORS = [AutoencoderTransformer, VAETransformer]
ALL = [*ESTIMATORS, AnomalyDetector, AutoencoderImputer, TableVAETransformer]
CHECKS = [
    checks.check_param_validation,
    checks.check_set_output_transform,
    checks.check_set_output_transform_pandas,
    checks.check_global_output_transform_pandas,
    checks.check_set_output_transform_polars,
    checks.check_global_set_output_transform_polars,
    checks.check_dataframe_column_names_consistency,
    checks.check_transformer_get_feature_names_out,
    checks.check_transformer_get_feature_names_out_pandas,
    checks.check_get_feature_names_out_error,
    checks.check_n_features_in_after_fitting,
    checks.check_inplace_ensure_writeable,
    checks.check_transformer_preserve_dtypes,
    checks.check_estimators_partial_fit_n_features,
]


# Some of the checks mix frames and arrays.
@pytest.mark.filterwarnings("ignore:X .* feature names:UserWarning")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_further_checks(make_any, check):
    model = make_any()
    check(type(model).__name__, model)


@pytest.mark.filterwarnings("ignore:X .* feature names:UserWarning")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_further_checks_of_the_imputer(make_ae, check):
    check("AutoencoderImputer", AutoencoderImputer(make_ae(), n_estimators=1))


@pytest.mark.slow
def test_all_checks_with_the_array_api_switched_on():
    """Several checks run only then; none may fail.

    All checks of a configuration of each, and those of the array API of all. Skipped
    are only those that need a library or a device which is not there.
    """
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"),
            *(Path(__file__).with_name("test_common.py"), "-n", "0"),
            *("-k", "early_stopping or array_api"),
        ],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert re.search(r"\d+ passed", lines[-1])
    skipped = [line for line in lines if line.startswith("SKIPPED")]
    needed = "cupy|dpnp|array_api_strict|array_api_compat|cuda|XPU|MPS"
    assert all(re.search(needed, line) for line in skipped), skipped


def section(estimator, title):
    """Return the names that a section of a class's docstring documents."""
    rule = rf"\n    {title}\n    -+\n(.*?)(?=\n    [A-Z][\w ]+\n    -+\n|\Z)"
    found = re.search(rule, estimator.__doc__, flags=re.DOTALL)
    assert found, f"{estimator.__name__} has no section {title}"
    names = re.findall(r"^    (\w[\w, ]*) : ", found.group(1), flags=re.MULTILINE)
    return [name for names_of_line in names for name in names_of_line.split(", ")]


@pytest.mark.parametrize("estimator", ALL)
def test_parameters_are_documented_and_constrained(estimator):
    parameters = list(estimator().get_params(deep=False))
    assert sorted(section(estimator, "Parameters")) == sorted(parameters)
    assert estimator._parameter_constraints.keys() == set(parameters)


@pytest.mark.parametrize("estimator", ALL)
def test_documented_defaults_are_the_defaults(estimator):
    for name, value in estimator().get_params(deep=False).items():
        stated = re.search(
            rf"^    {name} : .*?default=(.*?)$", estimator.__doc__, re.MULTILINE | re.S
        )
        expected = repr(value).replace("'", '"').replace("nan", "np.nan")
        assert stated.group(1) == expected


@pytest.mark.parametrize("estimator", ALL)
def test_names_of_features_are_documented_as_scikit_learn_s(estimator):
    stated = " ".join(estimator.__doc__.split())
    assert "Defined only when X has feature names that are all strings." in stated


@pytest.fixture(params=["autoencoder", "vae", "table"])
def make_any(request, make_ae, make_vae):
    """Make an estimator of any class, small."""
    if request.param == "table":
        small = {"network": networks.MLP((8,)), "max_epochs": 2, "random_state": 0}
        return lambda **params: TableVAETransformer(**{**small, **params})
    return make_ae if request.param == "autoencoder" else make_vae


def test_fitted_attributes_are_documented(make_any, curved):
    model = make_any()
    if "ordered" in model.get_params():
        model.set_params(ordered=True)
    model.fit(pd.DataFrame(curved, columns=list("abcdef")))
    model.sample(2)
    documented = section(type(model), "Attributes")
    computed = {
        name
        for name in documented
        if isinstance(getattr(type(model), name, 0), property)
    }
    assert all(hasattr(model, name) for name in documented)
    fitted = {name for name in vars(model) if name.endswith("_") and name[0] != "_"}
    assert fitted | computed == set(documented)
    unfitted = clone(model)
    assert not any(hasattr(unfitted, name) for name in documented)
    # Without an underscore at either end there are parameters alone.
    public = {name for name in vars(model) if name[0] != "_" and name[-1] != "_"}
    assert public == set(model.get_params(deep=False))


@pytest.mark.parametrize("task", ["auto", 0.1])
def test_fitted_attributes_of_the_detector_are_documented(make_ae, curved, task):
    detector = AnomalyDetector(make_ae(), contamination=task, random_state=0)
    detector.fit(pd.DataFrame(curved, columns=list("abcdef")))
    fitted = {name for name in vars(detector) if name.endswith("_") and name[0] != "_"}
    assert fitted == set(section(AnomalyDetector, "Attributes"))


DETECTOR_CHECKS = [
    checks.check_param_validation,
    checks.check_dataframe_column_names_consistency,
    checks.check_n_features_in_after_fitting,
]


@pytest.mark.filterwarnings("ignore:false_alarm_rate=0.05 is less than")
@pytest.mark.filterwarnings("ignore:X .* feature names:UserWarning")
@pytest.mark.parametrize("check", DETECTOR_CHECKS, ids=lambda check: check.__name__)
def test_further_checks_of_the_detector(make, check):
    detector = AnomalyDetector(make(), random_state=0)
    check("AnomalyDetector", detector)


def test_fitted_attributes_of_the_imputer_are_documented(make_ae, curved):
    frame = pd.DataFrame(curved, columns=list("abcdef"))
    model = AutoencoderImputer(make_ae(), n_estimators=1).fit(frame)
    fitted = {name for name in vars(model) if name.endswith("_") and name[0] != "_"}
    assert fitted == set(section(AutoencoderImputer, "Attributes"))


COMPONENTS = [
    getattr(module, name)
    for module in (corruptions, likelihoods, losses, networks, penalties, priors)
    for name in module.__all__
]


def instance_of(component):
    if component is networks.Custom:
        return component(encoder=None, decoder=None)
    if component is likelihoods.Mixed:
        return component([("poisson", [0])])
    return component()


@pytest.mark.parametrize("component", COMPONENTS)
def test_components_are_documented_and_constrained(component):
    parameters = instance_of(component).get_params(deep=False).keys()
    if parameters:
        assert sorted(section(component, "Parameters")) == sorted(parameters)
    constraints = getattr(component, "_parameter_constraints", {})
    assert constraints.keys() == parameters


@pytest.mark.parametrize("component", COMPONENTS)
def test_components_are_cloned_without_torch_state(component):
    instance = instance_of(component)
    assert vars(instance) == instance.get_params(deep=False)
    assert repr(clone(instance)) == repr(instance)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_tags_tell_the_truth(estimator):
    tags = estimator().__sklearn_tags__()
    assert tags.input_tags.allow_nan
    assert tags.input_tags.sparse
    assert not tags.input_tags.positive_only
    assert not tags.non_deterministic
    assert not tags.target_tags.required
    assert tags.transformer_tags.preserves_dtype == ["float32"]


@pytest.mark.parametrize(
    ("estimator", "positive"),
    [
        (AutoencoderTransformer(loss="poisson"), True),
        (AutoencoderTransformer(loss=losses.LogLoss()), True),
        (AutoencoderTransformer(loss="huber"), False),
        (AutoencoderTransformer(loss="unknown"), False),
        (VAETransformer(likelihood="bernoulli"), True),
        (VAETransformer(likelihood=likelihoods.Bernoulli()), True),
        (VAETransformer(likelihood=3), False),
    ],
)
def test_tags_follow_the_loss(estimator, positive):
    assert estimator.__sklearn_tags__().input_tags.positive_only == positive
