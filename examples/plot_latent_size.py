"""
The latent size of a classifier, for one training a fold
========================================================

A search over `n_components` trains once for each size and fold. With ``ordered=32`` the
first columns of the code are a code on their own, so one training serves all sizes, and
with ``memory=`` the fits of a search share it. The code of the search stays as it is.

Nothing is downloaded; it takes about twenty seconds on a CPU.
"""

# %%

import time
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from sklearn_ae import AutoencoderTransformer, fewest_components

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, stratify=y, test_size=0.3, random_state=0
)

# %%
# One search each
# ---------------
#
# Eight sizes and five folds are forty fits, but five trainings, and one for the refit.
# ``refit=fewest_components`` takes the smallest size whose accuracy is within one
# standard error of the best one's. The folder may be kept: a search over more sizes, or
# over the classifier's parameters, then trains nothing.

sizes = [1, 2, 4, 8, 12, 16, 24, 32]
folder = TemporaryDirectory()
reducers = {
    "PCA": PCA(random_state=0),
    "autoencoder": AutoencoderTransformer(
        ordered=32, memory=folder.name, random_state=0
    ),
}
searches = {}
for name, reducer in reducers.items():
    pipeline = Pipeline([("reduce", reducer), ("classify", KNeighborsClassifier())])
    start = time.perf_counter()
    searches[name] = GridSearchCV(
        pipeline, {"reduce__n_components": sizes}, cv=5, refit=fewest_components
    ).fit(X_train, y_train)
    print(
        f"{name:11s}  chosen: {searches[name].best_params_['reduce__n_components']:2d}"
        f"  accuracy on test rows: {searches[name].score(X_test, y_test):.3f}"
        f"  seconds: {time.perf_counter() - start:.1f}"
    )
folder.cleanup()

# %%
# Accuracy by size
# ----------------
#
# Dots are means over the folds, bars their standard errors. The rings are the sizes
# chosen: larger ones are not better by more than one standard error of the best.

figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
for (name, search), color, marker in zip(
    searches.items(), ("tab:gray", "tab:blue"), "so", strict=True
):
    means = search.cv_results_["mean_test_score"]
    errors = search.cv_results_["std_test_score"] / np.sqrt(search.n_splits_ - 1)
    axis.errorbar(
        sizes, means, errors, label=name, color=color, marker=marker, capsize=3
    )
    axis.plot(
        sizes[search.best_index_],
        means[search.best_index_],
        marker="o",
        markersize=15,
        fillstyle="none",
        color=color,
        linestyle="none",
        label=f"chosen with {name}",
    )
axis.set(xlabel="n_components", ylabel="accuracy of the classifier", xticks=sizes)
axis.legend(loc="lower right")
plt.show()
