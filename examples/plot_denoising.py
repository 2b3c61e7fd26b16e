"""
Denoising images
================

An autoencoder that is fitted with a corruption learns to undo it. Here it cleans up
scikit-learn's digits: noise of three strengths, and images with square holes. PCA with
the best number of components is there to compare with.

Nothing is downloaded; it takes about half a minute on a CPU.
"""

# %%
# The data: 8 x 8 pixels, scaled to [0, 1]. The noise is put on test images that no fit
# has seen.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.corruptions import GaussianNoise, PatchMasking

X, y = load_digits(return_X_y=True)
X_train, X_test = train_test_split(X / 16, stratify=y, random_state=0)
rng = np.random.default_rng(0)


def error(restored):
    """Return the mean squared error to the clean test images."""
    return np.square(restored - X_test).mean()


def by_best_pca(noisy):
    """Return PCA's reconstruction, with the number of components that suits best."""
    reconstructions = []
    for n_components in range(1, 33):
        pca = PCA(n_components).fit(X_train)
        reconstructions.append(pca.inverse_transform(pca.transform(noisy)))
    return min(reconstructions, key=error)


# %%
# Noise of unknown strength
# -------------------------
#
# A range of levels makes one estimator for all of them: in training, each row gets a
# level of its own. Training rows are clean, and so is what the loss compares with.

denoiser = AutoencoderTransformer(
    24, corruption=GaussianNoise(scale=(0.0, 0.6)), random_state=0
).fit(X_train)

print("Mean squared error to the clean images")
print("noise   noisy image   best PCA   autoencoder")
for level in (0.2, 0.35, 0.5):
    noisy = X_test + level * rng.normal(size=X_test.shape)
    restored, by_pca = denoiser.denoise(noisy), by_best_pca(noisy)
    print(
        f"{level:5.2f}   {error(noisy):11.4f}   {error(by_pca):8.4f}   "
        f"{error(restored):11.4f}"
    )

# %%
# Holes
# -----
#
# `PatchMasking` takes squares out of the images, and the autoencoder fills them in. In
# training, a quarter of all 2 x 2 squares is gone.

mender = AutoencoderTransformer(
    24, corruption=PatchMasking(patch_size=2, rate=0.25), random_state=0
).fit(X_train)

gone = rng.uniform(size=(len(X_test), 4, 1, 4, 1)) < 0.25
gone = np.broadcast_to(gone, (len(X_test), 4, 2, 4, 2)).reshape(X_test.shape)
holed = np.where(gone, 0.0, X_test)
mended, holed_by_pca = mender.denoise(holed), by_best_pca(holed)
print(
    f"holes   {error(holed):11.4f}   {error(holed_by_pca):8.4f}   {error(mended):11.4f}"
)

# %%
# Pictures
# --------
#
# The first test images: clean, with noise of 0.5 and with holes; below each, what PCA
# and what the autoencoder make of them.

rows = {
    "clean": X_test,
    "noisy": noisy,
    "best PCA": by_pca,
    "autoencoder": restored,
    "with holes": holed,
    "best PCA ": holed_by_pca,
    "autoencoder ": mended,
}
figure, axes = plt.subplots(len(rows), 10, figsize=(8, 6))
for (name, images), row in zip(rows.items(), axes, strict=True):
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for image, axis in zip(images, row, strict=False):
        axis.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
figure.tight_layout()
plt.show()
