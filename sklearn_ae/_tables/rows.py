"""The rows of a table: read, as numbers for a VAE, and a table again."""

from numbers import Real

import numpy as np

from sklearn_ae._tables.columns import built_column
from sklearn_ae.likelihoods import Categorical, Gaussian, Mixed


class Table:
    """What a fit learns of the columns of a table.

    Parameters
    ----------
    backend : type
        The verbs of the training rows' library; see `libraries`.
    header : list or index of pandas
        Names of the columns, in their order.
    columns : list of columns of the library
        The training rows'.
    kinds : dict
        Kinds by name, of the columns of which the user said one.
    """

    def __init__(self, backend, header, columns, kinds):
        self.backend = backend
        self.header, self.names = header, list(header)
        self.columns = [
            built_column(kinds.get(name), name, backend, column)
            for name, column in zip(self.names, columns, strict=True)
        ]
        # Numbers first, then the blocks of categories.
        self.order = sorted(self.columns, key=lambda column: column.is_category)
        ends = np.cumsum([column.width for column in self.order])
        self.blocks = {
            column.name: slice(end - column.width, end)
            for column, end in zip(self.order, ends.tolist(), strict=True)
        }
        self.width = int(ends[-1])

    def likelihood(self):
        """Return the likelihood of encoded rows."""
        sizes = tuple(column.width for column in self.order if column.is_category)
        n_numeric = len(self.order) - len(sizes)
        parts = [
            (Gaussian(scale="per_feature"), slice(0, n_numeric)),
            (Categorical(sizes=sizes), slice(n_numeric, self.width)),
        ]
        return Mixed(
            [(part, place) for part, place in parts if place.start < place.stop]
        )

    def read(self, backend, X):
        """Return the columns of X, which may be of another library than the fit's."""
        found = backend.columns(X)
        if backend is self.backend:
            return found
        return [
            self.column_of(column, backend.items(given), backend.missing(given))
            for column, given in zip(self.columns, found, strict=True)
        ]

    def column_of(self, column, items, missing, owner="X"):
        """Return items as a column of the dtype that it had in training.

        Errors say that `owner` has the items.
        """
        items = [
            None if gap else item for item, gap in zip(items, missing, strict=True)
        ]
        try:
            return self.backend.of_items(items, column.like)
        except (ValueError, TypeError, OverflowError) as error:
            raise ValueError(
                f"{owner} has values in column {column.name!r} that are not of its "
                f"kind in training, {column.like.dtype}: {error}"
            ) from None

    def unseen(self, columns):
        """Return names and values of categories that training did not see."""
        pairs = zip(self.columns, columns, strict=True)
        return [
            (column.name, value)
            for column, given in pairs
            if column.is_category
            for value in column.unseen(given)
        ]

    def encode(self, columns):
        """Return the rows of columns as numbers for the VAE."""
        rows = np.empty((len(columns[0]), self.width))
        for column, given in zip(self.columns, columns, strict=True):
            rows[:, self.blocks[column.name]] = column.encode(given)
        return rows

    def given(self, values):
        """Return columns of one row, by name, of values by name."""
        by_name = {column.name: column for column in self.columns}
        known = {}
        for name, value in values.items():
            if name not in by_name:
                raise ValueError(
                    f"given names the column {name!r}, which is not among those of "
                    f"the training rows: {self.names}."
                )
            column = by_name[name]
            if np.ndim(value):
                raise ValueError(
                    f"given has {value!r} for column {name!r}, but all rows get one "
                    "value; call sample once for each."
                )
            if isinstance(value, Real) and np.isinf(value):
                raise ValueError(
                    f"given has the value {value!r} for column {name!r}; it must be "
                    "finite."
                )
            known[name] = self.column_of(column, [value], [False], "given")
            block = column.encode(known[name])
            if np.isnan(block).any():
                few = getattr(column, "categories", [])
                raise ValueError(
                    f"given has the value {value!r} for column {name!r}, which is "
                    f"missing or was not there in training"
                    + (f"; it had {few}." if few else ".")
                )
        return known

    def encode_some(self, known):
        """Return an encoded row of columns by name; the others are missing."""
        row = np.full((1, self.width), np.nan)
        for column in self.columns:
            if column.name in known:
                row[:, self.blocks[column.name]] = column.encode(known[column.name])
        return row

    def log_slope(self, columns):
        """Return what to add to the log-densities of encoded rows."""
        pairs = zip(self.columns, columns, strict=True)
        return sum(column.log_slope(given) for column, given in pairs)

    def terms(self, columns, terms):
        """Return nats of each column from those of encoded rows."""
        pairs = zip(self.columns, columns, strict=True)
        return np.column_stack(
            [
                terms[:, self.blocks[column.name]].sum(axis=1) - column.log_slope(given)
                for column, given in pairs
            ]
        )

    def decode(self, rows):
        """Return the columns of encoded rows."""
        return [
            column.decode(rows[:, self.blocks[column.name]]) for column in self.columns
        ]

    def values(self, rows, columns=None):
        """Return encoded rows without gaps as one number for each column.

        Numbers are those of `columns`, of which the rows were encoded, where these
        have some: ranks know them only roughly.
        """
        given = columns or [None] * len(self.columns)
        found = [
            column.numbers_in(rows[:, self.blocks[column.name]], own)
            for column, own in zip(self.columns, given, strict=True)
        ]
        return np.column_stack(found).astype(np.float64)

    def frame(self, columns, index=None):
        """Return a table of columns; of pandas, with an index."""
        return self.backend.frame(columns, self.header, index)
