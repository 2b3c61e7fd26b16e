"""Sparse rows in every method of both estimators: as dense ones, a batch at a time."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from sklearn_ae import AutoencoderTransformer, summary
from sklearn_ae._rows.sparse import SparseRows
from sklearn_ae.corruptions import MaskingNoise, SwapNoise
from sklearn_ae.likelihoods import Mixed
from sklearn_ae.networks import MLP

CONTAINERS = [
    getattr(sparse, f"{layout}_{kind}")
    for layout in ("csr", "csc", "coo", "lil", "bsr")
    for kind in ("matrix", "array")
]


@pytest.fixture
def X(rng):
    """300 rows of 12 sparse counts on a curved surface; some rows are empty."""
    t = rng.uniform(size=(300, 2))
    rates = np.exp(np.sin(4 * t @ rng.normal(size=(2, 12))))
    X = rng.poisson(rates) * (rng.uniform(size=rates.shape) < 0.4)
    X[::50] = 0
    return X.astype(np.float64)


def outputs(model, X):
    """All that both estimators say of rows."""
    codes = model.transform(X)
    return [
        codes,
        model.inverse_transform(codes),
        model.reconstruct(X),
        model.score(X),
        model.score_samples(X),
        model.component_effects(X),
        model.sample(5, random_state=0),
    ]


def assert_same(model, other, X, X_sparse):
    np.testing.assert_allclose(model.mean_, other.mean_)
    for one, same in zip(outputs(model, X), outputs(other, X_sparse), strict=True):
        np.testing.assert_allclose(one, same, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("container", CONTAINERS)
def test_any_format_gives_what_dense_rows_give(make, X, container):
    dense = make(guard=False).fit(X)
    given = container(X)
    model = make(guard=False).fit(given)
    assert_same(dense, model, X, given)
    np.testing.assert_array_equal(given.toarray(), X)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
def test_any_dtype_does(make, X, dtype):
    X = X.astype(dtype)
    given = sparse.csr_array(X)
    assert_same(make().fit(X), make().fit(given), X, given)


def test_large_indices_zeros_that_are_stored_and_read_only_arrays(make, X):
    given = sparse.csr_array(X)
    given.data[::3] = 0.0
    X = given.toarray()
    given.indices, given.indptr = map(np.int64, (given.indices, given.indptr))
    for array in (given.data, given.indices, given.indptr):
        array.flags.writeable = False
    assert_same(make().fit(X), make().fit(given), X, given)


def test_values_in_two_parts_and_out_of_order(make, X):
    rows, columns = X.nonzero()
    values = X[rows, columns]
    order = np.random.default_rng(0).permutation(2 * len(values))
    parts = [np.tile(part, 2)[order] for part in (values / 2, rows, columns)]
    given = sparse.coo_array((parts[0], (parts[1], parts[2])), shape=X.shape)
    assert_same(make().fit(X), make().fit(given), X, given)
    # As a CSR matrix it may be neither sorted nor summed up.
    by_row = np.argsort(parts[1], kind="stable")
    counts = np.append(0, np.cumsum(np.bincount(parts[1], minlength=len(X))))
    given = sparse.csr_array((parts[0][by_row], parts[2][by_row], counts), X.shape)
    before = [given.data.copy(), given.indices.copy(), given.indptr.copy()]
    assert_same(make().fit(X), make().fit(given), X, given)
    for array, copied in zip(
        (given.data, given.indices, given.indptr), before, strict=True
    ):
        np.testing.assert_array_equal(array, copied)


OPTIONS = [
    {"init": "random"},
    {"validation_fraction": None, "early_stopping": False, "guard": False},
    {"corruption": MaskingNoise(0.3, fill="mean")},
    {"corruption": SwapNoise(0.2)},
    {"penalty": "l1"},
    {"n_components": 12},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_do_what_they_do_to_dense_rows(make, X, options):
    given = sparse.csr_array(X)
    assert_same(make(**options).fit(X), make(**options).fit(given), X, given)


@pytest.mark.slow
def test_a_budget_ends_training_as_with_dense_rows(make, X):
    given = sparse.csr_array(X)
    dense, model = (make(max_epochs="auto").fit(rows) for rows in (X, given))
    assert repr(dense.verdict_) == repr(model.verdict_)
    assert_same(dense, model, X, given)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "poisson"},
        {"loss": "huber", "whiten": True},
        {"output_range": (0, 9)},
        {"ordered": True, "n_components": 4},
        {"n_components": 0.8},
        {"n_components": "auto"},
    ],
    ids=str,
)
def test_options_of_the_autoencoder(make_ae, X, options):
    given = sparse.csr_array(X)
    dense, model = make_ae(**options).fit(X), make_ae(**options).fit(given)
    assert dense.n_components_ == model.n_components_
    assert_same(dense, model, X, given)


def test_the_range_of_bits_is_kept(make_ae, X):
    bits = (X > 0).astype(float)
    model = make_ae(guard=False).fit(sparse.csr_array(bits))
    found = model.inverse_transform(100 * model.transform(bits))
    np.testing.assert_allclose([found.min(), found.max()], [0, 1], atol=1e-6)


@pytest.mark.parametrize(
    "likelihood",
    [
        "poisson",
        "negative_binomial",
        "laplace",
        Mixed([("poisson", list(range(5)))]),
    ],
    ids=str,
)
@pytest.mark.parametrize("prior", ["normal", "vamp"])
def test_likelihoods_and_priors(make_vae, X, likelihood, prior):
    given = sparse.csr_array(X)
    params = {"likelihood": likelihood, "prior": prior}
    dense, model = make_vae(**params).fit(X), make_vae(**params).fit(given)
    assert_same(dense, model, X, given)
    for one, same in zip(dense.posterior(X), model.posterior(given), strict=True):
        np.testing.assert_allclose(one, same, atol=1e-5)
    np.testing.assert_allclose(
        dense.sample_posterior(X, 3, random_state=0),
        model.sample_posterior(given, 3, random_state=0),
        atol=1e-5,
    )


def test_values_outside_the_domain_are_named(make_ae, make_vae, X):
    X[200, 7] = -2.0
    for model in (make_ae(loss="poisson"), make_vae(likelihood="poisson")):
        with pytest.raises(ValueError, match="column 7 has -2"):
            model.fit(sparse.csr_array(X))


def test_too_large_values_are_refused(make, X):
    X[3, 3] = 1e39
    with pytest.raises(ValueError, match="too large for float32"):
        make().fit(sparse.csr_array(X))
    model = make().fit(sparse.csr_array(X[:3]))
    with pytest.raises(ValueError, match="too large for float32"):
        model.transform(sparse.csr_array(X))
    assert model.score_samples(sparse.csr_array(X))[3] == -np.inf


def test_training_goes_on_with_either_kind(make, X):
    given = sparse.csr_array(X)
    models = []
    for first, second in ((X, X), (given, given), (X, given)):
        model = make(warm_start=True).fit(first)
        model.fit(second)
        models.append(model.partial_fit(second[:100]))
    for other in models[1:]:
        assert_same(models[0], other, X, given)
    by_chunks = make().partial_fit(given)
    assert_same(make().partial_fit(X), by_chunks, X, given)


def test_copies_of_rows_stay_on_one_side(make_ae, rng):
    X = np.repeat(rng.normal(size=(40, 12)), 5, axis=0)
    X *= np.repeat(rng.uniform(size=(40, 12)) < 0.5, 5, axis=0)
    given = sparse.csr_array(X)
    assert_same(make_ae().fit(X), make_ae().fit(given), X, given)


def test_trainings_are_recalled(make_ae, X, tmp_path):
    given = sparse.csr_array(X)
    first = make_ae(memory=str(tmp_path)).fit(given)
    again = make_ae(memory=str(tmp_path)).fit(sparse.csc_array(given))
    assert_same(first, again, given, given)
    assert len(list(tmp_path.glob("**/output.pkl"))) == 1


def test_sparse_steps_may_come_before(make, X):
    pipeline = make_pipeline(MaxAbsScaler(), make())
    codes = pipeline.fit_transform(sparse.csr_array(X))
    expected = make_pipeline(MaxAbsScaler(), make()).fit_transform(X)
    np.testing.assert_allclose(codes, expected, atol=1e-5)


def test_nothing_is_imputed(make, X):
    given = sparse.csr_array(X)
    with pytest.raises(TypeError, match="X is sparse, and sparse rows miss no values"):
        make().fit(given).impute(given)


def test_missing_values_are_refused_later(make, X):
    model = make().fit(X)
    X[0, 0] = np.nan
    for method in ("transform", "score", "partial_fit", "fit"):
        with pytest.raises(ValueError, match="X is sparse and has NaN in column 0"):
            getattr(model, method)(sparse.csr_array(X))


def test_a_summary_is_that_of_dense_rows(make, X):
    given = sparse.csr_array(X)
    assert str(summary(make().fit(X), X)) == str(summary(make().fit(given), given))


SHAPES = [(2000, 1500), (900, 3600)]


@pytest.fixture
def largest(monkeypatch):
    """The numbers of every block that has become dense."""
    sizes = []
    to_dense = SparseRows.__array__

    def noting(self, *args, **kwargs):
        sizes.append(self.size)
        return to_dense(self, *args, **kwargs)

    monkeypatch.setattr(SparseRows, "__array__", noting)
    return sizes


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_large_table_is_never_dense(make, shape, largest):
    X = sparse.random(*shape, density=0.005, format="csr", random_state=0)
    model = make(max_epochs=1, network=MLP((4,))).fit(X)
    model.transform(X)
    model.score(X[:50])
    assert largest
    assert max(largest) <= 2**21
    assert max(largest) < np.prod(shape)


def test_what_the_tests_of_pca_look_at_is_bounded(largest, monkeypatch):
    monkeypatch.setattr("sklearn_ae._fitting.verdict.MOST_NUMBERS", 2**17)
    X = sparse.random(600, 500, density=0.01, format="csr", random_state=0)
    model = AutoencoderTransformer(2, network=MLP((4,)), random_state=0).fit(X)
    assert model.verdict_.n_rows == 2**17 // 500
    assert 2**17 // 500 * 500 in largest
