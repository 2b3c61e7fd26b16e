import copy

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn import config_context

from sklearn_ae import AutoencoderTransformer, VAETransformer
from sklearn_ae.networks import MLP

AE, VAE = AutoencoderTransformer, VAETransformer
OF_ROWS = ["transform", "reconstruct", "reconstruct_by_pca", "score_samples", "impute"]
OF_EITHER = [(cls, name) for cls in (AE, VAE) for name in OF_ROWS]
OF_EITHER += [(AE, "denoise"), (VAE, "posterior")]
# Products of other numbers of rows are rounded otherwise.
ALIKE = {"rtol": 1e-4, "atol": 1e-5}


def fit(cls, X):
    params = {"network": MLP((8,)), "max_epochs": 2, "random_state": 0}
    return cls(2, guard=False, device="cpu", **params).fit(X)


@pytest.fixture(scope="module")
def fitted():
    """Return an estimator that is fitted once to each kind of rows."""
    kept = {}

    def of(cls, X):
        key = cls, type(X)
        if key not in kept:
            kept[key] = fit(cls, X)
        return kept[key]

    return of


def results(estimator, name, *tables):
    """Return what a method gives for tables, each as a tuple."""
    results = [getattr(estimator, name)(X) for X in tables]
    return results if name == "posterior" else [(result,) for result in results]


@pytest.mark.parametrize(("cls", "name"), OF_EITHER)
def test_blocks_of_arrays_give_what_all_rows_give(fitted, curved, blocks, cls, name):
    expected, lazy = results(fitted(cls, curved), name, curved, blocks)
    for values, promised in zip(expected, lazy, strict=True):
        assert type(promised) is type(blocks)
        # Known before anything is computed.
        assert (promised.shape, promised.dtype) == (values.shape, values.dtype)
        assert promised.chunks[0] == blocks.chunks[0]
        assert type(promised._meta) is np.ndarray
        computed = promised.compute(scheduler="sync")
        assert (computed.shape, computed.dtype) == (values.shape, values.dtype)
        np.testing.assert_allclose(computed, values, **ALIKE)


@pytest.mark.parametrize(("cls", "name"), OF_EITHER)
def test_partitions_of_frames_give_arrays(fitted, frame, partitions, cls, name):
    expected, lazy = results(fitted(cls, frame), name, frame, partitions)
    for values, promised in zip(expected, lazy, strict=True):
        assert promised.dtype == values.dtype
        assert promised.shape[1:] == values.shape[1:]
        # How many rows they have is known only when they are computed.
        assert np.isnan(promised.chunks[0]).all()
        assert promised.numblocks[0] == partitions.npartitions
        computed = promised.compute(scheduler="sync")
        np.testing.assert_allclose(computed, values, **ALIKE)


def test_a_way_back_is_lazy_too(fitted, curved, blocks):
    estimator = fitted(AE, curved)
    restored = estimator.inverse_transform(estimator.transform(blocks))
    assert (restored.shape, restored.dtype) == (curved.shape, curved.dtype)
    computed = restored.compute(scheduler="sync")
    np.testing.assert_allclose(computed, estimator.reconstruct(curved), **ALIKE)


@pytest.mark.parametrize("cls", [AE, VAE])
def test_scores_of_blocks_and_of_partitions(fitted, da, frame, partitions, cls):
    estimator = fitted(cls, frame)
    scores = estimator.score(partitions), estimator.score(frame)
    np.testing.assert_allclose(*scores, rtol=1e-5)
    weights = np.arange(len(frame))
    lazy = da.from_array(weights, chunks=50)
    scores = (
        estimator.score(partitions, None, lazy),
        estimator.score(frame, None, weights),
    )
    np.testing.assert_allclose(*scores, rtol=1e-5)


def test_nothing_is_computed_before_it_is_asked_for(fitted, da, curved):
    def computed():
        raise AssertionError("a block was computed")

    X = da.map_blocks(
        computed, chunks=((5, 5), (6,)), dtype=float, meta=np.empty((0, 0))
    )
    estimator = fitted(VAE, curved)
    estimator.inverse_transform(estimator.transform(X))
    estimator.score_samples(X)
    estimator.posterior(X)


def test_the_estimator_is_one_key_of_the_graph(fitted, curved, blocks):
    graph = dict(fitted(AE, curved).transform(blocks).__dask_graph__())
    alone = [key for key in graph if not isinstance(key, tuple)]
    assert [key.split("-")[0] for key in alone] == ["AutoencoderTransformer"]


def test_later_training_does_not_change_what_was_promised(curved, blocks):
    estimator = fit(AE, curved)
    before = copy.deepcopy(estimator).transform(curved)
    promised = estimator.transform(blocks)
    estimator.partial_fit(curved)
    assert not np.allclose(estimator.transform(curved), before, **ALIKE)
    np.testing.assert_allclose(promised.compute(scheduler="sync"), before, **ALIKE)


def test_sparse_blocks_and_empty_partitions(fitted, curved, blocks, frame, partitions):
    sparse = blocks.rechunk({1: -1}).map_blocks(csr_array, meta=csr_array((0, 0)))
    estimator = fitted(AE, curved)
    codes = estimator.transform(sparse)
    assert type(codes._meta) is np.ndarray
    codes = codes.compute(scheduler="sync")
    np.testing.assert_allclose(codes, estimator.transform(curved), **ALIKE)
    first = partitions.map_partitions(lambda part: part[part.index < 3])
    codes = fitted(AE, frame).transform(first)
    assert codes.compute(scheduler="sync").shape == (3, 2)


def test_missing_values_of_whole_numbers(dd, frame):
    frame = frame.assign(a=frame["a"].round().astype("Int64"))
    frame.loc[3, "a"] = None
    estimator = fit(AE, frame)
    filled = estimator.impute(dd.from_pandas(frame, npartitions=2))
    assert filled.dtype == np.float64
    filled = filled.compute(scheduler="sync")
    np.testing.assert_allclose(filled, estimator.impute(frame), **ALIKE)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda X: X[:, :3], "X has 3 features, but AutoencoderTransformer"),
        (lambda X: X[:, 0], "whose ndim is 1, but transform of AutoencoderTransformer"),
        (lambda X: X[:, X[0] > 0], "an unknown number of columns"),
    ],
)
def test_columns_are_checked_without_computing(fitted, curved, blocks, spoil, words):
    with pytest.raises(ValueError, match=words):
        fitted(AE, curved).transform(spoil(blocks))


def test_names_and_codes_are_checked_without_computing(fitted, frame, partitions):
    estimator = fitted(AE, frame)
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.transform(partitions[list("fedcba")])
    with pytest.raises(ValueError, match="expects codes of 2 columns"):
        estimator.inverse_transform(partitions.to_dask_array())


def test_what_blocks_cannot_give_is_refused(fitted, curved, blocks):
    estimator, vae = fitted(AE, curved), fitted(VAE, curved)
    for call in (
        estimator.component_effects,
        vae.sample_posterior,
        lambda X: vae.impute(X, n_draws=2),
    ):
        with pytest.raises(TypeError, match="cannot be done a block at a time"):
            call(blocks)
    with pytest.raises(TypeError, match="needs a dask array or DataFrame"):
        estimator.transform(blocks.to_delayed()[0, 0])


def test_frames_of_codes_are_refused(fitted, curved, blocks):
    with (
        config_context(transform_output="pandas"),
        pytest.raises(ValueError, match="not the frames that"),
    ):
        fitted(AE, curved).transform(blocks)


@pytest.mark.slow
def test_partitions_on_a_cluster(on_cluster, fitted, frame, partitions):
    estimator = fitted(VAE, frame)
    codes = estimator.transform(partitions).compute()
    np.testing.assert_allclose(codes, estimator.transform(frame), **ALIKE)
