"""
Unusual rows
============

`AnomalyDetector` gives a model of what is usual a threshold. It is trained on digits
from 0 to 4 here, and then asked to tell those from 5 to 9. Labels serve to measure
only.

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
from sklearn.neighbors import LocalOutlierFactor

from sklearn_ae import AnomalyDetector, AutoencoderTransformer, VAETransformer
from sklearn_ae.displays import AnomalyDisplay

X, y = load_digits(return_X_y=True)
usual = y < 5
X_train, X_usual = train_test_split(X[usual], random_state=0)
X_test = np.concatenate([X_usual, X[~usual]])
is_unusual = np.repeat([False, True], [len(X_usual), (~usual).sum()])
print(f"training rows: {len(X_train)}, all usual")
print(f"test rows: {len(X_usual)} usual, {(~usual).sum()} unusual")

# %%
# A threshold that holds
# ----------------------
#
# At the threshold below which a twentieth of the training rows lies, far more of the
# new usual rows are alarms. The detector's comes from rows that were not trained on.

vae = VAETransformer(8, random_state=0).fit(X_train)
threshold = np.quantile(vae.score_samples(X_train), 0.05)
alarms = (vae.score_samples(X_usual) < threshold).mean()
print(f"alarms on new usual rows, by training scores: {alarms:.1%}")
detector = AnomalyDetector(VAETransformer(8), random_state=0).fit(X_train)
print(f"by AnomalyDetector: {(detector.predict(X_usual) == -1).mean():.1%}")
print(f"unusual rows found: {(detector.predict(X[~usual]) == -1).mean():.1%}")

# %%
# Five ways to score
# ------------------
#
# Any estimator with `score_samples` will do. The area under the ROC curve is the chance
# that an unusual row scores below a usual one.

estimators = {
    "VAETransformer": VAETransformer(8),
    "AutoencoderTransformer": AutoencoderTransformer(8),
    "PCA": PCA(8),
    "IsolationForest": IsolationForest(),
    "LocalOutlierFactor": LocalOutlierFactor(novelty=True),
}
figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
print(f"{'':22s}    AUC  alarms   found")
for name, estimator in estimators.items():
    fitted = AnomalyDetector(estimator, random_state=0).fit(X_train)
    scores, labels = fitted.score_samples(X_test), fitted.predict(X_test)
    auc = roc_auc_score(is_unusual, -scores)
    shares = [(labels[is_unusual == kind] == -1).mean() for kind in (False, True)]
    print(f"{name:22s}  {auc:.3f}  {shares[0]:6.1%}  {shares[1]:6.1%}")
    RocCurveDisplay.from_predictions(is_unusual, -scores, name=name, ax=axis)
axis.set(xlabel="share of usual rows taken for unusual")
axis.set(ylabel="share of unusual rows found")
axis.legend(loc="lower right", fontsize="small")

# %%
# Which rows, and what is odd in them
# -----------------------------------
#
# Scores of new rows beside those of the rows that calibrated, and the oddest of them
# with the nats of each pixel.

AnomalyDisplay.from_estimator(detector, X[~usual], image_shape="auto")
plt.show()

# %%
# Outliers among the rows of ``fit``
# ----------------------------------
#
# With a twentieth of other digits among the training rows, a model that was trained on
# them takes them for usual. With `contamination` each row is scored by a model that was
# trained without it.

n_odd = len(X_train) // 19
mixed = np.concatenate([X_train, X[~usual][:n_odd]])
is_odd = np.arange(len(mixed)) >= len(X_train)
own = AutoencoderTransformer(8, random_state=0).fit(mixed).score_samples(mixed)
lowest = np.argsort(own)[: round(0.05 * len(mixed))]
print(f"outliers among the lowest by their own model: {is_odd[lowest].mean():.0%}")
finder = AnomalyDetector(AutoencoderTransformer(8), contamination=0.05, random_state=0)
called = finder.fit_predict(mixed) == -1
print(f"among those that the detector calls so: {is_odd[called].mean():.0%}")
