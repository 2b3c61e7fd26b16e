"""Penalties on each row's code, and on the columns of codes."""

import math
from numbers import Integral, Real
from typing import Literal

import torch
from sklearn.base import BaseEstimator
from torch import nn

from sklearn_ae._utils import Interval, StrOptions, check_parameters

# Up to so many components the contractive penalty is exact by default.
MOST_EXACT = 4
# Standard deviations below this, on the inner scale, count as constant codes.
SMALLEST_SPREAD = 1e-6

_WEIGHT = {"weight": [Interval(Real, 0, None, closed="left")]}


class _BuiltL1(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.register_buffer("weights", torch.as_tensor(weights, dtype=torch.float32))

    def forward(self, code, encode, x, generator):
        return (code * self.weights).abs().sum(1)


class L1(BaseEstimator):
    """Sum of the absolute values of a row's code, for sparse codes.

    Parameters
    ----------
    weight : float, default=0.1
        What the sum is multiplied by before it is added to the row's loss. Codes are in
        X's units, as those of PCA are.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> AutoencoderTransformer(penalty="l1")
    AutoencoderTransformer(penalty='l1')
    """

    _parameter_constraints: dict = _WEIGHT

    def __init__(self, weight: float = 0.1) -> None:
        self.weight = weight

    def build(self, *, code_scale, natural_scale):
        """Return the module; `code_scale` brings codes to X's units."""
        check_parameters(self)
        return _BuiltL1(self.weight * code_scale / natural_scale)


class _BuiltKLSparsity(nn.Module):
    def __init__(self, weight, rate):
        super().__init__()
        self.weight = weight
        self.rate = rate

    def forward(self, code, encode, x, generator):
        # The logarithms of a sigmoid's mean and of one minus it, without overflow.
        n_rows = len(code)
        log_on = (-nn.functional.softplus(-code)).logsumexp(0) - math.log(n_rows)
        log_off = (-nn.functional.softplus(code)).logsumexp(0) - math.log(n_rows)
        divergence = self.rate * (math.log(self.rate) - log_on) + (1 - self.rate) * (
            math.log1p(-self.rate) - log_off
        )
        return (self.weight * divergence.sum()).expand(n_rows)


class KLSparsity(BaseEstimator):
    """Kullback-Leibler divergence of how often codes are active from a low rate.

    The activity of a code is the sigmoid of its value, in the standard deviations that
    it had at the start; its mean over a batch is compared with `rate`, and the
    divergences are summed over codes.

    Parameters
    ----------
    weight : float, default=1.0
        What the divergence, in nats, is multiplied by before it is added to each row's
        loss.
    rate : float, default=0.05
        The activity wanted, in (0, 1).

    References
    ----------
    .. [1] Ng, A. (2011). Sparse autoencoder. CS294A lecture notes, Stanford University.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.penalties import KLSparsity
    >>> AutoencoderTransformer(penalty=KLSparsity(rate=0.1))
    AutoencoderTransformer(penalty=KLSparsity(rate=0.1))
    """

    _parameter_constraints: dict = {
        **_WEIGHT,
        "rate": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(self, weight: float = 1.0, rate: float = 0.05) -> None:
        self.weight = weight
        self.rate = rate

    def build(self, *, code_scale, natural_scale):
        """Return the module."""
        check_parameters(self)
        return _BuiltKLSparsity(float(self.weight) / natural_scale, float(self.rate))


class _BuiltContractive(nn.Module):
    def __init__(self, weight, code_scale, n_projections):
        super().__init__()
        self.weight = weight
        self.n_projections = n_projections
        self.register_buffer(
            "code_scale", torch.as_tensor(code_scale, dtype=torch.float32)
        )

    def _directions(self, code, generator):
        """Yield directions; squared products with the Jacobian add up to its norm."""
        n_components = code.shape[1]
        if self.n_projections is None:
            for direction in torch.eye(
                n_components, device=code.device, dtype=code.dtype
            ):
                yield direction.expand(len(code), -1)
            return
        for _ in range(self.n_projections):
            uniform = torch.rand(
                code.shape, generator=generator, device=code.device, dtype=code.dtype
            )
            signs = torch.where(uniform < 0.5, -1.0, 1.0)
            yield signs / math.sqrt(self.n_projections)

    def forward(self, code, encode, x, generator):
        differentiable = torch.is_grad_enabled()
        with torch.inference_mode(False), torch.enable_grad():
            x = x.detach().clone().requires_grad_()
            code = encode(x) * self.code_scale
            norm = x.new_zeros(len(x))
            for direction in self._directions(code.detach(), generator):
                (slope,) = torch.autograd.grad(
                    (code * direction).sum(),
                    x,
                    retain_graph=True,
                    create_graph=differentiable,
                )
                norm = norm + slope.square().sum(1)
        return self.weight * norm


class Contractive(BaseEstimator):
    """Squared Frobenius norm of the Jacobian of the code, for codes that change little.

    Both rows and codes are in X's units, so the Jacobian has none; that of PCA has the
    squared norm `n_components`.

    Parameters
    ----------
    weight : float, default=0.1
        What the squared norm is multiplied by before it is added to the row's loss.
    n_projections : int, None or "auto", default="auto"
        Number of random projections that estimate the norm without bias, a gradient of
        the encoder for each. None computes it exactly, by as many gradients as there
        are components. "auto" is exact up to 4 components and takes 2 projections else.

    References
    ----------
    .. [1] Rifai, S. et al. (2011). Contractive auto-encoders: explicit invariance
       during feature extraction. International Conference on Machine Learning, 833-840.
    .. [2] Hutchinson, M. F. (1990). A stochastic estimator of the trace of the
       influence matrix for Laplacian smoothing splines. Communications in Statistics,
       Simulation and Computation 19, 433-450.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> AutoencoderTransformer(penalty=["contractive", "decorrelation"])
    AutoencoderTransformer(penalty=['contractive', 'decorrelation'])
    """

    rotatable = True

    _parameter_constraints: dict = {
        **_WEIGHT,
        "n_projections": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
            None,
        ],
    }

    def __init__(
        self, weight: float = 0.1, n_projections: Literal["auto"] | int | None = "auto"
    ) -> None:
        self.weight = weight
        self.n_projections = n_projections

    def build(self, *, code_scale, natural_scale):
        """Return the module; `code_scale` brings codes to X's units."""
        check_parameters(self)
        n_projections = self.n_projections
        if n_projections == "auto":
            n_projections = None if len(code_scale) <= MOST_EXACT else 2
        weight = float(self.weight) / natural_scale
        return _BuiltContractive(weight, code_scale, n_projections)


class _BuiltDecorrelation(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, code, encode, x, generator):
        centred = code - code.mean(0)
        spread = centred.square().mean(0).clamp(min=SMALLEST_SPREAD**2).sqrt()
        scaled = centred / spread
        correlation = scaled.T @ scaled / len(code)
        squares = correlation.square().sum() - correlation.diagonal().square().sum()
        return (self.weight * squares).expand(len(code))


class Decorrelation(BaseEstimator):
    """Sum of the squared correlations between codes, for codes like PCA's.

    Correlations are those within a batch; each pair counts twice.

    Parameters
    ----------
    weight : float, default=1.0
        What the sum is multiplied by before it is added to each row's loss.

    References
    ----------
    .. [1] Cogswell, M. et al. (2016). Reducing overfitting in deep networks by
       decorrelating representations. International Conference on Learning
       Representations.

    Examples
    --------
    >>> from sklearn_ae import AutoencoderTransformer
    >>> AutoencoderTransformer(penalty="decorrelation")
    AutoencoderTransformer(penalty='decorrelation')
    """

    # It is about columns, but there is no correlation after the turn at all.
    rotatable = True

    _parameter_constraints: dict = _WEIGHT

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    def build(self, *, code_scale, natural_scale):
        """Return the module."""
        check_parameters(self)
        return _BuiltDecorrelation(float(self.weight) / natural_scale)
