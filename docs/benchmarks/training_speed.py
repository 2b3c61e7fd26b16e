"""Time of whole fits from NumPy arrays, side by side.

Each competitor trains the same multilayer perceptron with AdamW from the same array for
the same epochs in the same batches, with neither validation nor early stopping; the
VAEs' encoders have an output more for each code column.
"products alone" is the time of the matrix products of the forward and backward passes,
without anything else. Repeats are interleaved and medians compared; ratios are to
AutoencoderTransformer, so above one means that it is faster. All run on one thread.

    python docs/benchmarks/training_speed.py [--repeats 5] [--only small-128]
"""

import argparse
import platform
import statistics
import time
import warnings
from itertools import pairwise

import numpy as np
import sklearn
import skorch
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from torch import nn

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae.networks import MLP, Custom

# name: rows, features, hidden layer sizes, latent size, batch size, epochs.
CASES = {
    "small-32": (20_000, 30, (64,), 8, 32, 8),
    "small-128": (20_000, 30, (64,), 8, 128, 20),
    "small-256": (20_000, 30, (64,), 8, 256, 20),
    "image-256": (10_000, 784, (512, 128), 32, 256, 10),
    "wide-256": (5_000, 2000, (256,), 32, 256, 20),
}


def mlp(sizes):
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def plain_net(n_features, hidden, k):
    return nn.Sequential(
        mlp([n_features, *hidden, k]), mlp([k, *reversed(hidden), n_features])
    )


def settings(batch_size, epochs):
    return {
        "init": "random",
        "guard": False,
        "early_stopping": False,
        "validation_fraction": None,
        "batch_size": batch_size,
        "max_epochs": epochs,
        "random_state": 0,
    }


def ours(X, hidden, k, batch_size, epochs):
    AutoencoderTransformer(k, network=MLP(hidden), **settings(batch_size, epochs)).fit(
        X
    )


def ours_custom(X, hidden, k, batch_size, epochs):
    network = Custom(
        lambda n_in, n_out: mlp([n_in, *hidden, n_out]),
        lambda n_in, n_out: mlp([n_in, *reversed(hidden), n_out]),
    )
    AutoencoderTransformer(k, network=network, **settings(batch_size, epochs)).fit(X)


def ours_vae(X, hidden, k, batch_size, epochs):
    VAETransformer(k, network=MLP(hidden), **settings(batch_size, epochs)).fit(X)


class PlainVAE(nn.Module):
    """A VAE whose likelihood is normal with one learned variance."""

    def __init__(self, n_features, hidden, k):
        super().__init__()
        self.encoder = mlp([n_features, *hidden, 2 * k])
        self.decoder = mlp([k, *reversed(hidden), n_features])
        self.log_scale = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        code = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        return self.decoder(code), mean, log_variance, self.log_scale


class NegativeBound(nn.Module):
    """The negative evidence lower bound of a `PlainVAE`, without constants."""

    def forward(self, outputs, x):
        rows, mean, log_variance, log_scale = outputs
        squares = ((x - rows) / log_scale.exp()).square().sum(1)
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        return (0.5 * (squares + kl)).mean() + x.shape[1] * log_scale


def stock_skorch(X, hidden, k, batch_size, epochs):
    module = plain_net(X.shape[1], hidden, k)
    fit_stock_skorch(X, module, nn.MSELoss, batch_size, epochs)


def stock_skorch_vae(X, hidden, k, batch_size, epochs):
    module = PlainVAE(X.shape[1], hidden, k)
    fit_stock_skorch(X, module, NegativeBound, batch_size, epochs)


def fit_stock_skorch(X, module, criterion, batch_size, epochs):
    net = skorch.NeuralNet(
        module,
        criterion=criterion,
        optimizer=torch.optim.AdamW,
        lr=3e-3,
        batch_size=batch_size,
        max_epochs=epochs,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
    )
    net.fit(X, X)


def own_loop(X, hidden, k, batch_size, epochs):
    """A loop that slices tensors, with torch's fused AdamW."""
    net = plain_net(X.shape[1], hidden, k)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, fused=True)
    data = torch.from_numpy(X)
    for _ in range(epochs):
        order = torch.randperm(len(data))
        for start in range(0, len(data), batch_size):
            x = data[order[start : start + batch_size]]
            optimizer.zero_grad()
            nn.functional.mse_loss(net(x), x).backward()
            optimizer.step()


def mlp_regressor(X, hidden, k, batch_size, epochs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        MLPRegressor(
            hidden_layer_sizes=(*hidden, k, *reversed(hidden)),
            batch_size=batch_size,
            max_iter=epochs,
            tol=0,
            n_iter_no_change=epochs,
        ).fit(X, X)


def products_alone(X, hidden, k, batch_size, epochs):
    """The products of a forward pass, and two for each of them in the backward one."""
    sizes = [X.shape[1], *hidden, k, *reversed(hidden), X.shape[1]]

    def layers_of(n_rows):
        return [
            (torch.randn(n_rows, a), torch.randn(a, b), torch.randn(n_rows, b))
            for a, b in pairwise(sizes)
        ]

    n_full, n_left = divmod(len(X), batch_size)
    batches = n_full * [layers_of(batch_size)] + [layers_of(n_left)]
    for layers in epochs * batches:
        for number, (x, weight, gradient) in enumerate(layers):
            x @ weight
            x.T @ gradient
            # Nothing wants the gradient of the input.
            if number > 0:
                gradient @ weight.T


COMPETITORS = {
    "AutoencoderTransformer": ours,
    "the same, own modules": ours_custom,
    "VAETransformer": ours_vae,
    "stock skorch": stock_skorch,
    "a VAE in stock skorch": stock_skorch_vae,
    "own loop, fused AdamW": own_loop,
    "MLPRegressor": mlp_regressor,
    "products alone": products_alone,
}


def measure(case, repeats):
    n_rows, n_features, hidden, k, batch_size, epochs = case
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    times = {name: [] for name in COMPETITORS}
    for competitor in COMPETITORS.values():
        competitor(X[: 2 * batch_size], hidden, k, batch_size, 1)
    for _ in range(repeats):
        for name, competitor in COMPETITORS.items():
            start = time.perf_counter()
            competitor(X, hidden, k, batch_size, epochs)
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=CASES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, skorch {skorch.__version__}, scikit-learn "
        f"{sklearn.__version__}\n"
    )
    print("| case | " + " | ".join(COMPETITORS) + " |")
    print("|---" * (1 + len(COMPETITORS)) + "|")
    for name in [options.only] if options.only else CASES:
        medians = measure(CASES[name], options.repeats)
        reference = medians["AutoencoderTransformer"]
        cells = [f"{t:.2f} s ({t / reference:.2f})" for t in medians.values()]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
