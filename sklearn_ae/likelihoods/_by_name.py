"""What the names of likelihoods mean."""

from sklearn_ae.likelihoods._continuous import Gaussian, Laplace, StudentT
from sklearn_ae.likelihoods._discrete import (
    Bernoulli,
    Categorical,
    NegativeBinomial,
    Poisson,
)

LIKELIHOODS = {
    "gaussian": Gaussian,
    "bernoulli": Bernoulli,
    "poisson": Poisson,
    "negative_binomial": NegativeBinomial,
    "laplace": Laplace,
    "student_t": StudentT,
    "categorical": Categorical,
}
