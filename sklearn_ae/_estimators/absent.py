"""Attributes that PCA has and codes cannot have: what to use instead."""

DRAWS = (
    "to estimate a covariance, fit a VAETransformer and take that of the rows which "
    "sample(n_samples, observation_noise=True) draws"
)
NATS = (
    "kl_per_component_ has the information in each column of the code, in nats, and an "
    "AutoencoderTransformer with ordered=True has shares of variance"
)


class Absent:
    """An attribute that does not exist; its error says what to use instead.

    Parameters
    ----------
    instead : str
        Why it does not exist, and what to use.
    """

    def __init__(self, instead):
        self.instead = instead

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, estimator, owner=None):
        if estimator is None:
            return self
        raise AttributeError(
            f"{type(estimator).__name__} has no {self.name}: {self.instead}; see "
            "docs/for_pca_users.md.",
            name=self.name,
            obj=estimator,
        )


class WithoutLoadings:
    """Base class of estimators that are not linear: without some of PCA's attributes.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    components_ = Absent(
        "a code that is not linear has no loadings; component_effects(X) returns how "
        "much each feature changes with each column of the code"
    )
    singular_values_ = Absent(
        "use the standard deviations of the columns of transform(X)"
    )
    noise_variance_ = Absent(
        "use the mean of (X - reconstruct(X)) ** 2, or for the likelihood of rows "
        "score_samples(X) of a VAETransformer"
    )
    get_covariance = Absent(DRAWS)
    get_precision = Absent(DRAWS)
    n_samples_ = Absent("the number of training rows is not stored; use len(X)")


class WithoutShares:
    """Base class of estimators without shares of variance: codes are not ordered.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    explained_variance_ = Absent(NATS)
    explained_variance_ratio_ = Absent(NATS)
