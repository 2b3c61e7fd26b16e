"""Columns of pandas, of polars and of arrays, by the same few verbs.

pandas and polars are never imported here: whoever gives a frame has done so.
"""

import sys
from contextlib import contextmanager

import numpy as np

# What pandas calls columns of objects that are numbers, NA or None beside them.
OBJECT_NUMBERS = ("integer", "floating", "mixed-integer-float")


@contextmanager
def _value_errors():
    """Have errors of polars in the block be ValueErrors, as those of others are."""
    try:
        yield
    except sys.modules["polars"].exceptions.PolarsError as error:
        raise ValueError(str(error)) from None


def _check_kept(given, found, like):
    """Raise ValueError if numbers are others as those of a column's dtype."""
    changed = np.flatnonzero(np.asarray(given) != np.asarray(found))
    if len(changed):
        raise ValueError(f"{given[int(changed[0])]} is not a value of {like.dtype}.")


class _Library:
    """What a column can be asked for, whatever library it is of.

    ``numbers`` gives float64 with NaN for what is missing, ``items`` a list of Python
    objects; ``like`` is a column of no rows that tells a dtype. Columns that are
    returned have no gap.
    """

    @classmethod
    def kind(cls, column):
        """Return "boolean", "number", "time" or "other"."""
        kind = getattr(column.dtype, "kind", None)
        kinds = {"b": "boolean", "i": "number", "u": "number", "f": "number"}
        return {**kinds, "M": "time", "m": "time"}.get(kind, "other")


def _is_duration(item):
    return item is None or hasattr(item, "total_seconds")


def _of_numpy(item):
    return item.to_timedelta64() if hasattr(item, "to_timedelta64") else item


class Pandas(_Library):
    """Columns of a `pandas.DataFrame`."""

    @classmethod
    def kind(cls, column):
        if column.dtype != object:
            return super().kind(column)
        infer = sys.modules["pandas"].api.types.infer_dtype
        return "number" if infer(column, skipna=True) in OBJECT_NUMBERS else "other"

    @staticmethod
    def columns(X):
        return [X.iloc[:, place] for place in range(X.shape[1])]

    @staticmethod
    def missing(column):
        return column.isna().to_numpy(dtype=bool)

    @classmethod
    def numbers(cls, column):
        if cls.kind(column) != "time":
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        missing = cls.missing(column)
        numbers = np.full(len(column), np.nan)
        numbers[~missing] = column[~missing].astype("int64")
        return numbers

    @staticmethod
    def items(column):
        return column.tolist()

    @staticmethod
    def none(column):
        return column.iloc[:0]

    @staticmethod
    def taken(column, places):
        return column.iloc[places].reset_index(drop=True)

    @staticmethod
    def of_items(items, like):
        column = sys.modules["pandas"].Series(items, dtype=object)
        known = getattr(like.dtype, "categories", None)
        if known is not None and not column.dropna().isin(known).all():
            # As a category of the dtype, an unseen one would be a missing value.
            return column
        found = column.astype(like.dtype)
        if isinstance(like.dtype, np.dtype) and like.dtype.kind in "iub":
            _check_kept(column.to_numpy(dtype=np.float64), found.to_numpy(), like)
        return found

    @classmethod
    def of_numbers(cls, numbers, like):
        is_whole = like.dtype.kind in "iubMm"
        numbers = np.rint(numbers).astype(np.int64) if is_whole else numbers
        return sys.modules["pandas"].Series(numbers).astype(like.dtype)

    @staticmethod
    def completed(column, missing, values):
        values.index = column.index
        if not missing.any():
            return column
        return column.mask(missing, values.astype(column.dtype))

    @staticmethod
    def frame(columns, names, index):
        frame = sys.modules["pandas"].concat(
            [column.reset_index(drop=True) for column in columns], axis=1
        )
        frame.columns = names
        if index is not None:
            frame.index = index
        return frame


class Polars(_Library):
    """Columns of a `polars.DataFrame`."""

    @classmethod
    def kind(cls, column):
        dtype = column.dtype
        if dtype.is_numeric():
            return "number"
        if dtype.is_temporal():
            return "time"
        return "boolean" if str(dtype) == "Boolean" else "other"

    @staticmethod
    def columns(X):
        return X.get_columns()

    @staticmethod
    def missing(column):
        missing = column.is_null()
        if column.dtype.is_float():
            missing = missing | column.is_nan().fill_null(True)
        return missing.to_numpy()

    @staticmethod
    @_value_errors()
    def numbers(column):
        return column.to_physical().cast(sys.modules["polars"].Float64).to_numpy()

    @staticmethod
    def items(column):
        return column.to_list()

    @staticmethod
    def none(column):
        return column.clear()

    @staticmethod
    def taken(column, places):
        return column.gather(places)

    @staticmethod
    @_value_errors()
    def of_items(items, like):
        polars = sys.modules["polars"]
        if like.dtype.is_temporal() and all(isinstance(item, str) for item in items):
            return polars.Series(items, dtype=polars.String).str.strptime(like.dtype)
        if like.dtype == polars.Duration and all(map(_is_duration, items)):
            # Which older versions of polars do not take from pandas.
            items = np.array(list(map(_of_numpy, items)), dtype="timedelta64[ns]")
        column = polars.Series(items, strict=False)
        found = column.cast(like.dtype)
        if like.dtype.is_integer() or like.dtype == polars.Boolean:
            _check_kept(*(c.drop_nulls().cast(float) for c in (column, found)), like)
        return found

    @classmethod
    def of_numbers(cls, numbers, like):
        is_whole = not (like.dtype.is_float() or like.dtype.is_decimal())
        numbers = np.rint(numbers).astype(np.int64) if is_whole else numbers
        return sys.modules["polars"].Series(numbers).cast(like.dtype)

    @staticmethod
    def completed(column, missing, values):
        kept = sys.modules["polars"].Series(~missing)
        return column.zip_with(kept, values.cast(column.dtype))

    @staticmethod
    def frame(columns, names, index):
        return sys.modules["polars"].DataFrame(
            [column.alias(name) for column, name in zip(columns, names, strict=True)]
        )


class Arrays(_Library):
    """Columns of an array of numbers."""

    @staticmethod
    def columns(X):
        return list(X.T)

    @staticmethod
    def missing(column):
        return np.isnan(column)

    @staticmethod
    def numbers(column):
        return column.astype(np.float64)

    @staticmethod
    def items(column):
        return column.tolist()

    @staticmethod
    def none(column):
        return column[:0].copy()

    @staticmethod
    def taken(column, places):
        return column[places]

    @staticmethod
    def of_items(items, like):
        return np.array(
            [np.nan if item is None else item for item in items], dtype=like.dtype
        )

    @staticmethod
    def of_numbers(numbers, like):
        return numbers.astype(like.dtype)

    @staticmethod
    def completed(column, missing, values):
        return np.where(missing, values, column)

    @staticmethod
    def frame(columns, names, index):
        return np.stack(columns, axis=1)


def library_of(X):
    """Return the library of a frame; what is no frame is taken for an array."""
    for name, backend in (("pandas", Pandas), ("polars", Polars)):
        module = sys.modules.get(name)
        if module is not None and isinstance(X, module.DataFrame):
            return backend
    return Arrays
