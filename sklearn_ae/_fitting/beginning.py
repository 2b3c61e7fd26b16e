"""From checked rows to a net that is ready to train, or to train on."""

import copy
from abc import ABCMeta, abstractmethod

import numpy as np
from sklearn.base import clone

from sklearn_ae._distributed.joining import ALONE
from sklearn_ae._distributed.ranks import OneProcess, Ranks
from sklearn_ae._fitting.guard import Guarding
from sklearn_ae._fitting.parameters import Parameters
from sklearn_ae._modules.links import DomainError
from sklearn_ae._pca.start import centred_rows, enough_rows, fit_start
from sklearn_ae._rows.columns import blocks_of
from sklearn_ae._rows.lazy import LazyRows
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._rows.stacked import StackedRows
from sklearn_ae._splits.held_out import RowChooser
from sklearn_ae._training.settings import make_net
from sklearn_ae._utils import choose_device, random_stream


class Beginning(Guarding, Parameters, metaclass=ABCMeta):
    """Base class of what begins a fit, or goes on with one.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    # Who fits, and has rows.
    _ranks: OneProcess | Ranks = ALONE
    # Rows of calls that have begun no training yet, if there are any.
    _gathered = None

    @abstractmethod
    def _loss_or_likelihood(self):
        """Return the component whose domain rows must be in."""

    @abstractmethod
    def _module_factory(self, start, X):
        """Return a callable without arguments that builds the module."""

    def _n_columns(self, X):
        """Return how many components to look for."""
        return int(self.n_components)

    def _start_of(self, start, X):
        """Return the start to train from, which may have fewer components."""
        return start

    def _continue(self, X, who):
        """Return the centred rows to go on with."""
        if self.n_components != self._n_asked:
            raise ValueError(
                f"n_components was {self._n_asked} and is now "
                f"{self.n_components}, but {who} continues with the same network; "
                "call fit with warm_start=False to start afresh."
            )
        self._check_domain(X)
        # What is drawn from them counts only if the fit succeeds.
        self._stream = copy.deepcopy(self._stream)
        self._chooser = copy.copy(self._chooser)
        return centred_rows(X, self._mean)

    def _check_domain(self, X):
        """Raise ValueError where the loss or likelihood means nothing for X."""
        try:
            for block in blocks_of(X):
                self._cost.check_data(block, type(self).__name__)
        except DomainError as error:
            names = getattr(self, "feature_names_in_", range(X.shape[1]))
            raise ValueError(str(error.among(names))) from None

    def _begin(self, X, weights):
        """Build the net; return the centred rows and the start."""
        # A copy: parameters that change after fit do not change what was fitted.
        self._cost = clone(self._loss_or_likelihood(), safe=False)
        self._check_domain(X)
        # Before the PCA, which may take long.
        self._chosen_device()
        rng = random_stream(self.random_state)
        seed = self._ranks.agreed(rng.randint(2**31))
        self._stream = np.random.RandomState(seed)
        self._chooser = RowChooser()
        self._n_asked = self.n_components
        self._gathered = None
        n_columns = self._n_columns(X)
        start, rows = fit_start(X, n_columns, self.init, self._stream, weights)
        start = self._start_of(self._ranks.agreed(start), X)
        self.n_components_ = len(start.variances)
        self.mean_ = start.mean
        self._unit = start.scale
        self.net_ = self._new_net(self._module_factory(start, X))
        return rows, start

    def _has_begun(self):
        """Whether there is a net that may be trained on."""
        return hasattr(self, "net_") and self._gathered is None

    def _needs_more(self, X):
        """Whether training is to wait for more rows before it relies on their start."""
        return len(X) < enough_rows(X.shape[1], self.n_components)

    def _with_given(self, rows, told):
        """Return the centred rows, and behind them those given to be held out."""
        if told.X_val is None:
            return rows
        self._check_domain(told.X_val)
        given = centred_rows(told.X_val, self._mean)
        if isinstance(rows, SparseRows):
            return rows.followed_by(given)
        if isinstance(rows, LazyRows) or isinstance(given, LazyRows):
            return StackedRows(rows, given)
        return np.concatenate([rows, given])

    def _new_net(self, factory):
        device, callbacks = self._chosen_device(), self._training_callbacks()
        seed, kind = self._stream.randint(2**31), self._ranks.new_net
        return make_net(self, factory, device, callbacks, seed, kind)

    def _chosen_device(self):
        return choose_device(self.device, type(self).__name__)
