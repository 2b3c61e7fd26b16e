"""Reconstruction losses, against their formulas."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torch.nn import functional

from sklearn_ae.losses import LOSSES, Huber, LogLoss, Poisson

CENTER = np.array([0.3, 0.6, 0.5])
UNIT = 0.25
X = torch.tensor([[0.0, 1.0, 0.5], [0.2, 0.9, 1.0], [1.0, 0.0, 0.0]])
MEAN = torch.tensor([[0.1, 0.8, 0.5], [0.9, 0.2, 0.3], [0.999, 0.001, 0.4]])
CENTERED = X - torch.tensor(CENTER, dtype=torch.float32)


def natural_loss(loss, parameter):
    built = loss.build(center=CENTER, unit=UNIT)
    return built(CENTERED, parameter) * built.natural_scale


def centred(mean):
    return mean - torch.tensor(CENTER, dtype=torch.float32)


def test_squared_error():
    expected = (X - MEAN).square().sum(1)
    loss = LOSSES["squared_error"]()
    torch.testing.assert_close(natural_loss(loss, centred(MEAN)), expected)


@pytest.mark.parametrize("unit", [1e-25, 1e-10, 1e10, 1e25])
def test_squared_error_of_data_of_any_unit(unit):
    built = LOSSES["squared_error"]().build(center=CENTER, unit=unit)
    x, parameter = (unit * rows for rows in (X, MEAN))
    parameter = parameter.requires_grad_()
    loss = built(x, parameter)
    torch.testing.assert_close(loss, (X - MEAN).square().sum(1))
    loss.sum().backward()
    torch.testing.assert_close(parameter.grad * unit, 2 * (MEAN - X))


def test_absolute_error():
    expected = (X - MEAN).abs().sum(1)
    loss = LOSSES["absolute_error"]()
    torch.testing.assert_close(natural_loss(loss, centred(MEAN)), expected)


@pytest.mark.parametrize(("delta", "value"), [(0.3, 0.3), ("auto", 1.35 * UNIT)])
def test_huber(delta, value):
    expected = functional.huber_loss(X, MEAN, reduction="none", delta=value).sum(1)
    torch.testing.assert_close(natural_loss(Huber(delta), centred(MEAN)), expected)
    error = torch.tensor([0.0, 0.0, 0.1])
    by_hand = 0.5 * error.square().sum().reshape(1)
    built = Huber(0.3).build(center=CENTER, unit=UNIT)
    loss = built(CENTERED[:1] + error, CENTERED[:1]) * built.natural_scale
    torch.testing.assert_close(loss, by_hand)


def test_log_loss():
    pairs = zip(X.tolist(), MEAN.tolist(), strict=True)
    rows = [
        sum(
            log_loss([0, 1], [mean, mean], sample_weight=[1 - x, x])
            for x, mean in zip(*pair, strict=True)
        )
        for pair in pairs
    ]
    actual = natural_loss(LogLoss(), torch.logit(MEAN))
    np.testing.assert_allclose(actual.numpy(), rows, rtol=1e-5)


def test_poisson():
    actual = natural_loss(Poisson(), MEAN.log())
    expected = (MEAN - X * MEAN.log()).sum(1)
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_the_recorded_loss_is_the_formula_in_the_units_of_x(make_ae, rng, name):
    """Losses of a fit are those of its reconstructions, whatever the scale inside."""
    X = rng.uniform(size=(60, 4))
    model = make_ae(
        loss=name,
        learning_rate=1e-12,
        weight_decay=0,
        validation_fraction=None,
        early_stopping=False,
        guard=False,
    ).fit(X)
    mean = model.inverse_transform(model.transform(X))
    error = X - mean
    if name == "huber":
        # PCA's root mean squared error, with the degrees of freedom of a variance.
        rms = np.sqrt(np.square(error).sum(axis=0) / (len(X) - 1))
        delta = 1.35 * np.sqrt(np.mean(rms**2))
        assert (np.abs(error) > delta).any()
    formula = {
        "squared_error": lambda: error**2,
        "absolute_error": lambda: np.abs(error),
        "huber": lambda: np.where(
            np.abs(error) < delta, error**2 / 2, delta * (np.abs(error) - delta / 2)
        ),
        "log_loss": lambda: -X * np.log(mean) - (1 - X) * np.log(1 - mean),
        "poisson": lambda: mean - X * np.log(mean),
    }[name]
    expected = formula().sum(axis=1).mean()
    assert model.history_[0]["train_loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "X", "message"),
    [
        (
            "log_loss",
            [[0.5, 1.5]] * 4,
            r"value 1\.5 in column 1, but loss='log_loss' of Auto.*sc",
        ),
        (
            "log_loss",
            [[0.5, -0.5]] * 4,
            "Negative values.*loss='log_loss' of .*: column 1 has -0.5",
        ),
        ("poisson", [[3.0, -1.0]] * 4, "Negative values.*loss='poisson'"),
    ],
)
def test_data_outside_the_domain(make_ae, name, X, message):
    with pytest.raises(ValueError, match=message):
        make_ae(loss=name).fit(X)


@pytest.mark.parametrize("name", ["log_loss", "poisson"])
def test_partial_fit_checks_the_domain_too(make_ae, rng, name):
    model = make_ae(loss=name).partial_fit(rng.uniform(size=(20, 3)))
    with pytest.raises(ValueError, match=f"loss='{name}'"):
        model.partial_fit(-rng.uniform(size=(20, 3)))


@pytest.mark.parametrize("delta", [0, -1.0, "a", None])
def test_bad_delta(make_ae, curved, delta):
    with pytest.raises(ValueError, match="'delta' parameter of Huber must be"):
        make_ae(loss=Huber(delta)).fit(curved)
