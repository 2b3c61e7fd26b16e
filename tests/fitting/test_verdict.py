"""The tests before training, on rows whose structure is known."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.datasets import make_moons, make_swiss_roll
from sklearn.decomposition import PCA

from sklearn_ae._fitting.verdict import (
    LikelihoodVerdict,
    Verdict,
    chosen_rows,
    look_for_likelihood,
    look_for_structure,
)
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._training.batches import Rows

SIZES = [30, 200, 600]


def judged(X, k, seed=0, unit=1.0, look=look_for_structure):
    """Return the verdict on rows in a unit."""
    rows = X - X.mean(axis=0)
    pca = PCA(k).fit(rows)
    scale = np.sqrt(pca.explained_variance_)[:, np.newaxis]
    encode = (pca.components_ / scale).T / unit
    decode = pca.components_ * scale * unit
    parts = [part.astype(np.float32) for part in (rows * unit, encode, decode)]
    return look(*parts, np.random.RandomState(seed))


def turned(plane, rng, n_features=5, noise=0.05):
    signal = plane @ rng.normal(size=(plane.shape[1], n_features))
    return signal + noise * rng.normal(size=signal.shape)


def circle(rng):
    angle = rng.uniform(0, 2 * np.pi, 600)
    return turned(np.c_[np.cos(angle), np.sin(angle)], rng)


def sphere(rng):
    points = rng.normal(size=(800, 3))
    return turned(points / np.linalg.norm(points, axis=1, keepdims=True), rng, 8)


def torus(rng):
    a, b = rng.uniform(0, 2 * np.pi, (2, 1000))
    ring = 2 + np.cos(b)
    return turned(np.c_[ring * np.cos(a), ring * np.sin(a), np.sin(b)], rng, 6)


def tanh_factors(rng):
    signal = np.tanh(2 * rng.normal(size=(600, 2)) @ rng.normal(size=(2, 12)))
    return signal + 0.05 * rng.normal(size=signal.shape)


DECODED = {
    "swiss roll": (lambda rng: make_swiss_roll(600, random_state=rng)[0], 2),
    "tanh factors": (tanh_factors, 2),
    "moons": (
        lambda rng: turned(make_moons(600, noise=0.05, random_state=rng)[0], rng),
        1,
    ),
}
BENT = {"circle": (circle, 1), "sphere": (sphere, 2), "torus": (torus, 2)}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", DECODED)
def test_what_a_decoder_can_learn_is_clear(name, seed):
    draw, k = DECODED[name]
    verdict = judged(draw(np.random.RandomState(seed)), k)
    assert verdict.finding == "clear"
    assert verdict.expects_gain


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", BENT)
def test_what_an_encoder_has_to_bend_for_is_found(name, seed):
    """No decoder can predict from PCA's code what it leaves of them."""
    draw, k = BENT[name]
    verdict = judged(draw(np.random.RandomState(seed)), k)
    assert verdict.encoder_t > 3
    assert verdict.expects_gain


@pytest.mark.parametrize("n_rows", SIZES)
def test_linear_data_with_noise_mostly_end_at_the_verdict(n_rows):
    found = []
    for seed in range(20):
        rng = np.random.RandomState(seed)
        X = rng.normal(size=(n_rows, 3)) * [3, 2, 1.5] @ rng.normal(size=(3, 10))
        X += rng.normal(size=X.shape)
        found.append(judged(X, 3).finding)
    assert found.count("pca") >= 16
    assert "clear" not in found
    assert "hidden" not in found


def test_axes_of_one_kind_are_crowded(rng):
    X = turned(rng.normal(size=(600, 2)), rng, noise=0.01)
    X = (X - X.mean(axis=0)) @ PCA(2, whiten=True).fit(X).components_.T
    X /= X.std(axis=0)
    assert judged(X, 1).finding == "crowded"


@pytest.mark.parametrize("unit", [2.0**-90, 2.0**60])
@pytest.mark.parametrize("draw", [circle, tanh_factors])
def test_units_do_not_matter(draw, unit, rng):
    """Powers of two lose no digit of a float32."""
    X = draw(rng)
    assert judged(X, 1, unit=unit) == judged(X, 1)


def test_the_seed_decides(rng):
    X = tanh_factors(rng)
    assert judged(X, 2, seed=3) == judged(X, 2, seed=3) != judged(X, 2, seed=4)


@pytest.mark.parametrize("draw", [circle, tanh_factors])
def test_columns_may_be_predicted_some_at_a_time(draw, rng, monkeypatch):
    X = draw(rng)
    together = judged(X, 1)
    monkeypatch.setattr("sklearn_ae._fitting.verdict.NUMBERS_TOGETHER", 2 * len(X))
    apart = judged(X, 1)
    assert apart.decoder_t == pytest.approx(together.decoder_t, rel=1e-5)
    assert apart.encoder_t == pytest.approx(together.encoder_t, rel=1e-5)


def test_wide_rows_are_fewer(rng, monkeypatch):
    monkeypatch.setattr("sklearn_ae._fitting.verdict.MOST_NUMBERS", 60)
    data = rng.normal(size=(40, 6)).astype(np.float32)
    dense = chosen_rows(Rows(torch.from_numpy(data)), np.random.RandomState(0))
    assert dense.shape == (10, 6)
    rows = Rows(SparseRows(sparse.csr_array(data)))
    np.testing.assert_array_equal(chosen_rows(rows, np.random.RandomState(0)), dense)


def test_rows_are_not_modified(rng):
    rows = circle(rng)
    rows -= rows.mean(axis=0)
    axis = PCA(1).fit(rows).components_
    before = rows.copy()
    look_for_structure(rows, axis.T, axis, rng)
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((20, 3)),
        np.ones((2, 3)),
        np.outer(np.arange(20.0) - 9.5, [1, 0, 0]),
        np.outer(np.arange(20.0) - 9.5, [1, 1, 0]),
        np.repeat([[-1.0, 0, 2], [1.0, 0, -2]], 10, axis=0),
    ],
    ids=["constant", "two rows", "exact", "one axis left", "two points"],
)
def test_degenerate_rows_pass(rows):
    axis = np.array([[1.0, 0.0, 0.0]])
    verdict = look_for_structure(rows, axis.T, axis, np.random.RandomState(0))
    assert not np.isnan([verdict.decoder_t, verdict.encoder_t]).any()


def test_more_features_than_rows(rng):
    verdict = judged(rng.normal(size=(40, 300)), 2)
    assert verdict.finding == "pca"
    assert verdict.n_rows == 40


@pytest.mark.parametrize(
    ("decoder_t", "encoder_t", "is_crowded", "finding"),
    [
        (4, 0, False, "clear"),
        (4, 9, True, "clear"),
        (2, 9, True, "hidden"),
        (-2, 0, True, "crowded"),
        (1, 0, False, "doubtful"),
        (-1, 2.9, False, "pca"),
        (-np.inf, -np.inf, False, "pca"),
    ],
)
def test_findings(decoder_t, encoder_t, is_crowded, finding):
    verdict = Verdict(decoder_t, encoder_t, is_crowded, n_rows=100)
    assert verdict.finding == finding
    assert verdict.expects_gain == (finding in ("clear", "hidden"))
    assert f"t = {decoder_t:.3g}" in str(verdict)
    assert "100 rows" in str(verdict)


def test_a_verdict_s_repr_has_the_finding():
    verdict = Verdict(decoder_t=4.25, encoder_t=-1.0, is_crowded=False, n_rows=45)
    assert repr(verdict) == (
        "Verdict(finding='clear', decoder_t=4.25, encoder_t=-1, is_crowded=False, "
        "n_rows=45)"
    )


# ---- of a likelihood


SHAPES = {
    "exponential": lambda rng: rng.exponential(size=(600, 1)),
    "two groups": lambda rng: rng.choice([-1.0, 1.0], size=(600, 1)),
    "heavy tails": lambda rng: rng.standard_t(3, size=(600, 1)),
}


@pytest.mark.parametrize("draw", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("seed", range(3))
def test_codes_that_are_not_normal_are_a_doubt(draw, seed):
    rng = np.random.RandomState(seed)
    X = turned(draw(rng), rng, noise=0.2)
    assert judged(X, 1, look=look_for_likelihood).finding != "pca"


def test_normal_codes_are_mostly_none():
    draws = [np.random.RandomState(seed).normal(size=(200, 6)) for seed in range(20)]
    found = [judged(X * [3, 2, 1, 1, 1, 1], 2, look=look_for_likelihood) for X in draws]
    assert np.mean([verdict.finding == "pca" for verdict in found]) > 0.7
    assert np.mean([verdict.shape_z < 3 for verdict in found]) > 0.8


def test_units_do_not_matter_to_a_likelihood(rng):
    X = np.exp(rng.normal(size=(200, 4)))
    one, other = (
        judged(X, 2, unit=unit, look=look_for_likelihood) for unit in (1.0, 2.0**60)
    )
    assert one == other


def test_columns_of_a_code_that_say_nothing_have_no_shape():
    rows = np.zeros((40, 3), np.float32)
    axis = np.eye(3, dtype=np.float32)[:1]
    rng = np.random.RandomState(0)
    verdict = look_for_likelihood(rows, axis.T, axis, rng)
    assert verdict.shape_z == 0
    assert verdict.finding == "pca"


@pytest.mark.parametrize(
    ("decoder_t", "encoder_t", "shape_z", "finding"),
    [
        (-2, 0, 1, "pca"),
        (-2, 0, 9, "doubtful"),
        (-2, 2, 0, "doubtful"),
        (4, 0, 0, "clear"),
        (-2, 9, 9, "hidden"),
    ],
)
def test_findings_of_a_likelihood(decoder_t, encoder_t, shape_z, finding):
    verdict = LikelihoodVerdict(decoder_t, encoder_t, False, 100, shape_z)
    assert verdict.finding == finding
    assert str(verdict).endswith(f"z = {shape_z}")
    assert repr(verdict) == (
        f"LikelihoodVerdict(finding={finding!r}, decoder_t={decoder_t}, "
        f"encoder_t={encoder_t}, is_crowded=False, n_rows=100, shape_z={shape_z})"
    )
