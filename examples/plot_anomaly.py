"""
Unusual rows
============

A model of what is usual tells what is not: `score_samples` of `VAETransformer` is the
log-likelihood of a row, that of `AutoencoderTransformer` minus its squared error. Both
are trained on digits from 0 to 4 here, and then asked to tell those from 5 to 9. Labels
serve to measure only.

Nothing is downloaded; it takes about half a minute on a CPU.
"""

# %%

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import RocCurveDisplay, roc_auc_score
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer, VAETransformer

X, y = load_digits(return_X_y=True)
usual = y < 5
X_train, X_usual = train_test_split(X[usual], random_state=0)
X_test = np.concatenate([X_usual, X[~usual]])
is_unusual = np.repeat([False, True], [len(X_usual), (~usual).sum()])
print(f"training rows: {len(X_train)}, all usual")
print(f"test rows: {len(X_usual)} usual, {(~usual).sum()} unusual")

# %%
# Four ways to score
# ------------------
#
# Each has `score_samples`, the lower the more unusual. The area under the ROC curve is
# the chance that an unusual row scores below a usual one. `PCA` has the density of
# probabilistic PCA.

detectors = {
    "VAETransformer": VAETransformer(16, random_state=0),
    "AutoencoderTransformer": AutoencoderTransformer(16, random_state=0),
    "PCA": PCA(16, random_state=0),
    "IsolationForest": IsolationForest(random_state=0),
}
scores = {}
for name, detector in detectors.items():
    scores[name] = detector.fit(X_train).score_samples(X_test)
    print(f"{name:22s}  {roc_auc_score(is_unusual, -scores[name]):.3f}")

# %%
# ROC curves, and how the log-likelihoods of the two kinds of rows lie.

figure, axes = plt.subplots(1, 2, figsize=(10, 4.3), layout="constrained")
for name, values in scores.items():
    RocCurveDisplay.from_predictions(is_unusual, -values, name=name, ax=axes[0])
axes[0].set(xlabel="share of usual rows taken for unusual")
axes[0].set(ylabel="share of unusual rows found")
axes[0].legend(loc="lower right", fontsize="small")
values = scores["VAETransformer"]
bins = np.linspace(np.quantile(values, 0.01), values.max(), 40)
for kind, label in ((False, "digits 0 to 4"), (True, "digits 5 to 9")):
    axes[1].hist(values[is_unusual == kind], bins, alpha=0.6, density=True, label=label)
axes[1].set(xlabel="log-likelihood by the VAE, nats", ylabel="density")
axes[1].legend(loc="upper left")

# %%
# Which rows
# ----------
#
# The least likely of both kinds, and the most likely of the unusual ones: these the
# model takes for usual.

order = np.argsort(values)
rows = {
    "0 to 4, least likely": order[~is_unusual[order]][:10],
    "5 to 9, least likely": order[is_unusual[order]][:10],
    "5 to 9, most likely": order[is_unusual[order]][::-1][:10],
}
figure, axes = plt.subplots(3, 10, figsize=(9, 3))
for (name, chosen), row in zip(rows.items(), axes, strict=True):
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for image, axis in zip(X_test[chosen], row, strict=True):
        axis.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        axis.set(xticks=[], yticks=[])
figure.tight_layout()
plt.show()
