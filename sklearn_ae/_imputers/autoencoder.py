"""AutoencoderImputer: filling in missing values as a step of a pipeline."""

from functools import partial
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from sklearn_ae._estimators.autoencoder import AutoencoderTransformer
from sklearn_ae._estimators.vae import VAETransformer
from sklearn_ae._imputers.base import TableImputer
from sklearn_ae._imputers.columns import Columns
from sklearn_ae._imputers.forests import count_of_trees
from sklearn_ae._imputers.hidden import hidden_values
from sklearn_ae._imputers.linear import LinearFill, ranks
from sklearn_ae._imputers.members import (
    can_draw,
    can_fill,
    code_sizes,
    fill_by,
    fit_member,
)
from sklearn_ae._imputers.normal import NormalFill
from sklearn_ae._imputers.stack import Stack
from sklearn_ae._utils import (
    Described,
    Interval,
    RandomStateLike,
    StrOptions,
    fit_context,
    mask_of,
    random_stream,
    unchanged_on_error,
)

# Rows per column from which a tenth of the values more is of no account to PCA.
MOST_ROWS_A_COLUMN = 50

FILLS = Described(
    can_fill,
    "an estimator with `impute`, or a Pipeline that ends in one and whose other steps "
    "have `inverse_transform`",
)


class AutoencoderImputer(TableImputer):
    """Imputer that fills in missing values by autoencoders, PCA and forests.

    Columns are standardised, a tenth or more of the observed values is hidden, and
    several fills learn from the rest: column means, probabilistic PCA's means given the
    observed values at several ranks [1]_, also of the columns' normal scores, and
    autoencoders. Their weighted mean, with the weights that err least on the hidden
    values [2]_, completes the rows from which a forest of each column learns to fill it
    in [3]_. What is filled in is the weighted mean of all, with weights of each column.
    So on the hidden values the error is never above that of the best of the fills,
    PCA's among them.

    Values are hidden as they are missing: half of the rows also lose what another row
    misses. Filled in values are within the range of their column in ``fit``.

    Parameters
    ----------
    estimator : estimator, Pipeline or None, default=None
        An `AutoencoderTransformer`, a `VAETransformer`, or a `Pipeline` that ends in
        one and whose other steps have `inverse_transform` and take NaN. None is
        ``AutoencoderTransformer(guard=False)``, as the weights are its guard, or
        `VAETransformer` where `sample_posterior`, each copy with another
        `n_components`: up to half of the columns and at most 32.
    missing_values : int, float or np.nan, default=np.nan
        What stands for a missing value. Where it is not NaN, NaN in X is refused.
    sample_posterior : bool, default=False
        Whether to fill in draws from what is possible, for multiple imputation, in
        place of means. Each call of ``transform`` draws anew, from one of the
        estimators; weights have no part in it, and values may be out of their column's
        range. The estimator has to draw, as `VAETransformer` does.
    n_estimators : int, default=1
        Number of copies of the estimator, each with seeds of its own.
    n_trees : "auto" or int, default="auto"
        Number of trees of each column's forest. "auto" is 20, or 0 for more than 50
        columns, where they would take most of the time; 0 leaves forests out, and so
        does `sample_posterior`.
    standardize : bool, default=True
        Whether the estimator gets standardised columns. False leaves them in X's units,
        which a loss or likelihood may need that is of counts or of [0, 1].
    random_state : int, RandomState or None, default=None
        Seeds which values are hidden, the estimators (over seeds of their own) and
        draws. None takes a seed from NumPy's global generator.
    add_indicator : bool, default=False
        Whether a `sklearn.impute.MissingIndicator` adds columns of where values were
        missing, of the columns that missed some in ``fit``.
    keep_empty_features : bool, default=False
        Whether columns without any value in ``fit`` are kept, with 0 for what is
        missing; else they are left out.

    Attributes
    ----------
    estimators_ : list of estimators of length `n_estimators`
        The fitted copies. None at all where X has a single column, or no variance.
    ranks_ : ndarray of int of shape (n_ranks,)
        Ranks of probabilistic PCA that fill in; the first is 0, the column means.
    forests_ : list of lists of ExtraTreesRegressor
        The forest of each column that had a value, in each of two turns: the second
        learns from rows that the mean of all filled in. Empty where there are none, or
        their weights are nil.
    weights_ : ndarray of shape (n_fills, n_valued_columns)
        In each column that had a value, the weights of: `ranks_`; the last of them on
        normal scores, if it is above 0; `estimators_`; the forests, if any were fitted.
        Those of a column sum to 1.
    errors_ : ndarray of shape (n_fills,)
        Root mean squared error of the hidden values as each fills them in, in standard
        deviations of their columns; NaN where there are too few rows to hide any.
    error_ : float
        The same of the weighted mean: what to expect of values that are missing as
        the hidden ones are; a little too good, since the weights were chosen there.
    indicator_ : MissingIndicator or None
        Of `add_indicator`.
    n_features_in_ : int
        Number of columns of X in ``fit``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names. Defined only when X has feature names that are all strings.

    See Also
    --------
    AutoencoderTransformer.impute : Filling in by one autoencoder.
    VAETransformer.impute : Filling in by one, with many draws at a time.

    References
    ----------
    .. [1] Tipping, M. E. & Bishop, C. M. (1999). Probabilistic principal component
       analysis. Journal of the Royal Statistical Society B 61, 611-622.
    .. [2] Breiman, L. (1996). Stacked regressions. Machine Learning 24, 49-64.
    .. [3] Stekhoven, D. J. & Buehlmann, P. (2012). MissForest: non-parametric missing
       value imputation for mixed-type data. Bioinformatics 28, 112-118.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ae import AutoencoderImputer
    >>> angle = np.linspace(0, 3, 100)[:, np.newaxis]
    >>> X = np.cos(angle + np.arange(4))
    >>> X[::7, 1] = np.nan
    >>> imputer = AutoencoderImputer(random_state=0).fit(X)
    >>> X_filled = imputer.transform(X)
    >>> bool(np.abs(X_filled[::7, 1] - np.cos(angle[::7, 0] + 1)).max() < 0.3)
    True
    """

    # For displays and `summary`, which show one autoencoder.
    _why_no_code = (
        "blends the fills of several estimators; give one of its estimators_, and rows "
        "as these got them, which with standardize=True are standardised"
    )
    _parameter_constraints: dict = {
        **TableImputer._parameter_constraints,
        "estimator": [FILLS, None],
        "sample_posterior": ["boolean"],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "n_trees": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "standardize": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        missing_values: Any = np.nan,
        sample_posterior: bool = False,
        n_estimators: int = 1,
        n_trees: Literal["auto"] | int = "auto",
        standardize: bool = True,
        random_state: RandomStateLike = None,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
    ) -> None:
        super().__init__(
            missing_values=missing_values,
            add_indicator=add_indicator,
            keep_empty_features=keep_empty_features,
        )
        self.estimator = estimator
        self.sample_posterior = sample_posterior
        self.n_estimators = n_estimators
        self.n_trees = n_trees
        self.standardize = standardize
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: Any = None) -> "AutoencoderImputer":
        """Fit the estimators, and weigh them by how well they fill in.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, at least two; an array or a frame of pandas or polars.
        y : None
            Ignored.

        Returns
        -------
        self : AutoencoderImputer
            The fitted imputer.

        Raises
        ------
        InvalidParameterError
            If a parameter is out of its range.
        ValueError
            If X has fewer than two rows, infinite values, or NaN that is not
            `missing_values`; or if `sample_posterior` and the estimator draws nothing.
            What the estimator's own ``fit`` raises comes through. The imputer is then
            left as it was.
        TypeError
            If X is sparse.
        """
        self._refuse_means_alone()
        with unchanged_on_error(self):
            self._fit(X)
        return self

    def _fit(self, X):
        table = self._checked(X, reset=True)
        missing = mask_of(table, self._gap)
        self._fit_indicator(missing)
        self._columns = Columns(table, missing)
        rng = random_stream(self.random_state)
        valued = self._columns.valued
        rows = self._columns.standardised(table[:, valued], missing[:, valued])
        hidden = hidden_values(np.isnan(rows), rng)
        self._fit_fills(np.where(hidden, np.nan, rows), rng)
        n_trees = count_of_trees(self.n_trees, rows.shape[1])
        self._stack = Stack(0 if self.sample_posterior else n_trees)
        self._stack.fit(self._functions(), rows, hidden, rng)
        self._learn_from_hidden(rows, rng)
        self.weights_, self.errors_ = self._stack.weights_, self._stack.errors_
        self.error_ = self._stack.error_
        self.forests_ = [each.forests_ for each in self._stack.forests_]
        self._stream = np.random.RandomState(rng.randint(2**31))

    def _refuse_means_alone(self):
        if not self.sample_posterior or self.estimator is None:
            return
        if not can_draw(self.estimator):
            raise ValueError(
                "sample_posterior=True needs an estimator whose impute has n_draws, "
                f"such as VAETransformer. Got estimator={self.estimator!r}."
            )

    def _fit_fills(self, rows, rng):
        self.ranks_ = ranks(*rows.shape)
        self._linear = [LinearFill(rank).fit(rows, rng) for rank in self.ranks_]
        if self.ranks_[-1] > 0:
            self._linear.append(NormalFill(self.ranks_[-1]).fit(rows, rng))
        estimators = [self.estimator] * self.n_estimators
        if self.estimator is None:
            rank = max(fill.rank_ for fill in self._linear)
            kind = (
                VAETransformer
                if self.sample_posterior
                else partial(AutoencoderTransformer, guard=False)
            )
            estimators = [kind(size) for size in code_sizes(self.n_estimators, rank)]
        elif not rows.shape[1]:
            estimators = []
        given = rows if self.standardize else self._columns.in_units(rows)
        self.estimators_ = [fit_member(each, given, rng) for each in estimators]

    def _functions(self):
        """Return the functions that fill in standardised rows, in order of weights.

        Forests are not among them: they go by a mean of these.
        """
        return [
            *(fill.fill for fill in self._linear),
            *(partial(self._filled_by, member) for member in self.estimators_),
        ]

    def _filled_by(self, member, rows, **how):
        if self.standardize:
            return fill_by(member, rows, **how)
        filled = fill_by(member, self._columns.in_units(rows), **how)
        return self._columns.standardised(filled)

    def _learn_from_hidden(self, rows, rng):
        """Fit PCA and forests once more, to the hidden values as well."""
        stack = self._stack
        n_rows, n_columns = rows.shape
        if n_rows < MOST_ROWS_A_COLUMN * n_columns:
            for fill, shared, own in zip(
                self._linear, stack.shared_, stack.weights_, strict=False
            ):
                if shared > 0 or np.any(own > 0):
                    fill.fit(rows, rng)
        stack.refit_forests(self._functions(), rows, rng)

    def _completed(self, X, missing):
        """Return rows, each with a gap, of the columns that had values."""
        if not len(X):
            return X
        rows = self._columns.standardised(X, missing)
        if self.sample_posterior and self.estimators_:
            values = self._columns.in_units(self._drawn(rows))
        else:
            values = self._stack.fill(self._functions(), rows)
            values = self._columns.in_units(values)
            values = np.clip(values, self._columns.low, self._columns.high)
        return np.where(missing, values, X)

    def _drawn(self, rows):
        member = self.estimators_[self._stream.randint(len(self.estimators_))]
        return self._filled_by(member, rows, n_draws=1, random_state=self._stream)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.sample_posterior
        return tags
