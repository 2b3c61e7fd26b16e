"""Likelihoods, against scipy's distributions."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from sklearn_ae.likelihoods import (
    Bernoulli,
    Categorical,
    Gaussian,
    Laplace,
    Mixed,
    NegativeBinomial,
    Poisson,
    StudentT,
)
from sklearn_ae.likelihoods._by_name import LIKELIHOODS

CENTER = np.array([0.3, 0.6, 0.5])
X = np.array([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
MEAN = np.array([[0.1, 0.8, 0.5], [0.9, 0.2, 0.3]])


def centred(X):
    return torch.tensor(X - CENTER, dtype=torch.float32)


def build(likelihood, noise_scale=0.7, noise_floor=1e-6):
    return likelihood.build(
        center=CENTER, noise_scale=noise_scale, noise_floor=noise_floor
    )


@pytest.mark.parametrize(
    ("scale", "expected"), [("learned", 0.7), ("per_feature", 0.7), (2.5, 2.5)]
)
def test_gaussian_nll(scale, expected):
    built = build(Gaussian(scale))
    nll = built.nll(centred(X), centred(MEAN)).detach().numpy()
    by_scipy = -stats.norm(MEAN, expected).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(nll, by_scipy, rtol=1e-5)
    assert built.noise_variance == pytest.approx(expected**2)


@pytest.mark.parametrize("scale", ["learned", "per_feature"])
def test_gaussian_nll_after_its_scale_has_moved(scale):
    built = build(Gaussian(scale))
    with torch.no_grad():
        built.correction.copy_(
            torch.tensor([0.1, -0.2, 0.05]) if scale == "per_feature" else 0.1
        )
        deviation = 0.7 * built.relative_variance().sqrt().numpy()
        assert not np.allclose(deviation, 0.7, rtol=0.05)
        nll = built.nll(centred(X), centred(MEAN)).numpy()
    by_scipy = -stats.norm(MEAN, deviation).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(nll, by_scipy, rtol=1e-5)


@pytest.mark.parametrize("scale", ["learned", "per_feature"])
def test_widened_noise(scale):
    built = build(Gaussian(scale))
    before = built.relative_variance().detach().clone()
    built.widen(3.0)
    torch.testing.assert_close(built.relative_variance().detach(), 9 * before)


def test_learned_noise_stays_above_its_floor():
    built = build(Gaussian(), noise_scale=0.7, noise_floor=1e-3)
    with torch.no_grad():
        built.correction.fill_(-1e6)
        assert 0.7 * built.relative_variance().sqrt() == pytest.approx(1e-3, rel=1e-3)


def test_bernoulli_nll():
    logits = torch.logit(torch.tensor(MEAN, dtype=torch.float32))
    nll = build(Bernoulli()).nll(centred(X), logits).numpy()
    np.testing.assert_allclose(
        nll, -stats.bernoulli(MEAN).logpmf(X).sum(axis=1), rtol=1e-4
    )


@pytest.mark.parametrize("scale", ["learned", 2.5])
def test_gaussian_draws_have_the_likelihood_s_mean_and_deviation(scale):
    built = build(Gaussian(scale))
    parameter = centred(MEAN[:1]).expand(20_000, -1)
    with torch.no_grad():
        draws = built.sample(parameter, torch.Generator().manual_seed(0)).numpy()
    deviation = 0.7 if scale == "learned" else 2.5
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.03)
    np.testing.assert_allclose(
        draws.mean(axis=0) + CENTER, MEAN[0], atol=4 * deviation / np.sqrt(20_000)
    )


def test_bernoulli_draws_are_bits():
    logits = torch.logit(torch.tensor(MEAN[:1], dtype=torch.float32)).expand(20_000, -1)
    draws = build(Bernoulli()).sample(logits, torch.Generator().manual_seed(0))
    bits = draws.numpy() + CENTER
    assert np.abs(bits - bits.round()).max() < 1e-6
    np.testing.assert_allclose(bits.mean(axis=0), MEAN[0], atol=0.015)


# ---- the others, against scipy

COUNTS = np.array([[0.0, 3.0, 12.0], [40.0, 1.0, 0.0]])
RATES = np.array([[0.5, 2.0, 9.0], [35.0, 4.0, 0.2]])


def count_nll(likelihood, log_rates=None):
    built = likelihood.build(
        center=COUNTS.mean(axis=0), noise_scale=2.0, noise_floor=1e-6
    )
    x = torch.tensor(COUNTS - COUNTS.mean(axis=0), dtype=torch.float32)
    log_rates = np.log(RATES) if log_rates is None else log_rates
    parameter = torch.tensor(log_rates, dtype=torch.float32)
    return built.nll(x, parameter).detach().numpy()


@pytest.mark.parametrize("scale", ["learned", 0.4])
def test_laplace_nll(scale):
    nll = build(Laplace(scale)).nll(centred(X), centred(MEAN)).detach().numpy()
    # A learned one starts at the noise's standard deviation.
    expected = stats.laplace(MEAN, 0.7 / np.sqrt(2) if scale == "learned" else scale)
    np.testing.assert_allclose(nll, -expected.logpdf(X).sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize(("scale", "df"), [(0.4, 4.0), (0.4, 1.0), ("learned", 6.0)])
def test_student_t_nll(scale, df):
    built = build(StudentT(scale, df))
    nll = built.nll(centred(X), centred(MEAN)).detach().numpy()
    expected = stats.t(df, MEAN, 0.7 * np.sqrt(4 / 6) if scale == "learned" else scale)
    np.testing.assert_allclose(nll, -expected.logpdf(X).sum(axis=1), rtol=1e-5)


def test_poisson_nll():
    expected = -stats.poisson(RATES).logpmf(COUNTS).sum(axis=1)
    np.testing.assert_allclose(count_nll(Poisson()), expected, rtol=1e-4)


@pytest.mark.parametrize("dispersion", [0.01, 0.5, 4.0])
def test_negative_binomial_nll(dispersion):
    shape = 1 / dispersion
    expected = -stats.nbinom(shape, shape / (shape + RATES)).logpmf(COUNTS).sum(axis=1)
    nll = count_nll(NegativeBinomial(dispersion))
    np.testing.assert_allclose(nll, expected, rtol=1e-4)


@pytest.mark.parametrize("likelihood", [Poisson, NegativeBinomial])
def test_size_factors_multiply_rates_by_the_relative_total(likelihood):
    totals = COUNTS.sum(axis=1, keepdims=True)
    by_hand = count_nll(likelihood(), np.log(RATES * totals / totals.mean()))
    nll = count_nll(likelihood(size_factors="total"))
    np.testing.assert_allclose(nll, by_hand, rtol=1e-4)


def test_with_size_factors_ppca_gives_rows_of_average_total():
    built = Poisson(size_factors="total").build(
        center=COUNTS.mean(axis=0), noise_scale=1.0, noise_floor=1e-6
    )
    link = built.link
    rows = link.mean(link.link(torch.tensor([[5.0, 2.0, -3.0]])))
    total = (rows + link.center).sum()
    assert total == pytest.approx(COUNTS.sum(axis=1).mean(), rel=1e-5)


ONE_HOT = np.array([[1.0, 0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0, 0.0]])


def test_categorical_nll_and_draws():
    center = ONE_HOT.mean(axis=0)
    built = Categorical((3, 2)).build(center=center, noise_scale=1.0, noise_floor=1e-6)
    probabilities = np.array([[0.2, 0.5, 0.3, 0.9, 0.1]])
    # Logits have a level that does not matter, in each block.
    logits = torch.tensor(np.log(probabilities) + np.array([2, 2, 2, -1, -1])).float()
    nll = built.nll(torch.tensor(ONE_HOT - center).float(), logits.expand(2, -1))
    expected = -np.log([0.2 * 0.1, 0.3 * 0.9])
    np.testing.assert_allclose(nll.numpy(), expected, rtol=1e-5)
    mean = built.link.mean(logits).numpy() + center
    np.testing.assert_allclose(mean, probabilities, rtol=1e-5)
    generator = torch.Generator().manual_seed(0)
    draws = built.sample(logits.expand(20_000, -1), generator).numpy() + center
    np.testing.assert_allclose(draws[:, :3].sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(draws.mean(axis=0), probabilities[0], atol=0.015)


def moments(likelihood, parameter, n_draws=40_000):
    built = likelihood.build(center=np.zeros(1), noise_scale=1.0, noise_floor=1e-6)
    parameter = torch.full((n_draws, 1), parameter)
    with torch.no_grad():
        draws = built.sample(parameter, torch.Generator().manual_seed(0)).numpy()
    assert draws.dtype == np.float32
    return draws.mean(), draws.std()


@pytest.mark.parametrize(
    ("likelihood", "parameter", "expected"),
    [
        (Laplace(0.5), 3.0, (3.0, 0.5 * np.sqrt(2))),
        (StudentT(0.5, df=5.0), 3.0, (3.0, 0.5 * np.sqrt(5 / 3))),
        (Poisson(), np.log(6.0), (6.0, np.sqrt(6.0))),
        (NegativeBinomial(0.5), np.log(6.0), (6.0, np.sqrt(6.0 + 0.5 * 36))),
    ],
)
def test_draws_have_the_moments_of_the_distribution(likelihood, parameter, expected):
    np.testing.assert_allclose(moments(likelihood, parameter), expected, rtol=0.03)


# ---- different columns, different likelihoods


def mixed_data(rng, n_rows=80):
    kind = rng.randint(3, size=n_rows)
    return np.column_stack(
        [
            rng.poisson(2 + 3 * kind),
            rng.normal(size=n_rows) + kind,
            np.eye(3)[kind],
            rng.uniform(size=n_rows) < 0.2 + 0.3 * kind,
        ]
    )


MIXED = Mixed([(Categorical(), slice(2, 5)), ("poisson", 0), (Bernoulli(), [-1])])


def test_mixed_nll_is_the_sum_of_its_parts(rng):
    X = mixed_data(rng)
    center = X.mean(axis=0)
    settings = {"noise_scale": 0.7, "noise_floor": 1e-6}
    mixed = MIXED.on_features(6, None).build(center=center, **settings)
    x = torch.tensor(X - center, dtype=torch.float32)
    parameter = torch.tensor(rng.normal(size=X.shape), dtype=torch.float32)
    parts = {
        "gaussian": (Gaussian(), [1]),
        "categorical": (Categorical(), [2, 3, 4]),
        "poisson": (Poisson(), [0]),
        "bernoulli": (Bernoulli(), [5]),
    }
    expected = torch.zeros(len(X))
    mean = torch.empty_like(x)
    for likelihood, columns in parts.values():
        part = likelihood.build(center=center[columns], **settings)
        expected = expected + part.nll(x[:, columns], parameter[:, columns])
        mean[:, columns] = part.link.mean(parameter[:, columns])
    torch.testing.assert_close(mixed.nll(x, parameter), expected)
    torch.testing.assert_close(mixed.link.mean(parameter), mean)
    np.testing.assert_array_equal(mixed.is_discrete, [True, False] + 4 * [True])


@pytest.mark.parametrize("name", ["gaussian", "laplace", "student_t"])
@pytest.mark.parametrize("parts", [[], [0, 1, 2]], ids=["remainder", "part"])
def test_columns_of_a_table_have_noise_of_their_own(make_vae, rng, name, parts):
    """By name; an instance is taken as it is."""
    scales = np.array([0.01, 1.0, 100.0])
    X = rng.normal(size=(400, 1)) * [1.0, 1.0, 1.0] + scales * rng.normal(size=(400, 3))
    mixed = Mixed([(name, parts)], remainder=name)
    model = make_vae(likelihood=mixed, max_epochs=30, init="random").fit(X)
    module = model.net_.module_.cost.parts[0]
    noise = module.relative_variance()
    assert noise.shape == (3,)
    assert noise[0] < noise[1] < noise[2]
    one = Mixed([(LIKELIHOODS[name](), [0, 1, 2])]).on_features(3, None)
    assert one.parts[0][0].scale == "learned"


def test_mixed_fits_by_names_and_draws_in_each_domain(make_vae, rng):
    X = pd.DataFrame(mixed_data(rng), columns=["n", "x", "a", "b", "c", "bit"])
    mixed = Mixed(
        [("categorical", ["a", "b", "c"]), ("poisson", "n"), ("bernoulli", ["bit"])]
    )
    model = make_vae(likelihood=mixed).fit(X)
    by_number = make_vae(likelihood=MIXED).fit(X.to_numpy())
    np.testing.assert_array_equal(model.transform(X), by_number.transform(X.to_numpy()))
    draws = model.sample(200, observation_noise=True, random_state=0)
    assert set(np.unique(draws[:, 2:])) == {0.0, 1.0}
    np.testing.assert_array_equal(draws[:, 2:5].sum(axis=1), 1)
    assert (draws[:, 0] == np.rint(draws[:, 0])).all()
    assert (draws[:, 1] != np.rint(draws[:, 1])).all()
    means = model.sample(200, random_state=0)
    assert means[:, 0].min() >= 0
    np.testing.assert_allclose(means[:, 2:5].sum(axis=1), 1, rtol=1e-5)
    assert np.isfinite(model.score(X))
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.score_samples(X), model.score_samples(X))


@pytest.mark.parametrize(
    "columns",
    [
        [2, 3, 4],
        np.array([2, 3, 4]),
        slice(2, 5),
        [-4, -3, -2],
        [False, False, True, True, True, False],
    ],
)
def test_columns_of_a_part(columns):
    (_, indices), (_, left) = (
        Mixed([("categorical", columns)]).on_features(6, None).parts
    )
    assert indices == [2, 3, 4]
    assert left == [0, 1, 5]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([("poisson", [0, 9])], "names the column 9, which is not among the 6"),
        ([("poisson", "a")], "names the column 'a'.*has no column names"),
        ([("poisson", [True])], "boolean mask .* 6 entries. Got 1"),
        ([("poisson", [0, 1]), ("laplace", 1)], "gives column 1 twice"),
        (["poisson"], "list of pairs"),
        ([("normal", [0])], "among .* Got 'normal'"),
        ("poisson", "'parts' parameter of Mixed must be"),
    ],
)
def test_bad_parts(make_vae, curved, parts, message):
    with pytest.raises(ValueError, match=message):
        make_vae(likelihood=Mixed(parts)).fit(curved)


def test_mixed_checks_each_domain(make_vae, curved):
    with pytest.raises(ValueError, match=r"Negative values.*likelihood=.poisson. of V"):
        make_vae(likelihood=Mixed([("poisson", [0])])).fit(curved)


# ---- in the estimator


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_observation_noise(make_vae, rng, name):
    X = np.eye(4)[rng.choice(4, size=100, p=[0.4, 0.3, 0.2, 0.1])]
    model = make_vae(likelihood=name).fit(X)
    means = model.sample(2000, random_state=0)
    draws = model.sample(2000, observation_noise=True, random_state=0)
    assert draws.std(axis=0).min() > means.std(axis=0).max() / 2
    assert not np.array_equal(means, draws)
    np.testing.assert_array_equal(
        draws, model.sample(2000, observation_noise=True, random_state=0)
    )
    if name in ("bernoulli", "categorical"):
        assert set(np.unique(draws)) == {0.0, 1.0}
        assert means.min() > 0
        assert means.max() < 1
    if name in ("poisson", "negative_binomial"):
        assert means.min() >= 0
        assert (draws == np.rint(draws)).all()
    assert np.isfinite(model.score_samples(X)).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["poisson", "negative_binomial"])
def test_counts_are_better_with_their_own_likelihood(make_vae, rng, name):
    factor = rng.uniform(-1, 1, size=(300, 1))
    X = rng.poisson(np.exp(1 + factor * rng.normal(size=(1, 8))))
    params = {"n_components": 1, "max_epochs": 40, "guard": False}
    model = make_vae(likelihood=name, **params).fit(X[:200])
    constant = stats.poisson(X[:200].mean(axis=0)).logpmf(X[200:]).sum(axis=1)
    assert model.score(X[200:]) > constant.mean()


def test_heavy_tails_do_not_draw_the_noise_up(make_vae, rng):
    """Of few gross outliers the learned scale is that of the others."""
    X = rng.normal(size=(300, 4)) * [5.0, 1.0, 1.0, 1.0]
    X[:6] += 1000 * rng.normal(size=(6, 4))
    params = {"n_components": 1, "max_epochs": 60, "guard": False}
    scores = {
        name: np.median(make_vae(likelihood=name, **params).fit(X).score_samples(X))
        for name in ("gaussian", "student_t")
    }
    assert scores["student_t"] > scores["gaussian"] + 1


def test_bits_may_be_drawn_anew_from_grey_values(rng):
    built = build(Bernoulli(resample=True))
    grey = torch.full((20_000, 3), 0.3) - built.link.center
    drawn = built.drawn(grey, torch.Generator().manual_seed(0)) + built.link.center
    assert set(np.unique(drawn.numpy().round(6))) == {0.0, 1.0}
    assert drawn.mean() == pytest.approx(0.3, abs=0.01)
    bits = torch.tensor(X, dtype=torch.float32) - built.link.center
    torch.testing.assert_close(built.drawn(bits, None), bits)
    assert build(Bernoulli()).drawn(grey, None) is grey


@pytest.mark.parametrize(
    ("likelihood", "X", "message"),
    [
        ("poisson", [[1.0, -1.0]] * 4, "Negative values.*likelihood='poisson' of VAE"),
        ("negative_binomial", [[1.0, -1.0]] * 4, "likelihood='negative_binomial'"),
        ("categorical", [[0.5, 0.6]] * 4, r"add up to 1\.1 .* use OneHotEncoder"),
        (Categorical((2, 2)), [[0.0, 1.0]] * 4, "add up to the number of columns, 2"),
        (Poisson("row"), [[0.0, 1.0]] * 4, "'size_factors' parameter of Poisson"),
        (NegativeBinomial(0), [[0.0, 1.0]] * 4, "'dispersion' parameter of Negative"),
        (StudentT(df=0), [[0.0, 1.0]] * 4, "'df' parameter of StudentT must be"),
        (Laplace(-1), [[0.0, 1.0]] * 4, "'scale' parameter of Laplace must be"),
    ],
)
def test_bad_data_and_parameters(make_vae, likelihood, X, message):
    with pytest.raises(ValueError, match=message):
        make_vae(likelihood=likelihood).fit(X)


@pytest.mark.parametrize(("value", "message"), [(1.5, r"value 1\.5"), (-1, "Negative")])
def test_bernoulli_needs_probabilities(make_vae, value, message):
    X = np.full((10, 3), 0.5)
    X[3, 1] = value
    with pytest.raises(ValueError, match=f"{message}.*likelihood='bernoulli' of VAE"):
        make_vae(likelihood="bernoulli").fit(X)


OUTSIDE = [
    ("poisson", -2.0, r"column {0} has -2\."),
    ("poisson", 0.5, r"value 0\.5 in column {0}, but .*poisson"),
    ("negative_binomial", -2.0, r"column {0} has -2\."),
    ("bernoulli", 1.5, r"value 1\.5 in column {0}, but .*bernoulli"),
    (Categorical((2, 3)), 0.0, r"add up to 0 in a block of 3 columns, from {0} to {1}"),
    (Categorical((2, 3)), np.nan, r"misses some of a block of 3 .* from {0} to {1}"),
    (Mixed([("poisson", [3, 2])]), -2.0, r"column {0} has -2\."),
    (Mixed([(Categorical(), [2, 3, 4])]), 0.0, r"3 columns, from {0} to {1}"),
]


@pytest.mark.parametrize(("likelihood", "value", "message"), OUTSIDE, ids=repr)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform"])
def test_what_is_outside_the_domain_is_named(
    make_vae, likelihood, value, message, method
):
    """By the names of columns where they have some, else by their indices."""
    X = np.tile([1.0, 0.0, 1.0, 0.0, 0.0], (10, 1))
    bad = X.copy()
    bad[3, 2] = value
    names = ["a", "b", "c", "d", "e"]
    for labels in (range(5), names):
        model = make_vae(likelihood=likelihood)
        good, given = X, bad
        if labels is names:
            good, given = (pd.DataFrame(rows, columns=names) for rows in (X, bad))
        if method == "transform":
            model.fit(good)
        expected = message
        for place, column in enumerate((2, 4)):
            label = re.escape(repr(labels[column]))
            expected = expected.replace(f"{{{place}}}", label)
        with pytest.raises(ValueError, match=expected) as caught:
            getattr(model, method)(given)
        assert type(caught.value) is ValueError


@pytest.mark.parametrize("scale", [0, -1.0, "shared", None])
def test_bad_scale(make_vae, curved, scale):
    with pytest.raises(ValueError, match="'scale' parameter of Gaussian must be"):
        make_vae(likelihood=Gaussian(scale)).fit(curved)


@pytest.mark.parametrize("networks_on", [True, False])
@pytest.mark.parametrize(
    "likelihood",
    [Gaussian(), Laplace(), StudentT(), Gaussian("per_feature")],
    ids=repr,
)
def test_widened_noise_can_be_undone(likelihood, networks_on):
    built = likelihood.build(center=np.zeros(3), noise_scale=2.0, noise_floor=1e-6)
    built.networks_on = networks_on
    before = built.relative_variance().detach().clone()
    with built.noise_kept():
        built.widen(1.5)
        wider = built.relative_variance().detach()
        torch.testing.assert_close(wider, 1.5**2 * before, rtol=1e-5, atol=0.0)
    assert torch.equal(built.relative_variance(), before)


def test_noise_that_is_given_is_not_widened():
    built = Gaussian(0.5).build(center=np.zeros(3), noise_scale=2.0, noise_floor=1e-6)
    built.networks_on = False
    built.widen(1.5)
    assert built.relative_variance() == 1
