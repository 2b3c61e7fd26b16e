"""
How many components?
====================

The share of variance that a code explains grows with its size, so it cannot choose the
size. What can: the accuracy of the step behind the code, or, without labels, the
log-likelihood of rows that were not trained on. `GridSearchCV` takes either.

Nothing is downloaded; it takes about half a minute on a CPU.
"""

# %%

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline

from sklearn_ae import AutoencoderTransformer, VAETransformer

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, stratify=y, test_size=0.5, random_state=0
)

# %%
# By the step behind it
# ---------------------
#
# One pipeline, two candidates for its first step. A search needs no full training:
# ten epochs are enough to tell the sizes apart.

pipeline = Pipeline(
    [
        ("reduce", PCA()),
        ("classify", LogisticRegression(max_iter=3000)),
    ]
)
sizes = [2, 4, 8, 16]
reducers = {
    "PCA": PCA(random_state=0),
    "autoencoder": AutoencoderTransformer(max_epochs=10, random_state=0),
}
searches = {}
for name, reducer in reducers.items():
    grid = GridSearchCV(
        pipeline.set_params(reduce=reducer), {"reduce__n_components": sizes}, cv=2
    )
    searches[name] = grid.fit(X_train, y_train)
    chosen = grid.best_params_["reduce__n_components"]
    print(f"{name:11s}  chosen: {chosen:2d}", end="")
    print(f"  accuracy on test rows: {grid.score(X_test, y_test):.3f}")

# %%
# By likelihood, without labels
# -----------------------------
#
# `VAETransformer.score` is the mean log-likelihood of rows in nats, and so is
# `PCA.score`: no `scoring` is needed, and the two compare.

searches_without_labels = {
    "probabilistic PCA": GridSearchCV(
        PCA(random_state=0), {"n_components": sizes}, cv=2
    ),
    "VAE": GridSearchCV(
        VAETransformer(max_epochs=10, random_state=0), {"n_components": sizes}, cv=2
    ),
}
for name, grid in searches_without_labels.items():
    grid.fit(X_train)
    print(f"{name:17s}  chosen: {grid.best_params_['n_components']:2d}", end="")
    print(f"  nats per test row: {grid.score(X_test):.1f}")

# %%
# Both searches
# -------------
#
# Dots are means over the folds, bars their standard deviations. The search names the
# highest point; where the curve has become flat a smaller code serves as well.

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for axis, group, label in zip(
    axes,
    (searches, searches_without_labels),
    ("accuracy of the classifier", "log-likelihood, nats a row"),
    strict=True,
):
    for (name, grid), color, marker in zip(
        group.items(), ("tab:gray", "tab:blue"), "so", strict=True
    ):
        results = grid.cv_results_
        axis.errorbar(
            np.arange(len(sizes)),
            results["mean_test_score"],
            results["std_test_score"],
            label=name,
            color=color,
            marker=marker,
            capsize=3,
        )
    axis.set(xticks=range(len(sizes)), xticklabels=sizes)
    axis.set(xlabel="n_components", ylabel=label)
    axis.legend(loc="lower right")
plt.show()
