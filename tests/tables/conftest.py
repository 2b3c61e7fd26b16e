"""A table with a column of each kind, and models of it that train for two epochs."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklearn_ae import TableVAETransformer
from sklearn_ae.networks import MLP

N_ROWS = 240
# Odds of draws take longer than two epochs.
SMALL = {
    "network": MLP((8,)),
    "max_epochs": 2,
    "refine_samples": False,
    "device": "cpu",
    "random_state": 0,
}


@pytest.fixture(scope="session")
def make_table():
    """Make a TableVAETransformer that trains for two epochs on a small network."""
    return lambda n_components=2, **params: TableVAETransformer(
        n_components, **{**SMALL, **params}
    )


@pytest.fixture
def people(rng):
    """A pandas frame of many dtypes, without gaps and with an index of its own."""
    city = rng.choice(["north", "south", "west"], N_ROWS)
    days = rng.randint(0, 900, N_ROWS)
    whole = rng.randint(0, 1000, N_ROWS)
    return pd.DataFrame(
        {
            "city": pd.Categorical(city, ["west", "unused", "south", "north"], True),
            "text": np.char.upper(city.astype(str)),
            "rent": (rng.lognormal(6, 1, N_ROWS)).round(2),
            "age": whole,
            "nullable": pd.array(whole, dtype="Int64"),
            "float32": rng.normal(size=N_ROWS).astype(np.float32),
            "flag": city == "north",
            "maybe": pd.array(city == "south", dtype="boolean"),
            "rooms": rng.randint(1, 5, N_ROWS),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(days, unit="D"),
            "moment": pd.Timestamp("2020-01-01", tz="Europe/Rome")
            + pd.to_timedelta(rng.randint(0, 90_000, N_ROWS), unit="s"),
            "took": pd.to_timedelta(days, unit="h"),
        },
        index=np.arange(1000, 1000 + N_ROWS),
    )


def with_gaps(frame, rng):
    """Return a frame with a tenth of the values missing, but for two columns."""
    kept = ["age", "flag"]  # of dtypes that hold no gap
    gone = rng.uniform(size=frame.shape) < 0.1
    gone[:, [frame.columns.get_loc(name) for name in kept]] = False
    gone[:, -1] = np.arange(len(frame)) % 10 == 3
    return frame.mask(pd.DataFrame(gone, frame.index, frame.columns))


@pytest.fixture(params=["pandas", "polars", "arrow"])
def holed(request, people, rng):
    """The frame with gaps, of either library, or of pandas with Arrow's dtypes."""
    frame = with_gaps(people, rng)
    if request.param == "polars":
        return pl.from_pandas(frame)
    if request.param == "pandas":
        return frame
    plain = frame.drop(columns=["city"])
    return plain.convert_dtypes(dtype_backend="pyarrow").assign(city=frame["city"])
