"""Quickstart: put an autoencoder where PCA was, on scikit-learn's digits.

Compares PCA with both autoencoders in front of a classifier, searches the number of
components, denoises, draws new digits and writes one picture of all that. Nothing is
downloaded; it takes one to two minutes on a CPU.

    python examples/quickstart.py --output quickstart.png
"""

import argparse
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae.corruptions import GaussianNoise

SEED = 0
SIZES = (2, 5, 10)
# Size of the codes in the picture.
SHOWN = 5
# Standard deviation of the noise, in pixel units: pixels run from 0 to 16.
NOISE = 4.0


@contextmanager
def section(title):
    """Print a title, then how long the block took."""
    print(f"\n{title}")
    start = time.perf_counter()
    yield
    print(f"  [{time.perf_counter() - start:.1f} s]")


def load():
    """Return training rows, test rows and the labels of both."""
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=0.25, stratify=y, random_state=SEED)


def reconstruct(reducer, X):
    """Encode rows and decode them again."""
    return reducer.inverse_transform(reducer.transform(X))


def mean_squared_error(A, B):
    """Return the mean over all pixels of the squared difference."""
    return float(np.mean((A - B) ** 2))


def variance_explained(reducer, X, mean):
    """Return the share of the variance of rows that reconstructions explain."""
    error = mean_squared_error(reconstruct(reducer, X), X)
    return 1 - error / mean_squared_error(X, mean)


def classify(reducer, X, y):
    """Fit the same pipeline around any reducer."""
    return make_pipeline(reducer, LogisticRegression(max_iter=2000)).fit(X, y)


def compare_reducers(X_train, X_test, y_train, y_test):
    """Print the table of all reducers; return the fitted ones of the picture's size.

    Returns
    -------
    shown : dict of str to transformer
        PCA, AutoencoderTransformer and VAETransformer with `SHOWN` components.
    """
    mean = X_train.mean(axis=0)
    shown = {}
    print(f"  {'':24}{'test accuracy':^24}{'variance explained':^24}")
    print(f"  {'n_components':<24}" + 2 * "".join(f"{k:>8}" for k in SIZES))
    for make in (
        lambda k: PCA(k, random_state=SEED),
        lambda k: AutoencoderTransformer(k, random_state=SEED),
        lambda k: VAETransformer(k, random_state=SEED),
    ):
        models = {k: classify(make(k), X_train, y_train) for k in SIZES}
        name = type(models[SHOWN][0]).__name__
        accuracy = [model.score(X_test, y_test) for model in models.values()]
        explained = [
            variance_explained(model[0], X_test, mean) for model in models.values()
        ]
        cells = "".join(f"{value:>8.3f}" for value in accuracy + explained)
        print(f"  {name:<24}{cells}")
        shown[name] = models[SHOWN][0]
    return shown


def search(X_train, X_test, y_train, y_test):
    """Choose the number of components by cross-validated accuracy."""
    pipeline = Pipeline(
        [
            ("reduce", AutoencoderTransformer(max_epochs=15, random_state=SEED)),
            ("classify", LogisticRegression(max_iter=2000)),
        ]
    )
    grid = GridSearchCV(pipeline, {"reduce__n_components": SIZES}, cv=3)
    grid.fit(X_train, y_train)
    results = grid.cv_results_
    for k, accuracy, spread in zip(
        SIZES, results["mean_test_score"], results["std_test_score"], strict=True
    ):
        print(f"  n_components={k:<4} accuracy {accuracy:.3f} +- {spread:.3f}")
    best = grid.best_params_["reduce__n_components"]
    print(f"  best: {best}, with test accuracy {grid.score(X_test, y_test):.3f}")


def best_denoising_pca(noisy, clean):
    """Return the PCA of clean rows whose size denoises them best."""
    candidates = [PCA(k, random_state=SEED).fit(clean) for k in range(1, 41)]
    return min(
        candidates,
        key=lambda pca: mean_squared_error(reconstruct(pca, noisy), clean),
    )


def denoise(X_train, X_test):
    """Print errors to the clean test images; return noisy and denoised images."""
    rng = np.random.default_rng(SEED)
    noisy_train = X_train + NOISE * rng.standard_normal(X_train.shape)
    noisy = X_test + NOISE * rng.standard_normal(X_test.shape)
    pca = best_denoising_pca(noisy_train, X_train)
    size = pca.n_components_
    autoencoder = AutoencoderTransformer(
        size, corruption=GaussianNoise(NOISE), random_state=SEED
    ).fit(X_train)
    images = {
        "noisy": noisy,
        f"PCA({size})": reconstruct(pca, noisy),
        f"AutoencoderTransformer({size})": reconstruct(autoencoder, noisy),
    }
    for name, rows in images.items():
        print(f"  {name:<28}{mean_squared_error(rows, X_test):>8.2f}")
    return list(images.values())


def draw_samples(reducers, n_samples):
    """Draw new digits from both autoencoders."""
    samples = {
        name: reducers[name].sample(n_samples, random_state=SEED)
        for name in ("AutoencoderTransformer", "VAETransformer")
    }
    for name, rows in samples.items():
        print(
            f"  {name:<24}{len(rows)} digits, pixels from {rows.min():z.1f} "
            f"to {rows.max():z.1f}"
        )
    return samples


def plot(groups, path):
    """Write one picture: a labelled row of images each, groups set apart.

    Parameters
    ----------
    groups : list of (str, dict of str to ndarray of shape (n_images, 64))
        Titles of the groups, and the rows of each.
    path : Path
        Where the PNG goes.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    n_rows = [len(rows) for _, rows in groups]
    n_images = len(next(iter(groups[0][1].values())))
    figure = plt.figure(figsize=(8.6, 9.4), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.06, w_pad=0.03, hspace=0.0, wspace=0.0)
    figure.suptitle(
        "Digits through PCA and the autoencoders of sklearn_ae", fontsize=13
    )
    parts = figure.subfigures(len(groups), height_ratios=[n + 0.5 for n in n_rows])
    for part, (title, rows) in zip(parts, groups, strict=True):
        part.suptitle(title, x=0.0, ha="left", fontsize=11, fontweight="bold")
        axes = part.subplots(len(rows), n_images, squeeze=False)
        for row_axes, (label, images) in zip(axes, rows.items(), strict=True):
            row_axes[0].set_ylabel(
                label, rotation=0, ha="right", va="center", labelpad=8, fontsize=10
            )
            for axis, image in zip(row_axes, images, strict=True):
                axis.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
                axis.set(xticks=[], yticks=[])
                for spine in axis.spines.values():
                    spine.set_color("0.8")
    figure.savefig(path, dpi=110, bbox_inches="tight", pad_inches=0.15)
    plt.close(figure)


def run(output):
    """Run all sections and write the picture to a path."""
    start = time.perf_counter()
    X_train, X_test, y_train, y_test = load()
    print(f"Digits: {len(X_train)} training rows, {len(X_test)} test rows, 64 pixels")
    # The first test image of each digit.
    first = [int(np.argmax(y_test == digit)) for digit in range(10)]

    with section("Reducer in front of LogisticRegression"):
        reducers = compare_reducers(X_train, X_test, y_train, y_test)
    with section("GridSearchCV over n_components of AutoencoderTransformer"):
        search(X_train, X_test, y_train, y_test)
    with section(f"Denoising, noise of {NOISE:g}: squared error to the clean images"):
        noisy, by_pca, by_autoencoder = denoise(X_train, X_test)
    with section(f"New digits from codes of {SHOWN} numbers"):
        samples = draw_samples(reducers, len(first))

    labels = ("PCA", "Autoencoder", "VAE")
    reconstructions = {
        label: reconstruct(reducer, X_test[first])
        for label, reducer in zip(labels, reducers.values(), strict=True)
    }
    groups = [
        (
            f"Test images, reconstructed from {SHOWN} numbers",
            {"Original": X_test[first], **reconstructions},
        ),
        (
            "Noise removed",
            {
                "Noisy": noisy[first],
                "PCA": by_pca[first],
                "Autoencoder": by_autoencoder[first],
            },
        ),
        (
            "New digits",
            {
                "Autoencoder": samples["AutoencoderTransformer"],
                "VAE": samples["VAETransformer"],
            },
        ),
    ]
    plot(groups, output)
    print(f"\nAll of it took {time.perf_counter() - start:.0f} s. The picture:")
    print(output.resolve())


def main():
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("quickstart.png"))
    output = parser.parse_args().output
    # Models as small as these run faster on one thread, above all on a busy machine.
    with threadpool_limits(1):
        run(output)


if __name__ == "__main__":
    main()
