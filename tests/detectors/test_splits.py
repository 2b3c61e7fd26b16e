"""Which rows calibrate."""

import numpy as np
import pytest

from sklearn_ae._detectors.splits import HeldOut, calibration_share, places


def seeded_places(rows, weights=None, groups=None, share=0.2):
    stream = np.random.RandomState(3)
    return places(rows.astype(np.float32), weights, groups, share, stream)


def test_places_follow_from_values_alone(rng):
    rows = rng.normal(size=(40, 3))
    order = rng.permutation(40)
    np.testing.assert_array_equal(
        seeded_places(rows[order]), seeded_places(rows)[order]
    )
    assert sorted(seeded_places(rows)) == pytest.approx(np.arange(40) / 40)


def test_weights_are_copies_and_copies_are_together(rng):
    rows, weights = rng.normal(size=(40, 3)), rng.randint(1, 5, size=40)
    weighted = seeded_places(rows, weights.astype(float))
    repeated = seeded_places(np.repeat(rows, weights, axis=0))
    np.testing.assert_allclose(np.repeat(weighted, weights), repeated)


def test_rows_that_are_equal_by_chance_are_apart(rng):
    bits = rng.randint(2, size=(200, 3))
    assert len(np.unique(seeded_places(bits))) == 200


def test_groups_are_together_and_a_heavy_one_is_last(rng):
    groups = np.repeat(np.arange(8), [100, *[10] * 7])
    place = seeded_places(rng.normal(size=(170, 2)), groups=groups)
    assert all(len(set(place[groups == group])) == 1 for group in range(8))
    assert place[groups == 0][0] == place.max()


@pytest.mark.parametrize(
    ("rate", "n_rows", "expected"),
    [
        (0.05, 450, 90),
        (0.01, 300, 99),
        (0.05, 3, 1),
        (0.05, 20, 10),
        (0.05, 9000, 1000),
    ],
)
def test_a_fifth_calibrates_unless_more_are_needed_or_fewer_tell(
    rate, n_rows, expected
):
    assert calibration_share("auto", rate, n_rows) * n_rows == pytest.approx(expected)
    assert calibration_share(0.3, rate, n_rows) == 0.3


def test_rows_held_out_are_known_again(rng):
    rows = rng.normal(size=(30, 3)).astype(np.float32)
    models = rng.randint(5, size=30)
    held_out = HeldOut(rows, models)
    np.testing.assert_array_equal(held_out.by(rows), models)
    assert (held_out.by(rows + 1) == -1).all()
