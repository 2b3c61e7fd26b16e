"""TableVAETransformer: a frame in, codes and frames out."""

from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from sklearn_ae._estimators.vae import VAETransformer
from sklearn_ae._tables.columns import KINDS
from sklearn_ae._tables.likeness import (
    DRAWS_PER_ROW,
    FEWEST_ROWS,
    MOST_ROWS,
    Likeness,
)
from sklearn_ae._tables.rows import Table
from sklearn_ae._tables.verbs import TableVerbs
from sklearn_ae._utils import (
    Interval,
    RandomStateLike,
    StrOptions,
    check_parameters,
    unchanged_on_error,
)

# Parameters of the VAE that are the table's own, or that it sets.
OWN = ("n_components", "network", "prior", "beta", "max_epochs", "device")
SEEDED = ("random_state", "verbose")
# Draws are the worse for each network that is not kept; see the parameter of the VAE.
GUARD = 0.5


class TableVAETransformer(TableVerbs, BaseEstimator):
    """Variational autoencoder of tables: numbers, categories, dates and gaps.

    A frame of pandas or polars goes in as it is, with missing values. `transform` gives
    codes; `inverse_transform`, `reconstruct`, `impute` and `sample` give frames of the
    same library with the same columns, dtypes and categories. An array of numbers is a
    table of columns ``x0``, ``x1`` and so on, and arrays come back.

    Numbers, dates and durations become normal scores: the normal quantiles of their
    ranks [1]_, whatever their units, skewness and tails. Around them is normal noise
    of one learned scale a column. Categories, and numbers of which there are few, have
    probabilities [2]_. What comes back lies on the grid that the training rows' values
    lie on, such as whole numbers, cents or days, and within their range.

    Parameters
    ----------
    n_components : int, default=2
        Number of columns of the code; about as many as X has columns for samples that
        are hard to tell from rows.
    column_kinds : dict or None, default=None
        Kinds by the name of a column, for those that are not as inferred: "numeric",
        "discrete" (few numbers, each with a probability) or "categorical". Inferred are
        "categorical" for texts, booleans and categories; "discrete" for numbers, dates
        and durations of at most 12 values with at least 5 rows each on average;
        "numeric" for the rest of these.
    handle_unknown : {"missing", "error"}, default="missing"
        What a category is after ``fit`` that was not there in it: a missing value, or
        an error that names it. Of a "discrete" column the nearest value is taken.
    network : {"mlp"} or network instance, default="mlp"
        As for `VAETransformer`.
    prior : {"aggregate", "gaussian_mixture", "normal", "vamp"} or prior instance, \
            default="aggregate"
        As for `VAETransformer`: by default codes of new rows come from the posteriors
        of up to 1000 training rows, where that makes held-out rows likelier.
    beta : float, default=1.0
        Weight of the Kullback-Leibler divergence, as for `VAETransformer`.
    max_epochs : "auto" or int, default="auto"
        Most passes over the rows; "auto" as many as make 2000 steps, within [20, 300].
    vae_params : dict or None, default=None
        Further parameters of the `VAETransformer`, such as
        ``{"learning_rate": 0.001, "guard": False}``. Its `guard` is 0.5 here: networks
        and prior are kept if held-out rows are likelier by them at all.
    refine_samples : bool, default=True
        Whether `sample` chooses each row among ten draws by the odds that it is a row
        of the table [3]_. ``fit`` learns these, by boosted trees that tell up to 5000
        rows from draws; tables of fewer than 50 rows have none.
    device : str or torch.device, default="auto"
        Where to train, as for `VAETransformer`.
    random_state : int, RandomState or None, default=None
        Seeds the fit, and the draws of methods that are given no seed.
    verbose : int, default=0
        1 prints a line for each epoch.

    Attributes
    ----------
    n_components_ : int
        Number of columns of the code.
    column_kinds_ : dict
        The kind of each column, by name.
    categories_ : dict
        The values of each column that is not "numeric", by name, each a list.
    vae_ : VAETransformer
        The fitted VAE of encoded rows: normal scores, then the one-hot columns of the
        categories.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of columns seen during ``fit``. Defined only when X has feature names that
        are all strings.

    See Also
    --------
    VAETransformer : The same for numbers, with a likelihood of your choice.

    References
    ----------
    .. [1] Hoff, P. D. (2007). Extending the rank likelihood for semiparametric copula
       estimation. Annals of Applied Statistics 1, 265-283.
    .. [2] Nazabal, A., Olmos, P. M., Ghahramani, Z. & Valera, I. (2020). Handling
       incomplete heterogeneous data using VAEs. Pattern Recognition 107, 107501.
    .. [3] Azadi, S., Olsson, C., Darrell, T., Goodfellow, I. & Odena, A. (2019).
       Discriminator rejection sampling. International Conference on Learning
       Representations.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_ae import TableVAETransformer
    >>> rng = np.random.default_rng(0)
    >>> city = rng.choice(["north", "south"], size=200)
    >>> rent = np.where(city == "north", 900.0, 600.0) * rng.lognormal(0, 0.2, size=200)
    >>> X = pd.DataFrame({"city": city, "rent": rent.round(2)})
    >>> table = TableVAETransformer(2, max_epochs=20, random_state=0).fit(X)
    >>> table.transform(X).shape
    (200, 2)
    >>> drawn = table.sample(5, given={"city": "north"}, random_state=0)
    >>> drawn["city"].unique().tolist(), drawn.columns.tolist()
    (['north'], ['city', 'rent'])
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "column_kinds": [dict, None],
        "handle_unknown": [StrOptions({"missing", "error"})],
        "beta": [Interval(Real, 0, None, closed="left")],
        "vae_params": [dict, None],
        "refine_samples": ["boolean"],
        **{
            name: VAETransformer._parameter_constraints[name]
            for name in ("network", "prior", "max_epochs", "device", *SEEDED)
        },
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        column_kinds: dict[Any, str] | None = None,
        handle_unknown: Literal["missing", "error"] = "missing",
        network: str | BaseEstimator = "mlp",
        prior: str | BaseEstimator = "aggregate",
        beta: float = 1.0,
        max_epochs: Literal["auto"] | int = "auto",
        vae_params: dict[str, Any] | None = None,
        refine_samples: bool = True,
        device: Any = "auto",
        random_state: RandomStateLike = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.column_kinds = column_kinds
        self.handle_unknown = handle_unknown
        self.network = network
        self.prior = prior
        self.beta = beta
        self.max_epochs = max_epochs
        self.vae_params = vae_params
        self.refine_samples = refine_samples
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self, X: ArrayLike, y: Any = None, *, groups: ArrayLike | None = None
    ) -> Self:
        """Fit the model to X.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            Training rows, at least two: a frame of pandas or polars, or numbers. Each
            column needs a value.
        y : None
            Ignored; there for scikit-learn's conventions.
        groups : array-like of shape (n_samples,) or None, default=None
            Of which group each row is, such as a person who is there several times.
            Whole groups are held out, as by `VAETransformer`.

        Returns
        -------
        self : TableVAETransformer
            The fitted estimator.

        Raises
        ------
        ValueError
            If a column has no value, infinite values, more than 500 categories, the
            name of another, or no numbers where `column_kinds` wants them; if
            `column_kinds` names a column that is not there or a kind that does not
            exist; as `VAETransformer` for the other parameters and `groups`. The
            estimator is then left as it was.
        TypeError
            If X is sparse, or has values such as lists.
        """
        check_parameters(self)
        with unchanged_on_error(self):
            backend, X = self._checked(X, reset=True)
            header = self._header(X)
            kinds = self._kinds(list(header))
            self._table = Table(backend, header, backend.columns(X), kinds)
            self.column_kinds_ = {
                column.name: column.kind for column in self._table.columns
            }
            self.categories_ = {
                column.name: column.categories
                for column in self._table.columns
                if column.is_category
            }
            columns = self._table.read(backend, X)
            rows = self._encoded(columns)
            self.vae_ = self._vae().fit(rows, groups=groups)
            self.n_components_ = self.vae_.n_components_
            self._likeness = self._learned_likeness(columns, rows)
        return self

    def _vae(self):
        params = {name: getattr(self, name) for name in (*OWN, *SEEDED)}
        params["likelihood"] = self._table.likelihood()
        further = self.vae_params or {}
        twice = sorted(params.keys() & further.keys())
        if twice:
            raise ValueError(
                f"vae_params has {twice[0]!r}, which TableVAETransformer sets itself; "
                "leave it out there."
            )
        return VAETransformer(guard=GUARD, **params).set_params(**further)

    def _learned_likeness(self, columns, rows):
        """Return the odds of rows against draws; None where they are not wanted."""
        if not self.refine_samples or len(rows) < FEWEST_ROWS:
            return None
        rng = self.vae_._rng(None)
        values = self._table.values(self._without_gaps(rows, rng), columns)
        values = values[rng.permutation(len(rows))[:MOST_ROWS]]
        n_draws = DRAWS_PER_ROW * len(values)
        draws = self._candidates(1, n_draws, {}, rng)[0]
        return Likeness(values, self._table.values(draws), rng)

    def _without_gaps(self, rows, rng):
        if not np.isnan(rows).any():
            return rows
        return self.vae_.impute(rows, n_draws=1, random_state=rng.randint(2**31))[0]

    def _kinds(self, names):
        kinds = self.column_kinds or {}
        for name, kind in kinds.items():
            if name not in names:
                raise ValueError(
                    f"column_kinds names the column {name!r}, which is not among those "
                    f"of X: {names}."
                )
            if kind not in KINDS:
                raise ValueError(
                    f"column_kinds says {kind!r} of column {name!r}; it must be among "
                    f"{list(KINDS)}."
                )
        return kinds

    def _header(self, X):
        given = getattr(X, "columns", None)
        if given is None:
            return [f"x{place}" for place in range(self.n_features_in_)]
        return given
