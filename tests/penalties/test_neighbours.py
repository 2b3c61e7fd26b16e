"""The penalty that keeps neighbours."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae.networks import MLP
from sklearn_ae.penalties import Neighbours
from sklearn_ae.penalties._neighbours import (
    FIRST_STRETCH,
    MOST_TOGETHER,
    _BuiltNeighbours,
)

SCALES = {"code_scale": np.ones(2), "natural_scale": 4.0}


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def penalise(code, x, **parameters):
    return Neighbours(**parameters).build(**SCALES)(code, None, x, None)


def test_by_hand():
    """The mean over rows is the divergence of all pairs."""
    code, x = normal(30, 2), normal(30, 5, seed=1)
    distances = cdist(x, x) + np.diag(np.full(30, np.inf))
    p = np.zeros((30, 30))
    np.put_along_axis(p, np.argsort(distances, axis=1)[:, :4], 1 / (4 * 30), axis=1)
    q = 1 / (1 + (FIRST_STRETCH * cdist(code, code)) ** 2) - np.eye(30)
    q /= q.sum()
    divergence = np.sum(p[p > 0] * np.log(p[p > 0] / q[p > 0]))
    found = penalise(code, x, weight=0.5, n_neighbors=4)
    assert found.shape == (30,)
    assert found.mean().item() == pytest.approx(0.5 * 5 * divergence, rel=1e-4)


def test_a_map_with_the_neighbours_of_the_rows_costs_less():
    x = normal(100, 2)
    assert penalise(x, x).mean() < penalise(x[torch.randperm(100)], x).mean()


def test_turns_of_rows_and_of_codes_change_nothing():
    code, x = normal(40, 2), normal(40, 6, seed=1)
    turn, other = (torch.linalg.qr(normal(n, n)).Q for n in (2, 6))
    torch.testing.assert_close(penalise(code @ turn, x @ other), penalise(code, x))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_units_of_rows_change_nothing(scale):
    code, x = normal(40, 2), normal(40, 6, seed=1)
    torch.testing.assert_close(penalise(code, x * scale), penalise(code, x))


def test_rows_keep_their_values_in_another_order():
    code, x = normal(40, 2), normal(40, 6, seed=1)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    values = penalise(code, x)
    torch.testing.assert_close(penalise(code[order], x[order]), values[order])


@pytest.mark.parametrize("n_rows", [1, 2, 3, MOST_TOGETHER + 1])
@pytest.mark.parametrize("alike", [False, True])
def test_any_number_of_rows_has_gradients(n_rows, alike):
    """Fewer rows than neighbours among them, and rows that are all the same."""
    x = torch.zeros(n_rows, 3) if alike else normal(n_rows, 3)
    code = (torch.zeros(n_rows, 2) if alike else normal(n_rows, 2)).requires_grad_()
    values = penalise(code, x, n_neighbors=5)
    assert values.shape == (n_rows,)
    (values + code.sum(1)).sum().backward()
    assert torch.isfinite(values).all()
    assert torch.isfinite(code.grad).all()


def test_gradients_are_those_of_differences():
    code = normal(12, 2).double().requires_grad_()
    x = normal(12, 3, seed=1).double()
    built = Neighbours().build(**SCALES).double()
    assert torch.autograd.gradcheck(lambda code: built(code, None, x, None), code)


def test_auto_batches_have_rows_enough(make_ae, curved):
    sizes = [
        make_ae(penalty=penalty, batch_size=size).fit(curved).net_.batch_size
        for penalty, size in (
            ([Neighbours(), "l1"], "auto"),
            (Neighbours(), 20),
            ("l1", "auto"),
        )
    ]
    assert sizes == [256, 20, 16]


def test_auto_rate_is_what_the_penalty_asks_for(make_ae, curved):
    def rate(**parameters):
        return make_ae(max_epochs=1, **parameters).fit(curved).net_.lr

    assert rate(penalty=[Neighbours(), "l1"]) == _BuiltNeighbours.peak_rate
    assert rate(penalty=Neighbours(), learning_rate=0.01) == 0.01
    assert rate(penalty="l1") == rate() < _BuiltNeighbours.peak_rate


def test_parameters_reach_the_penalty_of_an_estimator(make_ae):
    model = make_ae(penalty=Neighbours(n_neighbors=4))
    model.set_params(penalty__weight=0.5)
    copy = clone(model).penalty
    assert (copy.weight, copy.n_neighbors) == (0.5, 4)


@pytest.mark.parametrize("n_neighbors", [0, 1.5, "auto"])
def test_bad_number_of_neighbours(make_ae, curved, n_neighbors):
    with pytest.raises(ValueError, match="'n_neighbors' parameter of Neighbours must"):
        make_ae(penalty=Neighbours(n_neighbors=n_neighbors)).fit(curved)


@pytest.mark.parametrize("kind", ["missing", "sparse", "float32"])
def test_rows_of_any_kind(make, curved, kind):
    X = curved.copy()
    if kind == "missing":
        X[::3, 0] = np.nan
    X = {"sparse": csr_array, "float32": np.float32}.get(kind, np.asarray)(X)
    codes = make(penalty=Neighbours(), guard=False).fit(X).transform(X)
    assert np.isfinite(codes).all()


def test_a_map_keeps_more_neighbours_than_pca(make_ae):
    """Clusters in many dimensions, of which two principal axes tell few apart."""
    X, y = make_blobs(600, n_features=30, centers=30, cluster_std=2.0, random_state=0)
    plain, map_of = (
        make_ae(penalty=penalty, max_epochs=60).fit(X[:400])
        for penalty in (None, Neighbours())
    )
    plain.net_.module_.use_networks(False)
    of_pca, found = (
        KNeighborsClassifier()
        .fit(model.transform(X[:400]), y[:400])
        .score(model.transform(X[400:]), y[400:])
        for model in (plain, map_of)
    )
    assert not map_of.guard_.pca_kept
    assert found > of_pca
    assert map_of.score(X[400:]) > 0


@parametrize_with_checks(
    [
        AutoencoderTransformer(penalty=Neighbours(), network=MLP((8,)), max_epochs=2),
        VAETransformer(penalty=Neighbours(), network=MLP((8,)), max_epochs=2),
    ]
)
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)
