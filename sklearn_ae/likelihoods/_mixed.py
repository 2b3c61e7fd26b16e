"""Different likelihoods for different columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from sklearn_ae._modules.links import DomainError
from sklearn_ae._utils import StrOptions, check_parameters, component, resolve
from sklearn_ae.likelihoods._base import BuiltLikelihood, Likelihood
from sklearn_ae.likelihoods._by_name import LIKELIHOODS


class _Columns(nn.Module):
    """Takes rows apart into groups of columns and puts them together again."""

    def __init__(self, groups):
        super().__init__()
        self.sizes = [len(group) for group in groups]
        for number, group in enumerate(groups):
            self.register_buffer(f"group_{number}", torch.as_tensor(group))
        order = np.argsort(np.concatenate(groups))
        self.register_buffer("order", torch.as_tensor(order))

    def split(self, rows):
        return [
            rows.index_select(1, getattr(self, f"group_{number}"))
            for number in range(len(self.sizes))
        ]

    def join(self, parts):
        return torch.cat(parts, dim=1).index_select(1, self.order)

    def each(self, values):
        """Return an array with the value of each column's group."""
        return np.repeat(values, self.sizes)[self.order.numpy()]


class _MixedLink(nn.Module):
    """The links of the parts, side by side."""

    def __init__(self, columns, links):
        super().__init__()
        self.columns = columns
        self.links = nn.ModuleList(links)
        self.in_data_units = columns.each([link.in_data_units for link in links])
        self.bounds = tuple(
            columns.each([link.bounds[end] for link in links]) for end in (0, 1)
        )

    def _each(self, method, rows):
        pairs = zip(self.links, self.columns.split(rows), strict=True)
        return self.columns.join([getattr(link, method)(part) for link, part in pairs])

    def link(self, reconstruction):
        return self._each("link", reconstruction)

    def mean(self, parameter):
        return self._each("mean", parameter)

    def target(self, x):
        return self._each("target", x)


class _BuiltMixed(BuiltLikelihood):
    def __init__(self, parts, groups):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.columns = _Columns(groups)
        self.link = _MixedLink(self.columns, [part.link for part in parts])
        self.is_discrete = self.columns.each([part.is_discrete for part in parts])

    def drawn(self, x, generator):
        pairs = zip(self.parts, self.columns.split(x), strict=True)
        return self.columns.join([part.drawn(rows, generator) for part, rows in pairs])

    def widen(self, factor):
        """Widen the noise of each part."""
        for part in self.parts:
            part.widen(factor)

    def _each(self, method, x, parameter):
        triples = zip(
            self.parts,
            self.columns.split(x),
            self.columns.split(parameter),
            strict=True,
        )
        return self.columns.join(
            [getattr(part, method)(*pair) for part, *pair in triples]
        )

    def of_row(self, x, parameter):
        return self._each("of_row", x, parameter)

    def terms(self, x, parameter):
        return self._each("terms", x, parameter)

    def sample(self, parameter, generator):
        pairs = zip(self.parts, self.columns.split(parameter), strict=True)
        return self.columns.join([part.sample(rows, generator) for part, rows in pairs])


def _of_columns(likelihood):
    """Return the likelihood that a name means in a table, or an instance as it is.

    Columns of several kinds have units of their own: noise has a scale for each.
    """
    found = resolve(likelihood, LIKELIHOODS)
    if isinstance(likelihood, str) and found.is_noise:
        found.set_params(scale="per_feature")
    return found


class Mixed(Likelihood):
    """Different likelihoods for different columns.

    Parameters
    ----------
    parts : list of (likelihood, columns)
        Each a likelihood, by name or as an instance, and its columns: an index, a name,
        a list of either, a slice or a boolean mask. Names need a frame in ``fit``. A
        column may be given once. By name "gaussian", "laplace" and "student_t" have
        noise of one learned scale for each column, as with ``scale="per_feature"``.
    remainder : {"gaussian", "bernoulli", "poisson", "negative_binomial", "laplace", \
            "student_t", "categorical"} or likelihood instance, default="gaussian"
        Likelihood of the columns that are in no part; a name means what it means there.

    Examples
    --------
    >>> from sklearn_ae import VAETransformer
    >>> from sklearn_ae.likelihoods import Categorical, Mixed
    >>> mixed = Mixed([("poisson", [0, 1]), (Categorical(), slice(2, 5))])
    >>> VAETransformer(likelihood=mixed).likelihood.remainder
    'gaussian'
    """

    _parameter_constraints: dict = {
        "parts": [list, tuple],
        "remainder": [
            StrOptions(set(LIKELIHOODS)),
            component("an instance from sklearn_ae.likelihoods"),
        ],
    }

    def __init__(
        self,
        parts: Sequence[tuple[str | Likelihood, Any]],
        remainder: str | Likelihood = "gaussian",
    ) -> None:
        self.parts = parts
        self.remainder = remainder

    def _indices(self, columns, n_features, names):
        """Return the column numbers that a specification means."""
        if isinstance(columns, slice):
            return list(range(n_features))[columns]
        if isinstance(columns, str | int | np.integer):
            columns = [columns]
        columns = list(columns)
        if columns and all(isinstance(c, bool | np.bool_) for c in columns):
            if len(columns) != n_features:
                raise ValueError(
                    f"A boolean mask in the 'parts' parameter of Mixed must have "
                    f"{n_features} entries. Got {len(columns)} instead."
                )
            return list(np.flatnonzero(columns))
        known = [] if names is None else list(names)
        indices = []
        for column in columns:
            if isinstance(column, str) and column in known:
                indices.append(known.index(column))
            elif (
                isinstance(column, int | np.integer)
                and -n_features <= column < n_features
            ):
                indices.append(int(column) % n_features)
            else:
                raise ValueError(
                    f"The 'parts' parameter of Mixed names the column {column!r}, "
                    f"which is not among the {n_features} columns of X"
                    + (", which has no column names." if names is None else ".")
                )
        return indices

    def on_features(self, n_features, names):
        """Return a copy with instances for names and numbers for columns."""
        check_parameters(self)
        parts = []
        for part in self.parts:
            if not (isinstance(part, tuple) and len(part) == 2):
                raise ValueError(
                    "The 'parts' parameter of Mixed must be a list of pairs "
                    f"(likelihood, columns). Got {part!r} in it instead."
                )
            likelihood, columns = part
            if isinstance(likelihood, str) and likelihood not in LIKELIHOODS:
                raise ValueError(
                    "A likelihood in the 'parts' parameter of Mixed must be an "
                    f"instance or among {sorted(LIKELIHOODS)}. Got {likelihood!r} "
                    "instead."
                )
            indices = self._indices(columns, n_features, names)
            if indices:
                parts.append((_of_columns(likelihood), indices))
        used = [index for _, indices in parts for index in indices]
        twice = sorted({index for index in used if used.count(index) > 1})
        if twice:
            raise ValueError(
                f"The 'parts' parameter of Mixed gives column {twice[0]} twice; a "
                "column can have one likelihood."
            )
        left = sorted(set(range(n_features)) - set(used))
        if left:
            parts.append((_of_columns(self.remainder), left))
        return Mixed(parts, self.remainder)

    def check_data(self, X, owner):
        """Raise ValueError if a column is outside its likelihood's domain."""
        for likelihood, columns in self.parts:
            try:
                likelihood.check_data(X[:, columns], owner)
            except DomainError as error:
                raise error.among(columns) from None

    def build(self, *, center, noise_scale, noise_floor):
        """Return the module; see the base class."""
        parts = [
            likelihood.build(
                center=center[columns], noise_scale=noise_scale, noise_floor=noise_floor
            )
            for likelihood, columns in self.parts
        ]
        return _BuiltMixed(parts, [columns for _, columns in self.parts])
