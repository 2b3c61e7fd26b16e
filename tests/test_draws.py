"""Draws of each row's own: normal, independent, and decided by the row alone."""

import numpy as np
import pytest
import torch
from scipy import stats

from sklearn_ae._draws import _normal, row_draws, row_seeds

ROWS = {
    "normal": lambda rng: rng.normal(size=(4000, 5)),
    "all near": lambda rng: 1 + 1e-6 * np.arange(4000)[:, None],
    "bits": lambda rng: np.unique(rng.uniform(size=(4000, 32)) < 0.3, axis=0),
    "permuted": lambda rng: np.array([rng.permutation(9) for _ in range(4000)]),
}


def rows_of(kind, rng):
    return torch.tensor(np.unique(ROWS[kind](rng), axis=0), dtype=torch.float32)


@pytest.mark.parametrize("kind", ROWS)
def test_draws_are_normal_and_independent(rng, kind):
    x = torch.unique(rows_of(kind, rng), dim=0)
    draws = row_draws(x, 6, 2).double()
    assert len(torch.unique(row_seeds(x, 0))) == len(x)
    flat = draws.flatten().numpy()
    assert stats.kstest(flat, "norm").pvalue > 1e-4
    # Of draws, of components, and of neighbours.
    columns = torch.cat([draws.flatten(1), draws.flatten(1).roll(1, 0)], dim=1)
    correlations = np.corrcoef(columns.T.numpy()) - np.eye(24)
    assert np.abs(correlations).max() < 5 / np.sqrt(len(x))


def test_the_ends_are_finite():
    ends = _normal(torch.tensor([-(2**63), 2**63 - 1]))
    # The quantiles of 2**-25 and one minus it.
    expected = stats.norm.ppf([2.0**-25, 1 - 2.0**-25])
    np.testing.assert_allclose(ends.numpy(), expected, rtol=1e-3)


def test_a_row_s_draws_do_not_depend_on_where_it_stands(rng):
    x = rows_of("normal", rng)
    draws = row_draws(x, 3, 2)
    order = torch.tensor(rng.permutation(len(x)))
    assert torch.equal(row_draws(x[order], 3, 2), draws[order])
    assert torch.equal(row_draws(x[7:8], 3, 2), draws[7:8])
    assert not torch.equal(row_draws(x, 3, 2, seed=1), draws)


def test_equal_values_have_equal_draws():
    other_nan = torch.tensor([0x7FC12345], dtype=torch.int32).view(torch.float32)
    pairs = ([0.0, 1.0], [-0.0, 1.0]), ([np.nan, 1.0], [other_nan.item(), 1.0])
    for one, other in pairs:
        one, other = torch.tensor([one]), torch.tensor([other])
        assert torch.equal(row_draws(one, 3, 2), row_draws(other, 3, 2))


def test_rows_and_global_generators_are_left_alone():
    x = torch.tensor([[np.nan, -0.0, np.inf]])
    state = torch.get_rng_state()
    row_draws(x, 3, 2)
    assert torch.equal(torch.get_rng_state(), state)
    assert x.isnan()[0, 0]
    assert x.isinf()[0, 2]
