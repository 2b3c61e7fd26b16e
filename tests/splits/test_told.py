"""What is said of the rows to hold out is checked, and contradictions are refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupShuffleSplit, KFold, ShuffleSplit

from sklearn_ae.model_selection import LastRows


@pytest.fixture
def X(rng):
    return rng.normal(size=(40, 4))


@pytest.mark.parametrize(
    ("params", "said", "words"),
    [
        ({}, {"X_val": "rows", "groups": "groups"}, "so groups has nothing"),
        ({"validation_split": "last"}, {"X_val": "rows"}, "validation_split='last'"),
        ({"validation_fraction": 0.2}, {"X_val": "rows"}, "validation_fraction=0.2"),
        ({"validation_split": "last"}, {"groups": "groups"}, "groups have no effect"),
        (
            {"validation_fraction": None, "early_stopping": False, "guard": False},
            {"groups": "groups"},
            "groups have no effect beside validation_fraction=None",
        ),
        (
            {"validation_fraction": 0.2, "validation_split": KFold(3)},
            {},
            "has no effect beside validation_split=KFold",
        ),
    ],
)
def test_contradictions_are_refused(make, X, params, said, words):
    given = {"rows": X[:5], "groups": np.arange(40) // 4}
    arguments = {name: given[value] for name, value in said.items()}
    with pytest.raises(ValueError, match=words):
        make(**params).fit(X, **arguments)


@pytest.mark.parametrize("value", ["first", 3, None, KFold, LastRows])
def test_other_rules_are_refused(make, X, value):
    with pytest.raises(ValueError, match="'validation_split' parameter of"):
        make(validation_split=value).fit(X)


def test_shapes_are_checked(make, X):
    with pytest.raises(ValueError, match="X_val must be rows such as those of X"):
        make().fit(X, X_val=X[:, :3])
    with pytest.raises(ValueError, match="X_val must be rows such as those of X"):
        make().fit(X, X_val=[[np.inf, 0, 0, 0]])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make().fit(X, groups=np.arange(39))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make(validation_split=ShuffleSplit()).fit(X, np.arange(39))


def test_rows_outside_the_domain_are_refused(make_vae, X):
    with pytest.raises(ValueError, match="Negative values in data"):
        make_vae(likelihood="bernoulli").fit(X > 0, X_val=X)


def test_frames_of_other_columns_are_refused(make, X):
    frame = pd.DataFrame(X, columns=list("abcd"))
    make().fit(frame, X_val=frame[:8])
    with pytest.raises(ValueError, match="feature names"):
        make().fit(frame, X_val=frame[:8].rename(columns={"a": "z"}))


def test_an_error_leaves_the_estimator_as_it_was(make, X):
    model = make().fit(X)
    before = model.transform(X)
    with pytest.raises(ValueError, match="X_val"):
        model.fit(X, X_val=X[:, :3])
    np.testing.assert_array_equal(model.transform(X), before)


def test_a_splitter_is_used_as_a_copy(make, X):
    stream = np.random.RandomState(0)
    splitter = GroupShuffleSplit(1, random_state=stream)
    before = stream.get_state()[1].copy()
    make(validation_split=splitter).fit(X, groups=np.arange(40) // 4)
    np.testing.assert_array_equal(stream.get_state()[1], before)
    assert splitter.random_state is stream
