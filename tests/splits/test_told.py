"""What is said of the rows to hold out is checked, and contradictions are refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.model_selection import (
    GroupShuffleSplit,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
)

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


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA])
def test_each_row_needs_a_group(make, X, gap):
    groups = [1.0] * 20 + [2.0] * 19 + [gap]
    words = [gap if value is gap else str(value) for value in groups]
    for given in (groups, words, pd.Series(groups, dtype=object)):
        with pytest.raises(ValueError, match="groups has no value for row 39"):
            make().fit(X, groups=given)


@pytest.mark.parametrize("groups", ["subject", np.zeros((40, 2))])
def test_groups_are_one_value_a_row(make, X, groups):
    with pytest.raises(ValueError, match="groups must have one value for each row"):
        make().fit(X, groups=groups)


def test_columns_are_taken_as_groups(make, X):
    groups = np.arange(40) // 4
    column = make().fit(X, groups=groups[:, np.newaxis])
    assert repr(column.guard_) == repr(make().fit(X, groups=groups).guard_)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (PredefinedSplit(np.full(40, -1)), "has no rows to train on"),
        ([], None),
        (PredefinedSplit(np.r_[np.zeros(60), np.full(40, -1)]), "what are no rows"),
    ],
)
def test_splitters_that_do_not_fit_are_refused(make, X, rule, words):
    with pytest.raises(ValueError, match=words or "'validation_split' parameter"):
        make(validation_split=rule).fit(X)


class FromRow:
    """A splitter that holds out the rows from one on, by masks."""

    def __init__(self, first):
        self.first = first

    def split(self, X, y=None, groups=None):
        held_out = np.arange(X.shape[0]) >= self.first
        yield ~held_out, held_out


def test_splitters_may_give_masks(make, X):
    model = make(validation_split=FromRow(30)).fit(X)
    assert model.guard_.n_rows == 10
    other = make(validation_split=LastRows(0.25)).fit(X)
    assert repr(model.guard_) == repr(other.guard_)
    for rows in (sparse.csr_array(X), sparse.coo_array(X)):
        assert make(validation_split=FromRow(30)).fit(rows).guard_.n_rows == 10


def test_splitters_see_rows_of_no_weight_too(make, X):
    """Their indices are those of all rows."""
    weights = np.where(np.arange(40) < 15, 0, 1)
    groups = np.arange(40) // 5
    for some, rest in (({}, {}), ({"groups": groups}, {"groups": groups[15:]})):
        rule = FromRow(30)
        model = make(validation_split=rule).fit(X, sample_weight=weights, **some)
        assert model.guard_.n_rows == 10
        alone = make(validation_split=FromRow(15)).fit(X[15:], **rest)
        assert repr(model.guard_) == repr(alone.guard_)
        np.testing.assert_array_equal(model.transform(X), alone.transform(X))
