"""
Imputing as a step of a pipeline
================================

:class:`~sklearn_ae.AutoencoderImputer` fills in missing values where
:class:`~sklearn.impute.SimpleImputer` would: before a scaler, a classifier, or any
other step. It hides some of the observed values and predicts them in several ways: by
column means, probabilistic PCA of several ranks, an autoencoder, and a forest of each
column. What it fills in is a weighted mean of these, with the weights that were best on
the hidden values.

Nothing is downloaded; it takes about a quarter of a minute on a CPU.
"""

# %%
# The data are 30 measurements of each of 569 tumours; a fifth of the values is missing.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderImputer

complete, y = load_breast_cancer(return_X_y=True, as_frame=True)
rng = np.random.default_rng(0)
X = complete.mask(rng.uniform(size=complete.shape) < 0.2)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# In a pipeline
# -------------
#
# Column names are kept, and frames come out, as with scikit-learn's imputers.

imputer = AutoencoderImputer(random_state=0).set_output(transform="pandas")
model = make_pipeline(imputer, StandardScaler(), LogisticRegression())
model.fit(X_train, y_train)
print(f"accuracy on test rows with missing values: {model.score(X_test, y_test):.3f}")
print(model[0].transform(X_test).iloc[:3, :3].round(2))

# %%
# How good it is
# --------------
#
# The table has the error on the hidden values, in standard deviations, and the weight
# of each way, as the mean over columns. The weighted mean is better here than each of
# them alone.

fitted = model[0]
names = [
    "mean",
    *(f"PCA, {rank}" for rank in fitted.ranks_[1:]),
    "PCA of normal scores",
]
names += [f"autoencoder, {each.n_components}" for each in fitted.estimators_]
names += ["forests"]
table = pd.DataFrame(
    {"error": fitted.errors_, "weight": fitted.weights_.mean(axis=1)}, index=names
).round(2)
print(table)
print(f"weighted: {fitted.error_:.2f}")

# %%
# Here the true values are known. We compare with other imputers on the same test rows.
# All get scaled columns, since nearest neighbours need columns of one scale.

others = {
    "mean": SimpleImputer(),
    "neighbours": KNNImputer(),
    "iterative, linear": IterativeImputer(max_iter=10, tol=0.1, random_state=0),
    "iterative, trees": IterativeImputer(
        ExtraTreesRegressor(10, random_state=0), max_iter=2, tol=10.0, random_state=0
    ),
}
scaler = StandardScaler().set_output(transform="pandas").fit(X_train)
gaps = X_test.isna().to_numpy()
truth = scaler.transform(complete.loc[X_test.index]).to_numpy()
filled = {
    name: each.fit(scaler.transform(X_train)).transform(scaler.transform(X_test))
    for name, each in others.items()
}
filled["AutoencoderImputer"] = scaler.transform(fitted.transform(X_test))
errors = {
    name: np.sqrt(np.mean((np.asarray(values) - truth)[gaps] ** 2))
    for name, values in filled.items()
}

# %%
# Pictures
# --------
#
# Left: the errors. Right: the values filled in against the true values.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
left.barh(list(errors), list(errors.values()), color="tab:blue")
left.invert_yaxis()
left.set(xlabel="error of missing values, in standard deviations")
right.axline((0, 0), slope=1, color="gray", linewidth=1)
for name, color in (("mean", "tab:gray"), ("AutoencoderImputer", "tab:blue")):
    right.scatter(
        truth[gaps], np.asarray(filled[name])[gaps], s=4, alpha=0.4, c=color, label=name
    )
right.set(xlabel="true value", ylabel="value filled in")
right.legend(markerscale=3, loc="lower right", fontsize="small")
figure.tight_layout()
plt.show()
