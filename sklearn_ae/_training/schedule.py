"""How the learning rate rises and falls, and when training has lasted long enough."""

import math

import torch
from skorch.callbacks import Callback
from torch.optim.swa_utils import get_ema_multi_avg_fn

# Share of the steps over which the learning rate rises to its peak.
WARM_UP = 0.15

# A budget: steps over which the learning rate rises to its peak.
RISING_STEPS = 100
# By what was seen before training: steps before the first look at the held-out loss,
# steps that are granted until it is below a share of the one before training, and that
# share. An encoder that has to bend hardly gains at first.
OUTLOOKS = {
    "clear": (400, 1000, 0.98),
    "hidden": (700, 2000, 0.8),
    "crowded": (500, 500, 0.98),
    "doubtful": (200, 200, 0.98),
    "unknown": (700, 1000, 0.98),
}
# Most epochs before the first look and before the cool-down: few rows have little to
# tell. Most steps before the cool-down.
FIRST_EPOCHS, LAST_EPOCHS = 80, 200
MOST_STEPS = 2400
# Steps grow by this factor from one look to the next; over two looks the loss has to
# fall by this share.
LOOK_FACTOR = 1.5**0.5
WORTH = 0.1
# Share of the loss before training below which there is a curve to follow, and its loss
# may stand still for a while: three looks have to bring nothing, not two.
FOLLOWED = 0.3
# The gain in likelihood has to rise by this share of itself.
LIKELIHOOD_WORTH = 0.12
# Steps of the cool-down as a share of those before it.
COOL_DOWN = 0.25
# Steps from one set of weights to the next that an average takes, and the share of all
# steps that it reaches back.
STRIDE, SPAN = 4, 0.2
# The name of their validation loss in the history.
AVERAGE_LOSS = "average_valid_loss"


def warm_up_and_cosine(progress):
    """Return the learning rate's share of its peak at a share of the training."""
    if progress < WARM_UP:
        return progress / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


def budget_for(outlook, steps_per_epoch, n_values=None):
    """Return the budget of a training run.

    Parameters
    ----------
    outlook : {"clear", "hidden", "crowded", "doubtful", "unknown"}
        What was seen of a gain before training.
    steps_per_epoch : int
    n_values : int or None, default=None
        Values of a row whose loss is in nats; None is a loss that cannot be below zero.
    """
    first, patience, goal = OUTLOOKS[outlook]
    first = min(first, FIRST_EPOCHS * steps_per_epoch)
    most = min(MOST_STEPS, LAST_EPOCHS * steps_per_epoch)
    sizes = first, patience, max(first, most), goal
    if n_values is None:
        return Budget(*sizes)
    return LikelihoodBudget(*sizes, n_values=n_values)


class Budget:
    """A learning rate schedule that ends when held-out rows say it no longer pays.

    A warm-up and a constant rate, which can go on for any time, then a linear cool-down
    to zero. At the constant rate the held-out loss is looked at after numbers of steps
    that grow by a factor: the same relative gain is asked for the same relative effort.
    One look that is too high by chance does not end it: the lower of the last two is
    compared with the best before them; of the last three where the loss has fallen far.

    Parameters
    ----------
    first : int
        Steps before the first look.
    patience : int
        Steps that are granted until the goal is reached.
    most : int
        Steps after which it cools down in any case.
    goal : float, default=0.98
        Share of the loss before training.
    """

    learning_rate = 4e-3

    def __init__(self, first, patience, most, goal=0.98):
        self.first = first
        self.patience = patience
        self.most = most
        self.goal = goal
        self.next_look = first
        self.start_loss = math.inf
        self.losses = []
        self.cools_from = self.ends_at = math.inf

    def most_epochs(self, steps_per_epoch):
        """Return the epochs of the longest training, looked at when epochs end."""
        steps = (1 + COOL_DOWN) * (self.most + steps_per_epoch)
        return math.ceil(steps / steps_per_epoch)

    def begin(self, loss):
        """Take the held-out loss before training."""
        self.start_loss = loss

    def rate(self, step):
        """Return the learning rate's share of its peak at a step."""
        if step < RISING_STEPS:
            return (step + 0.5) / RISING_STEPS
        if step < self.cools_from:
            return 1.0
        return max(self.ends_at - step - 0.5, 0.5) / (self.ends_at - self.cools_from)

    def is_constant(self, step):
        """Whether the learning rate is at its peak."""
        return RISING_STEPS <= step < self.cools_from

    def is_time_to_look(self, step):
        """Whether to see what has been reached."""
        return self.cools_from == math.inf and step >= min(self.next_look, self.most)

    def is_over(self, step):
        """Whether the cool-down has ended."""
        return step >= self.ends_at

    def look(self, step, loss):
        """Take the held-out loss at a step; cool down unless it pays to go on."""
        self.next_look = LOOK_FACTOR * step
        self.losses.append(loss)
        if step >= self.most or not self._pays(step):
            self.cools_from = step
            self.ends_at = step + math.ceil(COOL_DOWN * step)

    def _pays(self, step):
        lowest = min(self.losses[-2:])
        if lowest > self.goal * self.start_loss:
            return step < self.patience
        n_last = 3 if lowest < FOLLOWED * self.start_loss else 2
        before = min(self.losses[:-n_last], default=math.inf)
        return min(self.losses[-n_last:]) < (1 - WORTH) * before


class LikelihoodBudget(Budget):
    """A budget for losses in nats, which have no zero: what counts are their gains.

    Parameters
    ----------
    first, patience, most, goal
        As for the base class. Where errors fall to a share, normal noise that follows
        them gains minus half of its logarithm in nats for each value.
    n_values : int
        Values of a row.
    """

    # Codes are drawn, which is noise enough.
    learning_rate = 3e-3

    def __init__(self, first, patience, most, goal=0.98, *, n_values):
        super().__init__(first, patience, most, goal)
        self.least_gain = -0.5 * math.log(goal) * n_values

    def _pays(self, step):
        gain = self.start_loss - min(self.losses[-2:])
        if gain < self.least_gain:
            return step < self.patience
        before = self.start_loss - min(self.losses[:-2], default=math.inf)
        return gain - before > LIKELIHOOD_WORTH * gain


class FollowBudget(Callback):
    """Look at the held-out loss for a budget, and end training when it is over.

    At a constant rate the weights wander about where they are heading. Their average
    shows how far they have come: about what a cool-down would reach.

    Parameters
    ----------
    budget : Budget or None
        None does nothing.
    """

    def __init__(self, budget=None):
        self.budget = budget

    def on_train_begin(self, net, X=None, **kwargs):
        self.rows_ = X.valid
        self.parameters_ = self.average_ = None

    def on_epoch_begin(self, net, **kwargs):
        # Not before: another callback may load weights when training begins.
        if self.budget is not None and self.parameters_ is None:
            self.parameters_ = [p for p in net.module_.parameters() if p.requires_grad]
            self.budget.begin(dict(net.callbacks_)["keep_best"].best_loss_)

    @torch.no_grad()
    def on_step_end(self, net):
        """Take the weights into the average, now and then."""
        step = net.step_
        if self.budget is None or step % STRIDE or not self.budget.is_constant(step):
            return
        if self.average_ is None:
            self.average_ = [p.clone() for p in self.parameters_]
            return
        kept = max(0.0, 1 - STRIDE / (SPAN * step))
        get_ema_multi_avg_fn(kept)(self.average_, self.parameters_, None)

    def on_epoch_end(self, net, **kwargs):
        if self.budget is None:
            return
        if self.budget.is_time_to_look(net.step_) and self.average_ is not None:
            self.budget.look(net.step_, self._loss_of_average(net))
        if self.budget.is_over(net.step_):
            net.is_over_ = True

    @torch.no_grad()
    def _loss_of_average(self, net):
        self._swap_weights()
        loss = net.row_losses(self.rows_).mean()
        dict(net.callbacks_)["keep_best"].offer(net, loss)
        self._swap_weights()
        net.history.record(AVERAGE_LOSS, loss)
        return loss

    def _swap_weights(self):
        """Let the net and the average change places, with no further copy of either."""
        for parameter, average in zip(self.parameters_, self.average_, strict=True):
            weight = parameter.clone()
            parameter.copy_(average)
            average.copy_(weight)

    def on_train_end(self, net, **kwargs):
        self.rows_ = self.parameters_ = self.average_ = None
