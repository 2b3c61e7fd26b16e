"""Ship a fitted pipeline: as a pickle, and as an ONNX model that needs no Python.

Trains scaler, autoencoder and classifier on scikit-learn's digits, writes them both
ways, compares what the files answer, and times one row. Nothing is downloaded; it takes
less than a minute. The ONNX model needs the extra: pip install "sklearn-ae[onnx]".

    python examples/ship_a_model.py --folder shipped
"""

import argparse
import pickle
import tempfile
import timeit
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.export import register_converters, to_onnx

SIZE = 10
# Calls of one row that a time is the median of.
CALLS = 1000


def train(step, X, y):
    """Fit scaler, step and classifier."""
    classifier = LogisticRegression(max_iter=1000)
    return make_pipeline(StandardScaler(), step, classifier).fit(X, y)


def write(path, content):
    """Write a file and say how large it is."""
    path.write_bytes(content)
    print(f"  {path.name:<16} {len(content) / 1024:7.1f} KiB")


def session_of(path):
    """Return a session of onnxruntime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )


def answer(session, X):
    """Return the last output of a session: codes, or the shares of classes."""
    return session.run(None, {session.get_inputs()[0].name: X})[-1]


def compare(what, found, expected):
    """Print the largest difference over the largest value."""
    difference = abs(found - expected).max() / abs(expected).max()
    print(f"  {what:<28} differ by {difference:.1e} of the largest")


def time_one_row(what, function, row):
    """Print the median time of a call, in microseconds."""
    times = timeit.repeat(lambda: function(row), number=1, repeat=CALLS)
    print(f"  {what:<28} {1e6 * np.median(times):7.0f} us")


def main(folder):
    """Train, write, compare and time."""
    X, y = load_digits(return_X_y=True)
    X, X_new, y, y_new = train_test_split(X, y, random_state=0)

    print("Train")
    pipe = train(AutoencoderTransformer(SIZE, random_state=0), X, y)
    with_pca = train(PCA(SIZE), X, y)
    print(f"  accuracy with an autoencoder {pipe.score(X_new, y_new):.3f}")
    print(f"  accuracy with PCA            {with_pca.score(X_new, y_new):.3f}")

    print("Write")
    write(folder / "pipeline.pkl", pickle.dumps(pipe))
    write(folder / "pca.pkl", pickle.dumps(with_pca))
    ae = pipe[1]
    try:
        write(folder / "encoder.onnx", to_onnx(ae).SerializeToString())
        register_converters()
    except ImportError as error:
        print(f"  no ONNX: {error}")
        return
    import skl2onnx

    model = skl2onnx.to_onnx(pipe, X[:1], options={"zipmap": False})
    write(folder / "pipeline.onnx", model.SerializeToString())

    print(f"Compare {len(X_new)} new rows")
    loaded = pickle.loads((folder / "pipeline.pkl").read_bytes())
    encoder = session_of(folder / "encoder.onnx")
    whole = session_of(folder / "pipeline.onnx")
    rows = pipe[0].transform(X_new)
    shares = pipe.predict_proba(X_new)
    compare("probabilities of the pickle", loaded.predict_proba(X_new), shares)
    compare("probabilities of ONNX", answer(whole, X_new), shares)
    compare("codes of ONNX", answer(encoder, rows), ae.transform(rows))

    print("Time one row, on one thread")
    row = rows[:1]
    time_one_row("codes, transform", ae.transform, row)
    time_one_row("codes, onnxruntime", lambda x: answer(encoder, x), row)
    time_one_row("codes, PCA.transform", with_pca[1].transform, row)
    row = X_new[:1]
    time_one_row("probabilities, scikit-learn", pipe.predict_proba, row)
    time_one_row("probabilities, onnxruntime", lambda x: answer(whole, x), row)
    time_one_row("probabilities, with PCA", with_pca.predict_proba, row)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--folder", type=Path, help="where the files go; kept")
    given = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as temporary, threadpool_limits(1):
        place = given or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        main(place)
