"""The guard: leave PCA only on evidence."""

import math
from abc import ABCMeta, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from sklearn_ae._inference import thinned
from sklearn_ae._training.batches import Rows

# One-sided: 2.3 standard errors where there are many rows. The held-out rows also chose
# the best epoch, which speaks for the network; the level leaves room for that.
DEFAULT_LEVEL = 0.01
# Rows from which skewness can be told. Of three of 13 it let a network pass that was
# worse on fresh rows.
FEWEST_SKEWED = 20
# How far a density's reconstructions may be behind PCA's for being likelier, as a share
# of the squared error.
SLACK = 0.05


@dataclass(frozen=True)
class GuardResult:
    """How a trained network compared with PCA on the held-out rows; prints as words.

    Attributes
    ----------
    statistic : float
        Student's t of the rows' gains over PCA, of a VAE's corrected for a long upper
        tail; NaN with fewer than two rows.
    p_value : float
        Of the one-sided test that the network is better.
    level : float or None
        The p-value below which the network is kept; None keeps it whatever it is.
    n_rows : int
        Number of held-out rows.
    network_loss, pca_loss : float
        Mean losses of a held-out row, as the guard compared them; of a VAE minus the
        log-likelihoods by importance sampling, not minus the bound as `pca_loss_` and
        `history_` of the estimator are.
    gain : float
        What `gain_over_pca_` is where the network is kept, and would have been where
        PCA is.
    gain_unit : {"of PCA's loss", "nats a row"}
        What `gain` and `gain_over_pca_` count: of `AutoencoderTransformer` the share of
        the loss that was removed, of a density a difference of log-likelihoods.
    pca_kept : bool
        Whether PCA was kept.
    pca : {"PCA", "probabilistic PCA"}
        What the network was compared with.
    error_ratio : float or None
        Of a VAE, the squared error of held-out rows' reconstructions over PCA's. Above
        1.05 PCA is kept however likely the rows are. None where the losses say as much.
    n_groups : int or None
        How many groups the held-out rows are of, each one piece of evidence; None where
        each row is one.
    """

    statistic: float
    p_value: float
    level: float | None
    n_rows: int
    network_loss: float
    pca_loss: float
    gain: float
    pca_kept: bool
    pca: str
    error_ratio: float | None = None
    n_groups: int | None = None

    @property
    def gain_unit(self) -> str:
        """What `gain` and `gain_over_pca_` count."""
        return "nats a row" if self._is_of_densities else "of PCA's loss"

    @property
    def _is_of_densities(self):
        return self.pca != "PCA"

    @property
    def _test_in_words(self):
        if math.isnan(self.statistic):
            return "one piece of evidence tells nothing"
        return f"t = {self.statistic:.3g}, p = {self.p_value:.2g}"

    @property
    def evidence(self) -> str:
        """What was found on the held-out rows, in words."""
        if self.level is None:
            needed = "guard=False asks for no evidence"
        else:
            needed = f"the network needs p < {self.level:g}"
        rows = "row" if self.n_rows == 1 else "rows"
        if self.n_groups is not None:
            rows += f" of {self.n_groups} group{'' if self.n_groups == 1 else 's'}"
        loss, unit = "loss", ""
        if self._is_of_densities:
            loss, unit = "minus log-likelihood", " nats a row"
        found = (
            f"on {self.n_rows} held-out {rows} the network's {loss} is "
            f"{self.network_loss:.6g}, that of {self.pca} {self.pca_loss:.6g}{unit} "
            f"({self._test_in_words}; {needed})"
        )
        if self.error_ratio is None:
            return found
        allowed = "" if self.level is None else f" (at most {1 + SLACK:g} is let pass)"
        error = f"{self.error_ratio:.3g} times the squared error of PCA's"
        return f"{found}, and its reconstructions have {error}{allowed}"

    def __repr__(self) -> str:
        error = self.error_ratio
        ratio = "" if error is None else f", error_ratio={error:.3g}"
        groups = "" if self.n_groups is None else f", n_groups={self.n_groups}"
        return (
            f"GuardResult(pca_kept={self.pca_kept}, gain={self.gain:.3g}, "
            f"gain_unit={self.gain_unit!r}, p_value={self.p_value:.2g}, "
            f"level={self.level}, statistic={self.statistic:.3g}, "
            f"n_rows={self.n_rows}, "
            f"network_loss={self.network_loss:.6g}, pca_loss={self.pca_loss:.6g}, "
            f"pca={self.pca!r}{ratio}{groups})"
        )

    def __str__(self) -> str:
        kept = self.pca if self.pca_kept else "the network"
        return f"{kept[0].upper()}{kept[1:]} was kept: {self.evidence}"


def paired_t_test(gains, other_gains=(), *, skewed=False, worst_twice=False):
    """Test whether gains over a baseline are above zero on average.

    One-sided and paired. Where tails are heavy, the few bad rows that decide the mean
    are likely to be missing among those held out, and with them the spread that should
    make one doubt; so the spread is that of other rows' shortfalls where it is larger.

    Parameters
    ----------
    gains : ndarray of shape (n_rows,)
        How far each held-out row's loss is below the baseline's.
    other_gains : array-like of shape (n_other_rows,), default=()
        Those of the training rows. How much they gain is no evidence, how far some
        fall short is.
    skewed : bool, default=False
        Whether to correct for a long upper tail: few rows that gain most of all widen
        the spread and make the test too careful [1]_. A long lower tail is no less a
        reason to doubt than without. Of fewer than 20 rows nothing is corrected.
    worst_twice : bool, default=False
        Whether the worst row counts twice; it is no more evidence for that.

    Returns
    -------
    statistic : float
        Student's t; NaN with fewer than two rows.
    p_value : float
        One with fewer than two rows, which are no evidence.

    References
    ----------
    .. [1] Hall, P. (1992). On the removal of skewness by transformation. Journal of the
       Royal Statistical Society B 54, 221-228.
    """
    n_rows = len(gains)
    if n_rows < 2:
        return math.nan, 1.0
    degrees = n_rows - 1
    if worst_twice:
        gains = with_worst_twice(gains)
        n_rows += 1
    mean = float(np.mean(gains))
    spread = max(np.std(gains, ddof=1), _downside_deviation(other_gains))
    if spread > 0:
        statistic = mean / (spread / math.sqrt(n_rows))
        if skewed and n_rows >= FEWEST_SKEWED:
            skewness = float(np.mean(((gains - mean) / spread) ** 3))
            statistic = _unskewed(statistic, max(skewness, 0.0) / math.sqrt(n_rows))
    else:
        statistic = math.copysign(math.inf, mean) if mean else 0.0
    return float(statistic), float(stdtr(degrees, -statistic))


def _unskewed(statistic, skewness):
    """Return Hall's transformation; `skewness` is that of the mean."""
    squares = statistic**2 / 3 + 1 / 6
    return statistic + skewness * squares + skewness**2 * statistic**3 / 27


def _downside_deviation(gains):
    """Return the standard deviation as told by the values below the mean alone."""
    if len(gains) < 2:
        return 0.0
    shortfalls = np.minimum(gains - np.mean(gains), 0.0)
    return np.sqrt(2 * np.mean(shortfalls**2))


def with_worst_twice(gains):
    """Count the worst row twice: a density can lose without bound on a row."""
    return np.append(gains, gains.min()) if len(gains) > 1 else gains


def of_groups(values, groups):
    """Return one value for each group of rows: the sum of theirs over the mean size.

    Their mean is that of all rows.

    Parameters
    ----------
    values : ndarray of shape (n_some_rows,)
        Of all rows, or of every so many-th.
    groups : ndarray of shape (n_rows,) or None
        Of which group each row is; None where each is one of its own.
    """
    if groups is None:
        return values
    _, group = np.unique(thinned(groups, len(values)), return_inverse=True)
    sums = np.bincount(group, weights=values)
    return sums * (len(sums) / len(values))


def by_weight(values, weights):
    """Return values of rows times the rows' weights, whose mean is one.

    Parameters
    ----------
    values : ndarray of shape (n_some_rows, ...)
        Of all rows, or of every so many-th.
    weights : ndarray of shape (n_rows,) or None
        None where all rows count alike.
    """
    if weights is None:
        return values
    weights = thinned(weights, len(values))
    return values * weights.reshape(-1, *[1] * (values.ndim - 1))


class Guarding(metaclass=ABCMeta):
    """Base class of what keeps PCA unless its network is significantly better."""

    #: What the network is compared with.
    _pca_name = "PCA"

    @abstractmethod
    def _gain(self, baseline, losses):
        """Return `gain_over_pca_` from the held-out rows' losses."""

    def _forget_comparison(self):
        self.gain_over_pca_ = self.pca_loss_ = float("nan")
        self.guard_ = None

    def _compare_with_pca(self, rows):
        """Note the gain on the held-out rows; keep PCA unless it is significant."""
        net = self.net_
        losses, training_losses = map(self._compared_losses, (rows.valid, rows))
        error = self._uncompared_error(rows)
        net.module_.use_networks(False)
        pca_error = self._uncompared_error(rows)
        baseline, training_baseline = self._baseline_losses(rows)
        self.pca_loss_ = float(net.row_losses(rows.valid).mean())
        self._abide_by(
            self._judged(
                rows,
                losses,
                baseline,
                training_losses,
                training_baseline,
                error / pca_error if pca_error else None,
            )
        )

    def _judged(
        self,
        rows,
        losses,
        baseline,
        training_losses,
        training_baseline,
        error_ratio=None,
    ):
        """Return how a network compares with PCA, by both their losses of rows."""
        losses, baseline = (
            by_weight(x, rows.valid.weights) for x in (losses, baseline)
        )
        gains = of_groups(baseline - losses, rows.valid.groups)
        training_gains = by_weight(training_baseline - training_losses, rows.weights)
        training_gains = of_groups(training_gains, rows.groups)
        statistic, p_value = self._test(gains, training_gains)
        level = self._guard_level()
        is_worse = error_ratio is not None and error_ratio > 1 + SLACK
        is_better = level is not None and p_value < level and not is_worse
        return GuardResult(
            statistic=statistic,
            p_value=p_value,
            level=level,
            n_rows=len(losses),
            network_loss=float(losses.mean()),
            pca_loss=float(baseline.mean()),
            gain=self._gain(baseline, losses),
            pca_kept=level is not None and not is_better,
            pca=self._pca_name,
            error_ratio=error_ratio,
            n_groups=None if rows.groups is None else len(gains),
        )

    def _abide_by(self, result):
        """Keep PCA or the network, as the guard says."""
        self.guard_ = result
        self.net_.module_.use_networks(not result.pca_kept)
        self.gain_over_pca_ = 0.0 if result.pca_kept else result.gain
        self._say(result)

    def _compared_losses(self, rows):
        """Return what the guard compares: the loss of each row, or of some of many."""
        return self.net_.row_losses(Rows(thinned(rows.data), device=rows.device))

    def _uncompared_error(self, rows):
        """Return the held-out rows' squared error where losses say nothing of it."""
        return None

    def _baseline_losses(self, rows):
        """Return what PCA's losses are of the held-out rows, and of the others."""
        return tuple(map(self._compared_losses, (rows.valid, rows)))

    def _test(self, gains, other_gains):
        """Return the statistic and the p-value of rows' gains over a baseline."""
        return paired_t_test(gains, other_gains)

    def _guard_level(self):
        """Return the p-value below which PCA is left; None leaves it whatever it is."""
        if not self.guard:
            return None
        is_on = isinstance(self.guard, bool | np.bool_)
        return DEFAULT_LEVEL if is_on else float(self.guard)

    def _say(self, text):
        if self.verbose and self._ranks.is_first:
            print(text)
