import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from torch import nn

import sklearn_ae
from sklearn_ae import AutoencoderTransformer, likelihoods
from sklearn_ae.export import to_onnx
from sklearn_ae.networks import Conv, Custom

METHODS = {
    "encoder": "transform",
    "decoder": "inverse_transform",
    "reconstruct": "reconstruct",
    "score": "score_samples",
}


def assert_same(found, expected):
    """To 1e-5 of the largest value, in the same dtype and shape."""
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert abs(found - expected).max() <= 1e-5 * abs(expected).max()


def assert_parts_agree(model, rows, answer, parts=("encoder", "decoder")):
    """Parts give what methods do, for all rows and for one."""
    for part in parts:
        given = model.transform(rows) if part == "decoder" else rows
        exported = to_onnx(model, part)
        for some in (given, given[:1]):
            (found,) = answer(exported, some)
            assert_same(found, getattr(model, METHODS[part])(some))


def far_and_near(X, n_rows, rng):
    """Rows like X's, of which some are far beyond them."""
    rows = X[rng.randint(len(X), size=n_rows)]
    factor = np.where(rng.uniform(size=(n_rows, 1)) < 0.1, 50, 1.1)
    return ((rows - X.mean(0)) * factor + X.mean(0)).astype(X.dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_parts_agree_on_ten_thousand_rows(make_ae, curved, rng, answer, dtype):
    X = curved.astype(dtype)
    model = make_ae(guard=False, max_epochs=20).fit(X)
    rows = far_and_near(X, 10_000, rng)
    linear = make_ae(max_epochs=1).fit(X)
    assert abs(model.transform(X) - linear.transform(X)).max() > 1e-3
    assert_parts_agree(model, rows, answer, METHODS)


@pytest.mark.slow
def test_vae_agrees_on_ten_thousand_rows(make_vae, curved, rng, answer):
    model = make_vae(guard=False, max_epochs=20).fit(curved)
    rows = far_and_near(curved, 10_000, rng)
    assert_parts_agree(model, rows, answer, ["encoder", "decoder", "reconstruct"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        {"whiten": True},
        {"ordered": True},
        {"ordered": True, "init": "random"},
        {"init": "random"},
        {"output_range": (-1.0, 1.0)},
        {"output_range": None},
        {"loss": "huber"},
        {"loss": "absolute_error"},
        {"n_components": 5},
        {"n_components": 0.9},
    ],
    ids=str,
)
def test_parameters_of_an_autoencoder(make_ae, curved, rng, answer, params):
    model = make_ae(**{"guard": False, **params}).fit(curved)
    rows = far_and_near(curved, 300, rng)
    assert_parts_agree(model, rows, answer, ["reconstruct"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "rows"),
    [
        ("log_loss", lambda rng: rng.uniform(size=(200, 6))),
        ("poisson", lambda rng: rng.poisson(3.0, size=(200, 6)).astype(np.float64)),
    ],
    ids=["log_loss", "poisson"],
)
def test_losses_in_other_units(make_ae, rng, answer, loss, rows):
    X = rows(rng)
    model = make_ae(loss=loss, guard=False).fit(X)
    assert_parts_agree(model, X, answer, ["reconstruct", "score"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("likelihood", "rows"),
    [
        ("bernoulli", lambda rng: rng.randint(2, size=(200, 6)).astype(np.float64)),
        ("negative_binomial", lambda rng: rng.poisson(3.0, (200, 6)).astype(float)),
        (
            likelihoods.Categorical(sizes=[3, 3]),
            lambda rng: np.eye(3)[rng.randint(3, size=(200, 2))].reshape(200, 6),
        ),
        ("student_t", lambda rng: rng.standard_t(3, size=(200, 6))),
    ],
    ids=["bernoulli", "negative_binomial", "categorical", "student_t"],
)
def test_likelihoods(make_vae, rng, answer, likelihood, rows):
    X = rows(rng)
    model = make_vae(likelihood=likelihood, guard=False).fit(X)
    assert_parts_agree(model, X, answer, ["reconstruct"])


def test_kept_pca_is_pca(rng, answer):
    X = rng.normal(size=(100, 4)) * [4, 3, 2, 1]
    model = AutoencoderTransformer(2, random_state=0, device="cpu").fit(X)
    assert model.n_iter_ == 0
    (found,) = answer(to_onnx(model), X)
    expected = PCA(2).fit_transform(X)
    assert abs(found - expected).max() < 1e-5 * abs(expected).max()


@pytest.mark.slow
def test_convolutions(make_ae, rng, answer):
    X = rng.normal(size=(60, 49)).astype(np.float32)
    network = Conv((1, 7, 7), n_channels=8, n_hidden=8)
    model = make_ae(network=network, guard=False).fit(X)
    assert_parts_agree(model, X, answer, ["encoder", "decoder"])


class Wave(nn.Module):
    def __init__(self, n_out):
        super().__init__()
        self.norm = nn.LazyBatchNorm1d()
        self.line = nn.LazyLinear(n_out)

    def forward(self, x):
        return self.line(torch.sin(self.norm(x)))


class Counting(Wave):
    """Asks a tensor for its len(), as networks often do."""

    def forward(self, x):
        return super().forward(x.reshape(len(x), -1))


class Looking(Wave):
    """Decides by the values that it gets."""

    def forward(self, x):
        return super().forward(x) if x.sum() > 1e9 else super().forward(2 * x)


class Unknown(Wave):
    """Computes what ONNX has no operator for."""

    def forward(self, x):
        return super().forward(torch.special.bessel_j0(x))


def custom(kind, n_in, n_out):
    network = kind(n_out)
    network(torch.zeros(2, n_in))
    return network


@pytest.mark.parametrize("kind", [Wave, Counting])
def test_networks_of_one_s_own(make_ae, curved, rng, answer, kind):
    network = Custom(custom(kind, 6, 2), custom(kind, 2, 6))
    model = make_ae(network=network, guard=False).fit(curved)
    assert_parts_agree(model, far_and_near(curved, 300, rng), answer, ["reconstruct"])


@pytest.mark.usefixtures("answer")
@pytest.mark.parametrize("kind", [Looking, Unknown])
def test_a_network_without_a_graph_is_refused(make_ae, curved, kind):
    network = Custom(custom(kind, 6, 2), custom(Wave, 2, 6))
    model = make_ae(network=network, guard=False).fit(curved)
    with pytest.raises(ValueError, match="network of AutoencoderTransformer cannot be"):
        to_onnx(model)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_timestamps_are_centred_in_the_dtype_of_fit(make_ae, curved, answer, dtype):
    start = 1_790_000_000.0
    X = (curved + start).astype(np.float64)
    if dtype == np.float32:
        # With float32 the digits are gone before fit sees them.
        X = (1000 * curved + start).astype(np.float32)
    model = make_ae(guard=False).fit(X)
    (found,) = answer(to_onnx(model), X)
    assert_same(found, model.transform(X))
    (back,) = answer(to_onnx(model, "reconstruct"), X)
    assert back.dtype == dtype
    expected = model.reconstruct(X)
    # Of what varies, not of the offset.
    spread = X.astype(np.float64).std()
    rounding = np.spacing(dtype(start))
    assert abs(back - expected).max() <= max(1e-5 * spread, rounding)


def test_a_row_with_a_gap_gets_nan_and_the_others_what_is_theirs(
    make_ae, curved, answer
):
    rows = curved[:5].copy()
    rows[2, 3] = np.nan
    complete = [0, 1, 3, 4]
    for init in ("pca", "random"):
        model = make_ae(guard=False, init=init).fit(curved)
        for part in ("encoder", "reconstruct", "score"):
            (found,) = answer(to_onnx(model, part), rows)
            assert np.isnan(found[2]).all()
            assert_same(found[complete], getattr(model, METHODS[part])(rows[complete]))


def test_a_model_of_rows_with_gaps_agrees_on_complete_ones(make, curved, answer, rng):
    X = np.where(rng.uniform(size=curved.shape) < 0.1, np.nan, curved)
    model = make(guard=False).fit(X)
    assert_parts_agree(model, curved, answer, ["reconstruct"])


def test_scores_beyond_float32_are_minus_infinity(make_ae, curved, answer):
    model = make_ae().fit(curved)
    rows = np.vstack([curved[:2], np.full(6, 1e30), np.full(6, 1e300)])
    (found,) = answer(to_onnx(model, "score"), rows)
    assert np.isneginf(found[2:]).all()
    assert_same(found[:2], model.score_samples(curved[:2]))


@pytest.mark.usefixtures("answer")
def test_names_and_the_free_number_of_rows(make_ae, curved):
    model = make_ae().fit(curved)
    names = {
        "encoder": ("X", "codes"),
        "decoder": ("codes", "X_original"),
        "reconstruct": ("X", "X_reconstructed"),
        "score": ("X", "scores"),
    }
    for part, (given, found) in names.items():
        graph = to_onnx(model, part).graph
        assert [each.name for each in graph.input] == [given]
        assert [each.name for each in graph.output] == [found]
        for each in (*graph.input, *graph.output):
            assert not each.type.tensor_type.shape.dim[0].HasField("dim_value")


@pytest.mark.usefixtures("answer")
def test_a_model_tells_nothing_of_the_machine_that_exported_it(make_ae, curved):
    model = to_onnx(make_ae(guard=False).fit(curved), "reconstruct")
    content = model.SerializeToString()
    for path in (sklearn_ae.__file__, torch.__file__):
        assert str(Path(path).parent).encode() not in content
    weights = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    assert len(content) < weights + 20_000


@pytest.mark.usefixtures("answer")
def test_the_estimator_and_torch_stay_as_they_are(make_ae, curved, capfd):
    model = make_ae(guard=False).fit(curved)
    before = model.transform(curved)
    training = [part.training for part in model.net_.module_.modules()]
    gradients = [each.requires_grad for each in model.net_.module_.parameters()]
    state = torch.get_rng_state()
    with torch.inference_mode():
        to_onnx(model)
    assert (model.transform(curved) == before).all()
    assert [part.training for part in model.net_.module_.modules()] == training
    assert gradients == [p.requires_grad for p in model.net_.module_.parameters()]
    assert (torch.get_rng_state() == state).all()
    assert capfd.readouterr() == ("", "")


def test_what_is_no_fitted_autoencoder_is_refused(make_ae, curved):
    with pytest.raises(NotFittedError):
        to_onnx(make_ae())
    with pytest.raises(TypeError, match="register_converters"):
        to_onnx(PCA(2).fit(curved))


def test_a_part_that_there_is_not_is_refused(make_ae, curved):
    with pytest.raises(ValueError, match=r"'part' parameter of to_onnx.*'codes'"):
        to_onnx(make_ae().fit(curved), "codes")


@pytest.mark.usefixtures("answer")
def test_scores_by_draws_are_refused(make_vae, curved):
    with pytest.raises(ValueError, match="scores of VAETransformer come from random"):
        to_onnx(make_vae().fit(curved), "score")


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_without_the_extra_it_is_named(make_ae, curved, monkeypatch, package):
    if package == "onnxscript":
        pytest.importorskip("onnx")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"{package}; .*'sklearn-ae\[onnx\]'"):
        to_onnx(make_ae().fit(curved))


@pytest.mark.slow
def test_importing_loads_nothing_of_the_extra():
    code = (
        "import sys, sklearn_ae.export; "
        "print({'onnx', 'skl2onnx', 'onnxscript', 'onnxruntime'} & set(sys.modules))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert output.stdout == "set()\n"
