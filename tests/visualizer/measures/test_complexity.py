"""Gini index and effective share against their definitions, written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from visualizer.measures.complexity import effective_share, gini
from vit_attention.gate import GateError


def test_gini_is_half_the_mean_difference_of_two_cells_over_their_mean(rng: np.random.Generator) -> None:
    for size in (1, 2, 7, 196):
        values = rng.exponential(size=size) ** 3
        apart = np.abs(values[:, None] - values[None]).mean()  # with replacement, as the index has it
        assert gini(values) == pytest.approx(apart / (2 * values.mean()))


def test_effective_share_by_scipy_s_entropy(rng: np.random.Generator) -> None:
    values = rng.dirichlet(np.ones(12)).reshape(3, 4)
    assert effective_share(values) == pytest.approx(np.exp(stats.entropy(values.ravel())) / 12)


def test_what_concentrates_a_map_moves_both_and_what_shuffles_or_scales_it_moves_neither(
    rng: np.random.Generator,
) -> None:
    values = rng.random((6, 6))
    shuffled = 30 * rng.permutation(values.ravel()).reshape(4, 9)
    assert gini(shuffled) == pytest.approx(gini(values))
    assert effective_share(-shuffled) == pytest.approx(effective_share(values))
    assert gini(values**4) > gini(values) + 0.1
    assert effective_share(values**4) < effective_share(values) - 0.1


def test_extremes_and_what_is_not_defined() -> None:
    one = np.zeros((5, 5))
    one[2, 3] = 7
    assert (gini(one), effective_share(one)) == (pytest.approx(24 / 25), pytest.approx(1 / 25))
    assert (gini(one + 7 - one * 1), effective_share(np.ones(9))) == (pytest.approx(0), pytest.approx(1))
    one[0] = np.nan
    assert (gini(one), effective_share(one)) == (pytest.approx(19 / 20), pytest.approx(1 / 20))
    assert np.isnan([gini(np.zeros(4)), effective_share(np.zeros(4)), gini([np.nan])]).all()
    with pytest.raises(GateError, match="got infinity"):
        gini([1.0, np.inf])
