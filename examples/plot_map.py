"""
A map to look at
================

Two columns of PCA show two directions of a table. Two columns of an autoencoder show
what is needed to restore the rows. The penalty `Neighbours` makes a map: rows that are
alike lie side by side. Here are maps of the digits, with test rows that took no part in
the fit, and with the image that the decoder makes of each place. The labels are used
only for colours and to measure.

Nothing is downloaded; it takes about a quarter of a minute on a CPU.
"""

# %%

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.penalties import Neighbours

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# Three maps of the test rows
# ---------------------------
#
# Above each map are two shares. The first is of the test rows whose digit is that of
# most of their five nearest training rows. The second is of the variance that two
# columns restore.

maps = {
    "PCA": PCA(2),
    "AutoencoderTransformer": AutoencoderTransformer(2, random_state=0),
    "with Neighbours": AutoencoderTransformer(2, penalty=Neighbours(), random_state=0),
}


def name_digits(ax, codes, labels):
    """Write each digit in the middle of its rows."""
    for digit in range(10):
        middle = np.median(codes[labels == digit], axis=0)
        ax.text(*middle, str(digit), fontsize=16, weight="bold", ha="center")


figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
for ax, (name, reducer) in zip(axes, maps.items(), strict=True):
    codes = reducer.fit_transform(X_train)
    code = reducer.transform(X_test)
    accuracy = KNeighborsClassifier().fit(codes, y_train).score(code, y_test)
    errors = np.square(X_test - reducer.inverse_transform(code)).sum()
    restored = 1 - errors / np.square(X_test - X_train.mean(axis=0)).sum()
    print(f"{name:24s} neighbours {accuracy:.3f}  restored {restored:.3f}")
    ax.scatter(*code.T, c=y_test, cmap="tab10", s=14, alpha=0.8, linewidths=0)
    name_digits(ax, code, y_test)
    ax.set(xticks=[], yticks=[])
    ax.set_title(f"{name}\n{accuracy:.0%} by neighbours, {restored:.0%} restored")

# %%
# What the map means
# ------------------
#
# The decoder is trained together with the map, so it makes a row of each place. Left:
# the images of places on a grid; those far from all training rows are left out. Right:
# the training rows in the same places. Some digits, such as 1 and 9, are in several
# places.

map_of = maps["with Neighbours"]
codes = map_of.transform(X_train)
low, high = np.percentile(codes, [0.3, 99.7], axis=0)
n_places = 18
places = np.stack(
    np.meshgrid(*np.linspace(low, high, n_places).T, indexing="xy"), axis=-1
)
images = map_of.inverse_transform(places.reshape(-1, 2)).reshape(-1, 8, 8)
gaps = np.linalg.norm(places.reshape(-1, 1, 2) - codes, axis=2).min(axis=1)
is_near = gaps < np.linalg.norm(high - low) / n_places
picture = np.where(is_near[:, None, None], images, 0.0)
picture = np.pad(picture, ((0, 0), (1, 1), (1, 1)))  # space between the images
picture = picture.reshape(n_places, n_places, 10, 10)[::-1]
picture = picture.transpose(0, 2, 1, 3).reshape(10 * n_places, 10 * n_places)

figure, axes = plt.subplots(1, 2, figsize=(12, 6), layout="constrained")
axes[0].imshow(picture, cmap="gray_r", vmin=0, vmax=16)
axes[1].scatter(*codes.T, c=y_train, cmap="tab10", s=10, linewidths=0)
half = (high - low) / (n_places - 1) / 2  # of an image, beyond the outermost places
axes[1].set(xlim=(low[0] - half[0], high[0] + half[0]))
axes[1].set(ylim=(low[1] - half[1], high[1] + half[1]), box_aspect=1)
name_digits(axes[1], codes, y_train)
for ax in axes:
    ax.set(xticks=[], yticks=[])
plt.show()
