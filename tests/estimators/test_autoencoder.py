"""AutoencoderTransformer: scores, clipping, units of its losses."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.networks import MLP


def factors(rng, n_rows, n_features, n_factors, noise):
    X = rng.normal(size=(n_rows, n_factors)) @ rng.normal(size=(n_factors, n_features))
    return StandardScaler().fit_transform(X + noise * rng.normal(size=X.shape))


@pytest.mark.parametrize("n_components", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_where_pca_is_kept_everything_is_pca_s(make_ae, noise, n_components, dtype):
    X = noise.astype(dtype)
    model = make_ae(n_components=n_components).fit(X)
    assert model.gain_over_pca_ == 0
    pca = PCA(n_components).fit(X)
    X_back = pca.inverse_transform(pca.transform(X))
    np.testing.assert_allclose(
        model.inverse_transform(model.transform(X)), X_back, atol=1e-5
    )
    np.testing.assert_allclose(model.mean_, pca.mean_, atol=1e-6)
    assert model.score(X) == pytest.approx(
        pca.explained_variance_ratio_.sum(), abs=1e-5
    )
    new = noise[::-1] * 3 + 1
    np.testing.assert_allclose(model.transform(new), pca.transform(new), atol=1e-4)


def test_score_by_hand(make_ae, curved, rng):
    model = make_ae(guard=False).fit(curved)
    X = curved + rng.normal(size=curved.shape)
    errors = np.square(X - model.inverse_transform(model.transform(X))).sum(axis=1)
    distances = np.square(X - curved.mean(axis=0)).sum(axis=1)
    assert model.score(X) == pytest.approx(1 - errors.sum() / distances.sum(), abs=1e-5)
    np.testing.assert_allclose(model.score_samples(X), -errors, rtol=1e-4)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "log_loss", "poisson"])
def test_score_is_of_variance_whatever_the_loss(make_ae, rng, loss):
    X = rng.uniform(size=(80, 4))
    model = make_ae(loss=loss).fit(X)
    errors = np.square(X - model.inverse_transform(model.transform(X))).sum()
    distances = np.square(X - X.mean(axis=0)).sum()
    assert model.score(X) == pytest.approx(1 - errors / distances, abs=1e-4)


@pytest.mark.parametrize("factor", [1e-25, 1.0, 1e25])
def test_score_has_no_units(make_ae, curved, factor):
    expected = make_ae().fit(curved).score(curved)
    X = curved * factor
    assert make_ae().fit(X).score(X) == pytest.approx(expected, abs=1e-4)


def test_the_grid_finds_the_number_of_factors(make_ae, rng):
    X = factors(rng, 400, 12, 4, 0.05)
    search = GridSearchCV(make_ae(), {"n_components": [1, 2, 4]}, cv=3).fit(X)
    scores = search.cv_results_["mean_test_score"]
    assert (np.diff(scores) > 0).all()
    assert search.best_params_ == {"n_components": 4}


def test_exact_data_need_no_training(make_ae, rng):
    X = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 5))
    model = make_ae(n_components=2).fit(X)
    assert model.n_iter_ == 0
    assert model.history_ == []
    assert model.gain_over_pca_ == 0
    assert model.score(X) == pytest.approx(1)
    assert model.partial_fit(X).n_iter_ == 1


# ---- output_range


@pytest.fixture
def pixels(rng):
    """Values that pile up at 0 and 1."""
    return np.clip(rng.normal(0.5, 0.6, size=(200, 9)), 0, 1)


def reconstructions(model, X):
    """Of the network, which is clipped; PCA itself is not."""
    assert model.net_.module_.networks_on
    return model.inverse_transform(3 * model.transform(X))


def test_bounded_data_are_clipped_to_their_range(make_ae, pixels):
    model = make_ae(guard=False).fit(pixels)
    X_back = reconstructions(model, pixels)
    # Up to float32 rounding about the mean.
    assert X_back.min() > -1e-6
    assert X_back.max() < 1 + 1e-6
    assert (X_back < 1e-6).any()


@pytest.mark.parametrize("params", [{"output_range": None}, {"loss": "poisson"}])
def test_not_clipped(make_ae, pixels, params):
    X_back = reconstructions(make_ae(guard=False, **params).fit(pixels), pixels)
    assert X_back.max() > 1.01


def test_unbounded_data_are_not_clipped(make_ae, curved):
    X_back = reconstructions(make_ae(guard=False).fit(curved), curved)
    assert (X_back.max(axis=0) > curved.max(axis=0)).any()


@pytest.mark.parametrize("output_range", [(0.2, 0.7), (-1, 2)])
def test_a_given_range(make_ae, pixels, output_range):
    model = make_ae(guard=False, output_range=output_range).fit(pixels)
    X_back = model.inverse_transform(50 * model.transform(pixels))
    assert X_back.min() == pytest.approx(output_range[0], abs=1e-5)
    assert X_back.max() == pytest.approx(output_range[1], abs=1e-5)
    sample = model.sample(200, random_state=0)
    assert sample.min() > output_range[0] - 1e-5


@pytest.mark.parametrize(
    "output_range", [(1, 0), (0, 0), (0, 1, 2), (0,), (0, np.nan), ("a", "b")]
)
def test_bad_range(make_ae, pixels, output_range):
    with pytest.raises(ValueError, match=r"'output_range' parameter .* low < high"):
        make_ae(output_range=output_range).fit(pixels)


@pytest.mark.parametrize("loss", ["log_loss", "poisson"])
def test_a_range_for_a_loss_with_bounds_of_its_own(make_ae, pixels, loss):
    with pytest.raises(ValueError, match=f"output_range=.*loss='{loss}', whose recon"):
        make_ae(output_range=(0, 1), loss=loss).fit(pixels)


@pytest.mark.parametrize(("loss", "largest"), [("log_loss", 1), ("poisson", np.inf)])
def test_bounds_of_a_loss_hold_in_every_output(make_ae, pixels, loss, largest):
    model = make_ae(loss=loss, init="random").fit(pixels)
    for X in (
        model.inverse_transform(1e4 * model.transform(pixels)),
        model.sample(500, random_state=0),
    ):
        assert X.min() >= 0
        assert X.max() <= largest


def test_sample_resembles_the_data(make_ae, rng):
    """Two clusters that a single Gaussian would smear."""
    centres = np.repeat([[0.0, 0, 0, 0], [10.0, 0, 5, 0]], 100, axis=0)
    X = centres + 0.5 * rng.normal(size=(200, 4))
    sample = make_ae().fit(X).sample(2000, random_state=0)
    np.testing.assert_allclose(sample.mean(axis=0), X.mean(axis=0), atol=0.5)
    assert np.mean((sample[:, 0] > 3) & (sample[:, 0] < 7)) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "ratio"), [("mlp", 1.25), (MLP(activation="identity"), 1.10)]
)
def test_as_good_as_pca_on_linear_data(rng, network, ratio):
    X = factors(rng, 1000, 20, 3, 0.3)
    y = X[:, 0] > 0
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    model = AutoencoderTransformer(3, network=network, random_state=0).fit(X)
    pca = PCA(3).fit(X)
    errors = [
        np.square(X_test - each.inverse_transform(each.transform(X_test))).mean()
        for each in (model, pca)
    ]
    assert errors[0] <= ratio * errors[1]
    accuracies = [
        LogisticRegression()
        .fit(each.transform(X), y)
        .score(each.transform(X_test), y_test)
        for each in (model, pca)
    ]
    assert accuracies[0] >= accuracies[1] - 0.05


@pytest.mark.parametrize("output_range", ["auto", (0, 16)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_decoded_is_within_the_range_to_the_last_bit(output_range, dtype):
    """Other steps, our own losses among them, refuse what is outside by rounding."""
    X = load_digits(return_X_y=True)[0][:300].astype(dtype)
    ae = AutoencoderTransformer(
        5, output_range=output_range, max_epochs=5, random_state=0, guard=False
    ).fit(X)
    far = X.copy()
    far[:, 20] = 1e12
    for rows in (ae.reconstruct(X), ae.sample(50, random_state=0), ae.reconstruct(far)):
        assert rows.min() >= 0
        assert rows.max() <= 16


# ---- the axes of codes


def turned_back(model):
    """Hand the inner codes out as they are, in X's units."""
    axes = model.net_.module_.axes
    scale = axes.scale.numpy()
    axes.take(np.diag(scale), np.diag(1 / scale), np.zeros(len(scale)))
    return model


def assert_as_pca_has_codes(codes, X, whiten=False):
    codes = codes.astype(np.float64)
    np.testing.assert_allclose(codes.mean(axis=0) / codes.std(axis=0), 0, atol=1e-5)
    correlation = np.corrcoef(codes, rowvar=False) - np.eye(codes.shape[1])
    assert np.abs(correlation).max() < 1e-4
    spread = codes.std(axis=0, ddof=1)
    if whiten:
        np.testing.assert_allclose(spread, 1, rtol=1e-4)
    else:
        assert (np.diff(spread) < 0).all()
    covariances = np.nan_to_num(X - np.nanmean(X, axis=0)).T @ codes
    largest = np.abs(covariances).argmax(axis=0)
    assert (covariances[largest, range(codes.shape[1])] > 0).all()


TURNED = [
    {},
    {"init": "random"},
    {"loss": "absolute_error"},
    {"loss": "huber"},
    {"corruption": "masking"},
    {"network": MLP((8, 4), tied=True)},
    {"penalty": "decorrelation"},
    {"penalty": ["contractive", "decorrelation"]},
    {"validation_fraction": None, "early_stopping": False},
]


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("params", TURNED, ids=str)
def test_trained_codes_are_as_pca_has_them(make_ae, curved, params, whiten):
    model = make_ae(n_components=3, guard=False, whiten=whiten, **params).fit(curved)
    assert model.net_.module_.networks_on
    assert_as_pca_has_codes(model.transform(curved), curved, whiten)
    X_back, samples = model.reconstruct(curved), model.sample(9, random_state=0)
    assert np.isfinite(samples).all()
    np.testing.assert_allclose(
        X_back, turned_back(model).reconstruct(curved), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("loss", ["log_loss", "poisson"])
def test_codes_of_losses_with_links_are_as_pca_has_them(make_ae, rng, loss):
    X = rng.uniform(size=(80, 4))
    model = make_ae(n_components=3, loss=loss, guard=False).fit(X)
    assert_as_pca_has_codes(model.transform(X), X)


@pytest.mark.parametrize("guard", [False, 1e-9])
def test_codes_of_rows_with_gaps_are_as_pca_has_them(make_ae, curved, guard):
    curved[::3, 1] = curved[1::4, 4] = np.nan
    model = make_ae(n_components=3, guard=guard).fit(curved)
    assert model.net_.module_.networks_on is (guard is False)
    assert_as_pca_has_codes(model.transform(curved), curved)


def test_codes_of_a_wide_table_are_as_pca_has_them(make_ae, rng):
    t = rng.uniform(-1, 1, size=(60, 1))
    X = np.concatenate([t, t**2, t**3], axis=1) @ rng.normal(size=(3, 150))
    X += 0.01 * rng.normal(size=X.shape)
    model = make_ae(n_components=2, guard=False).fit(X)
    assert_as_pca_has_codes(model.transform(X), X)


def decaying(rng, n_rows, n_features):
    """Rows whose leading axes any solver finds to all digits."""
    spread = 4.0 ** -np.arange(6)
    axes = np.linalg.qr(rng.normal(size=(n_features, 6)))[0]
    X = rng.normal(size=(n_rows, 6)) * spread @ axes.T
    return 50 * X + 1e-4 * rng.normal(size=(n_rows, n_features)) + 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize(
    "shape",
    [(90, 12), (300, 12), (40, 120), (700, 520), (9000, 7)],
    ids=["rows", "covariance", "row_space", "randomized", "chunks"],
)
def test_where_pca_is_kept_codes_are_pca_s_signs_included(
    make_ae, rng, shape, whiten, dtype
):
    X = decaying(rng, *shape).astype(dtype)
    model = make_ae(n_components=3, whiten=whiten, max_epochs=1, guard=1e-300).fit(X)
    assert not model.net_.module_.networks_on
    expected = PCA(3, whiten=whiten, random_state=0).fit(X).transform(X)
    spread = expected.std(axis=0)
    np.testing.assert_allclose(
        model.transform(X) / spread, expected / spread, rtol=1e-4, atol=1e-4
    )


def test_codes_are_uncorrelated_where_pca_is_randomized(make_ae, rng):
    """scikit-learn's own scores are correlated there."""
    X = rng.normal(size=(700, 520))
    assert PCA(4, random_state=0).fit(X)._fit_svd_solver == "randomized"
    model = make_ae(n_components=4, max_epochs=1, guard=1e-300).fit(X)
    assert not model.net_.module_.networks_on
    assert_as_pca_has_codes(model.transform(X), X)


@pytest.mark.parametrize("whiten", [False, True])
def test_columns_above_the_rank_are_zeros(make_ae, rng, whiten):
    X = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 5))
    with pytest.warns(UserWarning, match="above the rank"):
        model = make_ae(n_components=4, whiten=whiten).fit(X)
    codes = model.transform(X)
    np.testing.assert_array_equal(codes[:, 2:], 0.0)
    np.testing.assert_allclose(model.inverse_transform(codes), X, atol=1e-5)


@pytest.mark.parametrize("guard", [False, 1e-300])
def test_whitened_codes_lead_back(make_ae, curved, guard):
    plain, white = (
        make_ae(n_components=3, guard=guard, whiten=whiten).fit(curved)
        for whiten in (False, True)
    )
    codes = plain.transform(curved)
    np.testing.assert_allclose(
        white.transform(curved), codes / codes.std(axis=0, ddof=1), rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(
        white.reconstruct(curved), plain.reconstruct(curved), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(
        white.score_samples(curved), plain.score_samples(curved)
    )


@pytest.mark.parametrize("penalty", ["l1", "kl_sparsity", ["decorrelation", "l1"]])
@pytest.mark.parametrize("whiten", [False, True])
def test_a_penalty_on_single_columns_keeps_them(make_ae, curved, penalty, whiten):
    model = make_ae(n_components=3, guard=False, penalty=penalty, whiten=whiten)
    codes = model.fit(curved).transform(curved)
    kept = turned_back(model).transform(curved)
    ratios = codes / kept
    np.testing.assert_allclose(ratios, np.tile(ratios[:1], (200, 1)), rtol=1e-3)
    if whiten:
        np.testing.assert_allclose(codes.std(axis=0, ddof=1), 1, rtol=1e-4)
    else:
        np.testing.assert_array_equal(codes, kept)


def test_a_warm_start_turns_codes_anew(make_ae, curved):
    model = make_ae(n_components=3, guard=False, warm_start=True).fit(curved)
    assert_as_pca_has_codes(model.fit(curved).transform(curved), curved)
    moved = curved + 0.5
    assert_as_pca_has_codes(model.fit(moved).transform(moved), moved)
    model.set_params(whiten=True).fit(curved)
    assert_as_pca_has_codes(model.transform(curved), curved, whiten=True)
    model.set_params(whiten=False).fit(curved)
    assert_as_pca_has_codes(model.transform(curved), curved)


def test_codes_of_a_warm_start_that_keeps_pca_are_centred_anew(make_ae, noise):
    model = make_ae(n_components=3, warm_start=True, guard=1e-300).fit(noise)
    moved = noise * [1, 3, 1, 1, 1, 1] + 0.5
    model.fit(moved)
    assert not model.net_.module_.networks_on
    assert_as_pca_has_codes(model.transform(moved), moved)


@pytest.mark.parametrize("fitted_before", [False, True])
def test_partial_fit_keeps_the_axes_that_there_are(make_ae, curved, fitted_before):
    model = make_ae(n_components=3, guard=False)
    first = model.fit if fitted_before else model.partial_fit
    assert_as_pca_has_codes(first(curved).transform(curved), curved)
    before = {name: x.clone() for name, x in model.net_.module_.axes.named_buffers()}
    model.partial_fit(curved + 1)
    for name, x in model.net_.module_.axes.named_buffers():
        assert torch.equal(x, before[name])


def test_turned_codes_survive_pickling(make_ae, curved):
    model = make_ae(n_components=3, guard=False, whiten=True).fit(curved)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.transform(curved), model.transform(curved))
    again = clone(model).fit(curved)
    np.testing.assert_array_equal(again.transform(curved), model.transform(curved))


@pytest.mark.parametrize("whiten", [1, "yes", None])
def test_bad_whiten(make_ae, curved, whiten):
    with pytest.raises(ValueError, match="'whiten' parameter of AutoencoderTransf"):
        make_ae(whiten=whiten).fit(curved)
