"""Convolutional network against the default MLP and PCA, at equal time.

For each data set and size of the code, both networks train for as many epochs as fit
into a number of seconds of one processor core. Processor time is counted, not that on
the clock, so that other work on the machine disturbs less. Rows are a random sample of
the training images, pixels are in [0, 1], and all figures are from the 10 000 test
images: the mean squared error over PCA's, and the accuracy of a logistic regression and
of 5 nearest neighbours that are trained on the codes of the same rows, in PCA's units
and whitened.

    python docs/benchmarks/images.py --data FOLDER [--only mnist-32] [--seconds 120]

FOLDER holds mnist.npz and fashion_mnist.npz with X_train, y_train, X_test and y_test;
without it, or where it has no such file, the data are fetched from openml.org.
"""

import argparse
import platform
import time
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.datasets import fetch_openml
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from skorch.callbacks import Callback

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.networks import Conv

OPENML = {"mnist": "mnist_784", "fashion_mnist": "Fashion-MNIST"}
CASES = [(name, k) for name in OPENML for k in (32, 8)]
# Parameters of AutoencoderTransformer for each network; batches of the size that "auto"
# gives for 10 000 rows, since the time of an epoch is measured on fewer.
NETWORKS = {
    "MLP": {"network": "mlp", "batch_size": 256},
    "Conv": {"network": Conv(), "batch_size": 64},
}


def load(name, folder, n_rows):
    """Return training rows and labels, test rows and labels."""
    path = Path(folder or "", f"{name}.npz")
    if path.exists():
        data = np.load(path)
        X, y = data["X_train"], data["y_train"]
        X_test, y_test = data["X_test"], data["y_test"]
    else:
        images, labels = fetch_openml(
            OPENML[name], return_X_y=True, as_frame=False, parser="liac-arff"
        )
        labels = labels.astype(int)
        X, X_test = images[:60_000], images[60_000:]
        y, y_test = labels[:60_000], labels[60_000:]
    chosen = np.random.RandomState(0).permutation(len(X))[:n_rows]

    def pixels(images):
        return (images.reshape(len(images), -1) / 255).astype(np.float32)

    return pixels(X[chosen]), y[chosen], pixels(X_test), y_test


class ProcessorTime(Callback):
    """Remembers the processor time at the end of each epoch."""

    times = []

    def on_train_begin(self, net, **kwargs):
        self.times.clear()

    def on_epoch_end(self, net, **kwargs):
        self.times.append(time.process_time())


def n_epochs(model, X, seconds):
    """Return how many epochs fit into some seconds, from a few on a fourth of the rows.

    The first has work of its own.
    """
    model.set_params(max_epochs=5, callbacks=[ProcessorTime()]).fit(X[::4])
    per_epoch = 4 * np.min(np.diff(ProcessorTime.times))
    return max(3, int(seconds / per_epoch))


def error(model, X):
    return float(np.square(model.inverse_transform(model.transform(X)) - X).mean())


def accuracies(model, X, y, X_test, y_test):
    """Return the two classifiers' accuracies on codes, then those on whitened ones."""
    codes, test_codes = model.transform(X), model.transform(X_test)
    whitening = PCA(whiten=True).fit(codes)
    unit = codes.std()
    return [
        classifier.fit(train, y).score(test, y_test)
        for train, test in (
            (codes / unit, test_codes / unit),
            (whitening.transform(codes), whitening.transform(test_codes)),
        )
        for classifier in (LogisticRegression(max_iter=300), KNeighborsClassifier(5))
    ]


def report(name, model, pca, data, epochs, seconds):
    X_test = data[2]
    ratio = error(model, X_test) / error(pca, X_test)
    cells = [f"{value:.3f}" for value in (ratio, *accuracies(model, *data))]
    print(
        f"| {name} | {epochs} | {seconds:.0f} s | " + " | ".join(cells) + " |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with the .npz files")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--only", choices=[f"{name}-{k}" for name, k in CASES])
    parser.add_argument("--network", choices=NETWORKS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, scikit-learn {sklearn.__version__}\n"
    )
    columns = ["", "epochs", "fit", "error over PCA's", "linear", "5-NN"]
    print("| " + " | ".join([*columns, "linear, white", "5-NN, white"]) + " |")
    print("|---" * 8 + "|", flush=True)
    for name, k in CASES:
        if options.only not in (None, f"{name}-{k}"):
            continue
        data = load(name, options.data, options.rows)
        pca = PCA(k, random_state=0).fit(data[0])
        report(f"{name}, {k}: PCA", pca, pca, data, 0, 0)
        for network, params in NETWORKS.items():
            if options.network not in (None, network):
                continue
            model = AutoencoderTransformer(k, device="cpu", random_state=0, **params)
            epochs = n_epochs(model, data[0], options.seconds)
            model.set_params(max_epochs=epochs, early_stopping=False, callbacks=None)
            start = time.process_time()
            model.fit(data[0])
            seconds = time.process_time() - start
            report(f"{name}, {k}: {network}", model, pca, data, epochs, seconds)


if __name__ == "__main__":
    main()
