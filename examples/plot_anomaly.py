"""
Unusual rows
============

`AnomalyDetector` adds a threshold to an estimator that scores rows. Here it is trained
on the digits 0 to 4, and has to find the digits 5 to 9 among new rows. The labels are
used only to measure how well it does.

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
# A model scores its training rows too well. So if a threshold has 5 % of the training
# rows below it, it has far more than 5 % of the new usual rows below it. The detector
# takes its threshold from rows that were not used for training.

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
# Any estimator with `score_samples` can be used. The area under the ROC curve is the
# chance that an unusual row scores below a usual one. The thresholds come from 135 rows
# and the alarms from 226, so these differ from 5 % by a few percent.

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
# Which rows, and which pixels
# ----------------------------
#
# Left: the scores of the digits 5 to 9, beside those of the rows that set the
# threshold. Right: the five most unusual digits, and below each how unusual its pixels
# are.

AnomalyDisplay.from_estimator(detector, X[~usual], image_shape="auto")
plt.show()

# %%
# Outliers among the rows of ``fit``
# ----------------------------------
#
# Here 5 % of the training rows are other digits. A model that was trained on them
# learns them too, and ranks them as usual. With `contamination` each row is scored by a
# model that was trained without it.

n_odd = len(X_train) // 19
mixed = np.concatenate([X_train, X[~usual][:n_odd]])
is_odd = np.arange(len(mixed)) >= len(X_train)
own = AutoencoderTransformer(8, random_state=0).fit(mixed).score_samples(mixed)
lowest = np.argsort(own)[: round(0.05 * len(mixed))]
print(f"outliers among the lowest training scores: {is_odd[lowest].mean():.0%}")
finder = AnomalyDetector(AutoencoderTransformer(8), contamination=0.05, random_state=0)
called = finder.fit_predict(mixed) == -1
print(f"outliers among the alarms of the detector: {is_odd[called].mean():.0%}")
