"""What must hold of attention holds of random attention, and each way of breaking it is reported."""

from __future__ import annotations

import numpy as np
import pytest

from visualizer.measures.invariants import check

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("concentration", [0.02, 0.3, 1, 50])
@pytest.mark.parametrize("keys", [1, 2, 50, 197])
def test_random_distributions_pass(dtype, concentration, keys):
    weights = RNG.dirichlet(np.full(keys, concentration), size=(3, 20)).astype(dtype)
    report = check(weights)
    assert report.hold, report.problems
    assert report.rows == 60
    np.testing.assert_allclose(report.row_error, np.abs(weights.astype(np.float64).sum(axis=-1) - 1).max(), atol=1e-12)
    assert report.smallest == weights.min()
    assert report.largest == weights.max()


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ([0.5, 0.4, 0.0], "A row's sum is 0.1 away from 1."),
        ([1.2, -0.2, 0.0], "The smallest weight is -0.2, below 0."),
        ([1.2, -0.2, 0.0], "The largest weight is 1.2, above 1."),
        ([1.2, -0.2, 0.0], "An entropy lies outside its bounds."),
        ([0.5, 0.5, np.nan], "Some weights are infinite or not a number."),
        ([np.inf, -np.inf, 1.0], "Some weights are infinite or not a number."),
        ([np.inf, -np.inf, 1.0], "A row's sum is inf away from 1."),
    ],
)
@pytest.mark.filterwarnings("error")
def test_each_violation_is_reported(row, problem):
    report = check([[1.0, 0.0, 0.0], row])
    assert not report.hold
    assert problem in report.problems


@pytest.mark.filterwarnings("error")
def test_windows_may_leave_keys_undefined():
    weights = np.array([[0.5, 0.5, np.nan], [np.nan, np.nan, np.nan], [0.0, 0.0, 1.0]])
    report = check(weights, allow_undefined=True)
    assert report.hold, report.problems
    assert report.rows == 2
    assert not check(weights).hold
    assert check(np.full((1, 2), np.nan), allow_undefined=True).problems == ("There is no row to check.",)


def test_the_tolerance_decides():
    weights = np.array([[0.5, 0.5005]])
    assert not check(weights).hold
    assert check(weights.astype(np.float16)).hold
    assert check(weights, tolerance=1e-3).hold
    assert check(weights, tolerance=1e-3).tolerance == 1e-3


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="weights: want"):
        check([0.5, 0.5])
    with pytest.raises(ValueError, match="tolerance: want 0 or more"):
        check(np.eye(2), tolerance=-1)
