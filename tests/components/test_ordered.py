"""Fits of ordered codes: prefixes, guards and numbers of columns."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, make_s_curve
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from torch import nn

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.networks import MLP, Conv, Custom


@pytest.fixture(scope="module")
def digits():
    return train_test_split(load_digits().data[:900], random_state=0)


@pytest.fixture(scope="module")
def fitted(digits):
    """Ordered codes that bend."""
    return AutoencoderTransformer(8, ordered=True, random_state=0).fit(digits[0])


@pytest.fixture
def noise(rng):
    """Rows of which PCA leaves nothing to learn."""
    return rng.normal(size=(300, 12)) * np.linspace(3, 1, 12)


def errors_of_prefixes(model, X):
    codes = model.transform(X)
    return np.array(
        [
            np.square(X - model.inverse_transform(codes[:, : j + 1])).sum()
            for j in range(codes.shape[1])
        ]
    )


def pca_errors_of_prefixes(n_components, X_train, X):
    pca = PCA(n_components, svd_solver="full").fit(X_train)
    scores = pca.transform(X)
    left = [
        X - pca.mean_ - scores[:, :j] @ pca.components_[:j]
        for j in range(1, n_components + 1)
    ]
    return np.array([np.square(part).sum() for part in left])


def test_every_prefix_is_better_than_pca_of_as_many_components(fitted, digits):
    errors = errors_of_prefixes(fitted, digits[1])
    assert fitted.net_.module_.codes_bend
    assert (errors < pca_errors_of_prefixes(8, *digits)).all()
    # More columns never lose.
    assert (np.diff(errors) < 0).all()


@pytest.mark.parametrize("n_components", [1, 3, 8])
def test_a_truncated_estimator_is_the_prefix(fitted, digits, n_components):
    X = digits[1]
    shorter = fitted.truncate(n_components)
    assert shorter.n_components_ == shorter.n_components == n_components
    codes = fitted.transform(X)[:, :n_components]
    np.testing.assert_array_equal(shorter.transform(X), codes)
    rows = fitted.inverse_transform(codes)
    np.testing.assert_array_equal(shorter.inverse_transform(codes), rows)
    np.testing.assert_array_equal(shorter.reconstruct(X), rows)
    assert shorter.score(X) == pytest.approx(
        1 - np.square(X - rows).sum() / np.square(X - fitted.mean_).sum(), abs=1e-5
    )
    assert len(shorter.explained_variance_ratio_) == n_components
    assert shorter.get_feature_names_out().shape == (n_components,)
    assert shorter.sample(3, random_state=0).shape == (3, 64)
    again = pickle.loads(pickle.dumps(shorter))
    np.testing.assert_array_equal(again.transform(X), codes)


def test_truncating_changes_nothing_here(fitted, digits):
    before = fitted.transform(digits[1])
    fitted.truncate(2).fit(digits[0][:50])
    np.testing.assert_array_equal(fitted.transform(digits[1]), before)
    assert fitted.n_components_ == fitted.n_components == 8


@pytest.mark.parametrize(
    ("n_components", "ordered"), [(0.9, False), ("auto", np.False_), (3, True), (3, 4)]
)
def test_a_truncated_estimator_is_ordered_when_it_goes_on(
    make_ae, curved, n_components, ordered
):
    model = make_ae(n_components=n_components, ordered=ordered, warm_start=True)
    shorter = model.fit(curved).truncate(1)
    assert shorter.ordered is (ordered or True)
    assert model.ordered is ordered
    for going_on in (shorter.partial_fit, shorter.fit, clone(shorter).fit):
        again = going_on(curved)
        assert again.n_components_ == 1
        assert again.explained_variance_curve_ is not None


def test_the_guard_of_a_truncated_estimator_is_of_its_prefix(fitted):
    gains = [fitted.truncate(j).gain_over_pca_ for j in range(1, 9)]
    assert gains[-1] == fitted.gain_over_pca_
    curve = fitted.explained_variance_curve_
    expected = 1 - (1 - curve.explained) / (1 - curve.pca_explained)
    np.testing.assert_allclose(gains, expected, rtol=1e-3)


@pytest.mark.parametrize("n_components", [0, 2.0, True, "auto"])
def test_columns_to_keep_are_counted(fitted, n_components):
    with pytest.raises(ValueError, match="truncate must be an int"):
        fitted.truncate(n_components)


def test_only_trained_columns_can_be_kept(fitted):
    with pytest.raises(ValueError, match="n_components=9 is more than the 8 columns"):
        fitted.truncate(9)


@pytest.mark.parametrize("share", [0.8, 0.95])
def test_a_share_of_few_features_is_reached_by_codes_that_bend(share):
    X = make_s_curve(600, random_state=0)[0]
    model = AutoencoderTransformer(share, random_state=0).fit(X)
    assert model.net_.module_.codes_bend
    assert model.n_components_ <= 2
    assert model.explained_variance_ratio_.sum() >= share


def test_a_share_beyond_codes_that_bend_takes_pca_s_scores(digits):
    X = digits[0][:, 10:14]
    model = AutoencoderTransformer(0.999, max_epochs=3, random_state=0).fit(X)
    assert model.n_components_ == 4
    assert model.score(X) == pytest.approx(1.0, abs=1e-6)


def test_codes_that_are_not_ordered_have_no_prefixes(make_ae, curved):
    model = make_ae().fit(curved)
    assert model.explained_variance_curve_ is None
    for name in ("explained_variance_", "explained_variance_ratio_"):
        with pytest.raises(AttributeError, match=f"{name} is there for ordered codes"):
            getattr(model, name)
    with pytest.raises(AttributeError, match="truncate is there for ordered codes"):
        model.truncate(1)
    with pytest.raises(ValueError, match="of 2 columns; fewer need ordered=True"):
        model.inverse_transform(np.zeros((3, 1)))


def test_a_code_may_have_fewer_columns_not_more(fitted):
    with pytest.raises(ValueError, match="expects codes of 1 to 8 columns"):
        fitted.inverse_transform(np.zeros((2, 9)))


@pytest.mark.parametrize("whiten", [False, True])
def test_columns_are_uncorrelated_and_their_variances_fall(digits, whiten):
    model = AutoencoderTransformer(
        6, ordered=True, whiten=whiten, max_epochs=10, random_state=0
    )
    codes = model.fit_transform(digits[0]).astype(np.float64)
    assert model.net_.module_.codes_bend
    correlation = np.corrcoef(codes.T) - np.eye(6)
    assert np.abs(correlation).max() < 1e-4
    np.testing.assert_allclose(codes.mean(axis=0) / codes.std(axis=0), 0, atol=1e-4)
    variances = codes.var(axis=0, ddof=1)
    if whiten:
        np.testing.assert_allclose(variances, 1.0, rtol=1e-4)
    else:
        assert (np.diff(variances) <= 1e-5 * variances[0]).all()
    shorter = model.truncate(2)
    np.testing.assert_array_equal(
        shorter.inverse_transform(codes[:, :2]), model.inverse_transform(codes[:, :2])
    )


def test_where_pca_leaves_nothing_all_is_pca_s(noise):
    model = AutoencoderTransformer(5, ordered=True, random_state=0).fit(noise)
    pca = PCA(5, svd_solver="full").fit(noise)
    np.testing.assert_allclose(
        model.transform(noise), pca.transform(noise), rtol=1e-4, atol=1e-4
    )
    curve = model.explained_variance_curve_
    np.testing.assert_allclose(curve.explained, curve.pca_explained)
    np.testing.assert_allclose(
        errors_of_prefixes(model, noise),
        pca_errors_of_prefixes(5, noise, noise),
        rtol=1e-5,
    )


def test_where_bent_codes_lose_pca_s_scores_are_decoded(rng):
    # A parabola among noise that is as strong along each axis: once both of its axes
    # are among the components there is nothing to gain.
    t = rng.uniform(-1, 1, size=(600, 1))
    X = rng.normal(size=(600, 8)) + np.c_[6 * t, 6 * t**2, np.zeros((600, 6))]
    model = AutoencoderTransformer(7, ordered=True, random_state=0).fit(X)
    module = model.net_.module_
    is_open = module.gates.numpy().astype(bool)
    assert not module.bends
    # Both trainings are in the history.
    assert model.n_iter_ == len(model.history_)
    assert [row["epoch"] for row in model.history_] == [*range(1, model.n_iter_ + 1)]
    assert is_open[0]
    assert not is_open.all()
    curve = model.explained_variance_curve_
    assert (curve.explained[is_open] > curve.pca_explained[is_open]).all()
    np.testing.assert_allclose(
        curve.explained[~is_open], curve.pca_explained[~is_open], rtol=1e-6
    )
    np.testing.assert_allclose(
        model.transform(X), PCA(7).fit_transform(X), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("guard", [True, False])
def test_all_components_reproduce_the_rows(guard):
    X = make_s_curve(600, random_state=0)[0]
    model = AutoencoderTransformer(3, ordered=True, guard=guard, random_state=0).fit(X)
    np.testing.assert_allclose(model.reconstruct(X), X, atol=1e-5)
    assert model.explained_variance_ratio_.shape == (3,)
    errors = errors_of_prefixes(model, X)
    assert (errors[:2] < 1.001 * pca_errors_of_prefixes(3, X, X)[:2]).all()


def test_without_a_guard_nothing_is_taken_back(noise):
    model = AutoencoderTransformer(
        4, ordered=True, guard=False, max_epochs=3, random_state=0
    ).fit(noise)
    assert model.net_.module_.codes_bend
    assert model.net_.module_.gates.all()


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9])
def test_a_share_of_variance_takes_the_fewest_columns_that_explain_it(digits, share):
    model = AutoencoderTransformer(share, max_epochs=10, random_state=0).fit(digits[0])
    reached = model.explained_variance_curve_.reached
    chosen = model.n_components_
    assert reached[chosen - 1] >= share
    assert chosen == 1 or reached[chosen - 2] < share
    assert chosen <= PCA(share).fit(digits[0]).n_components_
    assert model.explained_variance_ratio_.sum() == pytest.approx(reached[chosen - 1])
    assert model.transform(digits[1]).shape == (len(digits[1]), chosen)
    assert model.get_params()["n_components"] == share


def test_a_share_of_few_rows_says_nothing_of_columns(rng):
    X = rng.normal(size=(2, 4))
    model = AutoencoderTransformer(0.9, random_state=0).fit(X)
    assert model.n_components_ == 1


def test_auto_finds_the_factors(rng):
    factors = rng.normal(size=(600, 3))
    X = factors @ rng.normal(size=(3, 15)) + 0.2 * rng.normal(size=(600, 15))
    assert AutoencoderTransformer("auto", random_state=0).fit(X).n_components_ == 3


def test_auto_finds_the_space_that_rows_lie_in(rng):
    X = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 15))
    model = AutoencoderTransformer("auto", random_state=0).fit(X)
    assert model.n_components_ == 3
    assert model.score(X) == pytest.approx(1.0)


@pytest.mark.parametrize("n_rows", [3, 10, 30])
def test_auto_takes_fewer_columns_than_rows_can_differ_in(make_ae, rng, n_rows):
    # Of so few rows PCA reproduces each with as many components as they differ in.
    model = make_ae(n_components="auto").fit(rng.normal(size=(n_rows, 200)))
    assert model.n_components_ < n_rows - 1


def test_variances_are_those_of_x(noise):
    model = AutoencoderTransformer(4, ordered=True, random_state=0).fit(noise)
    pca = PCA(4).fit(noise)
    np.testing.assert_allclose(
        model.explained_variance_, pca.explained_variance_, rtol=0.6
    )
    np.testing.assert_allclose(
        model.explained_variance_ / model.explained_variance_ratio_,
        noise.var(axis=0, ddof=1).sum(),
        rtol=1e-5,
    )


def test_an_int_says_how_many_columns_are_trained(make_ae, digits):
    X = digits[0]
    models = [make_ae(n_components=j, ordered=6, guard=False).fit(X) for j in (2, 5)]
    assert [len(model.net_.module_.gates) for model in models] == [6, 6]
    codes = [model.transform(X) for model in models]
    # What is trained does not depend on how much of it is handed out.
    np.testing.assert_array_equal(codes[0], codes[1][:, :2])
    assert models[0].truncate(5).transform(X).shape == (len(X), 5)


def test_more_columns_than_are_trained_cannot_be_handed_out(make_ae, curved):
    with pytest.raises(ValueError, match="n_components=4 is more than the ordered=3"):
        make_ae(n_components=4, ordered=3).fit(curved)


@pytest.mark.parametrize("n_components", [None, 0, 1.0, -0.5, 1.5, "mle"])
def test_the_forms_of_n_components_are_listed(make_ae, curved, n_components):
    with pytest.raises(ValueError, match=r"an int.*a float.*'auto'"):
        make_ae(n_components=n_components).fit(curved)


@pytest.mark.parametrize(
    "network",
    [
        MLP((16,), tied=True),
        Conv((1, 8, 8)),
        Custom(lambda a, b: nn.Linear(a, b), lambda a, b: nn.Linear(a, b)),
    ],
    ids=["tied", "conv", "custom"],
)
def test_any_network_can_be_ordered(make_ae, digits, network):
    model = make_ae(n_components=4, ordered=True, network=network, guard=False)
    model.fit(digits[0])
    assert (np.diff(errors_of_prefixes(model, digits[1])) < 0).all()


@pytest.mark.parametrize(
    "params",
    [
        {"init": "random"},
        {"corruption": "gaussian"},
        {"penalty": "l1"},
        {"loss": "huber"},
        {"validation_fraction": None, "early_stopping": False, "guard": False},
        {"output_range": (-5.0, 5.0)},
    ],
    ids=lambda params: next(iter(params)),
)
def test_it_goes_with_other_parameters(make_ae, curved, params):
    model = make_ae(n_components=0.7, **params).fit(curved)
    curve = model.explained_variance_curve_
    assert curve.held_out == ("validation_fraction" not in params)
    assert np.isnan(curve.pca_explained).all() == ("init" in params)
    assert model.inverse_transform(model.transform(curved)).shape == curved.shape


def test_wide_tables(rng):
    t = rng.uniform(-1, 1, size=(150, 1))
    X = np.c_[t, 2 * t**2, 2 * t**3] @ rng.normal(size=(3, 240))
    X += 0.02 * rng.normal(size=X.shape)
    model = AutoencoderTransformer(2, ordered=True, random_state=0).fit(X[:110])
    errors = errors_of_prefixes(model, X[110:])
    assert (errors < 0.8 * pca_errors_of_prefixes(2, X[:110], X[110:])).all()
    assert model.net_.module_.branch_scales.shape == (2, 240)


def test_rows_with_gaps(make_ae, curved, rng):
    curved[rng.uniform(size=curved.shape) < 0.1] = np.nan
    model = make_ae(n_components="auto").fit(curved)
    assert np.isfinite(model.transform(curved)).all()
    assert np.isfinite(model.explained_variance_curve_.explained).all()


def test_partial_fit_and_warm_starts_keep_the_order(make_ae, curved):
    model = make_ae(n_components=3, ordered=True, warm_start=True)
    model.partial_fit(curved).partial_fit(curved)
    assert not model.explained_variance_curve_.held_out
    assert len(model.explained_variance_ratio_) == 3
    model.fit(curved)
    assert model.explained_variance_curve_.held_out
    model.set_params(n_components=2)
    with pytest.raises(ValueError, match="n_components was 3 and is now 2"):
        model.fit(curved)


@pytest.mark.parametrize("start", ["fit", "partial_fit"])
@pytest.mark.parametrize("n_components", [0.6, 0.9, "auto"])
def test_partial_fit_keeps_the_number_of_columns(
    make_ae, curved, rng, n_components, start
):
    model = getattr(make_ae(n_components=n_components), start)(curved)
    before = model.n_components_
    # Of these the first column explains next to all, or none more than another.
    line = np.repeat(10 * rng.normal(size=(100, 1)), 6, axis=1)
    line += 0.01 * rng.normal(size=(100, 6))
    for rows in (line, 10 * rng.normal(size=(100, 6)), curved):
        model.partial_fit(rows)
        assert model.n_components_ == before
        assert model.transform(rows).shape == (len(rows), before)
        assert model.explained_variance_ratio_.shape == (before,)
    assert model.fit(line).n_components_ == 1


def test_partial_fit_keeps_columns_with_which_pca_reproduces_the_rows(make_ae, noise):
    model = make_ae(n_components=0.99999).fit(noise)
    module = model.net_.module_
    assert model.n_components_ == noise.shape[1] > module.n_trained
    codes = model.transform(noise)
    model.partial_fit(noise)
    assert model.n_components_ == len(model.explained_variance_ratio_) == 12
    np.testing.assert_array_equal(model.transform(noise), codes)
    assert model.score(noise) == pytest.approx(1.0, abs=1e-6)


def test_what_the_guard_switched_off_is_trained_by_partial_fit(make_ae, noise, rng):
    model = make_ae(n_components=3, ordered=True).fit(noise)
    module = model.net_.module_
    assert not module.gates.any()
    t = rng.uniform(-1, 1, size=(300, 6))
    curved = np.c_[3 * t, 3 * t**2]
    before = module.gates.clone()
    model.partial_fit(curved)
    assert (module.gates > before).all()
    scores = [model.partial_fit(curved).score(curved) for _ in range(20)]
    assert scores[-1] > scores[0] + 0.01


@pytest.mark.parametrize(("before", "after"), [(0.8, 2), ("auto", 2), (2, 0.8)])
def test_another_size_is_what_is_told_of_when_it_is_set(make_ae, curved, before, after):
    model = make_ae(n_components=before, warm_start=True).fit(curved)
    model.set_params(n_components=after)
    for going_on in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=f"n_components was {before} and is now"):
            going_on(curved)


@pytest.mark.parametrize(("before", "after"), [(False, True), (True, False)])
def test_codes_are_not_ordered_by_going_on(make_ae, curved, before, after):
    model = make_ae(ordered=before, warm_start=True).fit(curved)
    codes = model.transform(curved)
    model.set_params(ordered=after)
    for going_on in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=f"ordered={after} cannot be set now"):
            going_on(curved)
    np.testing.assert_array_equal(model.transform(curved), codes)


def test_the_same_seed_gives_the_same_codes(make_ae, curved):
    model = make_ae(n_components=3, ordered=True)
    first, second = (clone(model).fit_transform(curved) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("ordered", [False, 4])
def test_auto_needs_no_pca(make_ae, curved, ordered):
    model = make_ae(n_components="auto", ordered=ordered, init="random").fit(curved)
    assert 1 <= model.n_components_ <= 6
    assert model.transform(curved).shape == (200, model.n_components_)
    assert np.isnan(model.explained_variance_curve_.pca_explained).all()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ordered": 4},
        {"init": "random"},
        {"corruption": "gaussian"},
        {"guard": False, "early_stopping": False, "validation_fraction": None},
    ],
)
@pytest.mark.parametrize("n_components", [0.5, 0.95, "auto"])
def test_rows_that_are_all_alike_take_one_column(make_ae, n_components, params):
    X = np.full((50, 5), 0.1)
    model = make_ae(n_components=n_components, **params).fit(X)
    assert model.n_components_ == 1
    np.testing.assert_array_equal(model.explained_variance_, 0.0)
    np.testing.assert_allclose(model.reconstruct(X), X)
