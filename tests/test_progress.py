"""What scikit-learn's callbacks are told of a fit."""

import pickle

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.networks import MLP

callback = pytest.importorskip("sklearn.callback", reason="came with scikit-learn 1.9")


class Recorder:
    """Keeps what it is told."""

    def __init__(self):
        self.events = []

    def setup(self, estimator, context):
        self.events.append(("setup", context.task_name))

    def teardown(self, estimator, context):
        self.events.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context):
        self.events.append(("end", context.task_name))

    def count(self, kind, task):
        return self.events.count((kind, task))


class Watcher(Recorder):
    """Asks for the fitted estimator and calls a function of it."""

    def __init__(self, function=None):
        super().__init__()
        self.function = function or (lambda fitted, X, y: fitted)
        self.results = []

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, fitted_estimator=None
    ):
        super().on_fit_task_end(estimator, context)
        if fitted_estimator is not None:
            self.results.append(self.function(fitted_estimator, X, y))


class StopAfter(Recorder):
    def __init__(self, n_epochs):
        super().__init__()
        self.n_epochs = n_epochs

    def on_fit_task_end(self, estimator, context):
        super().on_fit_task_end(estimator, context)
        return self.count("end", "epoch") == self.n_epochs


def trained_once(model):
    """Have a VAE train but once, whatever its code columns say."""
    is_vae = "kl_warmup" in model.get_params()
    return model.set_params(kl_warmup=0.0) if is_vae else model


def error_of(model, X, y=None):
    return float(np.square(X - model.reconstruct(X)).mean())


# ---- tasks


def test_a_fit_has_a_task_for_each_training_and_each_epoch(make, curved):
    told = Recorder()
    model = trained_once(make(max_epochs=3)).set_callbacks(told).fit(curved)
    assert told.events == [
        ("setup", "fit"),
        ("begin", "fit"),
        ("begin", "training"),
        *[("begin", "epoch"), ("end", "epoch")] * model.n_iter_,
        ("end", "training"),
        ("end", "fit"),
        ("teardown", "fit"),
    ]


def test_the_second_training_of_a_vae_is_a_task_of_its_own(make_vae, curved):
    told = Recorder()
    make_vae(init="random", learning_rate=1e-12).set_callbacks(told).fit(curved)
    assert told.count("begin", "training") == told.count("end", "training") == 2
    assert told.count("end", "epoch") == 4


def test_the_second_training_of_ordered_codes_is_a_task_of_its_own(make_ae, noise):
    told = Recorder()
    make_ae(n_components=3, ordered=True).set_callbacks(told).fit(noise)
    assert told.count("begin", "training") == told.count("end", "training") == 2


def test_a_fit_that_trains_nothing_is_told_of(rng):
    told = Recorder()
    model = AutoencoderTransformer(2, random_state=0).set_callbacks(told)
    model.fit(rng.normal(size=(300, 8)))
    assert model.n_iter_ == 0
    assert told.events == [
        ("setup", "fit"),
        ("begin", "fit"),
        ("end", "fit"),
        ("teardown", "fit"),
    ]


def test_partial_fit_has_an_epoch_each_time(make, curved):
    told = Watcher(error_of)
    model = make().set_callbacks(told)
    for _ in range(3):
        model.partial_fit(curved)
    assert told.count("end", "fit") == told.count("end", "epoch") == 3
    # That of an epoch, and the estimator itself at the end.
    assert np.allclose(told.results[::2], told.results[1::2], rtol=1e-4)


def test_the_rows_are_those_that_were_given(make, curved):
    told = Watcher(lambda fitted, X, y: (X, y))
    labels = np.zeros(len(curved))
    make().set_callbacks(told).fit(curved, labels)
    assert all(X is curved and y is labels for X, y in told.results)
    # An autoencoder's targets are its rows.
    told.results.clear()
    make().set_callbacks(told).fit(curved)
    assert all(X is y is curved for X, y in told.results)


def test_feature_names_are_known_to_what_scores(make, curved):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(curved, columns=list("abcdef"))
    told = Watcher(lambda fitted, X, y: fitted.transform(X).shape)
    make().set_callbacks(told).fit(frame)
    assert set(told.results) == {(len(frame), 2)}


def test_a_callback_may_end_training(make, curved):
    told = StopAfter(2)
    model = trained_once(make(max_epochs=9)).set_callbacks(told).fit(curved)
    assert model.n_iter_ == 2
    assert not model.net_.interrupted_


class StopsAtOnce(Callback):
    def on_epoch_end(self, net, **kwargs):
        raise KeyboardInterrupt


def test_an_epoch_that_a_callback_of_skorch_s_ends_is_told_of(make, curved):
    told = Recorder()
    model = make(callbacks=[StopsAtOnce()]).set_callbacks(told).fit(curved)
    assert told.count("begin", "epoch") == told.count("end", "epoch") >= model.n_iter_
    assert told.events[-1] == ("teardown", "fit")


# ---- fitted estimators


PARAMS = [
    {},
    {"init": "random"},
    {"network": MLP((8,), dropout=0.2)},
    {"net_params": {"steps": "recorded"}},
    {"callbacks": [StopsAtOnce()]},
]
AE_ONLY = [
    {"ordered": True},
    {"n_components": "auto", "max_epochs": 3},
    {"whiten": True, "penalty": "contractive"},
]
IGNORED = "ignore:Training left only"


def named(params):
    """Name parameters as every process that runs tests does."""
    return ",".join(params) or "defaults"


@pytest.mark.filterwarnings(IGNORED)
@pytest.mark.parametrize("params", PARAMS, ids=named)
def test_watching_changes_nothing_of_what_is_trained(make, curved, params):
    plain = make(**params).fit(curved)
    watched = make(**params).set_callbacks(Watcher(error_of)).fit(curved)
    np.testing.assert_array_equal(watched.transform(curved), plain.transform(curved))
    np.testing.assert_array_equal(
        watched.sample(3, random_state=0), plain.sample(3, random_state=0)
    )
    losses = [[epoch["train_loss"] for epoch in m.history_] for m in (plain, watched)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("params", AE_ONLY, ids=named)
def test_watching_changes_nothing_of_an_autoencoder(make_ae, curved, params):
    plain = make_ae(**params).fit(curved)
    watched = make_ae(**params).set_callbacks(Watcher(error_of)).fit(curved)
    np.testing.assert_array_equal(watched.transform(curved), plain.transform(curved))


def check_is_as_after_the_last_epoch(model, X, sample_weight=None):
    """Without rows held out the fit ends where the last epoch did."""
    told = Watcher(lambda fitted, X, y: (fitted.transform(X), fitted.reconstruct(X)))
    model.set_params(early_stopping=False, guard=False, validation_fraction=None)
    model.set_callbacks(told).fit(X, sample_weight=sample_weight)
    (codes, rows), (last_codes, last_rows) = told.results[-2:]
    np.testing.assert_allclose(codes, last_codes, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(rows, last_rows, rtol=1e-3, atol=1e-4)
    first_rows = told.results[0][1]
    assert not np.allclose(first_rows, last_rows, rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings(IGNORED)
@pytest.mark.parametrize("params", [*PARAMS[:4]], ids=named)
def test_the_last_epoch_s_estimator_is_the_fitted_one(make, curved, params):
    check_is_as_after_the_last_epoch(make(max_epochs=3, **params), curved)


@pytest.mark.parametrize("params", AE_ONLY[:1] + AE_ONLY[2:], ids=named)
def test_the_last_epoch_s_estimator_is_the_fitted_autoencoder(make_ae, curved, params):
    check_is_as_after_the_last_epoch(
        make_ae(**{"n_components": 2, "max_epochs": 3, **params}), curved
    )


def test_of_a_wide_table_it_takes_rows_too(make_ae, rng):
    """While training is in the space that the rows span."""
    check_is_as_after_the_last_epoch(
        make_ae(max_epochs=3), rng.normal(size=(30, 80)).cumsum(axis=1)
    )


@pytest.mark.parametrize("kind", [csr_array, torch.tensor])
def test_of_other_arrays_it_takes_such(make, curved, kind):
    check_is_as_after_the_last_epoch(make(max_epochs=3), kind(curved))


def test_with_gaps_it_takes_rows_too(make, curved, rng):
    curved[rng.uniform(size=curved.shape) < 0.1] = np.nan
    told = Watcher(lambda fitted, X, y: np.isfinite(fitted.transform(X)).all())
    make().set_callbacks(told).fit(curved)
    assert len(told.results) >= 3
    assert all(told.results)


def test_weights_count_in_the_axes_of_its_codes(make, curved):
    weights = np.where(curved[:, 0] > 0, 3.0, 1.0)
    check_is_as_after_the_last_epoch(make(max_epochs=3), curved, weights)


def test_weights_are_told_as_metadata(make, curved):
    class Asking(Recorder):
        def on_fit_task_end(self, estimator, context, *, metadata=None):
            self.events.append(metadata)

    told = Asking()
    weights = np.ones(len(curved))
    make().set_callbacks(told).fit(curved, sample_weight=weights)
    given = [event for event in told.events if not isinstance(event, tuple)]
    assert given
    assert all(metadata["sample_weight"] is weights for metadata in given)


def test_each_epoch_s_estimator_stays_as_it_was(make, curved):
    told = Watcher(lambda fitted, X, y: (fitted, fitted.transform(X)))
    make(max_epochs=3).set_callbacks(told).fit(curved)
    for number, (fitted, codes) in enumerate(told.results[:3], start=1):
        np.testing.assert_array_equal(fitted.transform(curved), codes)
        assert fitted.n_iter_ == number
        assert np.isfinite(fitted.score(curved))
        assert np.isfinite(fitted.sample(2)).all()


def test_going_on_with_an_epoch_s_estimator_leaves_the_fit_alone(make, curved):
    plain = make(max_epochs=3).fit(curved)
    told = Watcher(lambda fitted, X, y: fitted.set_callbacks().partial_fit(X))
    watched = make(max_epochs=3).set_callbacks(told).fit(curved)
    np.testing.assert_array_equal(watched.transform(curved), plain.transform(curved))


def pickled(fitted, X, y):
    return pickle.dumps(fitted)


def test_an_epoch_s_estimator_can_be_pickled(make, curved):
    model = make().set_callbacks(Watcher(pickled)).fit(curved)
    fitted = [pickle.loads(each) for each in model._skl_callbacks[0].results]
    last = fitted[-1].transform(curved)
    np.testing.assert_array_equal(last, model.transform(curved))
    assert all(each._progress is None for each in fitted)


# ---- what is left behind


def test_nothing_is_left_behind(make, curved):
    model = make().set_callbacks(Recorder()).fit(curved)
    plain = make().fit(curved)
    assert vars(model).keys() - vars(plain).keys() == {"_skl_callbacks"}
    assert [name for name, _ in model.net_.callbacks_] == [
        name for name, _ in plain.net_.callbacks_
    ]
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.transform(curved), model.transform(curved))
    assert clone(model)._skl_callbacks is model._skl_callbacks


@pytest.mark.parametrize("continued", [False, True], ids=["first", "continued"])
def test_a_fit_that_fails_is_taken_down_and_leaves_nothing(make, curved, continued):
    model = make(warm_start=True)
    if continued:
        model.fit(curved)
    told = Recorder()
    before = vars(model.set_callbacks(told)).copy()
    with pytest.raises(ValueError, match="infinity"):
        model.fit(np.full_like(curved, np.inf))
    assert vars(model) == before
    assert told.count("teardown", "fit") == 1
    assert told.count("end", "fit") == 0


@pytest.mark.parametrize("task", ["fit", "training", "epoch"])
def test_an_error_of_a_callback_is_the_fit_s(make, curved, task):
    class Failing(Recorder):
        def on_fit_task_begin(self, estimator, context):
            if context.task_name == task:
                raise RuntimeError("mine")

    told = Failing()
    model = make().set_callbacks(told)
    before = vars(model).copy()
    with pytest.raises(RuntimeError, match="mine"):
        model.fit(curved)
    assert vars(model) == before
    assert told.count("teardown", "fit") == 1


def test_ctrl_c_in_a_callback_ends_the_fit(make, curved):
    """It is no wish to end training: callbacks return True for that."""
    told = []

    def interrupt(fitted, X, y):
        told.append(fitted)
        if len(told) == 2:
            raise KeyboardInterrupt

    model = make(max_epochs=5).set_callbacks(Watcher(interrupt))
    with pytest.raises(KeyboardInterrupt, match="interrupted after 2 epochs"):
        model.fit(curved)
    assert np.isfinite(model.transform(curved)).all()


def test_a_training_taken_from_memory_is_told_of_at_its_ends(make_ae, curved, tmp_path):
    told = Recorder()
    model = make_ae(ordered=4, memory=tmp_path).set_callbacks(told).fit(curved)
    assert model.n_iter_ > 0
    assert [kind for kind, _ in told.events] == ["setup", "begin", "end", "teardown"]


# ---- scikit-learn's own


def monitor():
    return callback.ScoringMonitor(scoring={"error": error_of})


def test_a_monitor_scores_each_epoch(make, curved):
    told = monitor()
    model = trained_once(make(max_epochs=4)).set_callbacks(told).fit(curved)
    rows = told.get_logs().data
    epochs = [row["error"] for row in rows if row["task_name"] == "epoch"]
    assert len(epochs) == model.n_iter_ == 4
    assert epochs[-1] < epochs[0]
    (fit,) = [row["error"] for row in rows if row["task_name"] == "fit"]
    assert fit == error_of(model, curved)


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_monitor_in_a_pipeline_in_a_search(make_ae, curved, n_jobs):
    told = monitor()
    model = make_ae(max_epochs=3).set_callbacks(told)
    pipeline = make_pipeline(StandardScaler(), model)
    grid = {"autoencodertransformer__weight_decay": [0.0, 0.01]}
    search = GridSearchCV(pipeline, grid, cv=2, refit=False, n_jobs=n_jobs)
    search.fit(curved)
    rows = told.get_logs().data
    assert sum(row["task_name"] == "epoch" for row in rows) == 2 * 2 * 3
    # All are in the search's tree of tasks.
    assert {row["task_id_path"][0] for row in rows} == {0}
    assert told.get_logs().estimator_name == "GridSearchCV"


def test_a_progress_bar_of_a_search(make, curved, capsys):
    pytest.importorskip("rich")
    search = GridSearchCV(make(max_epochs=3), {"weight_decay": [0.0, 0.01]}, cv=2)
    search.set_callbacks(callback.ProgressBar(max_propagation_depth=None))
    search.fit(curved)
    printed = capsys.readouterr().out
    name = type(search.estimator).__name__
    assert printed.count(f"{name} - fit") >= 5
    assert printed.count(f"{name} - training #0") >= 5
