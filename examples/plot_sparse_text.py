"""
Sparse text
===========

Texts, weighted by TF-IDF, are a sparse table: a column for each word, of which a text
has a few. `TruncatedSVD` is the usual way to few columns, since it need not make the
table dense; `AutoencoderTransformer` makes a batch of rows dense at a time. This
example makes up texts and reduces them to two columns by both, and by PCA.

Nothing is downloaded; it takes about ten seconds on a CPU.
"""

# %%
# Each of the 600 words, made of syllables, is in fashion around a day of the year, and
# each text is written on some day: half of its words are in fashion then, the others
# are any. So there is one hidden number to a text, and texts half a year apart have
# little in common.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from sklearn_ae import AutoencoderTransformer

rng = np.random.default_rng(0)
syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
words = np.array(["".join(rng.choice(syllables, 3)) for _ in range(600)])
in_fashion = rng.uniform(0, 365, size=len(words))
days = rng.uniform(0, 365, size=2000)


def written_on(day):
    """Return a text of 60 words."""
    apart = np.abs(in_fashion - day)
    weights = np.exp(-0.5 * (np.minimum(apart, 365 - apart) / 20) ** 2)
    about = rng.choice(words, 30, p=weights / weights.sum())
    return " ".join([*about, *rng.choice(words, 30)])


texts = [written_on(day) for day in days]
train, test, days_train, days_test = train_test_split(texts, days, random_state=0)
print(train[0][:60], "...")

# %%
# One line of a pipeline
# ----------------------
#
# `TfidfVectorizer` gives a CSR matrix, and the step behind it takes it as it is. The
# share of the test texts' variance that two columns explain says how much of the table
# they hold.

reducers = {
    "TruncatedSVD": TruncatedSVD(2, random_state=0),
    "PCA": PCA(2, svd_solver="arpack", random_state=0),
    "AutoencoderTransformer": AutoencoderTransformer(2, random_state=0),
}
pipelines, shares = {}, {}
for name, reducer in reducers.items():
    pipeline = make_pipeline(TfidfVectorizer(), reducer).fit(train)
    rows = pipeline[0].transform(test)
    dense = rows.toarray()
    left = dense - reducer.inverse_transform(reducer.transform(rows))
    shares[name] = 1 - np.square(left).sum() / np.square(dense - dense.mean(0)).sum()
    pipelines[name] = pipeline
print(f"{rows.shape[0]} test texts, {rows.nnz / rows.shape[0]:.0f} words in each")
print(f"{'':24s}{'explained':>10s}")
for name, share in shares.items():
    print(f"{name:24s}{share:10.3f}")

# %%
# What two columns show
# ---------------------
#
# The texts of a year lie on a closed curve, which bends through more than two
# dimensions. `TruncatedSVD` does not take the mean off, so that its first column is
# hardly more than that; PCA and the autoencoder do. The days of test texts, as points
# on a circle, are read off their nearest neighbours among the training texts; that
# number is R2.


def on_circle(days):
    """Return days as points on a circle."""
    angle = 2 * np.pi * days / 365
    return np.column_stack([np.cos(angle), np.sin(angle)])


figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.6), layout="constrained")
for axis, (name, pipeline) in zip(axes, pipelines.items(), strict=True):
    neighbours = KNeighborsRegressor(10)
    neighbours.fit(pipeline.transform(train), on_circle(days_train))
    codes = pipeline.transform(test)
    score = neighbours.score(codes, on_circle(days_test))
    points = axis.scatter(*codes.T, c=days_test, s=12, cmap="twilight")
    axis.set(xlabel="first column", ylabel="second column")
    axis.set_title(f"{name}\nexplained {shares[name]:.3f}, day {score:.2f}")
figure.colorbar(points, ax=axes, label="day of the year")
plt.show()
