"""Data sets of the benchmarks, in two groups that share no table and no seed.

`SELECTION` is what default settings were chosen on. `REPORT` is what the pages report;
nothing was chosen on it. Each set is a function of a seed, which draws the table where
it is synthetic, and comes with the latent sizes to try: about a tenth and a half of its
useful rank, and the sizes that other work reports.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn import datasets as bundled
from sklearn.preprocessing import scale

# Seeds of the two groups are disjoint as well.
SELECTION_SEEDS = range(1000, 1005)
REPORT_SEEDS = range(5)


@dataclass
class Table:
    """A named data set.

    Attributes
    ----------
    name : str
    draw : callable
        From a RandomState to an array of rows.
    sizes : tuple of int
        Latent sizes to fit.
    non_linear : bool
        Whether a curved structure is known to be there to learn.
    """

    name: str
    draw: Callable
    sizes: tuple
    non_linear: bool = False


def directions(train, n_rays, rng):
    """Return random directions of one standard deviation of each column."""
    rays = rng.normal(size=(n_rays, train.shape[1]))
    rays /= np.sqrt(np.square(rays).mean(axis=1, keepdims=True))
    return rays * train.std(axis=0)


def with_far_rows(test, train, rng):
    """Return rows of which one in a hundred, at least one, is moved far out.

    That is 10 to 1000 standard deviations of the training rows, in a random direction.
    """
    n_far = max(1, len(test) // 100)
    distances = 10 ** rng.uniform(1, 3, size=(n_far, 1))
    far = train.mean(axis=0) + distances * directions(train, n_far, rng)
    return np.concatenate([far, test[n_far:]])


def _bundled(loader):
    return lambda rng: loader(return_X_y=True)[0].astype(float)


def _scaled(loader):
    return lambda rng: scale(loader(return_X_y=True)[0].astype(float))


def _noisy(signal, rng, share=0.05):
    return signal + share * signal.std() * rng.normal(size=signal.shape)


def _embedded(curve, n_features, rng, noise=0.05):
    basis = np.linalg.qr(rng.normal(size=(n_features, n_features)))[0]
    return curve @ basis[: curve.shape[1]] + noise * rng.normal(
        size=(len(curve), n_features)
    )


def _swiss_roll(rng):
    return bundled.make_swiss_roll(2000, random_state=rng)[0]


def _s_curve(rng):
    return bundled.make_s_curve(1000, random_state=rng)[0]


def _circle(rng):
    angle = rng.uniform(0, 2 * np.pi, 1000)
    plane = np.c_[np.cos(angle), np.sin(angle)] @ rng.normal(size=(2, 5))
    return plane + 0.05 * rng.normal(size=plane.shape)


def _two_circles(rng):
    circles = bundled.make_circles(1000, factor=0.5, noise=0.03, random_state=rng)[0]
    return _embedded(circles, 5, rng)


def _tanh_factors(rng):
    factors = rng.normal(size=(1500, 4))
    return _noisy(np.tanh(2 * factors @ rng.normal(size=(4, 30))), rng)


def _quadratic_factors(rng):
    factors = rng.normal(size=(1500, 3))
    products = np.einsum("ni,nj->nij", factors, factors).reshape(1500, -1)
    return _noisy(np.c_[factors, products] @ rng.normal(size=(12, 25)), rng, 0.1)


def _sparse_features(rng):
    codes = rng.exponential(size=(1500, 12)) * (rng.uniform(size=(1500, 12)) < 0.15)
    return _noisy(codes @ rng.normal(size=(12, 40)), rng, 0.1)


def _linear_factors(rng):
    return scale(
        rng.normal(size=(1000, 3)) @ rng.normal(size=(3, 20))
        + 0.3 * rng.normal(size=(1000, 20))
    )


def _blobs(rng):
    return bundled.make_blobs(1000, 10, centers=8, random_state=rng)[0]


def _low_rank(rng):
    return rng.normal(size=(300, 3)) @ rng.normal(size=(3, 20))


def _noise(rng):
    return rng.normal(size=(500, 20))


def _few_rows(rng):
    return rng.normal(size=(30, 2)) @ rng.normal(size=(2, 500)) + 0.3 * rng.normal(
        size=(30, 500)
    )


def _twelve_rows(rng):
    # Eight of them are for training.
    return rng.normal(size=(12, 5))


def _constant_columns(rng):
    X = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 12))
    X += 0.2 * rng.normal(size=X.shape)
    X[:, [2, 5, 9]] = 7.0, 0.0, -1e4
    return X


def _uneven_scales(rng):
    factors = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 10))
    return (factors + rng.normal(size=(500, 10))) * 10.0 ** np.linspace(-3, 3, 10)


def _heavy_tails(rng):
    return rng.standard_t(2, size=(600, 10))


def _heavy_tailed_factors(rng):
    return rng.standard_t(3, size=(800, 3)) @ rng.normal(size=(3, 15)) + rng.standard_t(
        3, size=(800, 15)
    )


def _duplicates(rng):
    return np.repeat(rng.normal(size=(40, 8)), 10, axis=0)


def _one_hot(rng):
    return np.concatenate([np.eye(5)[rng.randint(0, 5, 500)] for _ in range(4)], axis=1)


def _linked_one_hot(rng):
    kinds = rng.randint(0, 6, 1200)
    blocks = []
    for _ in range(5):
        chances = rng.dirichlet(np.full(5, 0.3), size=6)
        drawn = [rng.choice(5, p=chances[kind]) for kind in kinds]
        blocks.append(np.eye(5)[drawn])
    return np.concatenate(blocks, axis=1)


def _counts(rng):
    factors = rng.normal(size=(600, 2)) @ rng.normal(size=(2, 15))
    return rng.poisson(np.exp(0.5 * factors)).astype(float)


def _timestamp(rng):
    others = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 5))
    others = 300 * (others + 0.3 * rng.normal(size=others.shape))
    return np.c_[1.7e9 + 1000 * rng.normal(size=400), others]


def _mixed_types(rng):
    factors = rng.normal(size=(800, 2))
    numeric = _noisy(np.tanh(factors @ rng.normal(size=(2, 8))), rng, 0.1)
    kinds = (factors @ rng.normal(size=(2, 4))).argmax(axis=1)
    return np.c_[numeric, np.eye(4)[kinds]]


def _images(name, n_rows, part="X_train"):
    return lambda rng: _image_rows(name, n_rows, part, rng)


def _image_rows(name, n_rows, part, rng):
    X = load_images(name, _image_rows.folder)[part] / 255.0
    return X[rng.permutation(len(X))[:n_rows]]


# Where the image sets are; None fetches them.
_image_rows.folder = None


def load_images(name, folder=None):
    """Return the arrays X_train, y_train, X_test and y_test of an image set.

    Parameters
    ----------
    name : {"mnist", "fashion_mnist"}
    folder : path or None
        Has the set as ``<name>.npz``; None downloads it from OpenML.
    """
    if folder is not None:
        with np.load(Path(folder) / f"{name}.npz") as arrays:
            return dict(arrays)
    source = {"mnist": "mnist_784", "fashion_mnist": "Fashion-MNIST"}[name]
    X, y = bundled.fetch_openml(source, version=1, return_X_y=True, as_frame=False)
    X, y = X.astype(np.uint8), y.astype(np.uint8)
    return {
        "X_train": X[:60_000],
        "y_train": y[:60_000],
        "X_test": X[60_000:],
        "y_test": y[60_000:],
    }


def use_images_of(folder):
    """Say where the image sets are."""
    _image_rows.folder = folder


REPORT = [
    Table("iris", _bundled(bundled.load_iris), (1, 2)),
    Table("iris, scaled", _scaled(bundled.load_iris), (1, 2)),
    Table("wine", _bundled(bundled.load_wine), (1, 6)),
    Table("wine, scaled", _scaled(bundled.load_wine), (1, 6)),
    Table("breast cancer", _bundled(bundled.load_breast_cancer), (1, 3)),
    Table("breast cancer, scaled", _scaled(bundled.load_breast_cancer), (2, 8)),
    Table("diabetes", _bundled(bundled.load_diabetes), (1, 5)),
    Table("linnerud X", lambda rng: bundled.load_linnerud().data, (1, 2)),
    Table("linnerud y", lambda rng: bundled.load_linnerud().target, (1, 2)),
    Table("digits", _bundled(bundled.load_digits), (2, 8, 20), True),
    Table("swiss roll", _swiss_roll, (1, 2), True),
    Table("S curve", _s_curve, (1, 2), True),
    Table("circle in 5-d", _circle, (1, 2), True),
    Table("two circles in 5-d", _two_circles, (1, 2), True),
    Table("tanh factors", _tanh_factors, (2, 4), True),
    Table("quadratic factors", _quadratic_factors, (1, 3), True),
    Table("sparse features", _sparse_features, (2, 6), True),
    Table("blobs", _blobs, (1, 4), True),
    Table("linear factors", _linear_factors, (1, 3)),
    Table("exact low rank", _low_rank, (1, 2, 3)),
    Table("pure noise", _noise, (2, 10)),
    Table("30 x 500", _few_rows, (1, 2)),
    Table("8 rows", _twelve_rows, (1, 2)),
    Table("constant columns", _constant_columns, (1, 3)),
    Table("scales from 1e-3 to 1e3", _uneven_scales, (1, 5)),
    Table("heavy tails", _heavy_tails, (1, 5)),
    Table("heavy-tailed factors", _heavy_tailed_factors, (1, 3)),
    Table("duplicates", _duplicates, (1, 4)),
    Table("one-hot blocks", _one_hot, (2, 8)),
    Table("linked one-hot blocks", _linked_one_hot, (2, 8), True),
    Table("counts", _counts, (1, 7)),
    Table("timestamp", _timestamp, (1, 3)),
    Table("mixed types", _mixed_types, (1, 2), True),
]

REPORT_IMAGES = [
    Table("MNIST, 10 000", _images("mnist", 15_000), (8, 32), True),
    Table("Fashion-MNIST, 10 000", _images("fashion_mnist", 15_000), (10, 32), True),
    Table("MNIST", _images("mnist", 60_000), (32,), True),
    Table("Fashion-MNIST", _images("fashion_mnist", 60_000), (10,), True),
]


def _helix(rng):
    angle = rng.uniform(0, 4 * np.pi, 1200)
    return np.c_[np.cos(angle), np.sin(angle), 0.2 * angle] + 0.02 * rng.normal(
        size=(1200, 3)
    )


def _rolled_sheet(rng):
    """A sheet rolled into one turn and a half, in five dimensions."""
    turn = rng.uniform(0.5 * np.pi, 3.5 * np.pi, 1500)
    height = rng.uniform(-6, 6, 1500)
    sheet = np.c_[turn * np.cos(turn), height, turn * np.sin(turn)]
    return _embedded(sheet, 5, rng, 0.05)


def _sphere(rng):
    points = rng.normal(size=(1200, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return _embedded(points, 8, rng, 0.03)


def _torus(rng):
    a, b = rng.uniform(0, 2 * np.pi, (2, 1500))
    ring = 2 + np.cos(b)
    torus = np.c_[ring * np.cos(a), ring * np.sin(a), np.sin(b)]
    return _embedded(torus, 6, rng, 0.05)


def _sine_factors(rng):
    factors = rng.normal(size=(1200, 3))
    return _noisy(np.sin(1.5 * factors @ rng.normal(size=(3, 20))), rng, 0.1)


def _gated_factors(rng):
    factors = rng.normal(size=(1500, 4))
    gates = factors[:, :2] > 0
    loadings = rng.normal(size=(2, 2, 30))
    return _noisy(
        sum(gates[:, [i]] * (factors[:, 2:] @ loadings[i]) for i in (0, 1)), rng
    )


def _moons(rng):
    return _embedded(bundled.make_moons(800, noise=0.05, random_state=rng)[0], 8, rng)


def _classes(rng):
    return bundled.make_classification(
        800, 20, n_informative=6, n_redundant=8, n_classes=4, random_state=rng
    )[0]


def _spectrum(rng):
    return rng.normal(size=(400, 30)) * np.arange(1, 31) ** -0.7


def _lognormal(rng):
    factors = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 12))
    return np.exp(0.6 * factors + 0.3 * rng.normal(size=(500, 12)))


def _walks(rng):
    return rng.normal(size=(300, 40)).cumsum(axis=1)


def _waves(rng):
    phase, rate = rng.uniform(0, 2 * np.pi, (600, 1)), rng.uniform(1, 2, (600, 1))
    return np.sin(rate * np.linspace(0, 6, 40) + phase) + 0.1 * rng.normal(
        size=(600, 40)
    )


def _laplace(rng):
    return rng.laplace(size=(500, 4)) @ rng.normal(size=(4, 16)) + rng.laplace(
        size=(500, 16)
    )


def _small(n_rows, n_features):
    return lambda rng: (
        rng.normal(size=(n_rows, 2)) @ rng.normal(size=(2, n_features))
        + 0.5 * rng.normal(size=(n_rows, n_features))
    )


def _few_blobs(n_rows, n_features):
    return lambda rng: bundled.make_blobs(
        n_rows, n_features, centers=3, cluster_std=3.0, random_state=rng
    )[0]


def _bits(rng):
    kinds = rng.uniform(size=(5, 25)) < 0.5
    flips = rng.uniform(size=(700, 25)) < 0.1
    return (kinds[rng.randint(0, 5, 700)] ^ flips).astype(float)


SELECTION = [
    Table("helix", _helix, (1, 2), True),
    Table("rolled sheet", _rolled_sheet, (2,), True),
    Table("sphere", _sphere, (2,), True),
    Table("torus", _torus, (2,), True),
    Table("sine factors", _sine_factors, (3,), True),
    Table("gated factors", _gated_factors, (2, 4), True),
    Table("moons", _moons, (1,), True),
    Table("waves", _waves, (2, 4), True),
    Table("bits", _bits, (2, 5), True),
    Table("classes", _classes, (3,)),
    Table("power-law spectrum", _spectrum, (3, 15)),
    Table("log-normal", _lognormal, (1, 4)),
    Table("random walks", _walks, (2, 10)),
    Table("Laplace", _laplace, (2, 8)),
    Table("white noise", lambda rng: rng.normal(size=(200, 12)), (2,)),
    Table("student", lambda rng: rng.standard_t(1.8, size=(500, 8)), (2,)),
    Table("15 x 6", _small(15, 6), (2,)),
    Table("40 x 200", _small(40, 200), (2,)),
    Table("100 x 10", _small(100, 10), (2,)),
    Table("small classes", _few_blobs(120, 5), (1, 2)),
    Table("60 blobs", _few_blobs(60, 8), (2,)),
    Table("small log-normal", lambda rng: _lognormal(rng)[:150], (1, 3)),
    Table("small sines", lambda rng: _sine_factors(rng)[:200, :10], (2,)),
]

# The other file of each image set.
SELECTION_IMAGES = [
    Table("MNIST, test file", _images("mnist", 10_000, "X_test"), (16,), True),
    Table(
        "Fashion, test file", _images("fashion_mnist", 10_000, "X_test"), (16,), True
    ),
]
