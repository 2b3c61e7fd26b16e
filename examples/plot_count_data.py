"""
Counts
======

Counts vary the more, the larger they are; often still more than Poisson's distribution
allows. This example makes such a table, 30 counts in a row that depend on two hidden
numbers, and compares two likelihoods of `VAETransformer` on it.

Nothing is downloaded; it takes about half a minute on a CPU.
"""

# %%
# Each column has a peak at a place of its own on a plane, as shops at different places
# have customers. A row lies somewhere on that plane. Counts are negative binomial.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor

from sklearn_ae import VAETransformer

rng = np.random.default_rng(0)
place = rng.uniform(-1, 1, size=(1200, 2))
peaks = rng.uniform(-1.2, 1.2, size=(30, 2))
heights = rng.uniform(1.0, 4.0, size=30)
distances = np.square(place[:, np.newaxis] - peaks).sum(axis=2)
rates = 0.3 + np.exp(heights - 1.5 * distances)
DISPERSION = 0.3
X = rng.poisson(rates * rng.gamma(1 / DISPERSION, DISPERSION, size=rates.shape))
X_train, X_test, place_train, place_test = train_test_split(X, place, random_state=0)

# %%
# Two likelihoods
# ---------------
#
# Both are probabilities of counts, so their scores compare: nats per test row, more is
# better. Those of a normal distribution would not; they are densities.

models = {
    "poisson": VAETransformer(2, likelihood="poisson", random_state=0),
    "negative_binomial": VAETransformer(
        2, likelihood="negative_binomial", random_state=0
    ),
}
for name, model in models.items():
    print(f"{name:17s}  {model.fit(X_train).score(X_test):.2f} nats per test row")

# %%
# Do draws look like the data?
# ----------------------------
#
# Mean and variance of each column: of the training rows, and of rows drawn from the
# models with observation noise. On the dashed line the variance equals the mean.

figure, axis = plt.subplots(figsize=(6, 4.5), layout="constrained")
tables = {"training rows": X_train}
for name, model in models.items():
    tables[f"drawn, {name}"] = model.sample(
        3000, observation_noise=True, random_state=0
    )
colors = ("black", "tab:orange", "tab:blue")
for (name, table), color, marker in zip(tables.items(), colors, "xso", strict=True):
    axis.scatter(
        table.mean(axis=0),
        table.var(axis=0),
        label=name,
        color=color,
        marker=marker,
        s=24,
        alpha=0.8,
    )
ends = [0.5 * X_train.mean(axis=0).min(), 2 * X_train.mean(axis=0).max()]
axis.plot(ends, ends, "--", color="tab:gray")
axis.set(xscale="log", yscale="log", xlabel="mean", ylabel="variance")
axis.legend(loc="upper left")

# %%
# What the codes hold
# -------------------
#
# How well the hidden numbers can be read off two components, by nearest neighbours: R2
# on test rows. PCA gets the counts as they are, and after a logarithm.

reducers = {
    "PCA": (PCA(2), X_train, X_test),
    "PCA of log(1 + X)": (PCA(2), np.log1p(X_train), np.log1p(X_test)),
    "VAE": (models["negative_binomial"], X_train, X_test),
}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for axis, (name, (reducer, train, test)) in zip(axes, reducers.items(), strict=True):
    if name != "VAE":
        reducer.fit(train)
    neighbours = KNeighborsRegressor(10).fit(reducer.transform(train), place_train)
    codes = reducer.transform(test)
    print(f"{name:18s}  {neighbours.score(codes, place_test):.3f}")
    points = axis.scatter(*codes.T, c=place_test[:, 0], s=12, cmap="viridis")
    axis.set(title=name, xlabel="first component", ylabel="second component")
figure.colorbar(points, ax=axes, label="first hidden number")
plt.show()
