"""Do samples look like the data? Both estimators, their priors, and a plain mixture.

    python docs/benchmarks/sampling.py images [--data mnist.npz] [--picture samples.png]
    python docs/benchmarks/sampling.py tables [--tvae]

`images` takes scikit-learn's digits, or MNIST with `--data`, and prints the Frechet
distance of samples to held-out images in the features of a classifier, beside that of
the training images, which is the floor; and the two-sample AUC: how well a random
forest tells samples from held-out images, 0.5 being not at all. `tables` prints the
Kolmogorov-Smirnov distance of each feature's distribution, mean and largest, beside
that of the training rows; with `--tvae` (needs the package ctgan) TVAE stands beside.
All run on one thread.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
import torch
from scipy.stats import ks_2samp
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils import shuffle

from sklearn_ae import AutoencoderTransformer, VAETransformer


class PCAMixture:
    """Samples from a mixture of Gaussians on PCA's codes."""

    def __init__(self, n_components):
        self.n_components = n_components

    def fit(self, X):
        self.pca = PCA(self.n_components, random_state=0).fit(X)
        codes = self.pca.transform(X)
        self.mixture = GaussianMixture(10, random_state=0).fit(codes)
        return self

    def sample(self, n_samples, random_state=None):
        # scikit-learn returns them component by component.
        codes = shuffle(self.mixture.sample(n_samples)[0], random_state=random_state)
        return self.pca.inverse_transform(codes)


class TVAE:
    """The variational autoencoder for tables of the package ctgan, at its defaults."""

    def fit(self, X):
        from ctgan import TVAE as CtganTVAE

        torch.manual_seed(0)
        columns = [f"x{i}" for i in range(X.shape[1])]
        self.model = CtganTVAE(enable_gpu=False)
        self.model.fit(pd.DataFrame(X, columns=columns))
        return self

    def sample(self, n_samples, random_state=None):
        torch.manual_seed(random_state)
        return self.model.sample(n_samples).to_numpy()


def generators(k, seed):
    return {
        "AutoencoderTransformer": AutoencoderTransformer(k, random_state=seed),
        "VAETransformer": VAETransformer(k, random_state=seed),
        'VAETransformer(prior="normal")': VAETransformer(
            k, prior="normal", random_state=seed
        ),
        "PCA and a mixture": PCAMixture(k),
    }


def features(classifier, X):
    """Return what the last hidden layer gives."""
    for weight, bias in zip(
        classifier.coefs_[:-1], classifier.intercepts_[:-1], strict=True
    ):
        X = np.maximum(X @ weight + bias, 0)
    return X


def frechet_distance(a, b):
    """Return the squared Frechet distance of normal distributions fitted to rows."""
    covariances = np.cov(a.T), np.cov(b.T)
    # The trace of the product's root; features that are never on make it singular.
    roots = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).real.clip(0))
    means = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    return means + np.trace(covariances[0] + covariances[1]) - 2 * roots.sum()


def two_sample_auc(a, b):
    X, y = np.concatenate([a, b]), np.r_[np.zeros(len(a)), np.ones(len(b))]
    forest = RandomForestClassifier(100, min_samples_leaf=2, random_state=0)
    return roc_auc_score(
        y, cross_val_predict(forest, X, y, cv=3, method="predict_proba")[:, 1]
    )


def load_images(options):
    if options.data:
        with np.load(options.data) as data:
            X = data["X_train"][: options.rows + 10_000].reshape(-1, 784) / 255.0
            y = data["y_train"][: len(X)].astype(int)
        train, test, y_train, _ = train_test_split(
            X, y, train_size=options.rows, random_state=0
        )
        return train, test, y_train
    X, y = load_digits(return_X_y=True)
    train, test, y_train, _ = train_test_split(X / 16, y, test_size=0.5, random_state=0)
    return train, test, y_train


def images(options):
    train, test, y_train = load_images(options)
    classifier = MLPClassifier((128, 64), max_iter=60, random_state=0)
    classifier.set_params(tol=0, n_iter_no_change=1000, early_stopping=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(train, y_train)
    target = features(classifier, test)
    n_samples = len(test)
    rows = {}

    def report(name, sample, seconds):
        distance = frechet_distance(features(classifier, sample), target)
        m = min(n_samples, 1000)
        auc = two_sample_auc(sample[:m], test[:m])
        print(f"| {name} | {distance:.2f} | {auc:.3f} | {seconds:.1f} |", flush=True)
        rows[name] = sample

    print("| | Frechet distance | two-sample AUC | fit, s |\n|---|---|---|---|")
    report("training images", train[:n_samples], 0.0)
    for name, model in generators(options.components, 0).items():
        start = time.process_time()
        model.fit(train)
        seconds = time.process_time() - start
        report(name, model.sample(n_samples, random_state=1), seconds)
    if options.picture:
        draw(rows, options.picture)


def draw(rows, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    side = int(np.sqrt(next(iter(rows.values())).shape[1]))
    figure, axes = plt.subplots(len(rows), 1, figsize=(8, 1.1 * len(rows)))
    for axis, (name, sample) in zip(axes, rows.items(), strict=True):
        strip = np.concatenate([row.reshape(side, side) for row in sample[:16]], axis=1)
        axis.imshow(strip, cmap="gray_r", vmin=0, vmax=1)
        axis.set_title(name, fontsize=8, loc="left", pad=2)
        axis.set_axis_off()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def distances(a, b):
    """Return the Kolmogorov-Smirnov distance of each feature."""
    return [ks_2samp(*pair).statistic for pair in zip(a.T, b.T, strict=True)]


def tables(options):
    loaders = {
        "breast cancer": load_breast_cancer,
        "wine": load_wine,
        "digits": load_digits,
    }
    print(
        "| data | | mean KS | largest KS | floor, mean | fit, s |\n"
        "|---|---|---|---|---|---|"
    )
    for data, load in loaders.items():
        X = StandardScaler().fit_transform(load().data)
        train, test = train_test_split(X, test_size=0.5, random_state=0)
        floor = np.mean(
            [ks_2samp(a, b).statistic for a, b in zip(train.T, test.T, strict=True)]
        )
        models = generators(5, 0)
        if options.tvae:
            models["TVAE"] = TVAE()
        for name, model in models.items():
            start = time.process_time()
            model.fit(train)
            seconds = time.process_time() - start
            noise = {"observation_noise": True} if name.startswith("VAE") else {}
            sample = model.sample(2000, random_state=1, **noise)
            found = distances(sample, test)
            print(
                f"| {data} | {name} | {np.mean(found):.3f} "
                f"| {np.max(found):.3f} | {floor:.3f} | {seconds:.1f} |",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("images", "tables"))
    parser.add_argument("--data", help="an .npz file of MNIST; default: digits")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--components", type=int, default=16)
    parser.add_argument("--tvae", action="store_true", help="TVAE of ctgan as well")
    parser.add_argument("--picture", help="where to save some samples")
    options = parser.parse_args()
    torch.set_num_threads(1)
    {"images": images, "tables": tables}[options.part](options)


if __name__ == "__main__":
    main()
