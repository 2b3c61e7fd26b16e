"""PCA's attributes that are not there say what to use."""

import copy
import pickle

import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA


def absent_from(model, X):
    """Return what a fitted PCA has and a fitted model has not."""
    pca = PCA(2).fit(X)
    named = {name for name in dir(pca) if name[0] != "_"} - set(pca.get_params())
    return {name for name in named if not hasattr(model, name)}


def test_each_attribute_of_pca_is_there_or_says_what_to_use(make, curved):
    model = make().fit(curved)
    absent = absent_from(model, curved)
    assert {"components_", "singular_values_", "get_covariance"} <= absent
    for name in absent:
        with pytest.raises(AttributeError, match=rf"\b{name}\b.*") as error:
            getattr(model, name)
        text = str(error.value)
        assert "see docs/for_pca_users.md" in text or "ordered=True" in text
        assert type(model).__name__ in text or "ordered codes" in text
        assert getattr(model, name, None) is None


def test_loadings_have_a_counterpart(make, curved):
    with pytest.raises(AttributeError, match=r"component_effects\(X\)"):
        make().fit(curved).components_  # noqa: B018


def test_names_that_pca_has_not_either_are_missed_as_ever(make):
    with pytest.raises(AttributeError, match="has no attribute 'component_'"):
        make().component_  # noqa: B018


def test_what_sets_such_an_attribute_has_it(make, curved):
    model = make().fit(curved)
    model.components_ = 3
    assert model.components_ == 3
    assert pickle.loads(pickle.dumps(model)).components_ == 3
    assert copy.deepcopy(model).components_ == 3
    assert not hasattr(clone(model), "components_")
