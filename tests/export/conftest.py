"""The extra, without which these tests are skipped, and onnxruntime's answers."""

import pytest


@pytest.fixture(scope="session")
def answer():
    """Return what onnxruntime makes of rows by a model."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")

    def run(model, rows):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        (given,) = session.get_inputs()
        return session.run(None, {given.name: rows})

    return run
