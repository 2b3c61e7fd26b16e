"""Columns of a table as numbers for a VAE, and back: ranks, and categories."""

from collections.abc import Hashable

import numpy as np

from sklearn_ae._tables.scores import Grid, NormalScores

KINDS = ("numeric", "discrete", "categorical")
# Numbers are discrete where there are few, each in so many rows on average.
MOST_DISCRETE, ROWS_PER_VALUE = 12, 5
# A text of more values is an identifier or a remark.
MOST_CATEGORIES = 500


class NumericColumn:
    """A column of many numbers, dates or durations: one column of normal scores.

    Parameters
    ----------
    name : str
    backend : type
        A library's verbs; see `libraries`.
    column : column of the library
        The training rows'.
    """

    kind, width, is_category = "numeric", 1, False

    def __init__(self, name, backend, column):
        self.name, self.backend = name, backend
        self.like = backend.none(column)
        values = self.numbers(column)
        values = values[~np.isnan(values)]
        self.scores, self.grid = NormalScores(values), Grid(values)

    def numbers(self, column):
        """Return the numbers of a column of rows."""
        return _finite_numbers(self, column)

    def encode(self, column):
        """Return the block of the VAE's columns for a column of rows."""
        return self.scores.forward(self.numbers(column))[:, np.newaxis]

    def log_slope(self, column):
        """Return what makes of a score's log-density that of its value."""
        return self.scores.log_slope(self.numbers(column))

    def decode(self, block):
        """Return the column of a block: means, or draws."""
        values = self.grid.nearest(self.scores.back(block[:, 0].astype(np.float64)))
        return self.backend.of_numbers(values, self.like)

    def numbers_in(self, block, column=None):
        """Return the numbers of a block; a column's own where it has some."""
        found = self.numbers(self.decode(block))
        if column is None:
            return found
        own = self.numbers(column)
        return np.where(np.isnan(own), found, own)


class CategoricalColumn:
    """A column of categories: a block of one-hot columns.

    Parameters
    ----------
    name, backend, column
        As for `NumericColumn`.

    Attributes
    ----------
    known : column of the library
        One of each category, sorted where they can be.
    categories : list
        The same as Python objects.
    """

    kind, is_category = "categorical", True

    def __init__(self, name, backend, column):
        self.name, self.backend = name, backend
        self.like = backend.none(column)
        first = {}
        gaps = backend.missing(column)
        for place, item in enumerate(backend.items(column)):
            if not gaps[place]:
                _check_category(name, item)
                first.setdefault(item, place)
        self.categories = _sorted(first)
        self.width = len(first)
        if self.width > MOST_CATEGORIES:
            raise ValueError(
                f"X has {self.width} categories in column {name!r}, more than "
                f"{MOST_CATEGORIES}; leave it out, put rare ones together, or make "
                "dates or numbers of them if they are such."
            )
        self.known = backend.taken(column, [first[item] for item in self.categories])
        self.codes = {item: code for code, item in enumerate(self.categories)}

    def encode(self, column):
        """Return the block of a column of rows: NaN for what is missing or unseen."""
        return self._one_hot(self.codes_of(column))

    def codes_of(self, column):
        """Return the numbers of the categories; -1 for what is missing or unseen."""
        items = self.backend.items(column)
        for item in items:
            _check_category(self.name, item)
        codes = np.array([self.codes.get(item, -1) for item in items], dtype=np.intp)
        return np.where(self.backend.missing(column), -1, codes)

    def _one_hot(self, codes):
        block = np.eye(self.width)[codes]
        block[codes < 0] = np.nan
        return block

    def unseen(self, column):
        """Return a category that training did not see, in a list, or an empty one."""
        places = (self.codes_of(column) < 0) & ~self.backend.missing(column)
        first = np.flatnonzero(places)[:1]
        return self.backend.items(self.backend.taken(column, first))

    def log_slope(self, column):
        """Return 0: a category has a probability."""
        return 0.0

    def decode(self, block):
        """Return the column of a block: the likeliest, or the drawn categories."""
        return self.backend.taken(self.known, block.argmax(axis=1))

    def numbers_in(self, block, column=None):
        """Return the numbers of the likeliest categories of a block without gaps."""
        return block.argmax(axis=1)


class DiscreteColumn(CategoricalColumn):
    """A column of few numbers: as categories, of which the nearest is taken."""

    kind = "discrete"

    def __init__(self, name, backend, column):
        super().__init__(name, backend, column)
        self.values = backend.numbers(self.known)

    def codes_of(self, column):
        """Return the numbers of the nearest values; -1 for what is missing."""
        numbers = _finite_numbers(self, column)
        between = (self.values[1:] + self.values[:-1]) / 2
        return np.where(np.isnan(numbers), -1, np.searchsorted(between, numbers))


def _finite_numbers(owner, column):
    try:
        numbers = owner.backend.numbers(column)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"X has values that are no numbers in column {owner.name!r}, which had "
            f"numbers in training: {error}"
        ) from None
    if np.isinf(numbers).any():
        raise ValueError(
            f"X has infinite values in column {owner.name!r}; replace them, for "
            "instance by missing ones."
        )
    return numbers


def _check_category(name, item):
    if not isinstance(item, Hashable):
        raise TypeError(
            f"X has the value {item!r} in column {name!r}, which is neither a number "
            "nor a category; leave the column out."
        )


def _sorted(items):
    try:
        return sorted(items)
    except TypeError:
        return list(items)


def inferred_kind(backend, column):
    """Return the kind of a column that the user said nothing of."""
    kind = backend.kind(column)
    if kind in ("boolean", "other"):
        return "categorical"
    numbers = backend.numbers(column)
    numbers = numbers[~np.isnan(numbers)]
    n_values = len(np.unique(numbers))
    is_few = n_values <= MOST_DISCRETE and len(numbers) >= ROWS_PER_VALUE * n_values
    return "discrete" if is_few else "numeric"


def built_column(kind, name, backend, column):
    """Return the column of a kind, fitted to the training rows'."""
    if backend.missing(column).all():
        raise ValueError(
            f"X has no value in column {name!r}, of which TableVAETransformer can then "
            "learn nothing; leave the column out."
        )
    kind = kind or inferred_kind(backend, column)
    if kind != "categorical" and backend.kind(column) == "other":
        raise ValueError(
            f"column_kinds says {kind!r} of column {name!r}, which has no numbers but "
            f"{column.dtype}; turn them into numbers, or say 'categorical'."
        )
    classes = (NumericColumn, DiscreteColumn, CategoricalColumn)
    return dict(zip(KINDS, classes, strict=True))[kind](name, backend, column)
