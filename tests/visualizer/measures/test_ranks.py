"""Rank correlation against scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from visualizer.measures.ranks import rank_correlation, ranks, spearmanr


@pytest.mark.parametrize("levels", [3, 1000])
def test_ranks_and_correlation_equal_scipys_with_and_without_ties(levels: int) -> None:
    rng = np.random.default_rng(levels)
    first, second = rng.integers(0, levels, (2, 60))
    np.testing.assert_allclose(ranks(first), stats.rankdata(first))
    assert rank_correlation(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    assert spearmanr(first, second).pvalue == stats.spearmanr(first, second).pvalue


def test_a_constant_has_no_rank_correlation() -> None:
    assert math.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))
