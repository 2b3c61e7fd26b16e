"""Whether PCA leaves anything to learn, told before the price of training is paid.

Two closed-form tests on the training rows, in hundredths of a second. What a decoder
could add is looked for by ridge regression from random features [1]_ of PCA's code to
what PCA leaves. An encoder that has to bend leaves no such trace: on a circle the two
signs of the second score cancel. But products of the scores that PCA leaves out then
depend on the code, and are looked for in the same way. Both are judged on rows that the
regression did not see. A likelihood may gain as well where the code is not normal,
which its third and fourth moments tell [2]_.

References
----------
.. [1] Rahimi, A. & Recht, B. (2007). Random features for large-scale kernel machines.
   Advances in Neural Information Processing Systems 20.
.. [2] Jarque, C. M. & Bera, A. K. (1980). Efficient tests for normality,
   homoscedasticity and serial independence of regression residuals. Economics Letters
   6, 255-259.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn import config_context
from sklearn.utils.extmath import randomized_svd

from sklearn_ae._training.batches import as_tensor
from sklearn_ae._utils import resolve
from sklearn_ae.networks import MLP
from sklearn_ae.networks._by_name import NETWORKS

# Most rows looked at, random features of the code, folds, and penalties of the ridge
# for each row.
MOST_ROWS, N_FEATURES, N_FOLDS = 4000, 256, 4
# Numbers of these rows at most, and of what is predicted at a time.
MOST_NUMBERS, NUMBERS_TOGETHER = 2**25, 2**22
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
# Standard deviations beyond which the features see no more of a code or a score.
FAR = 3.0
# How many of the axes that PCA leaves out are multiplied with each other.
N_LEFT = 3
# t values above which a decoder, or an encoder, may have something to learn. The
# largest over all penalties and products is below these where there is nothing: a ridge
# that finds nothing fits noise, and loses by it. The encoder's alone is a doubt for a
# likelihood only: of squared errors no gain was seen below the level of no doubt.
DECODER_LEVEL, ENCODER_LEVEL = 0.0, 1.5
# t values above which there is no doubt.
CLEAR = 3.0
# Share of what is left that lies along one axis, and of the last component's variance
# that this axis has, above which a curve may fill the plane of the two better than a
# line does, whatever depends on what.
CROWDED = 0.5
# z value of a code's skewness or kurtosis above which it is evidently not normal.
SHAPE_LEVEL = 3.0


@dataclass(frozen=True)
class Verdict:
    """What the tests found before training; prints as a sentence.

    Attributes
    ----------
    decoder_t : float
        t value of what a decoder gains on the rows.
    encoder_t : float
        t value of what products of further scores gain on the rows.
    is_crowded : bool
        Whether the last component and what it leaves are of the same kind.
    n_rows : int
        Number of rows that were looked at.
    """

    decoder_t: float
    encoder_t: float
    is_crowded: bool
    n_rows: int

    @property
    def finding(self) -> Literal["clear", "hidden", "crowded", "doubtful", "pca"]:
        """What is to be expected of training.

        "clear": the decoder gains from the first steps on. "hidden": a gain shows once
        the encoder has bent. "crowded": a curve may fill a plane better than a line.
        "doubtful": there may be a gain. "pca": there is none.
        """
        if self.decoder_t > CLEAR:
            return "clear"
        if self.encoder_t > CLEAR:
            return "hidden"
        if self.is_crowded:
            return "crowded"
        return "doubtful" if self._is_in_doubt else "pca"

    @property
    def _is_in_doubt(self):
        return self.decoder_t > DECODER_LEVEL

    @property
    def expects_gain(self) -> bool:
        """Whether a gain on held-out rows would be no surprise."""
        return self.finding in ("clear", "hidden")

    def __repr__(self) -> str:
        return (
            f"Verdict(finding={self.finding!r}, decoder_t={self.decoder_t:.3g}, "
            f"encoder_t={self.encoder_t:.3g}, is_crowded={self.is_crowded}, "
            f"n_rows={self.n_rows})"
        )

    def __str__(self) -> str:
        expected = {
            "clear": "PCA leaves what a decoder can learn",
            "hidden": "PCA leaves what an encoder that bends can learn",
            "crowded": "PCA leaves an axis like its last one, which a curve may share",
            "doubtful": "It is in doubt that PCA leaves anything to learn",
            "pca": "PCA leaves nothing to learn",
        }
        return (
            f"{expected[self.finding]}: on {self.n_rows} rows the decoder's test has "
            f"t = {self.decoder_t:.3g}, the encoder's t = {self.encoder_t:.3g}"
        )


@dataclass(frozen=True, repr=False)
class LikelihoodVerdict(Verdict):
    """What was found of a likelihood that starts at probabilistic PCA's.

    Attributes
    ----------
    shape_z : float
        Largest z value of the skewness or kurtosis of a column of PCA's code.
    """

    shape_z: float

    @property
    def _is_in_doubt(self):
        # Codes that are not normal are a doubt, too.
        is_bent = self.encoder_t > ENCODER_LEVEL or self.shape_z > SHAPE_LEVEL
        return super()._is_in_doubt or is_bent

    def __repr__(self) -> str:
        return f"Likelihood{super().__repr__()[:-1]}, shape_z={self.shape_z:.3g})"

    def __str__(self) -> str:
        return f"{super().__str__()}, that of normal codes z = {self.shape_z:.3g}"


def can_judge(estimator, rows):
    """Whether the tests speak of what an estimator would train, and may spare it.

    They ask whether squared errors of complete rows can fall below PCA's. Noise on the
    input and penalties change what is to be learned, and what networks of other kinds
    can add has not been measured.

    Parameters
    ----------
    estimator : Fitting
        Its net is ready to train.
    rows : Rows
        Those to train on.
    """
    module = estimator.net_.module_
    return (
        estimator.init == "pca"
        and bool(estimator.guard)
        and module.cost.minimised_by_pca
        and module.corruption is None
        and module.penalty is None
        and isinstance(resolve(estimator.network, NETWORKS), MLP)
        and not rows.is_incomplete
    )


def chosen_rows(rows, rng):
    """Return some training rows, in random order, as an array for the tests.

    Parameters
    ----------
    rows : Rows
    rng : RandomState
    """
    n_rows = min(MOST_ROWS, max(1, MOST_NUMBERS // rows.data.shape[1]))
    chosen = rng.permutation(len(rows))[:n_rows]
    return as_tensor(rows.data[chosen]).cpu().numpy()


def look_for_structure(rows, encode_weight, decode_weight, rng):
    """Test whether PCA leaves something that networks may learn.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Centred rows.
    encode_weight : ndarray of shape (n_features, n_components)
        From a row to its whitened code.
    decode_weight : ndarray of shape (n_components, n_features)
        And back.
    rng : RandomState
        For the random features.

    Returns
    -------
    verdict : Verdict
    """
    code = rows @ encode_weight
    left = code @ decode_weight
    np.subtract(rows, left, out=left)
    left -= left.mean(axis=0)
    scale = max(left.max(initial=0.0), -left.min(initial=0.0))
    if len(rows) < 2 * N_FOLDS or not scale > 0:
        return Verdict(0.0, 0.0, is_crowded=False, n_rows=len(rows))
    # So that squares stay in range whatever the units of X.
    left /= scale
    weakest = np.square(decode_weight / scale).sum(axis=1).min() * len(rows)
    scores, lengths = _leading_scores(left, rng)
    of_rows, of_products = _cross_gains(_features(code, rng), left, _products(scores))
    crowd = max(np.square(left).sum(), weakest)
    return Verdict(
        decoder_t=_largest_t(of_rows),
        encoder_t=_largest_t(of_products),
        is_crowded=bool(lengths[0] ** 2 > CROWDED * crowd),
        n_rows=len(rows),
    )


def look_for_likelihood(rows, encode_weight, decode_weight, rng):
    """Test whether networks may make rows likelier than probabilistic PCA does.

    Parameters
    ----------
    rows, encode_weight, decode_weight, rng
        As for `look_for_structure`.

    Returns
    -------
    verdict : LikelihoodVerdict
    """
    verdict = look_for_structure(rows, encode_weight, decode_weight, rng)
    return LikelihoodVerdict(**vars(verdict), shape_z=_shape_z(rows @ encode_weight))


def _shape_z(code):
    """Return the largest z value of a column's skewness or kurtosis."""
    centred = code - code.mean(axis=0)
    spread = centred.std(axis=0)
    scores = centred[:, spread > 0] / spread[spread > 0]
    skewness = (scores**3).mean(axis=0) * np.sqrt(len(code) / 6)
    kurtosis = ((scores**4).mean(axis=0) - 3) * np.sqrt(len(code) / 24)
    return float(np.max(np.abs([skewness, kurtosis]), initial=0.0))


def _leading_scores(left, rng):
    """Return scores along the leading axes, and the axes' singular values."""
    n_left = min(N_LEFT, *left.shape)
    # Where scikit-learn dispatches it warns that other libraries have no LU.
    with config_context(array_api_dispatch=False):
        scores, lengths, _ = randomized_svd(left, n_left, random_state=rng)
    # Rounding is no axis.
    live = lengths > 1e-6 * lengths[0]
    return scores[:, live], lengths[live]


def _features(code, rng):
    """Return the code and random functions of it, none of which runs away."""
    near = FAR * np.tanh(code / FAR)
    directions = rng.normal(size=(code.shape[1], N_FEATURES)) / code.shape[1] ** 0.5
    shifts = rng.normal(size=N_FEATURES)
    inner = 2 * (near @ directions.astype(code.dtype) + shifts.astype(code.dtype))
    return np.column_stack([code, inner / (1 + np.exp(-inner))])


def _products(scores):
    """Return all products of two columns, of unit spread and clipped."""
    scores = np.clip(scores / scores.std(axis=0), -FAR, FAR)
    first, second = np.triu_indices(scores.shape[1])
    products = scores[:, first] * scores[:, second]
    return products - products.mean(axis=0)


def _largest_t(gains):
    """Return the largest t value of the means over rows."""
    gains = gains.reshape(len(gains), -1)
    errors = gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
    usable = errors > 0
    return float(np.max(gains.mean(axis=0)[usable] / errors[usable], initial=-np.inf))


def _cross_gains(features, left, products):
    """Return by how much ridge regression beats the mean, in squared error.

    By the fit to the other folds.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
        What to predict from; the rows are in random order.
    left : ndarray of shape (n_rows, n_columns)
        What to predict, counted together.
    products : ndarray of shape (n_rows, n_products)
        What else to predict, counted each on its own.

    Returns
    -------
    of_rows : ndarray of shape (n_rows, n_penalties)
    of_products : ndarray of shape (n_rows, n_penalties, n_products)
    """
    n_rows, n_products = products.shape
    of_rows = np.zeros((n_rows, len(PENALTIES)))
    of_products = np.empty((n_rows, len(PENALTIES), n_products))
    fold = np.arange(n_rows) % N_FOLDS
    for number in range(N_FOLDS):
        seen, held = fold != number, fold == number
        centre = features[seen].mean(axis=0)
        inputs = features[seen] - centre
        spread = inputs.std(axis=0)
        spread[spread == 0] = 1.0
        predict = _ridge(inputs / spread, (features[held] - centre) / spread)
        for n_before, targets in _some_columns(products, left):
            mean = targets[seen].mean(axis=0)
            wanted = targets[held] - mean
            for index, fitted in enumerate(predict(targets[seen] - mean)):
                # wanted^2 - (wanted - fitted)^2
                more = 2 * wanted - fitted
                if n_before:
                    of_products[held, index] = (fitted * more)[:, :n_before]
                of_rows[held, index] += np.einsum(
                    "ij,ij->i", fitted[:, n_before:], more[:, n_before:]
                )
    return of_rows, of_products


def _some_columns(products, left):
    """Yield the columns to predict, some at a time; products come first.

    With the number of products among them.
    """
    width = max(1, NUMBERS_TOGETHER // len(left))
    yield products.shape[1], np.column_stack([products, left[:, :width]])
    for first in range(width, left.shape[1], width):
        yield 0, left[:, first : first + width]


def _ridge(inputs, others):
    """Return a function that yields predictions for other rows by each penalty.

    It takes the targets, and solves the smaller of two systems.
    """
    n_rows, n_features = inputs.shape
    is_wide = n_features > n_rows
    gram = inputs @ inputs.T if is_wide else inputs.T @ inputs
    basis = others @ inputs.T if is_wide else others
    values, vectors = np.linalg.eigh(gram)
    basis = basis @ vectors

    def predict(targets):
        cross = vectors.T @ (targets if is_wide else inputs.T @ targets)
        for penalty in PENALTIES:
            shrunk = np.maximum(values, 0.0) + penalty * n_rows
            yield basis @ (cross / shrunk[:, np.newaxis])

    return predict
