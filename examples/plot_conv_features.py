"""
Convolutional features of images
================================

Digits that may lie anywhere in the picture are hard for PCA: moving one by a pixel
changes most of its numbers. `networks.Conv` shares its weights over the picture. The
data are scikit-learn's digits, each put at a random place of a 14 x 14 picture.

Nothing is downloaded; it takes about a minute on a CPU.
"""

# %%

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.networks import Conv

SIDE, SIZE = 14, 10
rng = np.random.default_rng(0)
digits, labels = load_digits(return_X_y=True)


def placed(images):
    """Return pictures with each image at a random place."""
    pictures = np.zeros((len(images), SIDE, SIDE), dtype=np.float32)
    for picture, image in zip(pictures, images.reshape(-1, 8, 8), strict=True):
        top, left = rng.integers(SIDE - 7, size=2)
        picture[top : top + 8, left : left + 8] = image / 16
    return pictures.reshape(len(images), -1)


X_train, X_test, y_train, y_test = train_test_split(
    digits, labels, stratify=labels, random_state=0
)
# Each training image at three places.
X_train, y_train = placed(np.tile(X_train, (3, 1))), np.tile(y_train, 3)
X_test = placed(X_test)

# %%
# Three ways to ten numbers
# -------------------------
#
# The same estimator twice, with the default fully connected network and with a
# convolutional one, beside PCA. Codes are standardised for the nearest neighbours.

reducers = {
    "PCA": PCA(SIZE),
    "MLP": AutoencoderTransformer(SIZE, max_epochs=15, random_state=0),
    "Conv": AutoencoderTransformer(
        SIZE,
        network=Conv(image_shape=(1, SIDE, SIDE)),
        max_epochs=15,
        random_state=0,
    ),
}
print("       squared error   accuracy of 5 nearest neighbours")
for name, reducer in reducers.items():
    reducer.fit(X_train)
    restored = reducer.inverse_transform(reducer.transform(X_test))
    classifier = make_pipeline(StandardScaler(), KNeighborsClassifier())
    classifier.fit(reducer.transform(X_train), y_train)
    accuracy = classifier.score(reducer.transform(X_test), y_test)
    error = np.square(restored - X_test).sum(axis=1).mean()
    print(f"{name:4s}   {error:13.2f}   {accuracy:.3f}")

# %%
# Reconstructions
# ---------------

figure, axes = plt.subplots(4, 10, figsize=(9, 4))
for row, name in zip(axes, ("test image", *reducers), strict=True):
    images = X_test[:10]
    if name in reducers:
        reducer = reducers[name]
        images = reducer.inverse_transform(reducer.transform(images))
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for axis, image in zip(row, images, strict=True):
        axis.imshow(image.reshape(SIDE, SIDE), cmap="gray_r", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
figure.tight_layout()

# %%
# What a code means
# -----------------
#
# From one test image, each of the first four codes is moved from two standard
# deviations below its value to two above. In the middle is the image itself.

conv = reducers["Conv"]
codes = conv.transform(X_test)
moved = np.linspace(-2, 2, 9)
figure, axes = plt.subplots(4, len(moved), figsize=(8, 4))
for number, row in enumerate(axes):
    walk = np.repeat(codes[:1], len(moved), axis=0)
    walk[:, number] += moved * codes[:, number].std()
    row[0].set_ylabel(f"code {number}", rotation=0, ha="right", va="center")
    for axis, image in zip(row, conv.inverse_transform(walk), strict=True):
        axis.imshow(image.reshape(SIDE, SIDE), cmap="gray_r", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
figure.tight_layout()

# %%
# Filters
# -------
#
# The weights of the encoder's first convolution: small patterns, edges and spots, that
# are looked for everywhere in the picture.

first = next(
    layer for layer in conv.net_.module_.encoder if hasattr(layer, "kernel_size")
)
filters = first.weight.detach().numpy()[:, 0]
largest = abs(filters).max()
figure, axes = plt.subplots(4, 8, figsize=(8, 4))
for axis, weights in zip(axes.flat, filters, strict=True):
    axis.imshow(weights, cmap="RdBu_r", vmin=-largest, vmax=largest)
    axis.set(xticks=[], yticks=[])
figure.suptitle("Filters of the first layer")
plt.show()
