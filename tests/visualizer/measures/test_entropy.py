"""Entropy against scipy's, and its bounds."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from visualizer.measures.entropy import entropy, relative_entropy


def rows(seed=0, concentration=0.3, shape=(3, 4, 7), keys=9):
    return np.random.default_rng(seed).dirichlet(np.full(keys, concentration), size=shape)


@pytest.mark.parametrize("base", [2, np.e, 10])
@pytest.mark.parametrize(("dtype", "error"), [(np.float64, 1e-12), (np.float32, 2e-6), (np.float16, 2e-3)])
def test_entropy_equals_scipy(base, dtype, error):
    weights = rows()
    actual = entropy(weights.astype(dtype), base=base)
    assert actual.shape == (3, 4, 7)
    np.testing.assert_allclose(actual, scipy.stats.entropy(weights, base=base, axis=-1), atol=error)


def test_half_precision_is_computed_in_single_precision():
    weights = rows(shape=(20,), keys=197, concentration=1.0).astype(np.float16)
    expected = scipy.stats.entropy(weights.astype(np.float64), base=2, axis=-1)
    np.testing.assert_allclose(entropy(weights), expected, atol=1e-5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_sharp_rows_have_zero_bits_and_no_negative_zero(dtype):
    bits = entropy(np.eye(5, dtype=dtype))
    assert bits.tolist() == [0.0] * 5
    assert not np.signbit(bits).any()
    assert not np.signbit(entropy(np.array([[np.nextafter(dtype(1), dtype(0)), 0]], dtype=dtype))).any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("keys", [1, 2, 3, 50, 197, 785])
def test_equal_rows_reach_the_bound_and_never_pass_it(dtype, keys):
    weights = np.full((2, keys), 1 / keys, dtype=dtype)
    bits = entropy(weights)
    np.testing.assert_allclose(bits, np.log2(keys), atol=1e-5)
    assert (bits <= np.log2(keys) + 1e-12).all()
    np.testing.assert_allclose(relative_entropy(weights), 0 if keys == 1 else 1, atol=1e-5)
    assert (relative_entropy(weights) <= 1).all()


def test_bounds_on_many_random_rows():
    for concentration in (0.01, 0.1, 1, 100):
        weights = rows(1, concentration, (200,), 17).astype(np.float32)
        bits = entropy(weights)
        assert (bits >= 0).all()
        assert (bits <= np.log2(17)).all()


@pytest.mark.filterwarnings("error")
def test_absent_keys_do_not_count_and_undefined_rows_stay_undefined():
    weights = np.array([[0.5, 0.5, np.nan, np.nan], [np.nan] * 4, [np.nan, 1.0, np.nan, np.nan], [0.25] * 4])
    np.testing.assert_array_equal(entropy(weights), [1, np.nan, 0, 2])
    np.testing.assert_array_equal(relative_entropy(weights), [1, np.nan, 0, 1])


def test_a_row_of_zeros_has_no_spread():
    assert entropy(np.zeros((1, 4))).tolist() == [0.0]


def test_entropy_of_the_head_mean_is_not_the_mean_entropy():
    heads = np.stack([np.eye(4), np.roll(np.eye(4), 1, axis=1)])
    assert entropy(heads).mean() == 0
    np.testing.assert_allclose(entropy(heads.mean(axis=0)), 1)


def test_relative_entropy_is_the_share_of_the_largest():
    weights = rows()
    np.testing.assert_allclose(relative_entropy(weights), scipy.stats.entropy(weights, base=9, axis=-1), atol=1e-12)


def test_bad_input_is_refused():
    for base in (1, 0.5, 0, -2, np.inf, np.nan):
        with pytest.raises(ValueError, match="base: want"):
            entropy(np.eye(2), base=base)
    with pytest.raises(ValueError, match=r"weights: want finite numbers from 0 up, got -0\.5"):
        entropy([[-0.5, 1.5]])
    with pytest.raises(ValueError, match="weights: want finite"):
        relative_entropy([[np.inf, 0.0]])
    with pytest.raises(ValueError, match="at least one key"):
        entropy(np.zeros((3, 0)))
