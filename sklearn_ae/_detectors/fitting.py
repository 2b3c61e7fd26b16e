"""How a detector is fitted: its models, and scores of rows that they have not seen."""

from warnings import warn

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_ae._detectors.models import base_model, fitted, seeded, told_of
from sklearn_ae._detectors.ranks import Ranks
from sklearn_ae._detectors.scoring import outlier_scores
from sklearn_ae._detectors.splits import HeldOut, calibration_share, places
from sklearn_ae._detectors.tables import numbers, read
from sklearn_ae._estimators.base import BaseAutoencoder
from sklearn_ae._utils import random_stream, some_rows

# Models of a cross-fit.
N_FOLDS = 5


class CalibratedFitting(BaseEstimator):
    """Base class of what is fitted to some rows and calibrated by others.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    def _fit(self, X, y, sample_weight, groups):
        X, rows = self._read(X, reset=True)
        told = told_of(self, rows, y, sample_weight, groups)
        rows = numbers(rows)[told.kept]
        stream = random_stream(self.random_state)
        model = seeded(base_model(self, told.weight), stream)
        share = calibration_share(
            self.calibration_fraction, self.false_alarm_rate, told.weight
        )
        finds_outliers = self.contamination != "auto"
        place = places(
            rows,
            told.weights,
            told.groups,
            1 / N_FOLDS if finds_outliers else share,
            stream,
        )
        if finds_outliers:
            self._find_outliers(model, X, rows, told, place)
        else:
            self._calibrate(model, X, told, place < share)

    def _calibrate(self, model, X, told, calibrates):
        """Fit to some rows, and take the others for usual new ones."""
        self._held_out, self.fold_estimators_ = None, []
        self.estimator_ = fitted(self, model, X, told, ~calibrates)
        rows = some_rows(X, told.kept[calibrates])
        self._rank(rows, None if told.weights is None else told.weights[calibrates])
        self.offset_ = self._ranks.threshold(self.false_alarm_rate)
        least = 1 / (1 + self._ranks.weight)
        if least > self.false_alarm_rate:
            warn(
                f"false_alarm_rate={self.false_alarm_rate} is less than {least:.2g}, "
                f"the rate of rows below all of the {len(self.calibration_scores_)} "
                "that calibrate, which is what alarms now have; give more rows or a "
                "larger calibration_fraction.",
                UserWarning,
                stacklevel=4,
            )

    def _find_outliers(self, model, X, rows, told, place):
        """Fit once for each fold without it, and to all rows for new ones."""
        # Large groups leave folds without rows; for these there is no model.
        _, fold = np.unique(np.floor(place * N_FOLDS), return_inverse=True)
        self._held_out = HeldOut(rows, fold)
        self.fold_estimators_ = [
            fitted(self, model, X, told, fold != held_out)
            for held_out in range(fold.max() + 1)
        ]
        self.estimator_ = fitted(self, model, X, told, np.ones(len(fold), dtype=bool))
        self._rank(some_rows(X, told.kept), told.weights)
        self.offset_ = self._ranks.quantile(self.contamination)

    def _rank(self, X, weights):
        self.calibration_scores_ = self._by_model(outlier_scores, X)
        self._ranks = Ranks.of(self.calibration_scores_, weights)

    def _steps_inside(self):
        """Return what displays and `summary` show: the model of new rows."""
        return [self.estimator_]

    def _read(self, X, *, reset):
        own_columns = isinstance(base_model(self), BaseAutoencoder)
        return read(self, X, takes_any_columns=not own_columns, reset=reset)

    def _by_model(self, method, X):
        """Apply a method to rows, each by a model that was not trained on it."""
        X, rows = self._read(X, reset=False)
        if self._held_out is None:
            return method(self.estimator_, X)
        model = self._held_out.by(numbers(rows))
        found = {}
        for number in np.unique(model):
            chosen = np.flatnonzero(model == number)
            by = self.estimator_ if number < 0 else self.fold_estimators_[number]
            found[number] = chosen, method(by, some_rows(X, chosen))
        _, values = next(iter(found.values()))
        out = np.empty((len(model), *values.shape[1:]))
        for chosen, values in found.values():
            out[chosen] = values
        return out
