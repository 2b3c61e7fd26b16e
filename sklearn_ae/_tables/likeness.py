"""How like rows of a table draws are: the odds by which draws are chosen."""

import numpy as np

# Draws among which one is chosen.
CANDIDATES = 10
# Rows of the table that are told from draws, draws for each, and models that do so.
FEWEST_ROWS, MOST_ROWS, DRAWS_PER_ROW, N_MODELS = 50, 5000, 4, 5


class Likeness:
    """Odds that a row is one of the table, by boosted trees that tell them from draws.

    A model misses some of what columns have to do with each other. Choosing one of
    several draws in proportion to these odds puts part of it back [1]_.

    Parameters
    ----------
    rows, draws : ndarray of shape (n_rows, n_columns) and (n_draws, n_columns)
        Values of the table's rows and of draws: numbers, and numbers of categories.
    random_state : RandomState

    References
    ----------
    .. [1] Azadi, S., Olsson, C., Darrell, T., Goodfellow, I. & Odena, A. (2019).
       Discriminator rejection sampling. International Conference on Learning
       Representations.
    """

    def __init__(self, rows, draws, random_state):
        # Only where it is used: it takes long to import.
        from sklearn.ensemble import HistGradientBoostingClassifier

        values = np.concatenate([rows, draws])
        is_row = np.arange(len(values)) < len(rows)
        self.models_ = [
            # Each stops early by other rows. All columns at once would overfit before
            # rules of a few columns are found.
            HistGradientBoostingClassifier(
                max_iter=300,
                max_features=0.5,
                early_stopping=True,
                validation_fraction=0.2,
                n_iter_no_change=20,
                random_state=random_state.randint(2**31),
            ).fit(values, is_row)
            for _ in range(N_MODELS)
        ]

    def log_odds(self, values):
        """Return the logarithm of the odds, but for a constant."""
        return sum(model.decision_function(values) for model in self.models_) / N_MODELS

    def chosen(self, values, random_state):
        """Return which of the candidates is chosen for each row.

        Parameters
        ----------
        values : ndarray of shape (n_candidates, n_rows, n_columns)
        random_state : RandomState

        Returns
        -------
        places : ndarray of shape (n_rows,)
        """
        flat = values.reshape(-1, values.shape[2])
        log_odds = self.log_odds(flat).reshape(values.shape[:2])
        # The largest of these is in proportion to the odds.
        return (log_odds + random_state.gumbel(size=log_odds.shape)).argmax(axis=0)
