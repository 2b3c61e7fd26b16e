"""Columns of frames: what is missing in them, and which are refused, by name."""

import sys
from contextlib import contextmanager

import numpy as np


def _schema(X):
    """Return the names and the dtypes of X's columns; an array has one of no name."""
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        return list(X.columns), list(X.dtypes)
    if hasattr(X, "schema") and hasattr(X, "column"):
        # Tables and record batches of Arrow.
        return list(X.schema.names), list(X.schema.types)
    return [None], [X.dtype] if hasattr(X, "dtype") else []


def _kinds(X):
    return [getattr(dtype, "kind", None) for dtype in _schema(X)[1]]


def nan_for_na(X):
    """Return X with NaN for the pandas.NA that numpy cannot read.

    That is those among objects, and among Arrow's whole numbers before pandas 3.
    """
    # Without pandas there is none.
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return X
    arrow = [isinstance(dtype, pandas.ArrowDtype) for dtype in _schema(X)[1]]
    unread = [
        kind == "O" or (is_arrow and kind in ("i", "u", "b"))
        for kind, is_arrow in zip(_kinds(X), arrow, strict=True)
    ]
    if not any(unread):
        return X
    missing = pandas.isna(X)
    if not np.any(missing):
        return X
    if isinstance(X, pandas.DataFrame):
        return X.astype(object).mask(missing, np.nan)
    return np.where(missing, np.nan, X)


# ---- dates and durations


def _is_time(dtype):
    """Whether a dtype of NumPy, pandas, polars or Arrow is of dates or durations."""
    if getattr(dtype, "kind", None) in ("M", "m"):
        return True
    if hasattr(dtype, "is_temporal"):
        return dtype.is_temporal()
    pyarrow = sys.modules.get("pyarrow")
    return (
        pyarrow is not None
        and isinstance(dtype, pyarrow.DataType)
        and pyarrow.types.is_temporal(dtype)
    )


def check_columns(X):
    """Raise TypeError for dates or durations unless X has nothing else.

    Alone they are numbers: of days, seconds or what their unit is. So is it raised for
    frames without rows of their own.
    """
    if type(X).__name__ == "LazyFrame":
        raise TypeError("X is a LazyFrame, which has no rows yet; give X.collect().")
    names, dtypes = _schema(X)
    times = [_is_time(dtype) for dtype in dtypes]
    if any(times) and not (all(times) and _are_alike(X)):
        column = times.index(True)
        raise TypeError(
            f"X has dates or durations ({dtypes[column]}) in column "
            f"{names[column]!r}; turn them into numbers, for instance of days."
        )


def _are_alike(X):
    """Whether NumPy has one type for all of the dates or durations."""
    try:
        return np.asarray(X).dtype.kind in ("M", "m")
    except TypeError:
        return False


def nan_for_nat(X, given):
    """Put NaN where dates or durations were missing: as a float that is a number."""
    if any(map(_is_time, _schema(given)[1])):
        X[np.isnat(np.asarray(given))] = np.nan
    return X


# ---- what is no number


@contextmanager
def telling_the_column(X):
    """Have an error in the block tell which column of X has no numbers, if one has."""
    try:
        yield
    except (ValueError, TypeError):
        for name, column in _untimed_columns(X):
            reason = _reason_against(column)
            if reason is not None:
                kind = TypeError if isinstance(reason, TypeError) else ValueError
                raise kind(
                    f"X has values that are no numbers in column {name!r}: {reason}; "
                    "encode them, for instance with OneHotEncoder, or leave the column "
                    "out."
                ) from None
        raise


def _untimed_columns(X):
    """Yield the names, or positions, and the columns that are no dates."""
    names, dtypes = _schema(X)
    if names == [None]:
        values = np.asarray(X)
        if values.ndim == 2 and values.dtype.kind in "OUS":
            yield from enumerate(values.T)
        return
    for place, (name, dtype) in enumerate(zip(names, dtypes, strict=True)):
        if not _is_time(dtype):
            yield name, _column(X, place)


def _column(X, place):
    """Return the values of a frame's column that are there."""
    if hasattr(X, "iloc"):
        return X.iloc[:, place].dropna()
    column = X.column(place) if hasattr(X, "column") else X.to_series(place)
    return column.drop_null() if hasattr(column, "drop_null") else column.drop_nulls()


def _reason_against(column):
    """Return the error that reading a column as numbers raises, or None."""
    values = np.asarray(column)
    if values.dtype.kind in "biuf":
        return None
    try:
        # Of objects the error shows the value.
        values.astype(object).astype(np.float64)
    except (ValueError, TypeError) as error:
        return error
    return None
