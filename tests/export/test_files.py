"""Files that cannot run code: the same to the bit, or one sentence."""

import copy
import json
import os
import pickle
import warnings
from contextlib import suppress

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import sklearn_ae
from sklearn_ae import AutoencoderTransformer, VAETransformer, summary
from sklearn_ae._export import container, files, known
from sklearn_ae.corruptions import MaskingNoise, PatchMasking
from sklearn_ae.likelihoods import Bernoulli, Mixed, StudentT
from sklearn_ae.losses import Huber
from sklearn_ae.model_selection import LastRows
from sklearn_ae.networks import MLP, Conv, Custom
from sklearn_ae.penalties import KLSparsity
from sklearn_ae.priors import GaussianMixture, VampPrior

AE, VAE = AutoencoderTransformer, VAETransformer
SMALL = {"network": MLP((8,)), "max_epochs": 2, "random_state": 0, "device": "cpu"}


def same(X):
    return X


def counts(X):
    return np.rint(3 * np.abs(X))


def bits(X):
    return (X > 0).astype(float)


def shares(X):
    return 1 / (1 + np.exp(-X))


def one_hot_and_more(X):
    return np.column_stack([X[:, 0] > 0, X[:, 0] <= 0, X[:, 2:]]).astype(float)


def with_gaps(X):
    X = X.copy()
    X[::3, 1] = np.nan
    return X


def wide(X):
    return np.concatenate([X, X**2, X**3] * 15, axis=1)[:150]


def as_sparse(X):
    return sparse.csr_array(np.where(np.abs(X) > 0.7, X, 0.0))


def large_means(X):
    return X + 1e9 / 3


IMAGES = Conv((1, 2, 3), n_stages=1, n_channels=4, group_norm=True)
FULL_MLP = MLP((8, 4), dropout=0.2, layer_norm=True, residual=True, tied=False)
KINDS = [
    (AE, {}, same),
    (AE, {"network": "mlp"}, same),
    (AE, {"network": IMAGES, "init": "random"}, same),
    (AE, {"network": FULL_MLP, "corruption": "gaussian"}, same),
    (AE, {"network": MLP((8,), tied=True, activation="tanh")}, same),
    (AE, {"network": MLP((8,), activation=nn.PReLU), "warm_start": True}, same),
    (AE, {"guard": False, "whiten": True}, same),
    (AE, {"ordered": True, "latent_density": GaussianMixture(3)}, same),
    (AE, {"n_components": 0.9}, same),
    (AE, {"ordered": True, "n_components": "auto"}, same),
    (AE, {"loss": "huber", "penalty": ["contractive", "decorrelation"]}, same),
    (AE, {"loss": Huber(0.5), "penalty": KLSparsity(), "output_range": (-9, 9)}, same),
    (AE, {"loss": "absolute_error", "penalty": "l1"}, same),
    (AE, {"penalty": "neighbours"}, same),
    (AE, {"loss": "log_loss"}, shares),
    (AE, {"loss": "poisson"}, counts),
    (AE, {"corruption": ["masking", "salt_and_pepper", "swap"]}, same),
    (AE, {"corruption": MaskingNoise(0.1), "verbose": 1}, same),
    (AE, {"network": IMAGES, "corruption": PatchMasking((1, 2, 3), 2)}, same),
    (AE, {"validation_split": LastRows(), "net_params": {"steps": "recorded"}}, same),
    (AE, {"random_state": np.random.RandomState(3)}, bits),
    (AE, {}, with_gaps),
    (AE, {"n_components": 3}, wide),
    (AE, {}, as_sparse),
    (AE, {}, large_means),
    (VAE, {}, same),
    (VAE, {"prior": "normal", "guard": False, "kl_warmup": 0.5}, same),
    (VAE, {"prior": VampPrior(5), "penalty": "contractive"}, same),
    (VAE, {"network": IMAGES, "corruption": "gaussian"}, same),
    (VAE, {"likelihood": "laplace", "n_importance_samples": 2}, same),
    (VAE, {"likelihood": StudentT(4.0), "free_bits": 0.1}, same),
    (VAE, {"likelihood": Bernoulli(resample=True)}, bits),
    (VAE, {"likelihood": "poisson", "warm_start": True}, counts),
    (VAE, {"likelihood": "negative_binomial"}, counts),
    (VAE, {"likelihood": Mixed([("categorical", [0, 1])])}, one_hot_and_more),
    (VAE, {}, with_gaps),
    (VAE, {"n_components": 3}, wide),
    (VAE, {}, as_sparse),
]
IDS = [f"{kind.__name__[0]}{place}" for place, (kind, _, _) in enumerate(KINDS)]


def fitted(kind, params, data, X):
    X = data(X)
    with warnings.catch_warnings():
        # Two epochs are few.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kind(**{"n_components": 2, **SMALL, **params}).fit(X), X


def results(model, X):
    """Return what all methods give, in an order in which draws count."""
    codes = model.transform(X)
    given = [
        codes,
        model.inverse_transform(codes),
        model.score_samples(X),
        model.sample(5),
        model.sample(5),
        model.component_effects(X),
    ]
    if not sparse.issparse(X):
        gaps = X.copy()
        gaps[1, -1] = np.nan
        given += [model.impute(gaps), np.array(str(summary(model, X)))]
    model.partial_fit(X)
    return [*given, model.transform(X), model.fit(X).transform(X)]


def assert_same(given, expected):
    for one, other in zip(given, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize(("kind", "params", "data"), KINDS, ids=IDS)
def test_a_loaded_estimator_goes_on_to_the_bit(kind, params, data, curved, path):
    model, X = fitted(kind, params, data, curved)
    sklearn_ae.save(model, path)
    loaded = sklearn_ae.load(path)
    pickled = pickle.loads(pickle.dumps(model))
    # Not the first file itself: torch adds to an optimizer when its state is set.
    sklearn_ae.save(loaded, path)
    content = path.read_bytes()
    sklearn_ae.save(sklearn_ae.load(path), path)
    assert path.read_bytes() == content
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert_same(results(loaded, X), results(pickled, X))


def test_what_is_not_fitted_is_stored_as_well(make, path):
    model = make(penalty="l1", n_components=3)
    sklearn_ae.save(model, str(path))
    loaded = sklearn_ae.load(str(path))
    assert repr(loaded) == repr(model)
    assert not hasattr(loaded, "net_")


def test_training_that_has_gathered_rows_goes_on(make, curved, path):
    model = make(n_components=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for X in (curved, as_sparse(curved)):
            model = make(n_components=2).partial_fit(X[:5])
            sklearn_ae.save(model, path)
            loaded = sklearn_ae.load(path)
            for one in (model, loaded):
                one.partial_fit(X[5:150])
            assert_same([loaded.transform(X)], [model.transform(X)])


def test_moments_of_the_optimizer_are_kept(make, curved, path):
    model = make(n_components=2, guard=False).partial_fit(curved)
    sklearn_ae.save(model, path)
    loaded = sklearn_ae.load(path)
    moments = [m.net_.optimizer_.state_dict()["state"] for m in (model, loaded)]
    assert moments[0]
    for place, state in moments[0].items():
        for name, value in state.items():
            assert torch.equal(torch.as_tensor(value), moments[1][place][name])
    parameters = {id(p) for p in loaded.net_.module_.parameters()}
    for group in loaded.net_.optimizer_.param_groups:
        assert {id(p) for p in group["params"]} <= parameters


def test_names_of_columns_are_kept(make, curved, path):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(curved, columns=list("abcdef"))
    model = make(n_components=2).fit(X).set_output(transform="pandas")
    sklearn_ae.save(model, path)
    loaded = sklearn_ae.load(path)
    assert loaded.feature_names_in_.dtype == object
    pandas.testing.assert_frame_equal(loaded.transform(X), model.transform(X))


def test_saving_changes_nothing(make, curved, path):
    model = make(n_components=2).partial_fit(curved)
    twin = copy.deepcopy(model)
    sklearn_ae.save(model, path)
    assert_same(results(model, curved), results(twin, curved))


def test_the_file_is_one_of_safetensors(make, curved, path):
    sklearn_ae.save(make(n_components=2).fit(curved), path)
    library = pytest.importorskip("safetensors.numpy")
    arrays = library.load_file(path)
    labels, table, data = container.split(path.read_bytes())
    expected = container.arrays_of(labels, table, data)
    assert arrays.keys() == expected.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, expected[name])


# ---- what cannot be stored


def layers(n_in, n_out):
    return nn.Linear(n_in, n_out)


def noisy(x, generator):
    return x


class Own(AutoencoderTransformer):
    pass


class Frozen(nn.ReLU):
    pass


@pytest.mark.parametrize("is_fitted", [False, True])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("network", Custom(layers, layers)),
        ("network", MLP((4,), activation=Frozen)),
        ("corruption", noisy),
        ("corruption", ["gaussian", noisy]),
        ("optimizer", torch.optim.SGD),
        ("validation_split", ShuffleSplit(2)),
        ("net_params", {"callbacks__print_log": None, "torch_load_kwargs": eval}),
        ("memory", "here"),
    ],
)
def test_what_is_the_user_s_is_refused_by_name(
    make_ae, curved, path, tmp_path, monkeypatch, name, value, is_fitted
):
    monkeypatch.chdir(tmp_path)
    model = make_ae(n_components=2, **{name: value})
    if is_fitted and name not in ("net_params", "validation_split"):
        model.fit(curved)
    with pytest.raises(ValueError, match=f"AutoencoderTransformer .*{name}") as raised:
        sklearn_ae.save(model, path)
    assert str(raised.value).count(". ") == 0
    assert not path.exists()


def test_callbacks_are_refused_by_name(make, path):
    from skorch.callbacks import EarlyStopping

    with pytest.raises(ValueError, match="'callbacks' has EarlyStopping of skorch"):
        sklearn_ae.save(make(callbacks=[EarlyStopping()]), path)


def test_what_was_fitted_with_the_user_s_is_refused(make, curved, path):
    model = make(n_components=2, optimizer=torch.optim.SGD).fit(curved)
    model.set_params(optimizer="adamw")
    with pytest.raises(ValueError, match="what it was fitted with has SGD of torch"):
        sklearn_ae.save(model, path)


@pytest.mark.parametrize(
    "other",
    [make_pipeline(StandardScaler(), AE()), StandardScaler(), Own(), AE, None],
)
def test_other_estimators_are_refused(other, path):
    with pytest.raises(TypeError, match="save that step"):
        sklearn_ae.save(other, path)


def test_an_older_file_stays_until_the_new_one_is_whole(
    make, path, tmp_path, monkeypatch
):
    sklearn_ae.save(make(n_components=2), path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        sklearn_ae.save(make(n_components=3), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# ---- what is no file of ours


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "model"
    X = np.random.RandomState(0).normal(size=(40, 4))
    model = AE(1, **{**SMALL, "network": MLP((2,))}, guard=False).fit(X)
    sklearn_ae.save(model, path)
    return path.read_bytes()


def outcome(content, path):
    """Return what loading a content gives as a file, or None for a ValueError."""
    path.write_bytes(content)
    try:
        loaded = sklearn_ae.load(path)
    except ValueError as error:
        return None if str(error).startswith(repr(str(path))) else error
    sklearn_ae.save(loaded, path)
    return path.read_bytes()


def test_a_file_that_is_cut_anywhere_is_refused(content, path):
    rng = np.random.RandomState(0)
    for size in [0, 1, 7, 8, 9, *rng.randint(len(content), size=60), len(content) - 1]:
        assert outcome(content[:size], path) is None
    assert outcome(content + b"\0", path) is None


def test_a_changed_byte_is_refused_or_means_nothing(content, path):
    rng = np.random.RandomState(1)
    whole = outcome(content, path)
    for place in [*range(8), *rng.randint(len(content), size=200)]:
        changed = bytearray(content)
        changed[place] ^= 1 << rng.randint(8)
        assert outcome(bytes(changed), path) in (None, whole)


def forged(content, change):
    """Return a file with another graph of objects and a checksum that fits it."""
    labels, table, data = container.split(content)
    arrays = container.arrays_of(labels, table, data)
    graph = json.loads(labels["state"])
    text = change(graph, arrays)
    return (text or json.dumps(graph)), arrays, labels


def write_forged(content, path, change):
    text, arrays, labels = forged(content, change)
    labels = {k: labels[k] for k in ("format", "file_format", "version")}
    container.write(path, text, arrays, **labels)
    return path.read_bytes()


def test_a_graph_with_changed_values_is_refused_or_harmless(content, path):
    """Whatever a file says with a fitting checksum: an estimator, or a sentence."""
    rng = np.random.RandomState(2)
    others = [None, -1, 10**30, "x", [0], [10**9], [], [1.5], {"a": 1}, float("nan")]

    def change(graph, arrays):
        entry = graph["objects"][rng.randint(len(graph["objects"]))]
        entry[rng.randint(len(entry))] = others[rng.randint(len(others))]

    for _ in range(300):
        path.write_bytes(write_forged(content, path, change))
        # Nothing but a ValueError.
        with suppress(ValueError):
            assert isinstance(sklearn_ae.load(path), AE)


NAMES = ["os.system", "posix.system", "builtins.eval", "builtins.exec", "nt.system"]
NAMES += ["subprocess.Popen", "builtins.getattr", "sklearn_ae._export.files.load"]
NAMES += ["sklearn_ae.networks._custom.Custom", "sklearn_ae._rows.stored.StoredRows"]
NAMES += ["sklearn_ae._arrays.Kind", "joblib.memory.Memory", "torch.load", "..", ""]


@pytest.mark.parametrize("name", NAMES)
def test_no_file_names_what_is_not_in_the_table(name, content, path, monkeypatch):
    for entry in (["known", name], ["instance", name, {}, None]):

        def change(graph, arrays, entry=entry):
            graph["objects"].append(entry)
            graph["objects"].append(["partial", [len(graph["objects"]) - 1], "", {}])
            graph["root"] = [len(graph["objects"]) - 1]

        write_forged(content, path, change)
        with pytest.raises(ValueError, match="is damaged or was changed"):
            sklearn_ae.load(path)


def deep_json(graph, arrays):
    return "[" * 100_000


def deep_graph(graph, arrays):
    first = len(graph["objects"])
    nested = [["sequence", "tuple", [[first + i + 1]]] for i in range(10_000)]
    graph["objects"] += nested
    graph["root"] = [first]


def in_itself(graph, arrays):
    graph["objects"].append(["sequence", "tuple", [[len(graph["objects"])]]])
    graph["root"] = [len(graph["objects"]) - 1]


def no_estimator(graph, arrays):
    graph["root"] = 5


def one_array_twice(graph, arrays):
    entries = [e for e in graph["objects"] if e[0] == "tensor"]
    entries[0][1] = entries[1][1]


def stream_beyond_its_end(graph, arrays):
    (entry,) = [e for e in graph["objects"] if e[0] == "stream"]
    entry[2] = 10**6


def a_sparse_matrix_with_wrong_places(graph, arrays):
    arrays["x"] = np.ones(1)
    arrays["y"] = np.array([10**6], np.int32)
    arrays["z"] = np.array([0, 1], np.int32)
    graph["objects"].append(["sparse", [1, 3], "x", "y", "z"])
    graph["root"] = [len(graph["objects"]) - 1]


def a_folder_of_memory(graph, arrays):
    pairs = [e[2] for e in graph["objects"] if e[0] == "mapping"]
    (pair,) = [pair for items in pairs for pair in items if pair[0] == "memory"]
    pair[1] = "/tmp"


def a_device(graph, arrays):
    graph["objects"].append(["device", "meta"])
    graph["root"] = [len(graph["objects"]) - 1]


FORGERIES = [
    (deep_json, "RecursionError"),
    (deep_graph, "nested too deeply"),
    (in_itself, "nested too deeply"),
    (no_estimator, "which is no estimator"),
    (one_array_twice, "KeyError"),
    (stream_beyond_its_end, "a random stream has another size"),
    (a_sparse_matrix_with_wrong_places, "must be <"),
    (a_folder_of_memory, "it names a folder of memory"),
    (a_device, "it names the device 'meta'"),
]


@pytest.mark.parametrize(("change", "reason"), FORGERIES)
def test_forgeries_with_a_fitting_checksum_are_refused(change, reason, content, path):
    write_forged(content, path, change)
    with pytest.raises(ValueError, match=f"is damaged or was changed.*{reason}"):
        sklearn_ae.load(path)


@pytest.mark.parametrize(
    "entry",
    [
        {"shape": [10**15], "data_offsets": [0, 8]},
        {"shape": [10**15], "data_offsets": [0, 8 * 10**15]},
        {"shape": [-1], "data_offsets": [0, -8]},
        {"shape": [True], "data_offsets": [0, 8]},
        {"shape": [1], "data_offsets": [8, 16]},
        {"shape": [1], "data_offsets": [0, 8]},
        {"shape": [3], "data_offsets": [0, 24]},
        {"shape": [1], "data_offsets": [0, 8], "dtype": "O"},
        {"shape": [1], "data_offsets": [0]},
        {},
    ],
)
def test_shapes_and_offsets_are_those_of_the_bytes(entry, path):
    entry = {"dtype": "F64", **entry}
    table, data, text = {"a0": entry}, bytes(16), '{"root": 0, "objects": []}'
    labels = {"format": "sklearn_ae", "file_format": files.FILE_FORMAT, "version": "1"}
    labels |= {"state": text, "sha256": container._digest(text, table, data)}
    header = json.dumps({"__metadata__": labels, **table}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    with pytest.raises(ValueError, match="is damaged or was changed"):
        sklearn_ae.load(path)


@pytest.mark.parametrize("size", [2**63, 2**40])
def test_a_header_larger_than_the_file_is_refused(size, path):
    path.write_bytes(size.to_bytes(8, "little") + b"{}")
    with pytest.raises(ValueError, match=r"is no file of sklearn_ae\.save"):
        sklearn_ae.load(path)


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("code ran",)


def test_pickles_and_other_files_are_refused(path):
    others = [pickle.dumps(Bomb()), b"", b"\0" * 100, b"PK\x03\x04" + b"\0" * 50]
    others += [(2).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]"]
    for content in others:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"is no file of sklearn_ae\.save"):
            sklearn_ae.load(path)
    with pytest.raises(FileNotFoundError):
        sklearn_ae.load(path.with_name("none"))


def test_a_newer_format_is_refused_by_name(make, path, monkeypatch):
    monkeypatch.setattr(files, "FILE_FORMAT", "2.7")
    monkeypatch.setattr(files, "__version__", "9.9")
    sklearn_ae.save(make(), path)
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"sklearn_ae 9\.9 in format 2\.7, and"):
        sklearn_ae.load(path)


def test_the_table_has_neither_the_user_s_code_nor_what_reads_files():
    modules = {name.rpartition(".")[0].split(".")[0] for name in known.BY_NAME}
    assert modules == {"builtins", "sklearn", "skorch", "sklearn_ae", "torch"}
    names = [name for name in known.BY_NAME if name.startswith("builtins.")]
    assert names == ["builtins.print"]
    assert not any("Custom" in name or "Stored" in name for name in known.BY_NAME)
