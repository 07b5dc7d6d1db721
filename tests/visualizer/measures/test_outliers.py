"""Outliers on constructed values, and the fit against a direct maximisation of the likelihood."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, stats

from visualizer.measures.outliers import outliers

CLEAN: dict[str, Callable[[np.random.Generator, int], NDArray[np.float64]]] = {
    "normal": lambda rng, n: 40 + 4 * rng.standard_normal(n),
    "log-normal": lambda rng, n: np.exp(0.5 * rng.standard_normal(n)),
    "uniform": lambda rng, n: rng.uniform(10, 50, n),
    "exponential": lambda rng, n: rng.exponential(1, n),
    "Student, 3 degrees of freedom": lambda rng, n: np.abs(40 + 4 * rng.standard_t(3, n)),
    "power law": lambda rng, n: 1 + rng.pareto(1, n),
    "Cauchy": lambda rng, n: np.abs(rng.standard_cauchy(n)),
    "Laplace of logarithms": lambda rng, n: np.exp(rng.laplace(0, 0.1, n)),
    "all equal": lambda rng, n: np.full(n, 7.0),
    "rounded": lambda rng, n: np.round(40 + 4 * rng.standard_normal(n)),
    "gradient across the picture": lambda rng, n: np.linspace(20, 60, n) + rng.standard_normal(n),
    "two halves": lambda rng, n: np.where(np.arange(n) < 0.4 * n, 30, 10) * np.exp(0.05 * rng.standard_normal(n)),
    "a few short ones": lambda rng, n: np.where(np.arange(n) < 0.05 * n, 4, 40) * np.exp(0.05 * rng.standard_normal(n)),
}


@pytest.mark.parametrize("tokens", [196, 256, 1369])
@pytest.mark.parametrize("name", CLEAN)
def test_one_group_is_clean(name: str, tokens: int) -> None:
    for seed in range(8):
        found = outliers(CLEAN[name](np.random.default_rng(seed), tokens))
        assert found.clean, seed
        assert (found.times, found.separation) == (1, 0)


@pytest.mark.parametrize("times", [2, 5, 10])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.1])
def test_a_few_far_above_are_found_exactly(share: float, times: int) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        values, planted = 40 * np.exp(0.05 * rng.standard_normal(257)), np.zeros(257, dtype=bool)
        planted[rng.choice(np.arange(1, 257), round(share * 256), replace=False)] = True
        values[planted] *= times
        values[0] = 1e6  # the class token is special, no outlier
        found = outliers(values, prefix=1)
        np.testing.assert_array_equal(found.tokens, planted)
        assert found.times == pytest.approx(times, rel=0.1)


def test_one_of_many_is_enough() -> None:
    values = np.r_[np.full(99, 10.0), 20]
    assert outliers(values).tokens.nonzero()[0].tolist() == [99]


@pytest.mark.parametrize("values", [[1.0], [1.0, 99], [1.0, 1, 1, 1, 1, 1, 99], np.zeros(100), [0.0] * 50 + [1.0] * 5])
def test_few_values_tell_nothing(values: list[float]) -> None:
    assert outliers(values).clean


def test_values_of_zero_are_low() -> None:
    values = np.r_[np.zeros(20), 10 * np.exp(0.05 * np.random.default_rng(0).standard_normal(100)), 80, 90]
    assert outliers(values).tokens.nonzero()[0].tolist() == [120, 121]


@pytest.mark.parametrize(("count", "times"), [(3, 6.0), (12, 2.0), (20, 1.6)])
def test_the_fit_is_the_likeliest(count: int, times: float) -> None:
    """BIC of scipy's direct maximisation over all four parameters from many starts, against one normal distribution."""
    rng = np.random.default_rng(count)
    values = 40 * np.exp(0.08 * rng.standard_normal(200))
    values[:count] *= times
    logs = np.log(values)

    def cost(p: NDArray[np.float64]) -> float:
        share, spread = 1 / (1 + np.exp(-p[3])), np.exp(p[2])
        both = (1 - share) * stats.norm.pdf(logs, p[0], spread) + share * stats.norm.pdf(logs, p[1], spread)
        return -float(np.log(both + 1e-300).sum())

    start = [
        [logs.min() + 0.1, at, np.log(0.1), odds]
        for at in np.linspace(*np.quantile(logs, [0.3, 1]), 6)
        for odds in (-3, 0)
    ]
    best = min(
        optimize.minimize(cost, one, method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-9}).fun
        for one in start
    )
    one = -stats.norm.logpdf(logs, logs.mean(), logs.std()).sum()
    assert outliers(values).evidence == pytest.approx(2 * (one - best) - 2 * np.log(200), abs=1e-2)


@pytest.mark.parametrize(
    "values", [[], 3.0, None, ["a"], [[1.0], []], [[1.0, 2.0]], [1.0, np.nan], [1.0, np.inf], [1.0, -1.0]]
)
def test_bad_values_are_refused(values: object) -> None:
    with pytest.raises(
        ValueError, match=r"values: want (.*finite numbers from 0 up|numbers, got|\(tokens,\), got rows)"
    ):
        outliers(values)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="more than prefix=3"):
        outliers([1.0, 2.0, 3.0], prefix=3)
    for prefix in (-1, 0.5, None):
        with pytest.raises(ValueError, match="prefix: want at least 0, got"):
            outliers([1.0, 2.0, 3.0], prefix)  # type: ignore[arg-type]
