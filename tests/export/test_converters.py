import sys

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from sklearn_ae.export import register_converters


@pytest.fixture
def skl2onnx():
    package = pytest.importorskip("skl2onnx")
    register_converters()
    return package


def assert_pipelines_agree(skl2onnx, answer, pipe, X, **options):
    options = {"options": {"zipmap": False}, **options}
    model = skl2onnx.to_onnx(pipe, X[:1], **options)
    for rows in (X, X[:1]):
        labels, shares = answer(model, rows)
        assert (labels == pipe.predict(rows)).all()
        assert abs(shares - pipe.predict_proba(rows)).max() < 1e-5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_pipeline_of_scaler_autoencoder_and_classifier(
    make, curved, skl2onnx, answer, dtype
):
    X, y = curved.astype(dtype), curved[:, 0] > 0
    steps = StandardScaler(), make(guard=False), LogisticRegression()
    pipe = make_pipeline(*steps).fit(X, y.astype(int))
    assert_pipelines_agree(skl2onnx, answer, pipe, X)


def test_several_autoencoders_in_one_graph(make_ae, make_vae, curved, skl2onnx, answer):
    y = (curved[:, 0] > 0).astype(int)
    both = make_union(make_ae(guard=False), make_vae(guard=False), make_ae())
    pipe = make_pipeline(both, LogisticRegression()).fit(curved, y)
    assert_pipelines_agree(skl2onnx, answer, pipe, curved)


def test_some_columns_alone(make_ae, curved, skl2onnx, answer):
    y = (curved[:, 0] > 0).astype(int)
    parts = make_column_transformer(
        (make_ae(guard=False), [0, 2, 4, 5]), (StandardScaler(), [1, 3])
    )
    pipe = make_pipeline(parts, LogisticRegression()).fit(curved, y)
    assert_pipelines_agree(skl2onnx, answer, pipe, curved)


def test_columns_given_one_by_one(make_ae, curved, skl2onnx):
    onnxruntime = pytest.importorskip("onnxruntime")
    types = pytest.importorskip("skl2onnx.common.data_types")
    model = make_ae(guard=False).fit(curved)
    columns = [(f"c{n}", types.DoubleTensorType([None, 1])) for n in range(6)]
    exported = skl2onnx.to_onnx(model, initial_types=columns)
    session = onnxruntime.InferenceSession(
        exported.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    given = {f"c{n}": curved[:, [n]] for n in range(6)}
    (codes,) = session.run(None, given)
    expected = model.transform(curved)
    assert abs(codes - expected).max() < 1e-5 * abs(expected).max()


@pytest.mark.parametrize("opset", [18, 21])
def test_other_versions_of_the_operators(make_ae, curved, skl2onnx, answer, opset):
    y = (curved[:, 0] > 0).astype(int)
    pipe = make_pipeline(make_ae(guard=False), LogisticRegression()).fit(curved, y)
    assert_pipelines_agree(skl2onnx, answer, pipe, curved, target_opset=opset)


def test_a_version_before_torch_s_oldest_is_refused(make_ae, curved, skl2onnx, capfd):
    model = make_ae(guard=False).fit(curved)
    with pytest.raises(ValueError, match=r"target_opset=15 .*; set it to 18"):
        skl2onnx.to_onnx(model, curved[:1], target_opset=15)
    assert capfd.readouterr() == ("", "")


def test_registering_again_changes_nothing(make_ae, curved, skl2onnx):
    model = make_ae().fit(curved)
    before = skl2onnx.to_onnx(model, curved[:1]).graph
    register_converters()
    assert skl2onnx.to_onnx(model, curved[:1]).graph == before


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"skl2onnx; .*'sklearn-ae\[onnx\]'"):
        register_converters()
