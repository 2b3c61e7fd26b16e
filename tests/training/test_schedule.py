"""The budget that ends training, played through on paper."""

import math

import pytest

from sklearn_ae._training.defaults import peak_rate
from sklearn_ae._training.schedule import (
    OUTLOOKS,
    Budget,
    LikelihoodBudget,
    budget_for,
)


def played(budget, loss_at, steps_per_epoch=10):
    """Train on paper; return the steps, and those at which it was looked."""
    budget.begin(1.0)
    step, looks = 0, []
    while not budget.is_over(step):
        assert 0 < budget.rate(step) <= 1
        step += steps_per_epoch
        if budget.is_time_to_look(step):
            looks.append(step)
            budget.look(step, loss_at(step))
    return step, looks


def falling(step):
    return 0.9 * 0.99**step


def test_a_budget_ends_soon_where_nothing_is_gained():
    steps, looks = played(Budget(100, 300, 2000), lambda step: 1.0)
    assert 300 <= looks[-1] < 400
    assert steps < 1.3 * looks[-1] + 10


def test_a_budget_goes_on_while_that_pays_but_not_for_ever():
    budget = Budget(100, 300, 2000)
    steps, looks = played(budget, falling)
    assert looks[-1] >= 2000
    assert steps <= 10 * budget.most_epochs(10)


def test_a_budget_ends_once_the_last_looks_bring_little():
    levelled = max(falling(700), 1e-9)
    _, looks = played(Budget(100, 300, 9000), lambda step: max(falling(step), levelled))
    assert 700 <= looks[-1] < 700 * 1.3**4


def test_one_bad_look_does_not_end_it():
    def bumpy(step):
        return falling(step) * (3 if 400 < step < 480 else 1)

    smooth = played(Budget(100, 300, 2000), falling)
    assert played(Budget(100, 300, 2000), bumpy) == smooth


def test_a_budget_waits_for_a_gain_as_long_as_told():
    def late(step):
        return 1.0 if step < 900 else falling(step - 900)

    patient, _ = played(Budget(100, 1000, 2000), late)
    assert patient > 2000
    hasty, _ = played(Budget(100, 300, 2000), late)
    assert hasty < 600


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_units_of_the_loss_do_not_matter(unit):
    def run_in(unit):
        budget = Budget(100, 300, 2000)
        budget.begin(unit)
        for step in (100, 130, 170, 220, 290, 380, 480):
            budget.look(step, unit * max(falling(step), falling(200)))
        return budget.cools_from

    assert run_in(unit) == run_in(1.0) < math.inf


def test_the_rate_rises_stays_and_falls_to_nothing():
    budget = Budget(200, 200, 2000)
    budget.begin(1.0)
    rates = [budget.rate(step) for step in range(200)]
    assert rates == sorted(rates)
    assert rates[0] < 0.01
    assert rates[150] == 1
    budget.look(200, 1.0)
    falling = [budget.rate(step) for step in range(200, 250)]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] < 0.02
    assert budget.is_over(250)
    assert budget.rate(1000) > 0


@pytest.mark.parametrize("outlook", OUTLOOKS)
@pytest.mark.parametrize("steps_per_epoch", [1, 6, 33, 4000])
def test_budgets_are_bounded(outlook, steps_per_epoch):
    budget = budget_for(outlook, steps_per_epoch)
    steps, looks = played(budget, falling, steps_per_epoch)
    assert looks[0] <= max(80 * steps_per_epoch, 1)
    assert steps <= steps_per_epoch * budget.most_epochs(steps_per_epoch)


def test_peak_rates():
    budget = Budget(1, 1, 1)
    assert peak_rate("auto") < peak_rate("auto", budget)
    assert peak_rate(0.5) == peak_rate(0.5, budget) == 0.5


def test_an_encoder_that_has_to_bend_is_granted_more():
    def slow(step):
        return max(0.999 ** max(0, step - 1000), 0.3) * 0.95

    steps = {
        outlook: played(budget_for(outlook, 30), slow, 30)[0] for outlook in OUTLOOKS
    }
    assert steps["hidden"] == max(steps.values())
    assert steps["doubtful"] == min(steps.values())


def standing_still(step, level):
    """Fall to a level, stand still there for a while, then fall again."""
    return level * (1 if step < 700 else 0.99 ** (step - 700))


@pytest.mark.parametrize(("level", "goes_on"), [(0.1, True), (0.6, False)])
def test_a_loss_that_has_fallen_far_may_stand_still_for_longer(level, goes_on):
    # Looks after 400, 490, 600 and 735 steps.
    _, looks = played(Budget(400, 1000, 2000), lambda step: standing_still(step, level))
    assert (looks[-1] > 700) == goes_on


# ---- losses in nats


def nats(gain_at, n_values=1, offset=0.0):
    """Play a budget whose held-out loss is so far below that before training."""
    budget = LikelihoodBudget(100, 300, 2000, n_values=n_values)
    budget.begin(offset)
    step = 0
    while not budget.is_over(step):
        step += 10
        if budget.is_time_to_look(step):
            budget.look(step, offset - n_values * gain_at(step))
    return budget


def test_without_a_gain_in_nats_it_ends_soon():
    assert 300 <= nats(lambda step: 0.0).cools_from < 400
    assert 300 <= nats(lambda step: -5.0).cools_from < 400


def test_it_goes_on_while_the_gain_rises_by_a_share_of_itself():
    # 1.5 times the steps bring 1.5 times, and sixty 61sts, of the gain.
    assert nats(lambda step: 0.01 * step).cools_from >= 2000
    assert nats(lambda step: 6 + step / 1000).cools_from < 300
    levelled = nats(lambda step: 0.01 * min(step, 700))
    assert 700 <= levelled.cools_from < 700 * 1.3**3


@pytest.mark.parametrize("offset", [-1e4, 1e4])
@pytest.mark.parametrize("n_values", [1, 1000])
def test_gains_count_for_each_value_whatever_the_level(n_values, offset):
    def rising(step):
        return 0.01 * min(step / 100, 7)

    expected = nats(rising).cools_from
    assert nats(rising, n_values, offset).cools_from == expected


def test_losses_in_nats_have_a_budget_of_their_own():
    ratios, likelihoods = (budget_for("clear", 30, n) for n in (None, 5))
    assert type(ratios) is Budget
    assert type(likelihoods) is LikelihoodBudget
    assert likelihoods.first == ratios.first
    # Errors of .98 of their size are worth about .01 nats a value.
    assert likelihoods.least_gain == pytest.approx(5 * 0.01, rel=0.02)
    assert peak_rate("auto", likelihoods) < peak_rate("auto", ratios)
