"""
A table in, a table out
=======================

``TableVAETransformer`` takes a frame of numbers, categories, dates and gaps as it is.
Here it draws new rows, draws rows with a given value, and fills in gaps. The table is
made from scikit-learn's wine data, with columns of several kinds.

Nothing is downloaded; it takes about half a minute on a CPU.
"""

# %%
# The table: a category, numbers of several units, a boolean, a date, and gaps.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_wine

from sklearn_ae import TableVAETransformer

wine = load_wine(as_frame=True).frame
rng = np.random.default_rng(0)
table = pd.DataFrame(
    {
        "grower": pd.Categorical.from_codes(wine["target"], ["A", "B", "C"]),
        "alcohol": wine["alcohol"],
        "proline": wine["proline"].astype("Int64"),
        "colour": wine["color_intensity"].round(1),
        "dark": wine["color_intensity"] > 5,
        "tasted": pd.Timestamp("2024-01-01")
        + pd.to_timedelta(30 * wine["target"] + rng.integers(0, 20, len(wine)), "D"),
    }
)
holed = table.mask(rng.uniform(size=table.shape) < 0.05)
holed["dark"] = table["dark"]  # this dtype cannot have gaps
holed.head()

# %%
# One model is enough for all of it. Frames come back with the same columns and dtypes.

model = TableVAETransformer(n_components=4, random_state=0).fit(holed)
drawn = model.sample(len(table), random_state=0)
assert (drawn.dtypes == holed.dtypes).all()
drawn.head()

# %%
# Draws given that the grower is "B", and gaps filled in.

of_b = model.sample(len(table), given={"grower": "B"}, random_state=0)
filled = model.impute(holed)
gaps = holed["proline"].isna()
error = (filled["proline"] - table["proline"])[gaps].abs().mean()
by_median = (holed["proline"].median() - table["proline"])[gaps].abs().mean()
print(f"mean absolute error of proline: {error:.0f}; by the median: {by_median:.0f}")

# %%
# Alcohol and colour of real and of drawn wines, by grower. The draws mix the growers
# more than the real wines do: 178 rows are few to learn from.

figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharex=True, sharey=True)
pictures = {"wines": table, "drawn": drawn, 'drawn, given grower "B"': of_b}
for ax, (title, rows) in zip(axes, pictures.items(), strict=True):
    for colour, (grower, group) in enumerate(rows.groupby("grower", observed=False)):
        ax.scatter(
            group["alcohol"], group["colour"], s=10, color=f"C{colour}", label=grower
        )
    ax.set(title=title, xlabel="alcohol")
axes[0].set_ylabel("colour")
axes[0].legend(title="grower", loc="upper left")
figure.tight_layout()
plt.show()
