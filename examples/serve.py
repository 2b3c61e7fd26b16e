"""Serve a fitted pipeline from plain threads, and ask it from eight at once.

No web framework is needed: ``transform`` may be called from as many threads as you
like. Starts a server on a free port, checks every answer, prints the latency of one row
beside PCA's, and ends.
"""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import perf_counter
from urllib.request import Request, urlopen

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer

# Threads of a server share the cores already; one row has no work for several.
torch.set_num_threads(1)

X = load_digits().data
fitted = {
    "autoencoder": make_pipeline(
        StandardScaler(), AutoencoderTransformer(8, max_epochs=20, random_state=0)
    ).fit(X),
    "pca": make_pipeline(StandardScaler(), PCA(8, random_state=0)).fit(X),
}
# As from the files of your own training; load pickles of nobody else's.
models = {name: pickle.loads(pickle.dumps(model)) for name, model in fitted.items()}


class Handler(BaseHTTPRequestHandler):
    """Answers rows, posted as JSON to /name, with their codes."""

    def do_POST(self):
        """Transform the rows, or say what is wrong with them."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            rows = np.asarray(json.loads(body), dtype=np.float64)
            codes = models[self.path.strip("/")].transform(rows)
            status, answer = 200, codes.tolist()
        except KeyError:
            status, answer = 404, f"no model at {self.path}"
        except (TypeError, ValueError) as error:
            status, answer = 400, str(error)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        """Write nothing."""


def ask(port, name, rows):
    """Return what the server answers, as an array."""
    request = Request(
        f"http://127.0.0.1:{port}/{name}", data=json.dumps(rows.tolist()).encode()
    )
    with urlopen(request, timeout=30) as answer:
        return np.array(json.load(answer))


def milliseconds(call, n_calls=200):
    """Return the median time of a call."""
    times = []
    for _ in range(n_calls):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return 1000 * float(np.median(times))


def answers_are_right(port, name, n_threads=8):
    """Ask from several threads at once; say whether each got its own rows' codes."""
    blocks = np.array_split(X[:800], 80)
    with ThreadPoolExecutor(n_threads) as threads:
        answers = list(threads.map(lambda rows: ask(port, name, rows), blocks))
    expected = [fitted[name].transform(rows) for rows in blocks]
    return all(map(np.array_equal, answers, expected))


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = Thread(target=server.serve_forever)
    serving.start()
    port, row = server.server_address[1], X[:1]
    try:
        for name, model in models.items():
            assert answers_are_right(port, name), name
            alone = milliseconds(lambda model=model: model.transform(row))
            served = milliseconds(lambda name=name: ask(port, name, row))
            print(f"{name}: one row {alone:.2f} ms, over HTTP {served:.2f} ms")
        print("80 requests from 8 threads a model: every answer right to the bit")
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
