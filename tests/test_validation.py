"""What methods are given: dtypes, layouts, shapes, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae._validation import check_count


def outputs(model, X):
    codes = model.transform(X)
    return codes, model.inverse_transform(codes)


INTEGERS = {
    "int64": lambda rng: rng.randint(0, 10, size=(60, 5)),
    "int8": lambda rng: rng.randint(-128, 128, size=(60, 5)).astype(np.int8),
    "uint8": lambda rng: rng.randint(0, 256, size=(60, 16)).astype(np.uint8),
    "uint64": lambda rng: rng.randint(0, 99, size=(60, 5)).astype(np.uint64),
    "bool": lambda rng: rng.uniform(size=(60, 5)) < 0.4,
}


@pytest.mark.parametrize("dtype", INTEGERS)
def test_whole_numbers_are_their_float32_copies(make, rng, dtype):
    X = INTEGERS[dtype](rng)
    given = X.copy()
    as_given = outputs(make().fit(X), X)
    as_float = outputs(make().fit(X.astype(np.float32)), X.astype(np.float32))
    for one, other in zip(as_given, as_float, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
        assert one.dtype.kind == "f"
    np.testing.assert_array_equal(X, given)


def test_large_integers_keep_their_digits(make, rng):
    """2**24 is where float32 begins to skip integers."""
    X = 2**40 + rng.randint(0, 1000, size=(60, 2))
    model = make(n_components=2).fit(X)
    _, X_back = outputs(model, X)
    # A VAE shrinks codes a little.
    assert np.abs(X_back - X).max() < 5


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.longdouble])
def test_other_precisions(make, curved, dtype):
    X = curved.astype(dtype)
    codes, X_back = outputs(make().fit(X), X)
    # The same numbers in float32.
    reference, _ = outputs(make().fit(X.astype(np.float32)), X.astype(np.float32))
    np.testing.assert_allclose(codes, reference, atol=1e-5)
    assert codes.dtype == np.float32
    assert X_back.dtype == (np.float32 if dtype == np.float16 else np.float64)


def test_a_fitted_model_takes_either_precision(make, curved):
    model = make().fit(curved)
    np.testing.assert_allclose(
        model.transform(curved), model.transform(curved.astype(np.float32)), atol=1e-6
    )


def test_out_of_a_scaler(make, curved):
    pipeline = make_pipeline(StandardScaler(), make()).fit(curved)
    direct = make().fit(StandardScaler().fit_transform(curved))
    np.testing.assert_array_equal(
        pipeline.transform(curved),
        direct.transform(StandardScaler().fit_transform(curved)),
    )


def read_only(X, tmp_path):
    X = X.copy()
    X.setflags(write=False)
    return X


def memory_map(X, tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


def fortran(X, tmp_path):
    return np.asfortranarray(X)


def strided(X, tmp_path):
    wide = np.zeros((2 * X.shape[0], 2 * X.shape[1]), dtype=X.dtype)
    wide[::2, ::2] = X
    return wide[::2, ::2]


def reversed_rows(X, tmp_path):
    return X[::-1].copy()[::-1]


def big_endian(X, tmp_path):
    return X.astype(X.dtype.newbyteorder(">"))


def as_lists(X, tmp_path):
    return X.tolist()


@pytest.mark.parametrize(
    "layout",
    [read_only, memory_map, fortran, strided, reversed_rows, big_endian, as_lists],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_layout_does_not_matter(make, curved, tmp_path, layout, dtype):
    X = curved.astype(dtype)
    given = layout(X, tmp_path)
    model = make(corruption="gaussian").fit(given)
    reference = make(corruption="gaussian").fit(X)
    # PCA's arithmetic depends on the order in memory by rounding only.
    np.testing.assert_allclose(
        model.transform(given), reference.transform(X), atol=1e-4
    )
    np.testing.assert_array_equal(np.asarray(given), X)


def test_read_only_codes(make, curved):
    model = make().fit(curved)
    codes = model.transform(curved)
    expected = model.inverse_transform(codes)
    codes.setflags(write=False)
    np.testing.assert_array_equal(model.inverse_transform(codes), expected)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("method", ["fit", "partial_fit", "fit_transform"])
def test_infinity_in_training(make, curved, value, method):
    curved[3, 2] = value
    curved[4, 2] = np.nan
    model = make()
    with pytest.raises(ValueError, match="Input X contains infinity"):
        getattr(model, method)(curved)
    with pytest.raises(NotFittedError):
        model.transform(curved)


@pytest.mark.parametrize("method", ["transform", "score", "score_samples", "impute"])
def test_infinity_later(make, curved, method):
    model = make().fit(curved)
    curved[3, 2] = np.inf
    with pytest.raises(ValueError, match="Input X contains infinity"):
        getattr(model, method)(curved)


def test_a_column_without_values(make, curved):
    curved[:, 4] = np.nan
    model = make()
    message = f"X has no value in column 4, .*{type(model).__name__}"
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(curved)
    with pytest.raises(NotFittedError):
        model.transform(curved)


def test_not_finite_codes(make, curved):
    model = make().fit(curved)
    codes = model.transform(curved).astype(np.float64)
    name = type(model).__name__
    for value, word in ((np.nan, "NaN"), (np.inf, "infinity")):
        codes[0, 0] = value
        with pytest.raises(ValueError, match=f"(?s)Input X contains {word}.*") as error:
            model.inverse_transform(codes)
        assert word == "infinity" or name in str(error.value)


SPARSE = [
    sparse.csr_matrix,
    sparse.csr_array,
    sparse.csc_matrix,
    sparse.csc_array,
    sparse.coo_matrix,
    sparse.coo_array,
]


@pytest.mark.parametrize("container", SPARSE)
def test_sparse_is_refused_at_once(make, container):
    X = sparse.random(300, 2000, density=0.01, random_state=0)
    with pytest.raises(TypeError, match=r"dense data is required.*toarray"):
        make().fit(container(X))
    assert not make().__sklearn_tags__().input_tags.sparse


def test_sparse_is_refused_later(make, curved):
    model = make().fit(curved)
    with pytest.raises(TypeError, match="dense data is required"):
        model.transform(sparse.csr_array(curved))
    with pytest.raises(TypeError, match="dense data is required"):
        model.inverse_transform(sparse.csr_array(model.transform(curved)))


def test_widths(make, rng):
    model = make(n_components=3).fit(rng.normal(size=(100, 10)))
    for method, n_given in (("transform", 9), ("partial_fit", 11), ("score", 1)):
        message = f"X has {n_given} features, but .* expecting 10 features"
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(rng.normal(size=(5, n_given)))
    for n_given in (4, 10):
        with pytest.raises(
            ValueError, match=f"X has {n_given} columns, .* codes of 3 columns"
        ):
            model.inverse_transform(rng.normal(size=(5, n_given)))
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        model.inverse_transform(np.zeros(3))
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        model.transform(np.zeros(10))


@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform"])
def test_images_have_to_be_flattened(make, rng, method):
    model = make(n_components=4)
    if method == "transform":
        model.fit(rng.uniform(size=(64, 64)))
    with pytest.raises(
        ValueError,
        match=r"X has 4 dimensions, but .* needs 2; .*reshape.*Conv\(image_shape=",
    ):
        getattr(model, method)(rng.uniform(size=(64, 1, 8, 8)))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_one_row_is_too_few(make, method):
    with pytest.raises(ValueError, match=r"1 sample.*minimum of 2 is required"):
        getattr(make(), method)(np.zeros((1, 3)))


def test_one_row_is_enough_later(make, curved):
    model = make().fit(curved)
    assert model.transform(curved[:1]).shape == (1, 2)
    assert model.partial_fit(curved[:1])


def test_no_rows_and_no_columns(make, curved):
    with pytest.raises(ValueError, match="0 feature"):
        make().fit(np.zeros((5, 0)))
    with pytest.raises(ValueError, match="0 sample"):
        make().fit(curved).transform(curved[:0])


@pytest.mark.parametrize("X", [np.full((9, 3), "a"), np.full((9, 3), 1j)])
def test_not_numbers(make, X):
    with pytest.raises(ValueError, match=r"bytes/strings|Complex data"):
        make().fit(X)


def test_text_columns_of_a_frame(make, curved):
    frame = pd.DataFrame(curved)
    frame[0] = "a"
    frame.columns = [f"c{i}" for i in range(6)]
    with pytest.raises(ValueError, match="could not convert string"):
        make().fit(frame)


@pytest.mark.parametrize("value", [0, -1, 2.0, "3", None, np.nan])
def test_check_count(value):
    message = r"'n' parameter of draw must be an int in the range \[1, inf\). Got "
    with pytest.raises(ValueError, match=message):
        check_count(value, "n", "draw")


def test_check_count_takes_numpy_integers():
    check_count(np.int64(1), "n", "draw")
