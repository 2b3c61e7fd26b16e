"""
Early stopping with repeated measures
=====================================

Rows of one subject are alike. Held out at random, most have sisters among the rows
that are trained on: training goes on while subjects are learned by heart, and that
passes for a gain on PCA which no other subject sees. Told which rows belong together,
or given rows of other subjects, training stops in time and PCA is kept.
"""

# %%
# Sixty subjects, measured ten times, differ in 20 columns that have nothing to do with
# each other, so there is nothing to learn beyond PCA. Sixty others tell what is true.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA

from sklearn_ae import AutoencoderTransformer

rng = np.random.default_rng(0)
subject = np.repeat(np.arange(60), 10)


def measured():
    """Return ten rows of each of sixty subjects."""
    subjects = rng.normal(size=(60, 20))
    return subjects[subject] + 0.3 * rng.normal(size=(600, 20))


X, X_val, X_test = measured(), measured(), measured()

# %%
# Three ways to hold rows out. The first warns, since neighbouring rows are alike.
said = {
    "rows at random": {},
    "whole subjects": {"groups": subject},
    "rows of others": {"X_val": X_val},
}
fitted = {}
for name, arguments in said.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ae = AutoencoderTransformer(4, random_state=0).fit(X, **arguments)
    fitted[name] = ae
    print(f"{name}, {ae.n_iter_} epochs: {ae.guard_}")
    for warning in caught:
        print(f"  It warned: {warning.message}")

# %%
# The error over PCA's that was promised, and that on other subjects.
pca = PCA(4).fit(X)


def error(reducer, X):
    """Return the mean squared error of reconstructions."""
    return np.square(reducer.inverse_transform(reducer.transform(X)) - X).mean()


promised = [1 - ae.gain_over_pca_ for ae in fitted.values()]
found = [error(ae, X_test) / error(pca, X_test) for ae in fitted.values()]
for name, *ratios in zip(fitted, promised, found, strict=True):
    print(f"{name}: promised {ratios[0]:.2f}, on other subjects {ratios[1]:.2f}")

# %%
places = np.arange(len(fitted))
figure, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
ax.bar(places - 0.2, promised, 0.4, label="promised")
ax.bar(places + 0.2, found, 0.4, label="on other subjects")
ax.axhline(1, color="black", linestyle="--", linewidth=1)
ax.set(xlabel="held out", ylabel="squared error over PCA's")
ax.set_xticks(places, fitted)
ax.legend(loc="lower right", framealpha=1)
plt.show()
