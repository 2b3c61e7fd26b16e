"""How both autoencoders are fitted: start, train, compare with PCA."""

from abc import ABCMeta, abstractmethod
from numbers import Integral, Real
from typing import Any, Self

from numpy.typing import ArrayLike

from sklearn_ae._dask.within_reach import within_reach
from sklearn_ae._dask.workers import fit_on_workers, trains_on_workers
from sklearn_ae._distributed.joining import refuse_alone, taking_part
from sklearn_ae._fitting.beginning import Beginning
from sklearn_ae._fitting.row_space import fits_row_space, in_row_space
from sklearn_ae._inference import chunk_rows, chunks, thinned
from sklearn_ae._modules.autoencoder import VALIDATION_SEED
from sklearn_ae._pca.start import (
    centred_float32,
    enough_rows,
    warn_of_empty_columns,
)
from sklearn_ae._progress import told_to_callbacks
from sklearn_ae._splits.held_out import hold_out
from sklearn_ae._splits.neighbours import warn_of_neighbours
from sklearn_ae._splits.told import (
    SPLIT_CONSTRAINT,
    Told,
    told_by,
    weighted_rows,
    with_more,
)
from sklearn_ae._training.run import (
    all_rows,
    forget_moments,
    restored_on_error,
    run,
    tell_interrupt,
)
from sklearn_ae._training.settings import (
    TRAINING_CONSTRAINTS,
    check_validation,
)
from sklearn_ae._utils import (
    Interval,
    StrOptions,
    fit_context,
    own_modes,
    unchanged_on_error,
)
from sklearn_ae._validation import check_rows


class Fitting(Beginning, metaclass=ABCMeta):
    """Base class of what is fitted: `fit` and `partial_fit`.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    # Whom trainings are told to during a fit, if anybody.
    _progress = None
    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"pca", "random"})],
        "guard": ["boolean", Interval(Real, 0, 0.5, closed="right")],
        "validation_split": SPLIT_CONSTRAINT,
        **TRAINING_CONSTRAINTS,
    }

    def _outlook(self, rows, seed, continued):
        """Return what training is expected to gain, for `run`.

        "pca" for nothing, None where the number of epochs is fixed before.
        """
        return None

    def _forget_comparison(self):
        super()._forget_comparison()
        self.verdict_ = None

    def _is_basis_free(self):
        """Whether the loss is the same in every orthonormal basis of features."""
        return False

    def _most_trainings(self):
        """Return how many times a fit may train, one after the other."""
        return 1

    def _recalled(self, X, told):
        """Whether the fit of such rows was taken over from another; not by default."""
        return False

    def _switch_networks_on(self):
        """Let all that is to be trained take part, whatever a guard switched off."""
        self.net_.module_.use_networks(True)
        self.net_.module_.lift_ranges()

    def _keep_columns(self):
        """Let codes have as many columns as before; they have by default."""

    def _refine(self, rows, outlook, continued):
        """Better what training gave, by the held-out rows; nothing by default."""

    @abstractmethod
    def _choose_axes(self, X, continued, weights):
        """Choose the axes that codes are handed out in, of the training rows X."""

    @abstractmethod
    def _after_training(self, X, rows):
        """Learn what needs the trained net.

        `rows` are those trained on; None where there are none to compare by.
        """

    def _training_callbacks(self):
        """Return the callbacks that an estimator's own options need."""
        return []

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        X_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the model to X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows; at least two. NaN is a missing value, in dense rows. Sparse
            rows, of any format, become dense a batch at a time. Blocks of a dask array
            or DataFrame are written to a temporary file, which is read like a table
            that is too large for memory.
        y : array-like of shape (n_samples,) or None, default=None
            Given to a splitter in `validation_split`, which may stratify by it; ignored
            otherwise.
        X_val : {array-like, sparse matrix} of shape (n_held_out, n_features) or None, \
                default=None
            Rows to hold out, in place of some of X. All of X is then trained on.
        groups : array-like of shape (n_samples,) or None, default=None
            Of which group each row of X is, such as a subject that was measured several
            times. Whole groups are held out, and the guard counts each as one piece of
            evidence.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the rows, of at least 0. They count in means, scales and PCA, in
            the loss, and in what is compared on held-out rows. Whole numbers tell how
            often a row is there, others are relative. A row of weight 0 is left out.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X is not numeric, has infinite values or a column without any value, or
            is sparse and has NaN, or a part cannot work on it, or this machine has no
            such `device`; if X_val has other columns, `groups` or `sample_weight`
            another length, or two of these arguments, `validation_split` and
            `validation_fraction` contradict each other. The estimator is then left as
            it was.
        TypeError
            If X has dates or durations beside numbers.
        FloatingPointError
            If the loss became infinite or NaN in training.
        RuntimeError
            If ranks of a process group are to fit together, and there is no group or
            another rank has raised or ended, or does not answer.
        KeyboardInterrupt
            If Ctrl-C was pressed. After the first epoch the estimator is fitted all the
            same, and at the prompt of an interactive session it is a
            `ConvergenceWarning` instead.
        """
        if trains_on_workers(self, X):
            aside = {"groups": groups, "sample_weight": sample_weight}
            return fit_on_workers(self, X, y=y, X_val=X_val, **aside)
        with (
            within_reach(X, y, X_val, groups, sample_weight) as (
                X,
                y,
                X_val,
                groups,
                sample_weight,
            ),
            told_to_callbacks(self, X, y, sample_weight),
            unchanged_on_error(self),
            own_modes(inference=False),
            taking_part(self, X_val=X_val, groups=groups, sample_weight=sample_weight),
        ):
            continued = self.warm_start and self._has_begun()
            X = check_rows(self, X, reset=not continued, fewest=self._ranks.fewest_rows)
            X = self._ranks.joined(self, X)
            check_validation(self)
            X, told = told_by(self, X, y, X_val, groups, sample_weight)
            if continued:
                rows = self._continue(X, "warm_start=True")
                rows = self._with_given(rows, told)
                with restored_on_error(self.net_):
                    compared = self._train(rows, told, continued=True)
                    self._bound_networks(X)
                    # One row tells no variance.
                    if len(rows) > 1:
                        self._choose_axes(X, continued, told.weights)
                    self._finish(told.as_weighted(X, self._stream), compared)
            elif not self._recalled(X, told):
                rows, start = self._begin(X, told.weights)
                rows = self._with_given(rows, told)
                compared = self._train_from(start, rows, told)
                warn_of_empty_columns(self, start)
                is_kept = compared is not None and self.net_.module_.networks_on
                if told.is_left_to_chance and is_kept:
                    warn_of_neighbours(rows, stacklevel=3)
                self._bound_networks(X)
                self._choose_axes(X, continued, told.weights)
                self._finish(told.as_weighted(X, self._stream), compared)
            if not self.warm_start:
                forget_moments(self.net_)
        tell_interrupt(self.net_)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: ArrayLike, y: Any = None, *, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one epoch on X, once there are rows enough to start from.

        The first calls keep their rows, and the estimator is the PCA of all of them:
        `mean_`, scales and axes are as of one call with these rows, and `n_iter_` is 0.
        The call that brings the rows to ten for each feature, of which up to 100 count,
        or to ten for each component where `n_components` is a larger number, takes
        centre, scales and PCA from all rows so far and trains on all of them. A first
        call with as many does so at once.

        From then on training relies on them: centre, scales and PCA stay, codes keep
        their axes and the number of columns, and a call trains on the rows that it is
        given. After a `fit` that is so from the first call on. Until then parameters
        may be changed. No rows are held out, so there is neither early stopping nor a
        guard, and the learning rate stays constant.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows; at least two in the first call.
        y : None
            Ignored; there for scikit-learn's conventions.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            As for `fit`. Rows of weight 0 are no rows to start from.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As for `fit`, or if the number of features has changed.
        FloatingPointError
            If the loss became infinite or NaN; weights are then as before the call.
        KeyboardInterrupt
            As for `fit`.
        """
        refuse_alone(self, "partial_fit")
        first, begins = not hasattr(self, "net_"), not self._has_begun()
        with (
            within_reach(X, sample_weight) as (X, sample_weight),
            told_to_callbacks(self, X, y, sample_weight, keeps_axes=not begins),
            unchanged_on_error(self),
            own_modes(inference=False),
        ):
            given = X = check_rows(self, X, reset=first)
            X, weights = weighted_rows(self, X, sample_weight, fewest=1 + first)
            if not begins:
                self._train_on(X, self._continue(X, "partial_fit"), weights)
            else:
                gathered = self._gathered
                if gathered is not None or self._needs_more(X):
                    gathered = with_more(gathered, given, sample_weight)
                    X, weights = weighted_rows(self, gathered.rows, gathered.weights)
                rows, _ = self._begin(X, weights)
                if self._needs_more(X):
                    self._gathered = gathered
                    self._stand_by(X, weights)
                else:
                    self._train_on(X, rows, weights, begins=True)
        tell_interrupt(self.net_)
        return self

    def _train_on(self, X, rows, weights, begins=False):
        """Train for an epoch on rows X, centred in `rows`, with none held out."""
        with restored_on_error(self.net_):
            self._switch_networks_on()
            if not begins:
                self._keep_columns()
            seed = self._stream.randint(2**31)
            rows = all_rows(rows, self.net_, weights=weights)
            run(self, rows, seed, max_epochs=1, scheduled=False)
            self._forget_comparison()
            self._bound_networks(X)
            if begins:
                self._choose_axes(X, continued=False, weights=weights)
            told = Told(weights=weights)
            self._finish(told.as_weighted(X, self._stream), None)

    def _stand_by(self, X, weights):
        """Be the start of rows X until there are more."""
        enough = enough_rows(X.shape[1], self.n_components)
        self._say(f"Not trained yet: {len(X)} of the {enough} rows to start from")
        self.net_.module_.use_networks(self.init == "random")
        self._forget_comparison()
        self._choose_axes(X, continued=False, weights=weights)
        self.net_._set_training(False)
        self._describe_fit(Told(weights=weights).as_weighted(X, self._stream), None)

    def _train_from(self, start, rows, told):
        """Train from the start, in the space of the rows where that is the same."""
        is_same = self._is_basis_free() and fits_row_space(
            self, self.net_.module_, rows
        )
        is_exact = self._is_all_exact(start)
        if is_exact or not is_same:
            return self._train(rows, told, is_exact)
        with in_row_space(self.net_, rows, self._stream) as coordinates:
            return self._train(coordinates, told)

    def _is_all_exact(self, start):
        """Whether PCA reproduces the rows, by any code that is to be learned."""
        return start.is_exact

    def _train(self, rows, told, exact=False, continued=False):
        """Train with held-out rows, and keep PCA unless it is beaten.

        Return the rows, with those held out; None where none were compared.
        """
        net = self.net_
        module = net.module_
        self._forget_comparison()
        plain = module.corruption is None and module.penalty is None
        if exact and plain and module.cost.minimised_by_pca:
            module.use_networks(False)
            self.gain_over_pca_ = 0.0
            self._say(f"Nothing was trained: {self._pca_name} reproduces the rows")
            return None
        split = self._chooser.choose(rows, told, self._stream)
        rows = hold_out(rows, net, split, told.weights)
        seed = self._stream.randint(2**31)
        found = self._outlook(rows, seed, continued)
        if found == "pca":
            module.use_networks(False)
            self.gain_over_pca_ = 0.0
            self.pca_loss_ = float(net.row_losses(rows.valid).mean())
            return rows
        self._switch_networks_on()
        run(self, rows, seed, max_epochs=self.max_epochs, scheduled=True, outlook=found)
        if rows.valid is None:
            return None
        self._refine(rows, found, continued)
        if self.init == "pca":
            self._compare_with_pca(rows)
        return rows

    def _bound_networks(self, X):
        """Have networks fade to PCA beyond the rows X, and those of fits before."""
        module = self.net_.module_
        if not module.networks_on or module.decode_weight is None:
            return
        n_rows = chunk_rows(max(self.n_features_in_, self.n_components_))

        def centred(rows):
            return centred_float32(rows, self._mean)

        with self.net_.drawing(VALIDATION_SEED), own_modes(inference=True):
            for _, x in chunks(self.net_, thinned(X), centred, n_rows):
                module.take_in(x)

    def _finish(self, X, rows):
        self.net_._set_training(False)
        self._describe_fit(X, rows)
        self._warn_of_idle_columns(X)

    def _describe_fit(self, X, rows):
        """Set what is told of a fit, by the net as it is."""
        self.history_ = self.net_.curves()
        self.n_iter_ = len(self.history_)
        self._after_training(X, rows)

    def _warn_of_idle_columns(self, X):
        """Warn of columns that say nothing where they could; nothing by default."""
