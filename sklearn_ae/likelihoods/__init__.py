"""Likelihoods of `VAETransformer`: from a decoder's output to a distribution over x.

A likelihood is a small estimator without torch state; ``build`` gives its module, a
`BuiltLikelihood`, whose base class says what a module must have.

May import `_modules.links` and `_utils`, and no other component.
Users import the classes; `_estimators` may import `_by_name` as well.
"""

from sklearn_ae.likelihoods._continuous import Gaussian, Laplace, StudentT
from sklearn_ae.likelihoods._discrete import (
    Bernoulli,
    Categorical,
    NegativeBinomial,
    Poisson,
)
from sklearn_ae.likelihoods._mixed import Mixed

__all__ = [
    "Bernoulli",
    "Categorical",
    "Gaussian",
    "Laplace",
    "Mixed",
    "NegativeBinomial",
    "Poisson",
    "StudentT",
]
