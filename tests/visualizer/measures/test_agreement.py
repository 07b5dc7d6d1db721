"""Agreement of maps: ranks against scipy, overlaps against sets, chance against every choice there is."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from visualizer.measures.agreement import chance_overlap, overlap, rank_agreement
from vit_attention.gate import GateError


def test_ranks_with_ties_agree_with_scipy(rng: np.random.Generator) -> None:
    maps = rng.integers(0, 6, (5, 4, 7)).astype(float)
    expected = stats.spearmanr(maps.reshape(5, -1), axis=1).statistic
    np.testing.assert_allclose(rank_agreement(maps), expected, atol=1e-12)


def test_overlap_by_sets(rng: np.random.Generator) -> None:
    maps = rng.random((4, 3, 5))
    best = [set(np.argsort(-one.ravel())[:6].tolist()) for one in maps]
    expected = [[len(a & b) / len(a | b) for b in best] for a in best]
    np.testing.assert_allclose(overlap(maps, 6), expected)


def test_a_monotone_change_moves_nothing_a_shift_moves_both_and_a_shuffled_map_has_chance(
    rng: np.random.Generator,
) -> None:
    down, right = np.indices((12, 12))
    spot = np.exp(-((down - 4) ** 2 + (right - 4) ** 2) / 8)
    kept, moved, mixed = spot**3 * 50, np.roll(spot, 3, 1), rng.permutation(spot.ravel()).reshape(12, 12)
    ranked, common = rank_agreement([spot, kept, moved, mixed])[0], overlap([spot, kept, moved, mixed], 20)[0]
    assert (ranked[1], common[1]) == (pytest.approx(1), 1)
    assert ranked[2] < 0.7
    assert common[2] < 0.5
    draws = [rng.permutation(spot.ravel()) for _ in range(2000)]
    assert abs(rank_agreement([spot.ravel(), *draws])[0, 1:].mean()) < 0.01
    assert overlap([spot.ravel(), *draws], 20)[0, 1:].mean() == pytest.approx(chance_overlap(20, 144), abs=0.005)
    assert ranked[3] < 0.3


@pytest.mark.parametrize(("number", "cells"), [(1, 5), (3, 7), (5, 7), (7, 7)])
def test_chance_by_every_choice(number: int, cells: int) -> None:
    own = set(range(number))
    found = [len(own & {*one}) / len(own | {*one}) for one in combinations(range(cells), number)]
    assert chance_overlap(number, cells) == pytest.approx(np.mean(found))


def test_constant_and_undefined_maps() -> None:
    line, flat = np.arange(6.0), np.ones(6)
    found, common = rank_agreement([line, flat, -line]), overlap([line, flat, -line], 2)
    assert np.isnan(found[1]).all()
    assert np.isnan(common[:, 1]).all()
    assert (found[0, 2], common[0, 2]) == (pytest.approx(-1), 0)
    holes = np.array([0.0, 1.0, np.nan, 3.0, 4.0, 9.0])
    assert rank_agreement([line, holes])[0, 1] == pytest.approx(1)  # the hole is left out of both
    assert overlap([line, holes], 5)[1, 1] == 1


def test_bad_input_is_refused() -> None:
    with pytest.raises(GateError, match="all of one shape"):
        rank_agreement([np.ones(3), np.ones(4)])
    with pytest.raises(GateError, match="at least one map"):
        rank_agreement([])
    with pytest.raises(GateError, match="1 to 3 cells"):
        overlap([np.arange(3.0)], 4)
    with pytest.raises(GateError, match="1 to 3 cells"):
        chance_overlap(0, 3)
    with pytest.raises(GateError, match="got infinity"):
        rank_agreement([[1.0, np.inf]])
    with pytest.raises(GateError, match="at least 2 cells"):
        rank_agreement([[1.0, np.nan], [np.nan, 1.0]])
