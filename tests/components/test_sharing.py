"""Trainings that fits share through `memory`."""

import pickle
from importlib.metadata import version
from threading import Lock, Thread

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import check_estimator
from skorch.callbacks import Callback
from torch import nn

from sklearn_ae import AutoencoderTransformer, fewest_components
from sklearn_ae._components import sharing
from sklearn_ae._components.sharing import _key
from sklearn_ae.networks import MLP, Custom

SIZES = [1, 4, "auto", 0.8]


class Counting(Callback):
    """Adds a word to a file for each training, but for those of a decoder alone."""

    def __init__(self, path, held=None):
        self.path = path
        self.held = held

    def on_train_begin(self, net, **kwargs):
        if getattr(net.module_, "bends", True):
            with open(self.path, "a", encoding="utf-8") as file:
                file.write("trained ")


class Interrupted(torch.optim.SGD):
    """Ctrl-C comes in the second epoch, as long as `steps` says so."""

    steps = None

    def step(self, closure=None):
        loss = super().step(closure)
        if Interrupted.steps is not None:
            Interrupted.steps -= 1
            if Interrupted.steps == 0:
                raise KeyboardInterrupt
        return loss


@pytest.fixture
def trainings(tmp_path):
    """Return a callback that counts trainings, and what tells their number."""
    path = tmp_path / "trainings"

    def number():
        return len(path.read_text(encoding="utf-8").split()) if path.exists() else 0

    return Counting(str(path)), number


@pytest.fixture
def make_shared(make_ae, tmp_path, trainings):
    """Make an estimator of ordered codes that shares its training, and counts it."""
    return lambda n_components=2, **params: make_ae(
        **{
            "n_components": n_components,
            "ordered": 4,
            "memory": str(tmp_path / "memory"),
            "callbacks": [trainings[0]],
            **params,
        }
    )


def assert_same_fit(one, other, X):
    assert one.n_components_ == other.n_components_
    assert one.gain_over_pca_ == other.gain_over_pca_
    assert one.guard_ == other.guard_
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    np.testing.assert_array_equal(one.reconstruct(X), other.reconstruct(X))
    np.testing.assert_array_equal(one.sample(3), other.sample(3))
    losses = [[epoch["valid_loss"] for epoch in ae.history_] for ae in (one, other)]
    assert losses[0] == losses[1]
    assert vars(one).keys() == vars(other).keys()


@pytest.mark.parametrize("data", ["curved", "noise"])
def test_shared_fits_are_those_without_memory_to_the_bit(
    make_shared, trainings, request, data
):
    X = request.getfixturevalue(data)
    shared = [make_shared(size).fit(X) for size in SIZES]
    assert trainings[1]() == 1
    for size, ae in zip(SIZES, shared, strict=True):
        alone = make_shared(size, memory=None, callbacks=None).fit(X)
        assert_same_fit(ae, alone, X)
        assert ae.get_params()["n_components"] == size


def test_shared_fits_are_truncated_ones(make_shared, curved):
    whole = make_shared(4).fit(curved)
    assert_same_fit(make_shared(2).fit(curved), whole.truncate(2), curved)


def test_a_shared_fit_can_be_pickled_cut_and_gone_on_with(make_shared, curved):
    make_shared(1).fit(curved)
    ae = make_shared(3).fit(curved)
    again = pickle.loads(pickle.dumps(ae))
    np.testing.assert_array_equal(again.transform(curved), ae.transform(curved))
    assert ae.truncate(2).transform(curved).shape[1] == 2
    assert ae.partial_fit(curved).n_components_ == 3


def test_fits_share_nothing_but_the_training(make_shared, curved):
    first, second = (make_shared(2).fit(curved) for _ in range(2))
    before = second.transform(curved)
    first.partial_fit(curved)
    np.testing.assert_array_equal(second.transform(curved), before)


@pytest.mark.parametrize("other", [{"random_state": 1}, {"network": MLP((6,))}])
def test_other_parameters_are_other_trainings(make_shared, trainings, curved, other):
    make_shared().fit(curved)
    make_shared(**other).fit(curved)
    assert trainings[1]() == 2


@pytest.mark.parametrize("package", ["sklearn_ae", *sharing.TRAINED_WITH])
def test_other_versions_are_other_trainings(
    make_shared, trainings, curved, monkeypatch, package
):
    def version_of_others(name):
        return "0.0.1" if name == package else version(name)

    make_shared(1).fit(curved)
    make_shared(2).fit(curved)
    assert trainings[1]() == 1
    if package == "sklearn_ae":
        monkeypatch.setattr(sharing, "__version__", "0.0.1")
    else:
        monkeypatch.setattr(sharing, "version", version_of_others)
    make_shared(1).fit(curved)
    assert trainings[1]() == 2


def test_other_rows_are_another_training(make_shared, trainings, curved):
    for rows in (curved, curved[1:], curved.astype(np.float32)):
        make_shared().fit(rows)
    assert trainings[1]() == 3


def test_other_rows_held_out_are_another_training(make_shared, trainings, curved):
    groups = np.arange(len(curved)) // 10
    said = ({}, {"groups": groups}, {"groups": groups // 2}, {"X_val": curved[:30]})
    for count, arguments in enumerate(said, start=1):
        fits = [make_shared(size).fit(curved, **arguments) for size in (2, 2, 3)]
        assert trainings[1]() == count
        alone = make_shared(memory=None, callbacks=None).fit(curved, **arguments)
        assert_same_fit(alone, fits[0], curved)
    # Only a splitter looks at y.
    make_shared().fit(curved, groups)
    assert trainings[1]() == len(said)
    for y in (groups % 2, groups % 3):
        rule = StratifiedShuffleSplit(1, random_state=0)
        make_shared(validation_split=rule).fit(curved, y)
    assert trainings[1]() == len(said) + 2


def test_verbose_and_the_form_of_memory_are_no_other_training(
    make_shared, trainings, curved, tmp_path, capsys
):
    folder = tmp_path / "memory"
    for memory in (
        str(folder),
        folder,
        joblib.Memory(str(folder), verbose=0),
        joblib.Memory(str(folder), verbose=0, mmap_mode="r"),
    ):
        ae = make_shared(memory=memory).fit(curved)
        assert np.isfinite(ae.sample(2)).all()
    make_shared(verbose=1).fit(curved)
    assert trainings[1]() == 1
    assert capsys.readouterr().out == ""


def test_a_memory_without_a_folder_keeps_nothing(make_shared, trainings, curved):
    memory = joblib.Memory(None)
    fits = [make_shared(memory=memory).fit(curved) for _ in range(2)]
    assert trainings[1]() == 2
    assert_same_fit(*fits, curved)


@pytest.mark.parametrize("ordered", [False, True])
def test_without_a_number_of_columns_each_size_is_trained_once(
    make_shared, trainings, curved, ordered
):
    for size in (1, 2, 1, 2):
        ae = make_shared(size, ordered=ordered).fit(curved)
        alone = clone(ae).set_params(memory=None, callbacks=None).fit(curved)
        assert_same_fit(ae, alone, curved)
    assert trainings[1]() == 2


def test_sizes_beyond_what_there_is_to_explain_are_trained_on_their_own(
    make_shared, trainings, rng
):
    X = np.repeat(rng.normal(size=(90, 2)), 3, axis=1)
    X += 1e-2 * rng.normal(size=X.shape)
    for size in (1, 4, 4, 0.99999, 0.99999, "auto"):
        ae = make_shared(size).fit(X)
        alone = clone(ae).set_params(memory=None, callbacks=None).fit(X)
        assert_same_fit(ae, alone, X)
    assert trainings[1]() == 3


@pytest.mark.slow
def test_a_search_is_the_same_in_two_processes_and_trains_once_for_each_fold(
    make_shared, trainings, curved, tmp_path
):
    y = (curved[:, 4] > 0).astype(int)
    results = []
    for memory, n_jobs in ((None, 1), (str(tmp_path / "memory"), 2)):
        pipeline = Pipeline(
            [
                ("reduce", make_shared(memory=memory)),
                ("classify", LogisticRegression()),
            ]
        )
        grid = {"reduce__n_components": np.arange(1, 5)}
        before = trainings[1]()
        search = GridSearchCV(
            pipeline, grid, cv=3, refit=fewest_components, n_jobs=n_jobs
        ).fit(curved, y)
        assert trainings[1]() - before == (13 if memory is None else 4)
        results.append(search)
    plain, shared = results
    for name in ("mean_test_score", "std_test_score", "param_reduce__n_components"):
        np.testing.assert_array_equal(
            shared.cv_results_[name], plain.cv_results_[name], strict=True
        )
    assert shared.best_params_ == plain.best_params_
    np.testing.assert_array_equal(
        shared.best_estimator_.predict_proba(curved),
        plain.best_estimator_.predict_proba(curved),
    )


def test_fits_at_the_same_time_train_once(make_shared, trainings, curved):
    pytest.importorskip("fcntl", reason="there are no such locks on Windows")
    threads = [
        Thread(target=make_shared(size).fit, args=[curved]) for size in (1, 2, 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trainings[1]() == 1


def test_names_of_columns_and_output_are_each_fit_s_own(make_shared, curved):
    names = [f"column {number}" for number in range(6)]
    make_shared(1).set_output(transform="pandas").fit(curved)
    ae = make_shared(2).fit(pd.DataFrame(curved, columns=names))
    assert list(ae.feature_names_in_) == names
    assert isinstance(ae.transform(pd.DataFrame(curved, columns=names)), np.ndarray)
    nameless = make_shared(3).fit(curved)
    assert not hasattr(nameless, "feature_names_in_")


def test_missing_values(make_shared, trainings, curved):
    curved[::7, 2] = np.nan
    for size in (1, 3):
        ae = make_shared(size).fit(curved)
        alone = make_shared(size, memory=None, callbacks=None).fit(curved)
        assert_same_fit(ae, alone, curved)
    assert trainings[1]() == 1


def test_networks_of_one_s_own_are_told_apart_by_their_weights():
    def key(module):
        network = Custom(encoder=module, decoder=nn.Linear)
        return _key(AutoencoderTransformer(network=network), np.zeros((2, 3)), {})

    module = nn.Linear(3, 2)
    same = pickle.loads(pickle.dumps(module))
    assert key(module) == key(same) != key(nn.Linear(3, 2))


def test_a_random_state_goes_on_as_without_memory(make_shared, curved):
    codes, later = [], []
    for memory in ({}, {}, {"memory": None}):
        random_state = np.random.RandomState(3)
        ae = make_shared(3, random_state=random_state, callbacks=None, **memory)
        codes.append(ae.fit_transform(curved))
        later.append(random_state.randint(1000))
    assert len(set(later)) == 1
    np.testing.assert_array_equal(codes[0], codes[1])
    np.testing.assert_array_equal(codes[0], codes[2])


def test_a_fit_that_goes_on_is_trained(make_shared, trainings, curved):
    ae = make_shared(warm_start=True, ordered=False).fit(curved)
    epochs = ae.n_iter_
    assert ae.fit(curved).n_iter_ > epochs
    assert trainings[1]() == 2
    with pytest.raises(ValueError, match="n_components was 2 and is now 3"):
        ae.set_params(n_components=3).fit(curved)


def test_an_interrupted_training_is_used_and_not_kept(make_shared, curved, monkeypatch):
    ae = make_shared(optimizer=Interrupted, batch_size=30, ordered=False)
    # Six steps an epoch.
    monkeypatch.setattr(Interrupted, "steps", 8)
    with pytest.raises(KeyboardInterrupt, match="interrupted after 1 epochs"):
        ae.fit(curved)
    assert ae.n_iter_ == 1
    assert ae.transform(curved).shape == (200, 2)
    assert ae.fit(curved).n_iter_ > 1


def test_an_interrupt_before_the_first_epoch_is_over(make_shared, curved, monkeypatch):
    ae = make_shared(optimizer=Interrupted, batch_size=30, ordered=False)
    monkeypatch.setattr(Interrupted, "steps", 2)
    with pytest.raises(KeyboardInterrupt):
        ae.fit(curved)
    with pytest.raises(NotFittedError):
        ae.transform(curved)


def test_what_cannot_be_pickled_is_named(make_shared, trainings, curved):
    held = Counting(trainings[0].path, held=Lock())
    with pytest.raises(
        ValueError, match=r"The 'callbacks' parameter .* must be picklable .*memory=No"
    ):
        make_shared(callbacks=[held]).fit(curved)
    assert trainings[1]() == 0


@pytest.mark.parametrize("memory", [3, ["folder"]])
def test_a_memory_that_is_none(make_shared, curved, memory):
    with pytest.raises(ValueError, match=r"The 'memory' parameter of Autoenc.* Got"):
        make_shared(memory=memory).fit(curved)


def test_errors_are_those_without_memory(make_shared, curved):
    ae = make_shared(2).fit(curved)
    before = ae.transform(curved)
    with pytest.raises(
        ValueError, match=r"n_components=5 .* set ordered to at least 5"
    ):
        ae.set_params(n_components=5).fit(curved)
    rows = curved.copy()
    rows[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        ae.set_params(n_components=2).fit(rows)
    np.testing.assert_array_equal(ae.transform(curved), before)


def test_what_was_given_is_left_alone(make_shared, curved):
    ae = make_shared()
    before, rows = ae.get_params(), curved.copy()
    ae.fit(curved)
    after = ae.get_params()
    assert all(after[name] is before[name] for name in before)
    np.testing.assert_array_equal(curved, rows)
    assert clone(ae).get_params()["memory"] == before["memory"]


@pytest.mark.slow
@pytest.mark.parametrize("ordered", [False, 4])
def test_estimator_checks(make_ae, tmp_path, ordered):
    check_estimator(make_ae(ordered=ordered, memory=str(tmp_path)), on_skip=None)
