"""Draws are chosen by the odds that they are rows of the table."""

import numpy as np
import pandas as pd
import pytest

from sklearn_ae import TableVAETransformer
from sklearn_ae._tables.likeness import Likeness
from sklearn_ae.networks import MLP


def ruled(n_rows, rng):
    """A category that decides another, and one number."""
    city = rng.choice(["north", "south", "west"], n_rows)
    is_north = city == "north"
    return pd.DataFrame(
        {"city": city, "snow": is_north, "rent": rng.normal(size=n_rows) + is_north}
    )


@pytest.fixture(scope="module")
def X():
    return ruled(300, np.random.RandomState(0))


@pytest.fixture(scope="module")
def table(X):
    """Two epochs teach the VAE little of the rule."""
    return small().fit(X)


def small(**params):
    network = MLP((8,))
    return TableVAETransformer(
        network=network, max_epochs=2, device="cpu", random_state=0, **params
    )


def share_of_breaches(rows):
    return ((rows["city"] == "north") != rows["snow"]).mean()


def test_draws_that_are_chosen_are_like_rows(rng):
    x = rng.normal(size=1000)
    rows = np.c_[x, x + 0.3 * rng.normal(size=1000)]
    likeness = Likeness(rows, rng.normal(size=(2000, 2)), rng)
    candidates = rng.normal(size=(10, 500, 2))
    chosen = candidates[likeness.chosen(candidates, rng), np.arange(500)]
    assert np.corrcoef(candidates[0].T)[0, 1] < 0.2
    assert np.corrcoef(chosen.T)[0, 1] > 0.7
    np.testing.assert_allclose(chosen.std(axis=0), 1, atol=0.25)


def test_refined_draws_follow_the_table_s_rules(X, table):
    plain = small(refine_samples=False).fit(X)
    breaches = [
        share_of_breaches(model.sample(2000, random_state=0))
        for model in (table, plain)
    ]
    assert breaches[0] < 0.5 * breaches[1]
    # Nothing else changes.
    np.testing.assert_array_equal(plain.transform(X), table.transform(X))
    np.testing.assert_array_equal(plain.score_samples(X), table.score_samples(X))


def test_refined_draws_have_the_values_that_are_given(table):
    north = table.sample(500, given={"city": "north"}, random_state=0)
    assert (north["city"] == "north").all()
    assert north["snow"].mean() > 0.8


def test_rows_with_gaps_teach_the_odds_too(X):
    X = X[:100].copy()
    X.loc[::3, "rent"] = np.nan
    X.loc[1::5, "city"] = None
    drawn = small().fit(X).sample(300, random_state=0)
    assert not drawn.isna().any().any()


def test_a_few_rows_teach_no_odds(X):
    table = small().fit(X[:40])
    assert table._likeness is None
    assert len(table.sample(7)) == 7


def test_long_samples_are_drawn_in_parts(table, monkeypatch):
    monkeypatch.setattr("sklearn_ae._tables.verbs.PART", 30)
    drawn = table.sample(70, random_state=0)
    assert len(drawn) == 70
    assert drawn["rent"].nunique() > 60
    pd.testing.assert_frame_equal(drawn, table.sample(70, random_state=0))


def test_what_the_vae_gets_unless_it_is_said(make_table, X):
    table = make_table().fit(X[:40])
    assert table.vae_.guard == 0.5
    assert table.vae_.prior == "aggregate"
    strict = make_table(vae_params={"guard": True}, prior="normal").fit(X[:40])
    assert strict.vae_.guard is True
    assert strict.vae_.prior == "normal"
