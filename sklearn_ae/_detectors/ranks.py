"""Ranks among the scores of rows that were not trained on: p-values and thresholds."""

from dataclasses import dataclass

import numpy as np

# What shares times weights may be off by rounding.
ROUNDING = 1e-9
# A threshold above minus infinity, of rows too far out for arithmetic.
LOWEST = np.finfo(np.float64).min


@dataclass(frozen=True)
class Ranks:
    """Scores in ascending order, and the weight of the rows up to each.

    Attributes
    ----------
    scores : ndarray of shape (n_rows,)
    weight_below : ndarray of shape (n_rows + 1,)
        The weight of the first 0, 1, 2 and so on of them.
    """

    scores: np.ndarray
    weight_below: np.ndarray

    @classmethod
    def of(cls, scores, weights=None):
        """Return the ranks of scores; without weights each row counts one."""
        order = np.argsort(scores, kind="stable")
        counts = np.ones(len(scores)) if weights is None else weights[order]
        return cls(scores[order], np.concatenate([[0.0], np.cumsum(counts)]))

    @property
    def weight(self):
        """What all rows weigh."""
        return self.weight_below[-1]

    def p_values(self, scores):
        """Return the share of rows, with the one scored, that score as low or lower."""
        places = np.searchsorted(self.scores, scores, side="right")
        return (1 + self.weight_below[places]) / (1 + self.weight)

    def threshold(self, rate):
        """Return the score below which, and only there, p-values are at most `rate`.

        The lowest of all where no p-value is.
        """
        return self._first_above(rate * (1 + self.weight) - 1)

    def quantile(self, share):
        """Return the highest score below which at most a share of the rows lies."""
        return self._first_above(share * self.weight)

    def _first_above(self, weight):
        """Return the lowest score up to which there is more than a weight."""
        place = np.searchsorted(self.weight_below[1:], weight + ROUNDING, side="right")
        return max(float(self.scores[place]), LOWEST)
