"""Base classes of likelihoods: parameters on one side, torch modules on the other."""

from abc import ABCMeta, abstractmethod
from contextlib import contextmanager

from sklearn.base import BaseEstimator
from torch import nn


class Likelihood(BaseEstimator, metaclass=ABCMeta):
    """Base class of the likelihoods."""

    _parameter_constraints: dict = {}
    #: Whether the likelihood refuses negative data.
    positive_only = False
    #: Whether it is noise of one scale around a reconstruction, as PCA's residual is.
    is_noise = False

    def on_features(self, n_features, names):
        """Return the likelihood for columns of a number and, perhaps, of names."""
        return self

    def check_data(self, X, owner):
        """Raise ValueError if X is outside the domain."""

    @abstractmethod
    def build(self, *, center, noise_scale, noise_floor):
        """Return the module of the likelihood.

        Parameters
        ----------
        center : ndarray of shape (n_features,)
            What was subtracted from X.
        noise_scale : float
            Standard deviation of the noise before training, in X's units.
        noise_floor : float
            The smallest standard deviation that training may reach.
        """


class BuiltLikelihood(nn.Module, metaclass=ABCMeta):
    """Base class of the modules; a subclass sets `link` and defines two methods.

    Attributes
    ----------
    link : nn.Module
        How a decoder's output means a centred reconstruction.
    is_discrete : bool or ndarray of shape (n_features,)
        Whether draws are whole numbers once the centre is added.
    noise_variance : float or None
        That of normal noise before training, for probabilistic PCA to start from; None
        leaves probabilistic PCA its own.
    minimised_by_pca : bool
        Whether nothing is left to learn where PCA reproduces the rows.
    has_one_variance : bool
        Whether noise is normal and has the same variance in all features, as that of
        probabilistic PCA.
    has_exact_posterior : bool
        Whether the posterior of codes that probabilistic PCA has is exact, without
        networks.
    """

    is_discrete = False
    noise_variance = None
    minimised_by_pca = False
    has_one_variance = False
    has_exact_posterior = False

    def drawn(self, x, generator):
        """Return the rows that a training step sees, `x` unless there is a choice."""
        return x

    def widen(self, factor):
        """Multiply the scale of learned noise; there may be none.

        Without networks, of the noise that training started from.
        """

    @contextmanager
    def noise_kept(self):
        """Undo at the end of the block what `widen` did in it."""
        state = {name: value.clone() for name, value in self.state_dict().items()}
        try:
            yield
        finally:
            self.load_state_dict(state)

    def of_row(self, x, parameter):
        """Return the parameter for these rows, where there is more to it than codes."""
        return parameter

    @abstractmethod
    def terms(self, x, parameter):
        """Return the negative log-likelihood of each value, in nats, in X's units."""

    def nll(self, x, parameter):
        """Return that of each row."""
        return self.terms(x, parameter).sum(1)

    @abstractmethod
    def sample(self, parameter, generator):
        """Draw centred rows."""
