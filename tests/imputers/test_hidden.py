"""Which observed values are hidden."""

import numpy as np
import pytest

from sklearn_ae._imputers.hidden import LEAST_SHARE, hidden_values


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.3, 0.9])
def test_what_is_hidden_was_observed(rng, rate):
    missing = rng.uniform(size=(400, 5)) < rate
    missing[:2] = False
    hidden = hidden_values(missing, rng)
    assert not (hidden & missing).any()
    assert ((~missing & ~hidden).sum(axis=0) >= 2).all()
    if rate < 0.5:
        share = hidden.sum() / (~missing).sum()
        assert LEAST_SHARE * 0.8 < share < 0.5


def test_values_are_hidden_as_they_are_missing(rng):
    """Columns that miss values together are hidden together."""
    missing = np.zeros((400, 5), dtype=bool)
    missing[:, :3] = rng.uniform(size=(400, 1)) < 0.5
    hidden = hidden_values(missing, rng)
    assert (hidden[:, 0] == hidden[:, 1]).all()
    assert hidden[:, 0].any()
    assert not hidden[:, 3:].any()


def test_of_two_rows_nothing_is_hidden(rng):
    assert not hidden_values(np.zeros((2, 3), dtype=bool), rng).any()
