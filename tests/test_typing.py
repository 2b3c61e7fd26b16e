"""Type hints of the public names; mypy checks them in CI."""

import inspect
from pathlib import Path
from typing import get_type_hints

import pytest

import sklearn_ae
from sklearn_ae.displays import HistoryDisplay

NAMESPACES = [
    sklearn_ae,
    sklearn_ae.corruptions,
    sklearn_ae.displays,
    sklearn_ae.likelihoods,
    sklearn_ae.losses,
    sklearn_ae.networks,
    sklearn_ae.penalties,
    sklearn_ae.priors,
]
PUBLIC = {
    f"{space.__name__}.{name}": getattr(space, name)
    for space in NAMESPACES
    for name in space.__all__
    if not inspect.ismodule(getattr(space, name))
}
CLASSES = {name: value for name, value in PUBLIC.items() if inspect.isclass(value)}
# What users call; the other methods of components are for those who write components.
CALLED = [
    "denoise",
    "fit",
    "from_estimator",
    "impute",
    "inverse_transform",
    "partial_fit",
    "plot",
    "posterior",
    "reconstruct",
    "reconstruct_by_pca",
    "sample",
    "sample_posterior",
    "score",
    "score_samples",
    "transform",
]


def untyped(function):
    """Return the parameters of a function that have no type, and "return"."""
    hints = get_type_hints(function)
    names = [*inspect.signature(function).parameters, "return"]
    return [name for name in names if name not in {"self", "cls", *hints}]


@pytest.mark.parametrize("name", CLASSES)
def test_constructors_and_methods_that_users_call_have_types(name):
    cls = CLASSES[name]
    functions = [
        getattr(cls, method)
        for method in ("__init__", *CALLED)
        if getattr(getattr(cls, method, None), "__module__", "").startswith(
            "sklearn_ae"
        )
    ]
    for function in functions:
        assert untyped(function) == [], function.__qualname__


def test_functions_have_types():
    functions = PUBLIC.keys() - CLASSES.keys()
    expected = {"fewest_components", "load", "save", "summary"}
    assert functions == {f"sklearn_ae.{name}" for name in expected}
    for function in functions:
        assert untyped(PUBLIC[function]) == [], function


def test_the_check_finds_what_has_no_type():
    assert untyped(lambda x: x) == ["x", "return"]
    assert untyped(HistoryDisplay._mark_best) == ["ax", "return"]


def test_the_package_says_that_it_has_types():
    assert (Path(sklearn_ae.__file__).parent / "py.typed").exists()
