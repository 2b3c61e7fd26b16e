"""The deep autoencoder of Hinton & Salakhutdinov (2006) on MNIST.

784-1000-500-250-30 and back on the 60 000 training digits; the measure is theirs, the
squared error of an image summed over its pixels in [0, 1], averaged over the 10 000
test digits. They report 3.00, and 13.87 for PCA with 30 components.

    python docs/benchmarks/hinton.py [--data FOLDER] [--epochs 34]
"""

import argparse
import platform
import time

import datasets
import sklearn
import skorch
import torch
from sklearn.decomposition import PCA

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.networks import MLP


def error_per_image(model, X):
    return ((X - model.inverse_transform(model.transform(X))) ** 2).sum(axis=1).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with mnist.npz")
    parser.add_argument("--epochs", type=int, default=34)
    parser.add_argument("--weight-decay", type=float, default=0.3)
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--verbose", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)

    digits = datasets.load_images("mnist", args.data)
    train = digits["X_train"].astype("float32") / 255
    test = digits["X_test"].astype("float32") / 255
    print(f"PCA: {error_per_image(PCA(30, random_state=0).fit(train), test):.2f}")
    model = AutoencoderTransformer(
        30,
        network=MLP(hidden_layer_sizes=(1000, 500, 250)),
        weight_decay=args.weight_decay,
        learning_rate=args.learning_rate,
        max_epochs=args.epochs,
        random_state=0,
        verbose=args.verbose,
    )
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(train)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"AutoencoderTransformer, {model.n_iter_} epochs: "
        f"{error_per_image(model, test):.3f} in {wall:.0f} s, {cpu:.0f} s of one core. "
        f"Python {platform.python_version()}, torch {torch.__version__}, skorch "
        f"{skorch.__version__}, scikit-learn {sklearn.__version__}."
    )


if __name__ == "__main__":
    main()
