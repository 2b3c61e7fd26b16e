"""
Missing values
==============

The autoencoders take rows with missing values (NaN), in training and after, and
``impute`` fills them in. Here pixels are missing from scikit-learn's digits, alone and
as patches. The column mean, nearest neighbours and scikit-learn's iterative imputer are
there to compare with.

Nothing is downloaded; it takes about half a minute on a CPU.
"""

# %%
# The data: 8 x 8 pixels, scaled to [0, 1]. Of the training images a fifth of the pixels
# is missing, so no imputer sees a complete one.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer, VAETransformer

X, y = load_digits(return_X_y=True)
X_train, X_test = train_test_split(X / 16, stratify=y, random_state=0)
rng = np.random.default_rng(0)
X_train = np.where(rng.uniform(size=X_train.shape) < 0.2, np.nan, X_train)

# %%
# Test images miss 30 % of their pixels, or one of their four quarters.

scattered = rng.uniform(size=X_test.shape) < 0.3
quarter = rng.integers(0, 4, size=len(X_test))
down, across = np.arange(64) // 32, np.arange(64) % 8 // 4
patch = (2 * down + across) == quarter[:, np.newaxis]
gaps = {"pixels": scattered, "quarters": patch}

# %%
# All imputers are fitted to the same training images.

imputers = {
    "mean": SimpleImputer(keep_empty_features=True).fit(X_train),
    "neighbours": KNNImputer(n_neighbors=5).fit(X_train),
    "iterative": IterativeImputer(tol=0.3, random_state=0).fit(X_train),
}
autoencoder = AutoencoderTransformer(16, random_state=0).fit(X_train)
vae = VAETransformer(16, random_state=0).fit(X_train)
functions = {
    **{name: imputer.transform for name, imputer in imputers.items()},
    "autoencoder": autoencoder.impute,
    "VAE": vae.impute,
}

print("Mean squared error of the missing pixels")
print("            " + "".join(f"{name:>13}" for name in functions))
filled = {}
for gap, missing in gaps.items():
    holed = np.where(missing, np.nan, X_test)
    errors = []
    for name, fill in functions.items():
        filled[gap, name] = fill(holed)
        errors.append(np.square(filled[gap, name] - X_test)[missing].mean())
    print(f"{gap:<12}" + "".join(f"{error:13.4f}" for error in errors))

# %%
# Pixels between others are what an autoencoder tells best. A quarter of an image is
# another matter: no training image had such gaps, and a whole neighbour may know more
# than a code.

# %%
# Several imputations
# -------------------
#
# One value does not say how sure it is. The VAE draws from what is possible given the
# observed pixels: where draws differ, the images leave it open.

holed = np.where(patch, np.nan, X_test)
draws = vae.impute(holed[:10], n_draws=20, random_state=0)
spread = draws.std(axis=0)[patch[:10]].mean()
print(f"standard deviation of a missing pixel over the draws: {spread:.2f}")

# %%
# Pictures
# --------
#
# The first test images: complete, without a quarter, and filled in.

rows = {
    "complete": X_test,
    "with gaps": holed,
    **{name: filled["quarters", name] for name in functions},
    "VAE, a draw": draws[0],
    "another": draws[1],
}
figure, axes = plt.subplots(len(rows), 10, figsize=(8, 7))
gray = plt.get_cmap("gray_r").with_extremes(bad="tab:orange")
for (name, images), row in zip(rows.items(), axes, strict=True):
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for image, axis in zip(images, row, strict=False):
        axis.imshow(image.reshape(8, 8), cmap=gray, vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
figure.tight_layout()
plt.show()
