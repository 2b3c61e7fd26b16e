"""What "auto" means for the sizes of training, as functions of the data's size."""

import math

# Steps of a whole fit, within a range of epochs.
STEPS = 2000
FEWEST_EPOCHS, MOST_EPOCHS = 20, 300
# Rows beyond which more of them say little that is new, and the power of their number
# by which there are fewer epochs: ten times the rows take twice the steps.
MANY_ROWS, THRIFT = 100_000, 0.7
SMALLEST_BATCH, LARGEST_BATCH = 16, 256
# Values of a batch, which a step keeps about ten arrays of.
BATCH_VALUES = 2**21
LEARNING_RATE = 3e-3


def n_validation_rows(n_samples, fraction):
    """Return how many rows to hold out; at least one is left on each side.

    "auto" is a tenth of the rows, or a quarter of them up to 50 rows where that is
    more, and at most 4000.
    """
    if fraction is None:
        return 0
    if fraction == "auto":
        n_rows = min(max(n_samples // 10, min(50, n_samples // 4)), 4000)
    else:
        n_rows = math.ceil(float(fraction) * n_samples)
    return min(max(n_rows, 1), n_samples - 1)


def batch_rows(
    n_samples, batch_size, bounds=(SMALLEST_BATCH, LARGEST_BATCH), times=1, width=1
):
    """Return the batch size; "auto" is a 32nd of the rows within bounds.

    `times` as many for a module that learns less from each of them. Rows of a `width`
    of more than 8192 are fewer: about two million values.
    """
    if batch_size != "auto":
        return int(batch_size)
    smallest, largest = bounds
    largest = min(largest, max(BATCH_VALUES // width, SMALLEST_BATCH))
    return times * min(max(n_samples // 32, smallest), largest)


def n_epochs(n_samples, batch_size, max_epochs):
    """Return the number of epochs.

    "auto" is 2000 steps within [20, 300] epochs; beyond 100 000 rows the fewest are
    fewer, 4 for a million.
    """
    if max_epochs != "auto":
        return int(max_epochs)
    steps_per_epoch = math.ceil(n_samples / batch_size)
    fewest = FEWEST_EPOCHS / max(1.0, n_samples / MANY_ROWS) ** THRIFT
    fewest = max(1, round(fewest))
    return min(max(math.ceil(STEPS / steps_per_epoch), fewest), MOST_EPOCHS)


def patience(epochs, n_iter_no_change):
    """Return the epochs to wait; "auto" is two thirds of all, at least five.

    Networks that first lose to PCA may beat it late, when the learning rate has fallen.
    """
    if n_iter_no_change != "auto":
        return int(n_iter_no_change)
    return max(5, 2 * epochs // 3)


def peak_rate(learning_rate, budget=None, asked=()):
    """Return the peak learning rate; "auto" is 0.003, or that of a budget.

    The lowest of those that parts of the module ask for, where some do.
    """
    if learning_rate != "auto":
        return float(learning_rate)
    if asked:
        return min(asked)
    return LEARNING_RATE if budget is None else budget.learning_rate
