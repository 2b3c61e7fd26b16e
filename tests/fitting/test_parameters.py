"""What pickles say of the version that wrote them."""

import copy
import pickle

import pytest

from sklearn_ae._fitting import parameters
from sklearn_ae._version import __version__


@pytest.mark.parametrize("fitted", [False, True])
def test_state_of_another_format_is_refused_by_name(make, curved, monkeypatch, fitted):
    model = make(max_epochs=1)
    if fitted:
        model.fit(curved)
    monkeypatch.setattr(parameters, "STATE_FORMAT", parameters.STATE_FORMAT + 1)
    monkeypatch.setattr(parameters, "__version__", "9.9")
    stored = pickle.dumps(model)
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"stored by sklearn_ae 9\.9, in format 2"):
        pickle.loads(stored)


def test_state_without_a_format_is_refused(make):
    model = make()
    with pytest.raises(ValueError, match="an older version"):
        model.__setstate__(dict(vars(model)))


def test_the_format_is_of_the_state_alone(make):
    model = make()
    assert vars(copy.deepcopy(model)).keys() == vars(model).keys()
    assert model.__getstate__()["_stored_by"] == (parameters.STATE_FORMAT, __version__)
