"""Penalties on codes."""

import numpy as np
import pytest
import torch

from sklearn_ae.penalties import L1, Contractive, Decorrelation, KLSparsity
from sklearn_ae.penalties._build import PENALTIES, build_penalty, leave_axes_free

SCALES = {"code_scale": np.array([2.0, 10.0]), "natural_scale": 4.0}


def penalise(penalty, code, encode=None, x=None, **scales):
    built = build_penalty(penalty, **{**SCALES, **scales})
    return built(code, encode, x, torch.Generator().manual_seed(0))


def test_l1_by_hand():
    code = torch.tensor([[1.0, -1.0], [0.0, 0.3], [0.0, 0.0]])
    # Codes in X's units are (2, -10), (0, 3) and 0; terms are over natural_scale.
    expected = torch.tensor([0.5 * 12, 0.5 * 3, 0.0]) / 4
    torch.testing.assert_close(penalise(L1(weight=0.5), code), expected)


def test_l1_of_a_fit_is_in_units_of_the_codes(make, curved):
    model = make(penalty=L1(0.3), learning_rate=1e-12, weight_decay=0).fit(curved)
    module = model.net_.module_
    rows = torch.from_numpy((curved - model.mean_).astype(np.float32))
    with torch.no_grad():
        penalty = module(rows)["penalty"] * module.natural_scale
    expected = 0.3 * np.abs(model.transform(curved)).sum(axis=1)
    np.testing.assert_allclose(penalty.numpy(), expected, rtol=1e-4)


def test_kl_sparsity_by_hand():
    rng = np.random.default_rng(0)
    code = rng.normal(size=(7, 2)) * 3 - 1
    active = (1 / (1 + np.exp(-code))).mean(axis=0)
    divergence = 0.2 * np.log(0.2 / active) + 0.8 * np.log(0.8 / (1 - active))
    expected = np.full(7, 1.5 * divergence.sum() / 4)
    found = penalise(KLSparsity(1.5, rate=0.2), torch.tensor(code))
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("value", [-200.0, 200.0])
def test_kl_sparsity_of_extreme_codes_is_finite(value):
    code = torch.full((3, 2), value, requires_grad=True)
    penalty = penalise(KLSparsity(), code)
    penalty.sum().backward()
    assert torch.isfinite(penalty).all()
    assert torch.isfinite(code.grad).all()


def test_decorrelation_by_hand():
    code = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).double()
    code = code @ torch.tensor([[1.0, 0.5, 0.0], [0, 3, 0], [0, 0, 1e-3]]).double()
    correlation = np.corrcoef(code.numpy(), rowvar=False)
    expected = 0.7 * (np.square(correlation).sum() - 3) / 4
    np.testing.assert_allclose(penalise(Decorrelation(0.7), code), [expected] * 40)


def test_decorrelation_of_codes_that_do_not_vary():
    code = torch.ones(4, 2, requires_grad=True)
    penalty = penalise(Decorrelation(), code)
    penalty.sum().backward()
    assert (penalty == 0).all()
    assert torch.isfinite(code.grad).all()
    assert (penalise(Decorrelation(), torch.randn(5, 1)) == 0).all()


WEIGHT = torch.tensor([[1.0, -2.0], [0.5, 0.0], [3.0, 1.0]])


def encode(x):
    return torch.tanh(x @ WEIGHT)


@pytest.mark.parametrize("n_projections", ["auto", None])
def test_contractive_by_hand(n_projections):
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    code = encode(x)
    # Each Jacobian is (1 - code^2) W.T; codes in X's units are (2, 10) times as large.
    slopes = (1 - code.square())[:, :, None] * WEIGHT.T * torch.tensor([[2.0], [10.0]])
    expected = 0.3 * slopes.square().sum((1, 2)) / 4
    found = penalise(Contractive(0.3, n_projections), code, encode, x)
    torch.testing.assert_close(found, expected)


def test_contractive_of_pca_is_the_number_of_components(make_ae, noise):
    model = make_ae(penalty=Contractive(1.0), n_components=3).fit(noise)
    module = model.net_.module_
    module.use_networks(False)
    rows = torch.from_numpy((noise - model.mean_).astype(np.float32))
    penalty = module(rows)["penalty"] * module.natural_scale
    np.testing.assert_allclose(penalty.numpy(force=True), 3.0, rtol=1e-5)


def test_random_projections_are_unbiased():
    x = torch.randn(1, 3, generator=torch.Generator().manual_seed(0))
    exact = penalise(Contractive(n_projections=None), encode(x), encode, x)
    many = x.expand(4000, -1)
    for n_projections, tolerance in ((1, 0.05), (4, 0.025)):
        code = encode(many)
        found = penalise(Contractive(n_projections=n_projections), code, encode, many)
        assert abs(found.mean() / exact - 1) < tolerance
        assert found.std() > 0


def test_auto_projects_at_random_above_four_components():
    for n_components, is_exact in ((4, True), (5, False)):
        built = Contractive().build(code_scale=np.ones(n_components), natural_scale=1.0)
        assert (built.n_projections is None) == is_exact


def test_contractive_has_a_gradient_in_training_only():
    weight = WEIGHT.clone().requires_grad_()
    x = torch.randn(5, 3)
    penalty = penalise(Contractive(), x, lambda x: torch.tanh(x @ weight), x)
    penalty.sum().backward()
    assert (weight.grad != 0).any()
    built = Contractive().build(**SCALES)
    with torch.inference_mode():
        rows = 2 * x
        found = built(encode(rows), encode, rows, None)
    assert not found.requires_grad
    torch.testing.assert_close(found, built(None, encode, 2 * x, None))


def test_a_list_is_a_sum():
    code = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    both = penalise([L1(0.5), "decorrelation"], code)
    apart = penalise(L1(0.5), code) + penalise(Decorrelation(), code)
    torch.testing.assert_close(both, apart)


@pytest.mark.parametrize("penalty", [[], ["l2"], [None], L1, [3]])
def test_what_is_no_penalty(make, curved, penalty):
    with pytest.raises(TypeError, match=r"'penalty' parameter.* must be .* Got"):
        make(penalty=penalty).fit(curved)


@pytest.mark.parametrize("name", sorted(PENALTIES))
def test_each_works_by_name(make, curved, name):
    model = make(penalty=name, guard=False).fit(curved)
    assert np.isfinite(model.transform(curved)).all()
    assert all(epoch["valid_penalty"] >= 0 for epoch in model.history_)


def mean_correlation(codes):
    return np.abs(np.corrcoef(codes, rowvar=False)[np.triu_indices(3, 1)]).mean()


def inner_codes(model, X):
    codes = torch.from_numpy(model.transform(X))
    return model.net_.module_.axes.inward(codes).numpy()


def test_decorrelation_decorrelates(make_ae, curved):
    """The codes of the networks themselves, which are turned afterwards."""
    params = {"init": "random", "max_epochs": 20, "n_components": 3}
    free, held = (
        inner_codes(make_ae(**params, penalty=penalty).fit(curved), curved)
        for penalty in (None, Decorrelation(10.0))
    )
    assert mean_correlation(held) < 0.3 * mean_correlation(free)


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
@pytest.mark.parametrize("cls", PENALTIES.values())
def test_bad_weight(make_ae, curved, cls, weight):
    message = f"'weight' parameter of {cls.__name__} must be"
    with pytest.raises(ValueError, match=message):
        make_ae(penalty=cls(weight)).fit(curved)


@pytest.mark.parametrize(
    "penalty",
    [
        KLSparsity(rate=0.0),
        KLSparsity(rate=1.0),
        Contractive(n_projections=0),
        Contractive(n_projections="all"),
    ],
    ids=repr,
)
def test_bad_parameters(make_ae, curved, penalty):
    name = type(penalty).__name__
    with pytest.raises(ValueError, match=f"parameter of {name} must be"):
        make_ae(penalty=penalty).fit(curved)


class _OfAUser:
    """Says nothing of whether codes may be turned."""

    def build(self, *, code_scale, natural_scale):
        return L1().build(code_scale=code_scale, natural_scale=natural_scale)


@pytest.mark.parametrize(
    ("penalty", "are_free"),
    [
        (None, True),
        ("contractive", True),
        (Decorrelation(2.0), True),
        (["contractive", Decorrelation()], True),
        ("l1", False),
        (KLSparsity(), False),
        (["contractive", "l1"], False),
        (_OfAUser(), False),
    ],
)
def test_penalties_on_single_columns_bind_axes(penalty, are_free):
    assert leave_axes_free(penalty) is are_free


def test_the_contractive_penalty_is_the_same_in_turned_axes():
    """Which is what its being rotatable says."""
    turn = torch.linalg.qr(torch.tensor([[1.0, 2.0], [-3.0, 0.5]])).Q
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    weight = torch.tensor([[1.0, 0.5], [2.0, -1.0], [0.0, 3.0]])
    built = Contractive().build(code_scale=np.ones(2), natural_scale=1.0)
    values = [
        built(encode(x), encode, x, None)
        for encode in (
            lambda x: (x @ weight).tanh(),
            lambda x: (x @ weight).tanh() @ turn,
        )
    ]
    torch.testing.assert_close(*values)
