"""Scores against hand-made maps and loops."""

from __future__ import annotations

import numpy as np
import pytest

from visualizer.measures.score import chance, iou, mass_in_mask, pointing_hit

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


def test_iou_by_hand_and_by_sets():
    # Two patches are covered by more than a tenth: (0, 2) and (1, 2).
    assert iou([[0.0, 0.0, 2.0], [0.0, 0.0, 1.0]], COVERAGE) == 1
    assert iou([[0.0, 5.0, 2.0], [0.0, 0.0, 1.0]], COVERAGE) == pytest.approx(1 / 3)
    assert iou([[9.0, 5.0, 2.0], [0.0, 0.0, 1.0]], COVERAGE) == 0
    rng = np.random.default_rng(1)
    maps, cover = rng.normal(size=(3, 4, 5, 6)), rng.random((3, 1, 5, 6)) ** 3
    found = iou(maps, cover)
    for n, m in np.ndindex(3, 4):
        there = set(np.flatnonzero(cover[n, 0] > 0.1).tolist())
        best = set(np.argsort(-maps[n, m].ravel())[: len(there)].tolist())
        assert found[n, m] == pytest.approx(len(best & there) / len(best | there))
    assert np.isnan(iou(np.ones((2, 3)), np.zeros((2, 3))))


def test_iou_of_a_shifted_map_falls_and_that_of_shuffled_ones_is_chance():
    rng = np.random.default_rng(2)
    cover = np.zeros((10, 10))
    cover[2:6, 3:7] = 1
    right = cover + 0.1 * rng.random((10, 10))
    assert iou(right, cover) == 1
    assert iou(np.roll(right, 2, 1), cover) == pytest.approx(8 / 24)
    mixed = np.array([rng.permutation(right.ravel()).reshape(10, 10) for _ in range(3000)])
    assert iou(mixed, cover).mean() == pytest.approx(float(chance(cover).iou), abs=0.005)
    assert np.isnan(chance(np.zeros((2, 3))).iou)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"values: want 0 or more, got -1\.0"):
        mass_in_mask(-np.ones((2, 3)), COVERAGE)
    with pytest.raises(ValueError, match="want the same"):
        pointing_hit(np.ones((3, 2)), COVERAGE)
    with pytest.raises(ValueError, match="coverage: want 0 to 1"):
        chance(COVERAGE * 2)
    with pytest.raises(ValueError, match="got infinity"):
        mass_in_mask(np.full((2, 3), np.inf), COVERAGE)
