"""
A scree curve
=============

`PCA(0.95)` takes as many components as explain 95 % of the variance, and a scree curve
shows how that share grows. Both can be had of an autoencoder from a single fit: its
first columns are a code on their own, however many of them are taken.

Nothing is downloaded; it takes about ten seconds on a CPU.
"""

# %%

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.displays import ComponentEffectsDisplay, ExplainedVarianceDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# Ninety-five per cent
# --------------------
#
# `PCA` counts the variance of its training rows, the autoencoder that of rows it has
# held out. What both explain of other rows is in the last column.

reducers = {
    "PCA": PCA(0.95).fit(X_train),
    "autoencoder": AutoencoderTransformer(0.95, random_state=0).fit(X_train),
}


def explained(reducer, X):
    """Return the share of the variance that reconstructions explain."""
    reconstructed = reducer.inverse_transform(reducer.transform(X))
    return r2_score(X, reconstructed, multioutput="variance_weighted")


print("              components   explained variance of test rows")
for name, reducer in reducers.items():
    print(
        f"{name:12s} {reducer.n_components_:11d}   {explained(reducer, X_test):31.3f}"
    )

# %%
# The curve
# ---------
#
# Of the rows held out in `fit`, with one standard error. PCA's is that of the same
# rows. The ring is at what was chosen.

ae = reducers["autoencoder"]
ExplainedVarianceDisplay.from_estimator(ae, estimator_names=["autoencoder"])
plt.show()

# %%
# Fewer columns
# -------------
#
# `truncate` gives the estimator of the first columns; nothing is trained anew. PCA is
# fitted with as many.

print("components   autoencoder     PCA")
for n_components in (2, 5, 10, 15):
    shorter = ae.truncate(n_components)
    pca = PCA(n_components).fit(X_train)
    print(
        f"{n_components:10d} {explained(shorter, X_test):13.3f} "
        f"{explained(pca, X_test):7.3f}"
    )

# %%
# In a pipeline
# -------------
#
# One line changes.

pipelines = {
    "PCA": make_pipeline(PCA(0.95), LogisticRegression(max_iter=5000)),
    "autoencoder": make_pipeline(
        AutoencoderTransformer(0.95, random_state=0), LogisticRegression(max_iter=5000)
    ),
}
for name, pipeline in pipelines.items():
    pipeline.fit(X_train, y_train)
    n_components = pipeline[0].n_components_
    accuracy = pipeline.score(X_test, y_test)
    print(f"{name:12s} {n_components:3d} columns, accuracy {accuracy:.3f}")

# %%
# What a column stands for
# ------------------------
#
# How much each pixel changes, on average, when a column moves by one standard
# deviation.

ComponentEffectsDisplay.from_estimator(
    ae, X_train, components=range(8), standardize=False, image_shape="auto"
)
plt.show()
