"""AnomalyDetector: parameters, docs, and what users call."""

from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import OutlierMixin
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._detectors.fitting import CalibratedFitting
from sklearn_ae._detectors.models import base_model
from sklearn_ae._detectors.scoring import (
    explains_features,
    feature_scores,
    outlier_scores,
)
from sklearn_ae._utils import (
    HasMethods,
    Interval,
    RandomStateLike,
    StrOptions,
    fit_context,
    unchanged_on_error,
)


def _can_explain(detector):
    return explains_features(base_model(detector))


class AnomalyDetector(OutlierMixin, CalibratedFitting):
    """Detector of anomalies whose threshold comes from rows that were not trained on.

    An estimator scores its training rows better than new ones, an autoencoder far
    better: at a threshold from their scores half of the new usual rows would be alarms.
    So the detector compares with rows that the estimator has not seen. It has two
    tasks, as scikit-learn has, and `contamination` tells which.

    With "auto" the rows of ``fit`` are usual ones, and new rows are to be judged. Some
    of the rows are held out to calibrate; of new usual rows `false_alarm_rate` are
    called outliers. With a number the rows of ``fit`` have outliers among them, which
    are to be found. Each row is then scored by a model that was trained without it, in
    ``fit`` and after.

    Parameters
    ----------
    estimator : estimator instance or None, default=None
        What scores rows: an autoencoder, a pipeline that ends with one, or anything
        else with ``score_samples``. None is a `VAETransformer` with two to four
        components: a quarter of the number of features, and a twentieth of that of
        rows, if they are as many; of a single feature, one. A VAE ranks rows by its
        density alone, not by the mixture with probabilistic PCA that is its
        `score_samples`.
    contamination : "auto" or float, default="auto"
        Share of the rows of ``fit`` that are outliers, in (0, 0.5], as for
        `sklearn.ensemble.IsolationForest`: as many of them, and about as large a share
        of new rows like them, are called outliers. Six models are fitted, five of them
        to four fifths of the rows each. "auto" fits one model, and has
        `false_alarm_rate` decide.
    false_alarm_rate : float, default=0.05
        With ``contamination="auto"`` the rate at which new rows like those of ``fit``
        are called outliers, on average over fits at most, in (0, 0.5]. Outliers in
        ``fit`` make it less. Has no effect beside a number for `contamination`.
    calibration_fraction : "auto" or float, default="auto"
        With ``contamination="auto"`` the share of the rows, or of the groups' rows, to
        calibrate by, in (0, 1). "auto" is a fifth; less where that is more than ``50 /
        false_alarm_rate`` rows, and up to half where it is less than the ``1 /
        false_alarm_rate - 1`` that are needed. Copies of a row stay on one side.
    random_state : int, RandomState or None, default=None
        Chooses the rows, and seeds each random part of the estimator that has
        ``random_state=None``.

    Attributes
    ----------
    estimator_ : estimator instance
        What scores new rows: fitted to the rows that do not calibrate, or with a number
        for `contamination` to all.
    fold_estimators_ : list of estimator instances
        Those fitted to four fifths of the rows; empty with ``contamination="auto"``.
    offset_ : float
        The threshold: outliers have scores below it.
    calibration_scores_ : ndarray of shape (n_calibration_rows,)
        Scores of rows of ``fit`` by models that were not trained on them.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during ``fit``. Defined only when X has feature names
        that are all strings.

    See Also
    --------
    VAETransformer : What scores rows by default.
    sklearn.ensemble.IsolationForest : Trees, for tables of features that are not
        related.

    Notes
    -----
    The p-values are those of split conformal prediction [1]_, [2]_: of ``n``
    calibration rows, as likely to come in any order with a new usual row, ``k`` score
    as low as that or lower, and the p-value is ``(k + 1) / (n + 1)``. It is at most
    ``a`` with probability at most ``a``, for any estimator. Between fits the rate of
    alarms varies, with a standard deviation of about ``sqrt(a / n)``. With a number for
    `contamination` they are cross-conformal, for which that holds but approximately.

    References
    ----------
    .. [1] Vovk, V., Gammerman, A. & Shafer, G. (2005). Algorithmic learning in a random
       world. Springer.
    .. [2] Bates, S., Candes, E., Lei, L., Romano, Y. & Sesia, M. (2023). Testing for
       outliers with conformal p-values. Annals of Statistics 51(1), 149-178.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_ae import AnomalyDetector, VAETransformer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X_train, X_usual = train_test_split(X[y == 1], random_state=0)
    >>> detector = AnomalyDetector(VAETransformer(5, max_epochs=20), random_state=0)
    >>> detector = detector.fit(X_train)
    >>> bool((detector.predict(X_usual) == -1).mean() < 0.15)
    True
    >>> bool((detector.predict(X[y == 0]) == -1).mean() > 0.5)
    True
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "score_samples"]), None],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "false_alarm_rate": [Interval(Real, 0, 0.5, closed="right")],
        "calibration_fraction": [
            StrOptions({"auto"}),
            Interval(Real, 0, 1, closed="neither"),
        ],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        contamination: Literal["auto"] | float = "auto",
        false_alarm_rate: float = 0.05,
        calibration_fraction: Literal["auto"] | float = "auto",
        random_state: RandomStateLike = None,
    ) -> None:
        self.estimator = estimator
        self.contamination = contamination
        self.false_alarm_rate = false_alarm_rate
        self.calibration_fraction = calibration_fraction
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the estimator, and find the threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, at least three, of any kind that the estimator takes.
        y : array-like of shape (n_samples,) or None, default=None
            Given to the estimator, which mostly ignores it.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the rows, of at least 0, for the estimator, or the last step of a
            pipeline, and in ranks. Whole numbers tell how often a row is there.
        groups : array-like of shape (n_samples,) or None, default=None
            Of which group each row is, such as a subject that was measured several
            times. Rows of a group are either trained on or held out, in the estimator
            as well if its ``fit``, or that of a pipeline's last step, takes groups.
            Under metadata routing both go where they are requested.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If there are too few rows or groups, if the estimator takes no
            `sample_weight` and there is one, or for what it refuses itself. The
            detector is then left as it was.
        """
        with unchanged_on_error(self):
            self._fit(X, y, sample_weight, groups)
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return the scores of rows, the lower the more unusual.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            The estimator's ``score_samples``; of `VAETransformer` the log-likelihood by
            the VAE alone. Minus infinity for rows too far out.

        Raises
        ------
        NotFittedError
            If the detector is not fitted.
        ValueError
            If X has another number of features, or what the estimator refuses.
        """
        check_is_fitted(self)
        return self._by_model(outlier_scores, X)

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the scores of rows above the threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            ``score_samples(X) - offset_``; below zero for outliers.

        Raises
        ------
        NotFittedError
            If the detector is not fitted.
        ValueError
            As for `score_samples`.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Tell outliers from usual rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int
            -1 for outliers and 1 for others.

        Raises
        ------
        NotFittedError
            If the detector is not fitted.
        ValueError
            As for `score_samples`.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: ArrayLike) -> np.ndarray:
        """Return the conformal p-value of each row.

        With ``contamination="auto"`` those of outliers, and no others, are at most
        `false_alarm_rate`, where there are rows enough to calibrate.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        p_values : ndarray of shape (n_samples,), float64
            The share of the calibration rows, and the row itself, that score as low or
            lower: from ``1 / (n + 1)`` with `n` calibration rows to 1.0.

        Raises
        ------
        NotFittedError
            If the detector is not fitted.
        ValueError
            As for `score_samples`.
        """
        scores = self.score_samples(X)
        return self._ranks.p_values(scores)

    @available_if(_can_explain)
    def feature_scores(self, X: ArrayLike) -> np.ndarray:
        """Return how unusual each feature of each row is.

        There for autoencoders, `TableVAETransformer`, and pipelines that end with one.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_features), float64
            The higher the more unusual, zero where a value is missing. For
            `AutoencoderTransformer` the squared error of each value, whose sum over
            features is minus the row's score. For `VAETransformer` the nats of each
            value given the row's code, a mean over its posterior: minus the score is
            their sum and the nats of the code itself. For `TableVAETransformer` the
            nats of each column of the table, in its own units; they are those of its
            VAE alone, but the score is that with probabilistic PCA. Features are those
            that the last step of a pipeline gets.

        Raises
        ------
        NotFittedError
            If the detector is not fitted.
        ValueError
            As for `score_samples`.
        """
        check_is_fitted(self)
        return self._by_model(feature_scores, X)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what is routed to the estimator, and what the detector takes itself.

        Returns
        -------
        routing : MetadataRouter
            See scikit-learn's guide to metadata routing.
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return router.add(estimator=base_model(self), method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(base_model(self)).input_tags
        return tags
