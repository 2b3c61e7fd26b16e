"""Wide tables train in the space that their rows span."""

import pickle

import numpy as np
import pytest
import torch
from scipy import sparse
from skorch.callbacks import Callback

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._fitting.row_space import fits_row_space, in_row_space
from sklearn_ae._rows import stored
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae._rows.stored import StoredRows
from sklearn_ae.losses import AbsoluteError
from sklearn_ae.networks import MLP

N_FEATURES = 120


def wide_rows(rng, n_rows=50, noise=0.05):
    """Rows on a parabola, of features of unlike spread, one of them constant."""
    t = rng.uniform(-1, 1, size=(n_rows, 1))
    X = t * rng.normal(size=N_FEATURES) + t**2 * rng.normal(size=N_FEATURES)
    X += noise * rng.normal(size=X.shape)
    X = X * np.linspace(0.2, 5, N_FEATURES) + np.arange(N_FEATURES)
    X[:, 3] = 2.0
    return X


@pytest.fixture
def X(rng):
    return wide_rows(rng)


@pytest.fixture
def trained(make_ae, X):
    """An estimator whose networks are kept, on a table that is wide."""
    return make_ae(guard=False, max_epochs=20, n_components=1).fit(X)


def space_of(model, X):
    rows = (X - model.mean_).astype(np.float32)
    return rows, in_row_space(model.net_, rows, np.random.RandomState(0))


@pytest.mark.parametrize(
    "network",
    [
        MLP((8,)),
        MLP(()),
        MLP((8, 4), layer_norm=True, dropout=0.1, activation="tanh"),
        MLP((8, 8, 8), residual=True),
    ],
)
def test_rows_give_the_same_inside_and_after(make_ae, X, network):
    """Of random weights everywhere, the module is one function of the rows."""
    model = make_ae(network=network, max_epochs=1).fit(X)
    module = model.net_.module_
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    module.use_networks(True)
    codes, rebuilt = model.transform(X), model.reconstruct(X)
    rows, space = space_of(model, X)
    with space as coordinates, torch.no_grad():
        x = torch.from_numpy(coordinates)
        module.eval()
        np.testing.assert_allclose(module.encode(x), codes, rtol=1e-3, atol=1e-3)
        errors, lengths = module.squares(x, 1.0).numpy().T
    np.testing.assert_allclose(lengths, np.square(rows).sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(model.transform(X), codes, rtol=1e-3, atol=1e-3)
    # Reconstructions lose what lies outside of the space.
    outside = np.square(rebuilt - model.reconstruct(X)).sum(axis=1)
    np.testing.assert_allclose(errors, -model.score_samples(X), rtol=1e-3)
    total = np.square(X - rebuilt).sum(axis=1)
    np.testing.assert_allclose(errors + outside, total, rtol=1e-3)


def test_training_meets_as_many_columns_as_rows(make_ae, X, monkeypatch):
    widths = []
    train = AutoencoderTransformer._train

    def watched(self, rows, *args, **kwargs):
        widths.append(rows.shape[1])
        return train(self, rows, *args, **kwargs)

    monkeypatch.setattr(AutoencoderTransformer, "_train", watched)
    make_ae().fit(X)
    make_ae(callbacks=[Callback()]).fit(X)
    make_ae(net_params={"optimizer__eps": 1e-8}).fit(X)
    make_ae(loss=AbsoluteError()).fit(X)
    assert widths == [len(X), *3 * [N_FEATURES]]


@pytest.mark.parametrize(
    "params",
    [
        {"network": MLP((8,), tied=True)},
        {"corruption": "gaussian"},
        {"penalty": "l1"},
        {"output_range": (-1e3, 1e3)},
        {"init": "random"},
        {"callbacks": [Callback()]},
        {"net_params": {"optimizer__eps": 1e-8}},
    ],
)
def test_what_is_not_the_same_in_every_basis_trains_in_features(make_ae, X, params):
    model = make_ae(max_epochs=1).fit(X)
    rows = X - model.mean_
    assert fits_row_space(model, model.net_.module_, rows)
    assert not fits_row_space(model, model.net_.module_, rows[:, : len(X)])
    rows[0, 0] = np.nan
    assert not fits_row_space(model, model.net_.module_, rows)
    other = make_ae(max_epochs=1, **params).fit(X)
    assert not fits_row_space(other, other.net_.module_, X - other.mean_)


def test_a_wide_curve_beats_pca_on_new_rows(rng):
    X = wide_rows(rng, 160)
    model = AutoencoderTransformer(1, max_epochs=80, random_state=0).fit(X[:60])
    assert model.gain_over_pca_ > 0.2
    errors = -model.score_samples(X[60:])
    model.net_.module_.use_networks(False)
    assert errors.mean() < 0.8 * -model.score_samples(X[60:]).mean()


def test_pca_is_kept_on_a_wide_table_of_noise(make_ae, rng):
    X = rng.normal(size=(40, N_FEATURES))
    model = make_ae(max_epochs=20).fit(X)
    assert model.gain_over_pca_ == 0
    # It is PCA itself, not PCA within the space.
    weight = model.net_.module_.encode_weight
    np.testing.assert_allclose(
        model.transform(X + 5) - model.transform(X),
        np.tile(5 * weight.sum(0) * model.net_.module_.axes.scale, (len(X), 1)),
        atol=1e-4,
    )


def test_the_loss_in_training_is_that_of_features(trained, X):
    """What the history says, and what the rows' errors are."""
    rows = torch.from_numpy((X - trained.mean_).astype(np.float32))
    losses = trained.net_.module_.eval()(rows)["reconstruction"]
    scale = trained.net_.module_.natural_scale
    np.testing.assert_allclose(
        losses.detach() * scale, -trained.score_samples(X), rtol=1e-3
    )
    best = min(epoch["valid_loss"] for epoch in trained.history_)
    assert best < -trained.score_samples(X).min() * len(X)


def test_the_fitted_net_is_one_of_features(make_ae, trained, X, tmp_path):
    """Its factory builds a module that its weights fit."""
    codes = trained.transform(X)
    copied = pickle.loads(pickle.dumps(trained))
    np.testing.assert_array_equal(copied.transform(X), codes)
    path = tmp_path / "weights.pt"
    trained.net_.save_params(f_params=path)
    other = make_ae(guard=False, n_components=1, random_state=1).fit(X)
    assert not np.allclose(other.transform(X), codes)
    other.net_.initialize()
    other.net_.load_params(f_params=path)
    np.testing.assert_allclose(other.transform(X), codes, rtol=1e-5, atol=1e-5)


def test_training_goes_on_after_it(trained, X):
    before = trained.score(X)
    weights = trained.net_.module_.encoder[0].weight.detach().clone()
    trained.set_params(warm_start=True, max_epochs=2).fit(X)
    trained.partial_fit(X)
    assert trained.score(X) > before - 0.05
    assert not torch.equal(trained.net_.module_.encoder[0].weight, weights)


def test_verbs_on_a_wide_table(trained, X, rng):
    assert trained.sample(3, random_state=0).shape == (3, N_FEATURES)
    holes = X.copy()
    holes[::3, ::7] = np.nan
    filled = trained.impute(holes)
    np.testing.assert_array_equal(filled[1], X[1])
    missing = np.isnan(holes)
    errors = (filled - X)[missing]
    assert np.square(errors).mean() < np.square((X - X.mean(axis=0))[missing]).mean()
    assert np.isfinite(trained.score(holes))
    assert np.isfinite(trained.transform(100 * X)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_units_and_dtypes(make_ae, X, dtype, unit):
    model = make_ae(guard=False, max_epochs=5).fit((unit * X).astype(dtype))
    plain = make_ae(guard=False, max_epochs=5).fit(X)
    assert model.reconstruct((unit * X).astype(dtype)).dtype == dtype
    assert model.score((unit * X).astype(dtype)) == pytest.approx(
        plain.score(X), abs=0.02
    )


def test_the_same_seed_gives_the_same(make_ae, X):
    codes = [make_ae(guard=False).fit(X).transform(X) for _ in range(2)]
    np.testing.assert_array_equal(*codes)


@pytest.mark.parametrize(("most", "fits"), [(50 * N_FEATURES, True), (1000, False)])
def test_sparse_rows_go_there_where_they_may_be_dense(
    make_ae, trained, X, monkeypatch, most, fits
):
    monkeypatch.setattr("sklearn_ae._fitting.row_space.MOST_TOGETHER", most)
    rows, _ = space_of(trained, X)
    sparse_rows = SparseRows(sparse.csr_array(rows))
    assert fits_row_space(trained, trained.net_.module_, sparse_rows) is fits
    if fits:
        model = make_ae(guard=False, max_epochs=20, n_components=1)
        model.fit(sparse.csr_array(X))
        np.testing.assert_allclose(model.transform(X), trained.transform(X), atol=1e-5)


def test_large_tables_train_there_without_a_copy(make_ae, X, monkeypatch):
    """What is dense of the rows is a block, and then the basis."""
    copied = make_ae(max_epochs=3, guard=False).fit(X)
    monkeypatch.setattr(stored, "LARGE", 1)
    monkeypatch.setattr(stored, "BLOCK", 10 * N_FEATURES)
    dense = StoredRows.__array__
    largest = []

    def watched(self, dtype=None, copy=None):
        if self.shape[1] == N_FEATURES:
            largest.append(len(self))
        return dense(self, dtype, copy)

    monkeypatch.setattr("sklearn_ae._fitting.row_space.MOST_TOGETHER", 3 * N_FEATURES)
    kept = make_ae(max_epochs=3, guard=False).fit(X)
    np.testing.assert_allclose(
        kept.transform(X), copied.transform(X), rtol=1e-3, atol=1e-3
    )
    monkeypatch.setattr(StoredRows, "__array__", watched)
    rows = StoredRows(X, kept.mean_)
    with in_row_space(kept.net_, rows, np.random.RandomState(0)) as coordinates:
        assert isinstance(coordinates, StoredRows)
    assert max(largest) == 10
