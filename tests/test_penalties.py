"""Penalties on codes."""

import numpy as np
import pytest
import torch

from sklearn_ae.penalties import L1


def test_l1_by_hand():
    built = L1(weight=0.5).build(code_scale=np.array([2.0, 10.0]), natural_scale=4.0)
    code = torch.tensor([[1.0, -1.0], [0.0, 0.3], [0.0, 0.0]])
    # Codes in X's units are (2, -10), (0, 3) and 0; terms are over natural_scale.
    expected = torch.tensor([0.5 * 12, 0.5 * 3, 0.0]) / 4
    torch.testing.assert_close(built(code, None, None, None), expected)


def test_l1_of_a_fit_is_in_units_of_the_codes(make, curved):
    model = make(penalty=L1(0.3), learning_rate=1e-12, weight_decay=0).fit(curved)
    module = model.net_.module_
    rows = torch.from_numpy((curved - model.mean_).astype(np.float32))
    with torch.no_grad():
        penalty = module(rows)["penalty"] * module.natural_scale
    expected = 0.3 * np.abs(model.transform(curved)).sum(axis=1)
    np.testing.assert_allclose(penalty.numpy(), expected, rtol=1e-4)


def test_the_penalty_is_recorded_apart(make, curved):
    for epoch in make(penalty="l1").fit(curved).history_:
        for part in ("train", "valid"):
            terms = [
                value
                for name, value in epoch.items()
                if name.startswith(part) and name != f"{part}_loss"
            ]
            assert f"{part}_penalty" in epoch
            assert sum(terms) == pytest.approx(epoch[f"{part}_loss"])


def test_a_heavy_penalty_shrinks_codes(make_ae, curved):
    params = {"init": "random", "max_epochs": 30}
    free = make_ae(**params).fit(curved).transform(curved)
    held = make_ae(**params, penalty=L1(100.0)).fit(curved).transform(curved)
    assert np.abs(held).mean() < 0.2 * np.abs(free).mean()


@pytest.mark.parametrize("weight", [-0.1, "a", None, np.nan])
def test_bad_weight(make, curved, weight):
    with pytest.raises(ValueError, match="'weight' parameter of L1 must be"):
        make(penalty=L1(weight)).fit(curved)
