"""Scores against hand-made maps and loops."""

from __future__ import annotations

import numpy as np
import pytest

from visualizer.measures.score import chance, mass_in_mask, pointing_hit

COVERAGE = np.array([[0.0, 0.1, 0.5], [0.0, 0.0, 1.0]])


def one_patch(row, column):
    values = np.full((2, 3), 0.2)
    values[row, column] = 0.9
    return values


def test_the_strongest_patch_must_be_covered_by_more_than_the_threshold():
    maps = np.array([one_patch(r, c) for r in range(2) for c in range(3)])
    assert pointing_hit(maps, COVERAGE).tolist() == [False, False, True, False, False, True]
    assert pointing_hit(maps, COVERAGE, threshold=0.05).tolist() == [False, True, True, False, False, True]
    assert pointing_hit(maps, COVERAGE, threshold=0.5).tolist() == [False, False, False, False, False, True]


def test_signed_maps_ties_and_undefined_patches():
    assert bool(pointing_hit(one_patch(1, 2) - 5, COVERAGE))
    assert not bool(pointing_hit(np.ones((2, 3)), COVERAGE))  # the first of equals is uncovered
    holes = np.where(COVERAGE > 0.5, np.nan, one_patch(0, 2))
    assert bool(pointing_hit(holes, COVERAGE))
    assert not bool(pointing_hit(np.full((2, 3), np.nan), np.ones((2, 3))))


def test_mass_in_mask_by_a_loop_over_pictures():
    rng = np.random.default_rng(0)
    values, coverage = rng.random((4, 2, 3, 5)), rng.random((4, 1, 3, 5))
    actual = mass_in_mask(values, coverage)
    assert actual.shape == (4, 2)
    for picture, method in np.ndindex(4, 2):
        pairs = zip(values[picture, method].ravel(), coverage[picture, 0].ravel(), strict=True)
        inside = sum(value * cover for value, cover in pairs)
        np.testing.assert_allclose(actual[picture, method], inside / values[picture, method].sum())
    np.testing.assert_array_equal(mass_in_mask(np.zeros((2, 3)), COVERAGE), np.nan)
    np.testing.assert_allclose(mass_in_mask([[np.nan, 1.0, 1.0], [0.0, 0.0, 2.0]], COVERAGE), 2.6 / 4)


def test_chance_is_what_blind_maps_score():
    blind = chance(COVERAGE)
    np.testing.assert_allclose(blind.mass, mass_in_mask(np.ones((2, 3)), COVERAGE))
    np.testing.assert_allclose(
        blind.hit, np.mean([pointing_hit(one_patch(r, c), COVERAGE) for r in (0, 1) for c in range(3)])
    )
    stacked = chance(np.stack([COVERAGE, np.zeros((2, 3))]), threshold=0.05)
    np.testing.assert_allclose(stacked.mass, [1.6 / 6, 0])
    np.testing.assert_allclose(stacked.hit, [3 / 6, 0])


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"values: want 0 or more, got -1\.0"):
        mass_in_mask(-np.ones((2, 3)), COVERAGE)
    with pytest.raises(ValueError, match="want the same"):
        pointing_hit(np.ones((3, 2)), COVERAGE)
    with pytest.raises(ValueError, match="coverage: want 0 to 1"):
        chance(COVERAGE * 2)
    with pytest.raises(ValueError, match="got infinity"):
        mass_in_mask(np.full((2, 3), np.inf), COVERAGE)
