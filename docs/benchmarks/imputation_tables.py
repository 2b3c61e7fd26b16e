"""The eight tables of `imputation.py` that users bring: numeric, mixed and series.

All but one are CSV files of other packages, which

    pip install --no-deps --target FOLDER ISLP==0.6.0 plotnine==0.15.9

puts below a folder; rows with missing values are left out, and of long tables 2000 rows
are drawn. Categories become columns of zeros and ones, one less for two of them, and a
date the number of its day.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

MOST_ROWS = 2000
# name: file, columns that are left out, and whether numeric columns alone are taken.
FILES = {
    "Boston": ("ISLP/data/Boston.csv", [], False),
    "College": ("ISLP/data/College.csv", [], False),
    "diamonds": ("plotnine/data/diamonds.csv", [], True),
    "Wage": ("ISLP/data/Wage.csv", ["region"], False),
    "penguins": ("plotnine/data/penguins.csv", [], False),
    "economics": ("plotnine/data/economics.csv", [], False),
    "Bikeshare": ("ISLP/data/Bikeshare.csv", [], False),
}
KINDS = {
    "Boston": "numeric",
    "College": "mixed",
    "breast cancer (table)": "numeric",
    "diamonds": "numeric",
    "Wage": "mixed",
    "penguins": "mixed",
    "economics": "series",
    "Bikeshare": "series",
}


def read_table(name, folder):
    """Return a table's rows, and the number of the variable that each column is of.

    Parameters
    ----------
    name : str
        Of `KINDS`.
    folder : path or None
        Where the files are.
    """
    if name == "breast cancer (table)":
        rows = load_breast_cancer(return_X_y=True)[0]
        return rows, np.arange(rows.shape[1])
    if folder is None:
        raise SystemExit(f"{name} is a file: give --data FOLDER.\n{__doc__}")
    file, left_out, is_numeric = FILES[name]
    frame = pd.read_csv(Path(folder) / file).drop(columns=left_out).dropna()
    if "date" in frame:
        dates = pd.to_datetime(frame["date"])
        frame["date"] = (dates - dates.min()).dt.days
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=0)
    return _as_numbers(frame.select_dtypes("number") if is_numeric else frame)


def _as_numbers(frame):
    blocks, variables = [], []
    for number, (_, column) in enumerate(frame.items()):
        if pd.api.types.is_numeric_dtype(column):
            block = column.to_numpy(dtype=float)[:, np.newaxis]
        else:
            block = pd.get_dummies(column.astype(str)).to_numpy(dtype=float)
            block = block[:, 1:] if block.shape[1] == 2 else block
        blocks.append(block)
        variables += [number] * block.shape[1]
    return np.hstack(blocks), np.array(variables)
