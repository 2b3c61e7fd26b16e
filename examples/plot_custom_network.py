"""
A network of your own in a pipeline
===================================

Two torch modules become a scikit-learn transformer with `networks.Custom`: here 1-D
convolutions for time series with two channels. The data are pulses that come at any
time and have any width, so two numbers tell a series, but no two straight axes do.

Nothing is downloaded; it takes about half a minute on a CPU.
"""

# %%
# Rows are flat, as everywhere in scikit-learn: the first channel's steps, then the
# second one's.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.networks import Custom

N_STEPS = 48
rng = np.random.default_rng(0)
when = rng.uniform(8, N_STEPS - 16, size=1200)
width = rng.uniform(1.5, 4.0, size=1200)
steps = np.arange(N_STEPS)
distance = steps - when[:, None, None] - [[0], [8]]
series = np.exp(-np.square(distance / width[:, None, None]))
series += 0.05 * rng.normal(size=series.shape)

X = series.reshape(len(series), -1)
X_train, X_test, when_train, when_test = train_test_split(X, when, random_state=0)


# %%
# The modules. Each is told how many columns it gets and has to give, so that
# `n_components` can be searched later on; finished instances serve as well.


class Encoder(nn.Sequential):
    """From (rows, 2, steps) to codes."""

    def __init__(self, n_in, n_out):
        super().__init__(
            nn.Conv1d(2, 16, 5, stride=2, padding=2),
            nn.SiLU(),
            nn.Conv1d(16, 16, 5, stride=2, padding=2),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(16 * n_in // 8, n_out),
        )


class Decoder(nn.Sequential):
    """From codes to (rows, 2, steps)."""

    def __init__(self, n_in, n_out):
        super().__init__(
            nn.Linear(n_in, 16 * n_out // 8),
            nn.SiLU(),
            nn.Unflatten(1, (16, n_out // 8)),
            nn.ConvTranspose1d(16, 16, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.ConvTranspose1d(16, 2, 4, stride=2, padding=1),
        )


# %%
# Three lines put them into a pipeline. They start at PCA: their output enters beside
# PCA's, through factors that start at zero.

network = Custom(Encoder, Decoder, input_shape=(2, N_STEPS))
autoencoder = AutoencoderTransformer(2, network=network, random_state=0)
model = make_pipeline(autoencoder, StandardScaler(), KNeighborsRegressor())

model.fit(X_train, when_train)
baseline = make_pipeline(PCA(2), StandardScaler(), KNeighborsRegressor())
baseline.fit(X_train, when_train)


def explained(reducer):
    """Return the share of the test rows' variance that reconstructions explain."""
    restored = reducer.inverse_transform(reducer.transform(X_test))
    distance = np.square(X_test - X_train.mean(axis=0)).sum()
    return 1 - np.square(X_test - restored).sum() / distance


print("             variance explained   R2 of the time, by nearest neighbours")
for name, pipeline in (("PCA", baseline), ("autoencoder", model)):
    r2 = pipeline.score(X_test, when_test)
    print(f"{name:11s}  {explained(pipeline[0]):18.3f}   {r2:.4f}")

# %%
# Below: two test series and their reconstructions, and the codes, coloured by the time
# of the pulse.

fitted = {"PCA": baseline[0], "autoencoder": model[0]}
figure, axes = plt.subplots(2, 3, figsize=(10, 5.5))
for (name, reducer), row in zip(fitted.items(), axes, strict=True):
    codes = reducer.transform(X_test)
    restored = reducer.inverse_transform(codes).reshape(-1, 2, N_STEPS)
    for number, axis in enumerate(row[:2]):
        given = X_test[number].reshape(2, N_STEPS)
        for channel, color in enumerate(("tab:blue", "tab:orange")):
            axis.plot(steps, given[channel], color=color, alpha=0.4)
            axis.plot(steps, restored[number, channel], color=color)
        axis.set(title=f"{name}: test series {number}", ylim=(-0.5, 1.3))
    points = row[2].scatter(*codes.T, c=when_test, s=6)
    row[2].set(title=f"{name}: codes", xlabel="first", ylabel="second")
    figure.colorbar(points, ax=row[2], label="time of the pulse")
figure.tight_layout()
plt.show()
