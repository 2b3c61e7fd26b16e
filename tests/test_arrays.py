"""Arrays of other libraries: read everywhere, given back where scikit-learn does."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from sklearn_ae import AutoencoderTransformer, _arrays, summary
from sklearn_ae._arrays import as_given, as_numpy, in_numpy, kind_of
from sklearn_ae._validation import check_codes, check_rows
from sklearn_ae.displays import LatentSpaceDisplay, ReconstructionDisplay

NEEDS_GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA"),
]


@pytest.fixture
def dispatching(monkeypatch):
    """Have scikit-learn dispatch, where it and SciPy are new enough."""
    # Read by scikit-learn at this moment, by SciPy when it was imported.
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    try:
        with config_context(array_api_dispatch=True):
            yield
    except ImportError as error:
        pytest.skip(str(error))


def strict(X):
    """An array that NumPy cannot read, as those on a GPU are."""
    library = pytest.importorskip("array_api_strict")
    return library.asarray(X, device=library.Device("device1"))


KINDS = [
    pytest.param(torch.from_numpy, id="torch"),
    pytest.param(strict, id="another device"),
    pytest.param(lambda X: torch.from_numpy(X).cuda(), id="CUDA", marks=NEEDS_GPU),
]
VERBS = {
    "transform": lambda model, X: model.transform(X),
    "fit_transform": lambda model, X: clone(model).fit_transform(X),
    "inverse_transform": lambda model, X: model.inverse_transform(X[:, :2]),
    "reconstruct_by_pca": lambda model, X: model.reconstruct_by_pca(X),
    "reconstruct": lambda model, X: model.reconstruct(X),
    "component_effects": lambda model, X: model.component_effects(X),
    "score_samples": lambda model, X: model.score_samples(X),
    "impute": lambda model, X: model.impute(X),
    "partial_fit": lambda model, X: clone(model).partial_fit(X).mean_,
    "warm fit": lambda model, X: (
        clone(model).set_params(warm_start=True).fit(X).fit(X).transform(X)
    ),
}
AE_VERBS = {
    "denoise": lambda model, X: model.denoise(X),
    "ordered": lambda model, X: (
        clone(model).set_params(ordered=True).fit(X).explained_variance_ratio_
    ),
    "truncate": lambda model, X: (
        clone(model).set_params(ordered=True).fit(X).truncate(1).explained_variance_
    ),
}
VAE_VERBS = {
    "posterior": lambda model, X: model.posterior(X)[1],
    "sample_posterior": lambda model, X: model.sample_posterior(X, 3, random_state=0),
    "imputations": lambda model, X: model.impute(X, n_draws=2, random_state=0),
    "kl_per_component_": lambda model, X: model.kl_per_component_,
    "active_units_": lambda model, X: model.active_units_,
}


def verbs_of(model):
    own = AE_VERBS if isinstance(model, AutoencoderTransformer) else VAE_VERBS
    return VERBS | own


def as_float32(X):
    return X.astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tensors_are_read_as_numpy_by_every_method(make, curved, dtype):
    X = curved.astype(dtype)
    of_arrays, of_tensors = make().fit(X), make().fit(torch.from_numpy(X))
    assert of_arrays.score(X) == of_tensors.score(torch.from_numpy(X))
    for name, verb in verbs_of(of_arrays).items():
        expected, found = verb(of_arrays, X), verb(of_tensors, torch.from_numpy(X))
        assert type(found) is np.ndarray, name
        assert found.dtype == expected.dtype, name
        np.testing.assert_array_equal(found, expected, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_come_back_as_they_came(make, curved, dispatching, kind, dtype):
    X = curved.astype(dtype)
    given = kind(X)
    of_arrays, of_others = make().fit(X), make().fit(given)
    assert of_others.score(given) == of_arrays.score(X)
    for name, verb in verbs_of(of_arrays).items():
        expected, found = verb(of_arrays, X), verb(of_others, given)
        assert type(found) is type(given), name
        assert found.device == given.device, name
        read = as_numpy(found)
        assert read.dtype == expected.dtype, name
        np.testing.assert_array_equal(read, expected, err_msg=name)
    assert type(of_others.mean_) is type(given)
    np.testing.assert_array_equal(as_numpy(given), X)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_come_from_nowhere_are_numpy_s(make, curved, dispatching, kind):
    model = make().fit(kind(curved))
    expected = make().fit(curved).sample(3, random_state=0)
    np.testing.assert_array_equal(model.sample(3, random_state=0), expected)


@pytest.mark.parametrize("method", ["transform", "score_samples", "inverse_transform"])
def test_another_kind_than_in_fit_is_refused(make, curved, dispatching, method):
    X = as_float32(curved)
    model = make().fit(torch.from_numpy(X))
    name = type(model).__name__
    with pytest.raises(
        ValueError, match=rf"given to {name}.*must use the same namespace.*torch on cpu"
    ):
        getattr(model, method)(X)
    with pytest.raises(ValueError, match="must use the same namespace"):
        getattr(make().fit(X), method)(torch.from_numpy(X))
    X = X[:, :2] if method == "inverse_transform" else X
    with config_context(array_api_dispatch=False):
        assert type(getattr(model, method)(X)) is np.ndarray


def test_each_fit_has_a_kind_of_its_own(make, curved, dispatching):
    model = make().fit(torch.from_numpy(curved))
    with pytest.raises(ValueError, match="infinity"):
        model.fit(np.full((9, 6), np.inf))
    assert type(model.mean_) is torch.Tensor
    assert type(model.fit(curved).mean_) is np.ndarray
    assert type(model.transform(curved)) is np.ndarray


def test_pickles_have_arrays_of_numpy_alone(make, curved, dispatching):
    model = make().fit(torch.from_numpy(curved))
    again = pickle.loads(pickle.dumps(model))
    assert not any(isinstance(value, torch.Tensor) for value in vars(again).values())
    assert type(again.mean_) is torch.Tensor
    assert torch.equal(
        again.transform(torch.from_numpy(curved)),
        model.transform(torch.from_numpy(curved)),
    )


def test_a_pipeline_passes_tensors_on(make, curved, dispatching):
    X = torch.from_numpy(curved)
    model = make_pipeline(StandardScaler(), make()).fit(X)
    codes = model.transform(X)
    assert type(codes) is type(model.inverse_transform(codes)) is torch.Tensor
    expected = make_pipeline(StandardScaler(), make()).fit(curved).transform(curved)
    np.testing.assert_allclose(codes, expected, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_where_they_are_asked_for(make, curved, dispatching, kind, library):
    X = kind(curved)
    model = make().set_output(transform=library).fit(X)
    codes = model.transform(X)
    assert type(codes).__module__.startswith(library)
    assert list(codes.columns) == list(model.get_feature_names_out())
    assert type(model.reconstruct(X)) is type(X)


def test_trainings_from_a_memory_take_the_kind_of_the_rows(
    make_ae, curved, dispatching, tmp_path
):
    params = {"ordered": 3, "memory": tmp_path}
    first = make_ae(n_components=2, **params).fit(curved)
    second = make_ae(n_components=1, **params).fit(torch.from_numpy(curved))
    third = make_ae(n_components=2, **params).fit(curved)
    assert type(second.mean_) is torch.Tensor
    assert type(first.mean_) is type(third.mean_) is np.ndarray


@pytest.mark.parametrize("kind", KINDS)
def test_an_estimator_moves_to_another_library(make, curved, dispatching, kind):
    model, X = make().fit(curved), kind(curved)
    moved = model.__sklearn_array_api_convert__(lambda array: as_given(array, X))
    assert type(moved.mean_) is type(X)
    assert type(model.mean_) is np.ndarray
    np.testing.assert_array_equal(as_numpy(moved.transform(X)), model.transform(curved))


def test_what_only_looks_at_rows_reads_any(make, curved, dispatching):
    plt = pytest.importorskip("matplotlib.pyplot")
    X = strict(as_float32(curved))
    model, reference = make().fit(X), make().fit(as_float32(curved))
    assert (
        str(summary(model, X)).split("Training")[0]
        == (str(summary(reference, as_float32(curved))).split("Training")[0])
    )
    LatentSpaceDisplay.from_estimator(model, X)
    ReconstructionDisplay.from_estimator(model, X=X)
    plt.close("all")


def test_in_numpy_reads_all_arguments(dispatching):
    X = torch.ones(2)

    @in_numpy
    def kinds(*args, **kwargs):
        return [type(value) for value in (*args, *kwargs.values())]

    expected = [np.ndarray, int, np.ndarray, type(None)]
    assert kinds(X, 3, y=X, ax=None) == expected


# ---- scikit-learn's checks

CHECKED = [
    ("numpy", None, "float64"),
    ("array_api_strict", "CPU_DEVICE", "float64"),
    ("array_api_strict", "device1", "float32"),
    ("torch", "cpu", "float64"),
    ("torch", "cpu", "float32"),
]


@pytest.mark.filterwarnings("ignore:Training left only 0")
@pytest.mark.parametrize("given", CHECKED, ids=str)
def test_values_are_numpy_s_for_scikit_learn(make, dispatching, given):
    library, device, dtype = given
    pytest.importorskip(library)
    model = make()
    assert model.__sklearn_tags__().array_api_support
    estimator_checks.check_array_api_input_and_values(
        type(model).__name__,
        model,
        array_namespace=library,
        device_name=device,
        dtype_name=dtype,
    )


# ---- what is read, and what is not


@pytest.mark.parametrize("check", ["rows", "codes"])
def test_a_float32_tensor_is_not_copied(curved, check):
    X = torch.from_numpy(as_float32(curved))
    if check == "rows":
        read = check_rows(BaseEstimator(), X, reset=True)
    else:
        read = check_codes(BaseEstimator(), X, [6])
    assert np.shares_memory(read, X.numpy())


READABLE = {
    "bfloat16": lambda X: X.to(torch.bfloat16),
    "float16": lambda X: X.half(),
    "int8": lambda X: X.to(torch.int8),
    "bool": lambda X: X > 4,
    "transposed": lambda X: X.T.contiguous().T,
    "every other": lambda X: X.repeat_interleave(2, dim=1)[:, ::2],
    "negative view": lambda X: torch.complex(X, -X).conj().imag,
    "detached": lambda X: X.clone().requires_grad_().detach(),
    "inference": lambda X: X,
    "parameter without grad": lambda X: torch.nn.Parameter(X, requires_grad=False),
}


@pytest.mark.parametrize("name", READABLE)
def test_tensors_of_other_kinds(rng, name):
    numbers = torch.from_numpy(rng.randint(0, 9, size=(20, 3)).astype(np.float32))
    with torch.inference_mode(name == "inference"):
        X = READABLE[name](numbers.clone())
    read = check_rows(BaseEstimator(), X, reset=True)
    expected = numbers > 4 if name == "bool" else numbers
    np.testing.assert_array_equal(read, expected.numpy().astype(np.float32))
    assert read.dtype == np.float32


UNREADABLE = {
    "grad": (lambda X: X.clone().requires_grad_(), "X .*requires grad.*X.detach()"),
    "sparse": (lambda X: X.to_sparse(), r"Sparse data .*'.to_dense\(\)'"),
    "sparse rows": (lambda X: X.to_sparse_csr(), r"Sparse data .*'.to_dense\(\)'"),
    "complex": (lambda X: torch.complex(X, X), "Complex data not supported"),
    "images": (lambda X: X.reshape(20, 3, 1, 2), "X has 4 dimensions"),
    "one row": (lambda X: X[0], "Expected 2D array, got 1D array"),
    "infinite": (lambda X: X.abs() / 0, "Input X contains infinity"),
}


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("dispatch", [False, True])
def test_tensors_that_are_no_rows(make, request, curved, name, dispatch):
    if dispatch:
        request.getfixturevalue("dispatching")
    X = torch.from_numpy(curved[:20])
    model = make().fit(X)
    change, message = UNREADABLE[name]
    for method in ("fit", "partial_fit", "transform", "score"):
        with pytest.raises((ValueError, TypeError), match=message):
            getattr(model, method)(change(X))


def test_what_has_dlpack_alone_is_read_as_numpy_does(curved):
    class Foreign:
        def __dlpack__(self, **params):
            return curved.__dlpack__(**params)

        def __dlpack_device__(self):
            return curved.__dlpack_device__()

    read = check_rows(BaseEstimator(), Foreign(), reset=True)
    np.testing.assert_array_equal(read, curved)
    assert np.shares_memory(read, curved)


AS_EVER = {
    "lists": lambda X: X.tolist(),
    "objects": lambda X: np.where(X > 2, None, X.astype(object)),
    "bool": lambda X: X > 0,
    "float16": lambda X: X.astype(np.float16),
    "longdouble": lambda X: X.astype(np.longdouble),
    "digits": lambda X: X.round(2).astype(str),
    "nullable": lambda X: pd.DataFrame(X).astype("Float64").mask(X > 2),
    "polars": lambda X: pl.DataFrame(X),
}


@pytest.mark.parametrize("name", AS_EVER)
def test_what_numpy_reads_is_read_as_ever_under_dispatch(
    make, curved, dispatching, name
):
    X = AS_EVER[name](curved)
    model = make().fit(X)
    assert type(model.mean_) is type(model.transform(X)) is np.ndarray
    with config_context(array_api_dispatch=False):
        expected = make().fit(X).transform(X)
    np.testing.assert_array_equal(model.transform(X), expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_tensor_on_the_gpu_is_read_without_dispatch(make, curved):
    X = torch.from_numpy(curved)
    model = make().fit(X.cuda())
    for method in ("transform", "reconstruct", "score_samples"):
        found = getattr(model, method)(X.cuda())
        np.testing.assert_array_equal(found, getattr(model, method)(curved))


@pytest.mark.parametrize("dispatch", [False, True])
def test_what_else_fit_is_told_may_be_tensors(make, request, curved, dispatch):
    if dispatch:
        request.getfixturevalue("dispatching")
    X, X_val = torch.from_numpy(curved[:150]), torch.from_numpy(curved[150:])
    groups = torch.arange(150) // 5
    y = torch.arange(150) % 2
    split = StratifiedShuffleSplit(1, random_state=0)
    pairs = [
        ({"X_val": X_val}, {}),
        ({"groups": groups}, {}),
        ({"y": y}, {"validation_split": split}),
    ]
    for told, params in pairs:
        read = {name: value.numpy() for name, value in told.items()}
        given = make(**params).fit(X, **told)
        expected = make(**params).fit(X.numpy(), **read)
        np.testing.assert_array_equal(given.transform(X), expected.transform(X.numpy()))
    with pytest.raises(ValueError, match=r"groups is a torch tensor.*groups.detach"):
        make().fit(X, groups=(groups * 1.0).requires_grad_())


def test_float64_becomes_float32_where_a_device_has_no_more(dispatching, monkeypatch):
    """As Apple's GPUs."""
    kind = kind_of(torch.ones(1))
    monkeypatch.setattr(_arrays, "longest_float", lambda xp, device: xp.float32)
    assert kind.of(np.ones(2)).dtype == torch.float32
    assert kind.of(np.ones(2, dtype=bool)).dtype == torch.bool


def test_memory_that_must_not_be_written_to_is_copied(dispatching):
    array = np.ones(2)
    array.setflags(write=False)
    tensor = as_given(array, torch.ones(1))
    tensor += 1
    np.testing.assert_array_equal(array, 1)
