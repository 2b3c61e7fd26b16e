"""Log-likelihoods of VAETransformer on held-out rows, against exact models.

    python docs/benchmarks/vae_likelihood.py tables [--seeds 3] [--only swiss_roll]
    python docs/benchmarks/vae_likelihood.py mnist [--data PATH] [--epochs 35]
    python docs/benchmarks/vae_likelihood.py anomalies [--pyod]
    python docs/benchmarks/vae_likelihood.py scoring

`tables` fits the defaults to 22 small data sets and compares with probabilistic PCA
(`PCA.score`) and FactorAnalysis. `mnist` is the set-up of Burda, Grosse & Salakhutdinov
(2016) with one stochastic layer. `anomalies` ranks rows of other classes. `scoring`
measures time and memory of `score_samples`. All run on one thread.
"""

import argparse
import resource
import time
import warnings

import numpy as np
import torch
from sklearn.datasets import (
    fetch_openml,
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_blobs,
    make_moons,
    make_s_curve,
    make_swiss_roll,
)
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_ae import VAETransformer
from sklearn_ae.likelihoods import Bernoulli
from sklearn_ae.networks import MLP

N_ROWS = 1500


def linear(rng, n_factors, n_features=20, noise=0.3, n_rows=N_ROWS):
    loadings = rng.normal(size=(n_factors, n_features))
    X = rng.normal(size=(n_rows, n_factors)) @ loadings
    return X + noise * rng.normal(size=X.shape)


def tanh_factors(rng):
    return np.tanh(2 * linear(rng, 3, noise=0)) + 0.1 * rng.normal(size=(N_ROWS, 20))


def circle(rng):
    angle = rng.uniform(0, 2 * np.pi, size=N_ROWS)
    X = np.column_stack([np.cos(angle), np.sin(angle)])
    return X @ rng.normal(size=(2, 5)) + 0.05 * rng.normal(size=(N_ROWS, 5))


def helix(rng):
    t = rng.uniform(0, 4 * np.pi, size=N_ROWS)
    X = np.column_stack([np.cos(t), np.sin(t), 0.1 * t])
    return X + 0.03 * rng.normal(size=X.shape)


def sphere(rng):
    X = rng.normal(size=(N_ROWS, 3))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X + 0.05 * rng.normal(size=X.shape)


def bowl(rng):
    t = rng.uniform(-1, 1, size=(N_ROWS, 2))
    X = np.column_stack([t, t**2, t.prod(axis=1)])
    return X + 0.05 * rng.normal(size=X.shape)


def heavy_tails(rng):
    return linear(rng, 3, noise=0) + 0.3 * rng.standard_t(3, size=(N_ROWS, 20))


def unequal_noise(rng):
    scale = np.logspace(-1, 0.5, 20)
    return linear(rng, 3, noise=0) + scale * rng.normal(size=(N_ROWS, 20))


def scales(rng):
    return tanh_factors(rng) * np.logspace(-2, 3, 20)


def counts(rng):
    return rng.poisson(np.exp(0.5 * linear(rng, 2, noise=0))).astype(float)


# name: (maker of rows, number of components, whether its structure is not linear)
SETS = {
    "iris": (lambda rng: load_iris().data, 2, False),
    "wine": (lambda rng: StandardScaler().fit_transform(load_wine().data), 3, False),
    "breast_cancer": (
        lambda rng: StandardScaler().fit_transform(load_breast_cancer().data),
        5,
        False,
    ),
    "diabetes": (lambda rng: load_diabetes(scaled=False).data, 3, False),
    "digits": (lambda rng: load_digits().data, 10, True),
    "noise": (lambda rng: rng.normal(size=(N_ROWS, 10)), 2, False),
    "linear_2": (lambda rng: linear(rng, 2), 2, False),
    "linear_3": (lambda rng: linear(rng, 3), 3, False),
    "linear_5": (lambda rng: linear(rng, 5), 5, False),
    "linear_small": (lambda rng: linear(rng, 3, n_rows=100), 3, False),
    "linear_wide": (lambda rng: linear(rng, 3, n_features=200, n_rows=150), 3, False),
    "heavy_tails": (heavy_tails, 3, False),
    "unequal_noise": (unequal_noise, 3, False),
    "counts": (counts, 2, True),
    "swiss_roll": (lambda rng: make_swiss_roll(N_ROWS, random_state=rng)[0], 2, True),
    "s_curve": (lambda rng: make_s_curve(N_ROWS, random_state=rng)[0], 2, True),
    "circle": (circle, 1, True),
    "helix": (helix, 1, True),
    "sphere": (sphere, 2, True),
    "moons": (
        lambda rng: make_moons(N_ROWS, noise=0.05, random_state=rng)[0],
        1,
        True,
    ),
    "bowl": (bowl, 2, True),
    "tanh_factors": (tanh_factors, 3, True),
    "scales": (scales, 3, True),
    "blobs": (
        lambda rng: make_blobs(N_ROWS, n_features=10, centers=6, random_state=rng)[0],
        2,
        True,
    ),
}


def fit(model, X):
    """Return the fitted model, seconds of the processor, and the warnings."""
    start = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X)
    return model, time.process_time() - start, len(caught)


def tables(options):
    print(
        "| data | k | VAE - PPCA | VAE - FactorAnalysis | active | prior | warned | s |"
    )
    print("|---" * 8 + "|")
    differences = []
    for name in options.only or SETS:
        make, k, is_nonlinear = SETS[name]
        rows = []
        for seed in range(options.seeds):
            X = make(np.random.RandomState(seed))
            train, test = train_test_split(X, test_size=0.25, random_state=seed)
            vae, seconds, n_warnings = fit(VAETransformer(k, random_state=seed), train)
            score, n_features = vae.score(test), X.shape[1]
            ppca = (score - PCA(k).fit(train).score(test)) / n_features
            factors, *_ = fit(FactorAnalysis(k), train)
            difference = (score - factors.score(test)) / n_features
            active = int(vae.active_units_.sum())
            prior = hasattr(vae.prior_, "mixture_")
            rows.append((ppca, difference, active, prior, n_warnings, seconds))
            differences.append((ppca, is_nonlinear))
        ppca, factors, active, prior, warned, seconds = zip(*rows, strict=True)
        print(
            f"| {name}{'*' if is_nonlinear else ''} | {k} "
            f"| {' '.join(f'{d:+.3f}' for d in ppca)} "
            f"| {' '.join(f'{d:+.3f}' for d in factors)} "
            f"| {' '.join(map(str, active))} "
            f"| {' '.join('mixture' if p else 'normal' for p in prior)} "
            f"| {sum(warned)} | {np.mean(seconds):.1f} |",
            flush=True,
        )
    values = np.array([difference for difference, _ in differences])
    bent = np.array([is_nonlinear for _, is_nonlinear in differences])
    print(
        f"\n{len(values)} fits: below PPCA by more than 0.01 nats a feature in "
        f"{(values < -0.01).sum()}, by more than 0.05 in {(values < -0.05).sum()}; "
        f"above by more than 0.05 in {(values[bent] > 0.05).sum()} of the "
        f"{bent.sum()} on data marked with *."
    )


def load_mnist(path):
    if path:
        with np.load(path) as data:
            parts = [data[n] for n in ("X_train", "y_train", "X_test", "y_test")]
        X_train, y_train, X_test, y_test = parts
    else:
        X, y = fetch_openml("mnist_784", return_X_y=True, as_frame=False)
        X_train, X_test, y_train, y_test = (
            X[:60_000],
            X[60_000:],
            y[:60_000],
            y[60_000:],
        )
    X_train, X_test = (
        (X.reshape(len(X), -1) / 255).astype(np.float32) for X in (X_train, X_test)
    )
    return X_train, y_train.astype(int), X_test, y_test.astype(int)


def mnist(options):
    train, _, test, _ = load_mnist(options.data)
    rng = np.random.RandomState(0)
    test = test[rng.permutation(len(test))[: options.test_rows]]
    bits = (rng.uniform(size=test.shape) < test).astype(np.float32)
    vae = VAETransformer(
        50,
        network=MLP((200, 200), layer_norm=options.layer_norm),
        likelihood=Bernoulli(resample=True),
        prior="normal",
        kl_warmup=0.0,
        n_importance_samples=options.draws,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        max_epochs=options.epochs,
        early_stopping=False,
        init=options.init,
        random_state=0,
        verbose=1,
    )
    vae, seconds, _ = fit(vae, train)
    start = time.process_time()
    nll = -vae.score_samples(bits, n_draws=5000)
    print(
        f"{options.epochs} epochs with {options.draws} importance samples: "
        f"{seconds:.0f} s, {int(vae.active_units_.sum())} active units, NLL "
        f"{nll.mean():.2f} +- {nll.std() / np.sqrt(len(nll)):.2f} nats by 5000 "
        f"importance samples on {len(bits)} test images "
        f"({time.process_time() - start:.0f} s)"
    )


def anomaly_cases():
    X, y = load_digits(return_X_y=True)
    yield "digits, 0-4 against 5-9", X, y >= 5, 16
    X, y = load_breast_cancer(return_X_y=True)
    yield "breast cancer, benign against malignant", X, y == 0, 5


def pyod_scores(k, train, test, seed):
    """Return the anomaly scores of pyod's VAE at its defaults."""
    from pyod.models.vae import VAE

    model = VAE(latent_dim=k, random_state=seed, verbose=0, device="cpu")
    return fit(model, train)[0].decision_function(test)


def anomalies(options):
    names = ["VAETransformer", "PCA", "IsolationForest"]
    if options.pyod:
        names.append("pyod's VAE")
    print("| data | " + " | ".join(names) + " |")
    print("|---" * (1 + len(names)) + "|")
    for name, X, is_other, k in anomaly_cases():
        values = []
        for seed in range(options.seeds):
            usual, others = X[~is_other], X[is_other]
            train, rest = train_test_split(usual, test_size=0.3, random_state=seed)
            scaler = StandardScaler().fit(train)
            train, test = scaler.transform(train), np.concatenate([rest, others])
            test = scaler.transform(test)
            labels = np.r_[np.zeros(len(rest)), np.ones(len(others))]
            models = (
                VAETransformer(k, random_state=seed),
                PCA(k),
                IsolationForest(random_state=seed),
            )
            found = [
                roc_auc_score(labels, -fit(m, train)[0].score_samples(test))
                for m in models
            ]
            if options.pyod:
                found.append(roc_auc_score(labels, pyod_scores(k, train, test, seed)))
            values.append(found)
        cells = [
            " ".join(f"{value:.3f}" for value in v) for v in zip(*values, strict=True)
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def scoring(options):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(10_000, 64))
    vae = VAETransformer(10, max_epochs=20, guard=False, random_state=0).fit(X[:1000])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    vae.score_samples(X)
    seconds = time.process_time() - start
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"10000 x 64 with 100 draws: {seconds:.1f} s, {more:.0f} MiB more at the peak"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = {"tables": tables, "mnist": mnist, "anomalies": anomalies}
    parts["scoring"] = scoring
    parser.add_argument("part", choices=parts)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=SETS)
    parser.add_argument("--data", help="an .npz file of MNIST; default: OpenML")
    parser.add_argument("--epochs", type=int, default=35)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--init", choices=("pca", "random"), default="pca")
    parser.add_argument("--layer-norm", action="store_true")
    parser.add_argument("--pyod", action="store_true", help="pyod's VAE as well")
    parser.add_argument("--test-rows", type=int, default=1000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    parts[options.part](options)


if __name__ == "__main__":
    main()
