"""
An autoencoder where PCA was
============================

The same number of components, the same methods, three kinds of data: a curved surface,
images, and a table in which PCA already finds what there is. The autoencoder starts at
PCA and keeps it unless it is significantly better on held-out rows, which
`gain_over_pca_` tells.

Nothing is downloaded; it takes about half a minute on a CPU.
"""

# %%

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_wine, make_s_curve
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from sklearn_ae import AutoencoderTransformer

surface, along = make_s_curve(1000, noise=0.05, random_state=0)
images, labels = load_digits(return_X_y=True)
wines, kinds = load_wine(return_X_y=True)
data = {
    "S curve": (surface, along),
    "digits": (images, labels),
    "wine": (scale(wines), kinds),
}

# %%
# Two components each
# -------------------
#
# Errors are those of rows that neither has seen. The last column is what the estimator
# itself says, from rows that `fit` held out of the training rows.


def error(reducer, X):
    """Return the mean squared error of reconstructions."""
    return np.square(reducer.inverse_transform(reducer.transform(X)) - X).mean()


fitted = {}
print("data      error of PCA   of the autoencoder   seconds   gain_over_pca_")
for name, (X, y) in data.items():
    X_train, X_test, _, y_test = train_test_split(X, y, random_state=0)
    pca = PCA(2).fit(X_train)
    start = time.perf_counter()
    ae = AutoencoderTransformer(2, random_state=0).fit(X_train)
    seconds = time.perf_counter() - start
    fitted[name] = pca, ae, X_test, y_test
    print(
        f"{name:9s} {error(pca, X_test):12.4f}   {error(ae, X_test):18.4f}   "
        f"{seconds:7.1f}   {ae.gain_over_pca_:14.3f}"
    )

# %%
# Where the gain is zero PCA was kept, and both errors are the same: the fit has cost
# some seconds and has given PCA. `PCA` itself takes milliseconds.
#
# The curved surface
# ------------------
#
# Two straight axes give a plane back, two curved ones the surface.

pca, ae, X_test, y_test = fitted["S curve"]
rows = {
    "test rows": X_test,
    "from two components of PCA": pca.inverse_transform(pca.transform(X_test)),
    "from two of the autoencoder": ae.inverse_transform(ae.transform(X_test)),
}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.8), subplot_kw={"projection": "3d"})
for axis, (title, points) in zip(axes, rows.items(), strict=True):
    axis.scatter(*points.T, c=y_test, s=8, cmap="viridis")
    axis.view_init(elev=10, azim=-75)
    axis.set(title=title, xlim=(-1.2, 1.2), ylim=(-0.2, 2.2), zlim=(-2.2, 2.2))
    axis.set(xticks=[-1, 0, 1], yticks=[0, 1, 2], zticks=[-2, 0, 2])
figure.tight_layout()

# %%
# The images
# ----------
#
# Codes of the test images, coloured by the digit, which no fit was told. Both axes are
# in pixels, and those of the autoencoder start from PCA's.

pca, ae, X_test, y_test = fitted["digits"]
figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
for axis, (title, reducer) in zip(
    axes, {"PCA": pca, "autoencoder": ae}.items(), strict=True
):
    codes = reducer.transform(X_test)
    points = axis.scatter(*codes.T, c=y_test, s=14, cmap="tab10", vmin=-0.5, vmax=9.5)
    axis.set(title=title, xlabel="first component", ylabel="second component")
figure.colorbar(points, ax=axes, ticks=range(10), label="digit")
plt.show()
