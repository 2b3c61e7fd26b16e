"""Which rows are held out by each rule, and in a warm start the same again."""

from functools import partial

import numpy as np
import pytest
from sklearn import config_context
from sklearn.model_selection import (
    GroupShuffleSplit,
    KFold,
    ShuffleSplit,
    StratifiedShuffleSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae._splits.held_out import RowChooser, split_rows
from sklearn_ae._splits.told import Told
from sklearn_ae._training.defaults import n_validation_rows
from sklearn_ae.model_selection import LastRows


@pytest.fixture
def rows(rng):
    return rng.normal(size=(90, 4)).astype(np.float32)


@pytest.fixture
def stream():
    return np.random.RandomState(0)


def test_groups_are_on_one_side(rows, stream):
    groups = np.array([f"subject {i}" for i in stream.randint(12, size=90)])
    split = split_rows(rows, Told(0.25, groups=groups), stream)
    sides = [set(groups[side]) for side in (split.trained_on, split.held_out)]
    assert not sides[0] & sides[1]
    assert len(sides[1]) == 3
    both = np.concatenate([split.trained_on, split.held_out])
    assert sorted(both) == list(range(90))
    # One number for each group.
    pairs = set(zip(groups, split.groups, strict=True))
    assert len(pairs) == len(set(groups)) == len(set(split.groups))


def test_a_single_group_is_refused(rows, stream):
    with pytest.raises(ValueError, match="groups has 1 group"):
        split_rows(rows, Told(groups=np.zeros(90)), stream)


def test_rows_given_apart_are_held_out(rows, stream):
    split = split_rows(rows, Told(X_val=rows[60:]), stream)
    np.testing.assert_array_equal(split.held_out, np.arange(60, 90))
    assert sorted(split.trained_on) == list(range(60))


def test_the_first_split_of_a_splitter_is_taken(rows, stream):
    split = split_rows(rows, Told(splitter=KFold(3)), stream)
    np.testing.assert_array_equal(split.held_out, np.arange(30))
    assert sorted(split.trained_on) == list(range(30, 90))
    assert split.groups is None


def test_a_splitter_gets_y_and_groups(rows, stream):
    y = np.arange(90) % 3
    told = Told(splitter=StratifiedShuffleSplit(1, test_size=30), y=y)
    held_out = split_rows(rows, told, stream).held_out
    assert list(np.bincount(y[held_out])) == [10, 10, 10]
    groups = np.arange(90) // 9
    told = Told(splitter=GroupShuffleSplit(1, test_size=3), groups=groups)
    split = split_rows(rows, told, stream)
    assert len(set(groups[split.held_out])) == 3
    assert not set(groups[split.held_out]) & set(groups[split.trained_on])


def test_a_splitter_without_a_seed_draws_from_the_estimator_s(rows):
    def held_out(seed):
        told = Told(splitter=ShuffleSplit(1))
        return split_rows(rows, told, np.random.RandomState(seed)).held_out

    np.testing.assert_array_equal(held_out(0), held_out(0))
    assert set(held_out(0)) != set(held_out(1))


class OneSided:
    def split(self, X, y=None, groups=None):
        yield np.arange(len(X)), np.arange(0)


def test_an_empty_side_is_refused(rows, stream):
    with pytest.raises(ValueError, match="has no rows to hold out"):
        split_rows(rows, Told(splitter=OneSided()), stream)


def test_rows_within_a_gap_are_one_piece_of_evidence(rows, stream):
    split = split_rows(rows, Told(splitter=LastRows(0.3, gap=5)), stream)
    assert set(np.bincount(split.groups)) == {6}
    assert split_rows(rows, Told(splitter=LastRows(0.3)), stream).groups is None


RULES = {
    "chance": lambda n: Told(0.3),
    "groups": lambda n: Told(0.3, groups=np.arange(n) // 5),
    "last": lambda n: Told(splitter=LastRows(0.3)),
    "splitter": lambda n: Told(splitter=ShuffleSplit(1)),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_same_rows_are_held_out_again(rows, stream, rule):
    chooser = RowChooser()
    first = chooser.choose(rows, RULES[rule](90), stream)
    again = chooser.choose(rows, RULES[rule](90), stream)
    np.testing.assert_array_equal(again.held_out, first.held_out)
    assert set(again.trained_on) == set(first.trained_on)
    # Other rows are drawn anew.
    fewer = chooser.choose(rows[:80], RULES[rule](80), stream)
    assert fewer.held_out.max() < 80


def test_of_copies_the_same_are_held_out_again(rows, stream):
    rows = np.repeat(rows, 3, axis=0)
    chooser = RowChooser()
    splits = [chooser.choose(rows, Told(0.3), stream) for _ in range(2)]
    np.testing.assert_array_equal(splits[1].held_out, splits[0].held_out)
    assert set(splits[1].trained_on) == set(splits[0].trained_on)
    held = {tuple(row) for row in rows[splits[1].held_out]}
    assert not held & {tuple(row) for row in rows[splits[1].trained_on]}


# ---- fits


def test_all_of_x_is_trained_on_beside_rows_given(make, rng):
    X, X_val = rng.normal(size=(60, 4)), rng.normal(size=(25, 4))
    model = make().fit(X, X_val=X_val)
    assert model.guard_.n_rows == 25
    np.testing.assert_allclose(model.mean_, X.mean(axis=0))
    other = make().fit(X, X_val=X_val + 1)
    assert other.pca_loss_ > model.pca_loss_
    np.testing.assert_allclose(other.mean_, model.mean_)


def test_wide_tables_take_rows_given(make, rng):
    X, X_val = rng.normal(size=(20, 100)), rng.normal(size=(10, 100))
    model = make().fit(X, X_val=X_val)
    assert model.guard_.n_rows == 10
    centred = X_val - model.mean_
    codes = centred @ np.linalg.svd(X - X.mean(axis=0))[2][:2].T
    if model.guard_.pca == "PCA":
        left = np.square(centred).sum(axis=1) - np.square(codes).sum(axis=1)
        assert model.pca_loss_ == pytest.approx(left.mean(), rel=1e-4)


def test_a_group_is_one_piece_of_evidence(make, rng):
    X = rng.normal(size=(90, 4))
    model = make(validation_fraction=0.3).fit(X, groups=np.arange(90) // 9)
    assert (model.guard_.n_rows, model.guard_.n_groups) == (27, 3)
    assert "on 27 held-out rows of 3 groups the" in str(model.guard_)
    assert repr(model.guard_).endswith("n_groups=3)")
    assert make().fit(X).guard_.n_groups is None


def test_one_group_is_no_evidence(make, curved):
    groups = np.arange(len(curved)) // 100
    model = make(validation_fraction=0.01).fit(curved, groups=groups)
    assert model.guard_.n_groups == 1
    assert model.gain_over_pca_ == 0


def test_warm_starts_hold_out_the_same_rows(make, rng):
    X = rng.normal(size=(80, 4))
    model = make(warm_start=True).fit(X)
    first = model.pca_loss_
    assert model.fit(X).pca_loss_ == pytest.approx(first, rel=1e-5)
    assert make().fit(X).pca_loss_ == first


def windows(rng):
    values = np.cumsum(rng.normal(size=700))
    rows = np.lib.stride_tricks.sliding_window_view(values, 24)
    return rows - rows.mean(axis=1, keepdims=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    # Without a second training, which has a verdict of its own.
    [AutoencoderTransformer, partial(VAETransformer, kl_warmup=0.0)],
    ids=["autoencoder", "vae"],
)
def test_repeated_measures_do_not_pass_for_a_gain(estimator, rng):
    def measured():
        subjects = rng.normal(size=(40, 12))
        rows = np.repeat(subjects, 8, axis=0)
        return rows + 0.3 * rng.normal(size=rows.shape)

    X, others = measured(), measured()
    with pytest.warns(UserWarning, match="give groups to fit"):
        fooled = estimator(4, random_state=0).fit(X)
    assert fooled.gain_over_pca_ > 0
    model = estimator(4, random_state=0).fit(X, groups=np.arange(320) // 8)
    assert model.gain_over_pca_ == 0
    errors = [np.square(others - m.reconstruct(others)).mean() for m in (model, fooled)]
    assert errors[0] < 0.8 * errors[1]


@pytest.mark.slow
def test_windows_of_a_series_do_not_pass_for_a_gain(rng):
    X = windows(rng)
    with pytest.warns(UserWarning, match="validation_split='last'"):
        fooled = AutoencoderTransformer(4, random_state=0).fit(X)
    assert fooled.gain_over_pca_ > 0
    rule = LastRows(gap=23)
    model = AutoencoderTransformer(4, validation_split=rule, random_state=0).fit(X)
    assert model.gain_over_pca_ == 0


def test_nothing_is_said_of_rows_in_order_where_pca_is_kept(make, rng):
    X = np.linspace(0, 1, 200)[:, None] * rng.normal(size=4)
    X = X + 0.01 * rng.normal(size=X.shape)
    assert make().fit(X).gain_over_pca_ == 0


# ---- scikit-learn's routing


def test_arguments_are_routed(make, rng):
    X = rng.normal(size=(60, 4))
    groups = np.arange(60) // 6
    with config_context(enable_metadata_routing=True):
        reducer = make().set_fit_request(groups=True)
        pipeline = make_pipeline(StandardScaler(), reducer).fit(X, groups=groups)
        assert pipeline[-1].guard_.n_groups > 1
        reducer = make().set_fit_request(X_val=True)
        pipeline = make_pipeline(
            StandardScaler(), reducer, transform_input=["X_val"]
        ).fit(X[:40], X_val=1000 + X[40:])
    assert pipeline[-1].guard_.n_rows == 20
    # They came through the scaler, as far from the others as they were.
    assert pipeline[-1].pca_loss_ > 1e4


def test_a_step_takes_them_without_routing(make, rng):
    X = rng.normal(size=(60, 4))
    pipeline = make_pipeline(StandardScaler(), make())
    name = pipeline.steps[-1][0]
    pipeline.fit(X, **{f"{name}__groups": np.arange(60) // 6})
    assert pipeline[-1].guard_.n_groups == n_validation_rows(10, "auto")
