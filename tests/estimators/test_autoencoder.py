"""AutoencoderTransformer: scores, clipping, units of its losses."""

import numpy as np
import pytest
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
    np.testing.assert_allclose(
        np.abs(model.transform(new)), np.abs(pca.transform(new)), atol=1e-4
    )


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
