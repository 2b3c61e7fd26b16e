"""
New digits from a variational autoencoder
=========================================

A variational autoencoder is a density model: rows can be drawn from it. This example
draws digits, walks from one digit to another, and shows the map that a code of two
numbers makes of the digits.

Nothing is downloaded; it takes about half a minute on a CPU.
"""

# %%

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ae import VAETransformer

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)


def show(rows, labels, title):
    """Draw rows of images with a label each."""
    figure, axes = plt.subplots(
        len(rows), len(rows[0]), figsize=(9, 0.8 * len(rows) + 0.5), squeeze=False
    )
    for row, label, images in zip(axes, labels, rows, strict=True):
        row[0].set_ylabel(label, rotation=0, ha="right", va="center")
        for axis, image in zip(row, images, strict=True):
            axis.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
            axis.set(xticks=[], yticks=[])
    figure.suptitle(title)
    figure.tight_layout()


# %%
# Draws
# -----
#
# Codes are drawn from the prior and decoded. By default that is a mixture of Gaussians
# fitted to the training codes, if held-out rows speak for it; here also the standard
# normal one, which codes need not fill evenly. With observation noise a draw is one of
# a row, not of its mean.

vae = VAETransformer(8, random_state=0).fit(X_train)
normal = VAETransformer(8, prior="normal", random_state=0).fit(X_train)
print("nats per test row, mixture prior:        ", round(vae.score(X_test), 1))
print("nats per test row, standard normal prior:", round(normal.score(X_test), 1))
show(
    [
        vae.sample(10, random_state=0),
        normal.sample(10, random_state=0),
        vae.sample(10, observation_noise=True, random_state=0),
    ],
    ["mixture prior", "normal prior", "with noise"],
    "Draws",
)

# %%
# Walks
# -----
#
# Between the codes of two test images, in a straight line: the pictures on the way are
# digits, too, or nearly. For comparison the same walk between the pixels themselves.

first = np.array([np.flatnonzero(y_test == digit)[0] for digit in (3, 0)])
second = np.array([np.flatnonzero(y_test == digit)[0] for digit in (8, 6)])
codes = vae.transform(X_test)
walks, names = [], []
for start, end in zip(first, second, strict=True):
    shares = np.linspace(0, 1, 10)[:, np.newaxis]
    along = (1 - shares) * codes[start] + shares * codes[end]
    walks += [
        vae.inverse_transform(along),
        (1 - shares) * X_test[start] + shares * X_test[end],
    ]
    names += [f"{y_test[start]} to {y_test[end]}: codes", "pixels"]
show(walks, names, "Walks between two test images")

# %%
# A map
# -----
#
# A code of two numbers can be seen whole. Left, the training images' codes, coloured by
# the digit; right, what the decoder makes of a grid of codes over the same range.

flat = VAETransformer(2, random_state=0).fit(X_train)
codes = flat.transform(X_train)
(left, low), (right, high) = np.quantile(codes, [0.02, 0.98], axis=0)
across, up = np.linspace(left, right, 11), np.linspace(low, high, 11)
grid = np.stack(np.meshgrid(across, up[::-1]), axis=-1).reshape(-1, 2)
tiles = flat.inverse_transform(grid.astype(np.float32)).reshape(11, 11, 8, 8)
tiles = np.pad(tiles, [(0, 0), (0, 0), (1, 1), (1, 1)])  # a margin

figure, axes = plt.subplots(1, 2, figsize=(10, 4.9), layout="constrained")
points = axes[0].scatter(*codes.T, c=y_train, s=8, cmap="tab10", vmin=-0.5, vmax=9.5)
axes[0].set(title="codes", xlim=(left, right), ylim=(low, high))
axes[1].imshow(
    tiles.transpose(0, 2, 1, 3).reshape(110, 110),
    cmap="gray_r",
    vmin=0,
    vmax=16,
    extent=(left, right, low, high),
    aspect="auto",
)
axes[1].set(title="decoded")
for axis in axes:
    axis.set(xlabel="first component", ylabel="second component")
figure.colorbar(points, ax=axes[0], ticks=range(10), label="digit", location="left")
plt.show()
