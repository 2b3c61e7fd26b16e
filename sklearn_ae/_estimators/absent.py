"""Attributes that PCA has and codes cannot have: what to use instead."""

DRAWS = (
    "a VAETransformer is a distribution of rows, whose draws by sample(n_samples, "
    "observation_noise=True) have its covariance"
)
NATS = (
    "kl_per_component_ has how many nats each column of the code says, and an "
    "AutoencoderTransformer with ordered=True has shares of variance"
)


class Absent:
    """An attribute that is not there, whose error says what to use.

    Parameters
    ----------
    instead : str
        Why there is none, and what serves.
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
    """Base class of what is no linear map, and has no use for some of PCA's names.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    components_ = Absent(
        "codes have no loadings; component_effects(X) has by how much each column of "
        "the code moves each feature"
    )
    singular_values_ = Absent(
        "the standard deviations of the columns of transform(X) say as much"
    )
    noise_variance_ = Absent(
        "the squares of X - reconstruct(X) are what codes leave, and a VAETransformer "
        "has the likelihood of rows in score_samples(X)"
    )
    get_covariance = Absent(DRAWS)
    get_precision = Absent(DRAWS)
    n_samples_ = Absent("the number of rows is not kept; len(X) is it")


class WithoutShares:
    """Base class of what has no shares of variance: codes that are not ordered.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    explained_variance_ = Absent(NATS)
    explained_variance_ratio_ = Absent(NATS)
