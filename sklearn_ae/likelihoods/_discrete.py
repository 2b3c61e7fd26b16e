"""Likelihoods of bits, counts and categories."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Literal

import numpy as np
import torch
from torch import nn

from sklearn_ae._modules.links import (
    CategoricalLink,
    DomainError,
    LogitLink,
    LogLink,
    bit_terms,
    check_counts,
    check_unit_interval,
    count_terms,
)
from sklearn_ae._utils import Interval, StrOptions, check_parameters
from sklearn_ae.likelihoods._base import BuiltLikelihood, Likelihood
from sklearn_ae.likelihoods._continuous import standard_gamma


class _BuiltBernoulli(BuiltLikelihood):
    is_discrete = True

    def __init__(self, center, resample):
        super().__init__()
        self.link = LogitLink(center)
        self.resample = resample

    def drawn(self, x, generator):
        if not self.resample:
            return x
        uniform = torch.rand(
            x.shape, generator=generator, device=x.device, dtype=x.dtype
        )
        return (uniform < self.link.target(x)).to(x.dtype) - self.link.center

    def terms(self, x, parameter):
        return bit_terms(self.link.target(x), parameter)

    def sample(self, parameter, generator):
        uniform = torch.rand(
            parameter.shape,
            generator=generator,
            device=parameter.device,
            dtype=parameter.dtype,
        )
        return (uniform < parameter.sigmoid()).to(parameter.dtype) - self.link.center


class Bernoulli(Likelihood):
    """Independent bits, for values in [0, 1].

    Parameters
    ----------
    resample : bool, default=False
        Whether grey values are probabilities from which every training step, and
        validation, draw bits (dynamic binarisation). False takes them as they are; the
        log-likelihood of a grey value is then the expected one. Bits are bits in both.

    Examples
    --------
    >>> from sklearn_ae import VAETransformer
    >>> VAETransformer(likelihood="bernoulli")
    VAETransformer(likelihood='bernoulli')
    """

    _parameter_constraints: dict = {"resample": ["boolean"]}
    positive_only = True

    def __init__(self, resample: bool = False) -> None:
        self.resample = resample

    def check_data(self, X, owner):
        """Raise ValueError if X is outside the domain."""
        check_unit_interval(X, f"likelihood='bernoulli' of {owner}")

    def build(self, *, center, noise_scale, noise_floor):
        """Return the module; see the base class."""
        check_parameters(self)
        return _BuiltBernoulli(center, self.resample)


class _BuiltCounts(BuiltLikelihood):
    """What the likelihoods of counts share: a rate, times a row's size if wanted."""

    is_discrete = True

    def __init__(self, center, size_factors):
        super().__init__()
        self.by_total = size_factors == "total"
        self.link = LogLink(center, compositional=self.by_total)

    def log_rate(self, counts, parameter):
        if self.by_total:
            # A row of nothing counts as one count, so that its logarithm exists.
            total = counts.sum(1, keepdim=True).clamp(min=1.0)
            parameter = parameter + total.log() - self.link.log_total
        return parameter.clamp(max=self.link.largest)

    def of_row(self, x, parameter):
        return self.log_rate(self.link.target(x), parameter)


SIZE_FACTORS_CONSTRAINT = [StrOptions({"total"}), None]


class _BuiltPoisson(_BuiltCounts):
    def terms(self, x, parameter):
        counts = self.link.target(x)
        log_rate = self.log_rate(counts, parameter)
        return count_terms(counts, log_rate) + torch.lgamma(counts + 1)

    def sample(self, parameter, generator):
        rate = parameter.clamp(max=self.link.largest).exp()
        return torch.poisson(rate, generator=generator) - self.link.center


class Poisson(Likelihood):
    """Poisson distribution, for counts: whole numbers of at least 0.

    Of other numbers the distribution has none, so they are refused.

    Parameters
    ----------
    size_factors : {"total"} or None, default=None
        "total" multiplies a row's rates by its total over the mean total: codes then
        describe a row's composition, `sample` and `inverse_transform` give rows of
        average total, and log-likelihoods are those given the totals. A missing count
        enters its row's total as the column's mean.

    Examples
    --------
    >>> from sklearn_ae import VAETransformer
    >>> VAETransformer(likelihood="poisson")
    VAETransformer(likelihood='poisson')
    """

    _parameter_constraints: dict = {"size_factors": SIZE_FACTORS_CONSTRAINT}
    positive_only = True

    def __init__(self, size_factors: Literal["total"] | None = None) -> None:
        self.size_factors = size_factors

    def check_data(self, X, owner):
        """Raise ValueError if X is outside the domain."""
        check_counts(X, f"likelihood='poisson' of {owner}")

    def build(self, *, center, noise_scale, noise_floor):
        """Return the module; see the base class."""
        check_parameters(self)
        return _BuiltPoisson(center, self.size_factors)


class _BuiltNegativeBinomial(_BuiltCounts):
    """Variance ``mean + dispersion * mean**2``; the dispersion may be learned.

    Its logarithm stays within `reach` of 0: beyond, counts are Poisson's to rounding,
    or all mass is at 0.
    """

    rate = 5.0
    reach = 9.0
    #: False leaves the dispersion where training started.
    networks_on = True

    def __init__(self, center, size_factors, dispersion, learned_size):
        super().__init__(center, size_factors)
        self.learned = learned_size is not None
        self.register_buffer(
            "start",
            torch.tensor(math.log(dispersion), dtype=torch.float32).clamp(
                -self.reach, self.reach
            ),
        )
        if self.learned:
            self.correction = nn.Parameter(
                torch.zeros(learned_size, dtype=torch.float32)
            )

    def log_dispersion(self):
        """Return the logarithm of the dispersion: one, or one a feature."""
        if not (self.learned and self.networks_on):
            return self.start
        log_dispersion = self.start + self.rate * self.correction
        return log_dispersion.clamp(-self.reach, self.reach)

    def terms(self, x, parameter):
        counts = self.link.target(x)
        log_rate = self.log_rate(counts, parameter)
        log_shape = -self.log_dispersion()
        shape = log_shape.exp()
        log_sum = torch.logaddexp(log_rate, log_shape)
        return (
            torch.lgamma(counts + 1)
            + torch.lgamma(shape)
            - torch.lgamma(counts + shape)
            + shape * (log_sum - log_shape)
            + counts * (log_sum - log_rate)
        )

    def sample(self, parameter, generator):
        rate = parameter.clamp(max=self.link.largest).exp()
        shape = (-self.log_dispersion()).exp().expand_as(rate)
        rate = rate * standard_gamma(shape, generator) / shape
        return torch.poisson(rate, generator=generator) - self.link.center


class NegativeBinomial(Likelihood):
    """Negative binomial distribution, for counts that vary more than Poisson's.

    Only whole numbers of at least 0 are taken.

    Parameters
    ----------
    dispersion : {"learned", "per_feature"} or float, default="per_feature"
        The variance is ``mean + dispersion * mean**2``: one learned for all features,
        one learned for each, or a given one.
    size_factors : {"total"} or None, default=None
        As for `Poisson`.

    References
    ----------
    .. [1] Lopez, R. et al. (2018). Deep generative modeling for single-cell
       transcriptomics. Nature Methods 15, 1053-1058.

    Examples
    --------
    >>> from sklearn_ae import VAETransformer
    >>> from sklearn_ae.likelihoods import NegativeBinomial
    >>> VAETransformer(likelihood=NegativeBinomial(size_factors="total"))
    VAETransformer(likelihood=NegativeBinomial(size_factors='total'))
    """

    _parameter_constraints: dict = {
        "dispersion": [
            StrOptions({"learned", "per_feature"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "size_factors": SIZE_FACTORS_CONSTRAINT,
    }
    positive_only = True

    def __init__(
        self,
        dispersion: Literal["learned", "per_feature"] | float = "per_feature",
        size_factors: Literal["total"] | None = None,
    ) -> None:
        self.dispersion = dispersion
        self.size_factors = size_factors

    def check_data(self, X, owner):
        """Raise ValueError if X is outside the domain."""
        check_counts(X, f"likelihood='negative_binomial' of {owner}")

    def build(self, *, center, noise_scale, noise_floor):
        """Return the module; see the base class."""
        check_parameters(self)
        if not isinstance(self.dispersion, str):
            return _BuiltNegativeBinomial(
                center, self.size_factors, float(self.dispersion), None
            )
        # By moments: what the noise has beyond the variance of Poisson counts.
        excess = (noise_scale**2 - np.mean(center)) / max(np.mean(center**2), 1e-12)
        learned_size = (len(center),) if self.dispersion == "per_feature" else ()
        return _BuiltNegativeBinomial(
            center, self.size_factors, float(np.clip(excess, 0.01, 10)), learned_size
        )


class _BuiltCategorical(BuiltLikelihood):
    is_discrete = True

    def __init__(self, center, sizes):
        super().__init__()
        self.link = CategoricalLink(center, sizes)

    def terms(self, x, parameter):
        return -self.link.target(x) * self.link.log_probabilities(parameter)

    def sample(self, parameter, generator):
        uniform = torch.rand(
            parameter.shape,
            generator=generator,
            device=parameter.device,
            dtype=parameter.dtype,
        )
        # The largest of logits plus Gumbel noise is a draw.
        noisy = parameter - (-uniform.clamp(min=1e-30).log()).clamp(min=1e-30).log()
        draws = [
            torch.zeros_like(block).scatter_(1, block.argmax(1, keepdim=True), 1.0)
            for block in noisy.split(self.link.sizes, dim=1)
        ]
        return torch.cat(draws, dim=1) - self.link.center


class Categorical(Likelihood):
    """Categories in one-hot columns, as `OneHotEncoder` makes them.

    Parameters
    ----------
    sizes : tuple of int or None, default=None
        Numbers of columns of the blocks, each with one 1 in a row, in the order of the
        columns; None takes all columns for one block.

    Examples
    --------
    >>> from sklearn_ae import VAETransformer
    >>> from sklearn_ae.likelihoods import Categorical
    >>> VAETransformer(likelihood=Categorical(sizes=(3, 2)))
    VAETransformer(likelihood=Categorical(sizes=(3, 2)))
    """

    _parameter_constraints: dict = {"sizes": [tuple, list, None]}
    positive_only = True

    def __init__(self, sizes: Sequence[int] | None = None) -> None:
        self.sizes = sizes

    def _checked_sizes(self, n_features):
        if self.sizes is None:
            return [n_features]
        sizes = list(self.sizes)
        counts = all(
            isinstance(size, Integral) and size is not True and size >= 1
            for size in sizes
        )
        if not counts or sum(sizes) != n_features:
            raise ValueError(
                "The 'sizes' parameter of Categorical must be positive ints that add "
                f"up to the number of columns, {n_features}. Got {self.sizes!r} "
                "instead."
            )
        return list(map(int, sizes))

    def check_data(self, X, owner):
        """Raise ValueError if X is outside the domain."""
        check_parameters(self)
        name = f"likelihood='categorical' of {owner}"
        check_unit_interval(X, name)
        sizes = self._checked_sizes(X.shape[1])
        for stop, size in zip(np.cumsum(sizes).tolist(), sizes, strict=True):
            block, ends = X[:, stop - size : stop], [stop - size, stop - 1]
            place = f"a block of {size} columns, from {{0}} to {{1}}"
            missing = np.isnan(block)
            if (missing.any(axis=1) & ~missing.all(axis=1)).any():
                raise DomainError(
                    f"X has a row that misses some of {place}, but {name} needs a "
                    "category to be missing in all of its columns or in none.",
                    ends,
                )
            totals = block.sum(axis=1)
            off = np.abs(totals - 1) > 1e-3
            if off.any():
                raise DomainError(
                    f"X has a row whose values add up to {totals[off][0]:g} in "
                    f"{place}, but {name} needs one-hot columns that add up to 1; use "
                    "OneHotEncoder, or NaN in all of a block where the category is not "
                    "known.",
                    ends,
                )

    def build(self, *, center, noise_scale, noise_floor):
        """Return the module; see the base class."""
        check_parameters(self)
        return _BuiltCategorical(center, self._checked_sizes(len(center)))
