"""Preferences against their definition, written out in loops."""

from __future__ import annotations

import numpy as np
import pytest

from visualizer.measures.preference import neighbourhood_preference, outline_kinds, preference


def by_hand(weights: np.ndarray, on: np.ndarray, *others: np.ndarray) -> float:
    means = [np.mean([w for w, k in zip(weights.ravel(), kind.ravel(), strict=True) if k]) for kind in (on, *others)]
    return means[0] / (means[0] + max(means[1:]))


def test_a_disc_has_an_outline_an_inside_and_an_outside() -> None:
    y, x = np.indices((160, 160))
    disc = np.hypot(y - 80, x - 80) < 50
    kinds = outline_kinds(disc.reshape(10, 16, 10, 16).mean(axis=(1, 3)))
    far = np.hypot(*(np.indices((10, 10)) * 16 + 7.5 - 79.5))
    assert far[kinds.inside].max() < 50
    assert far[kinds.outside].min() > 50
    assert abs(far[kinds.edge] - 50).max() < 12
    corner = np.hypot(*(abs(np.indices((10, 10)) * 16 + 7.5 - 79.5) + 8))
    assert kinds.inside[corner < 50].all()
    assert not (kinds.edge & (kinds.inside | kinds.outside)).any()
    assert kinds.outside.sum() < 40  # the corners of the picture are farther away


def test_what_the_picture_cuts_off_is_no_outline() -> None:
    full = outline_kinds(np.ones((3, 3)))
    assert full.inside.all()
    assert not full.edge.any()
    assert not full.outside.any()


def test_the_preference_is_the_mean_weight_beside_the_largest_other_mean(rng: np.random.Generator) -> None:
    weights, kind = rng.random((4, 5)), rng.integers(0, 4, (4, 5))
    groups = [kind == n for n in range(3)]
    assert preference(weights, *groups) == pytest.approx(by_hand(weights, *groups))
    several = rng.random((2, 3, 4, 5))
    found = preference(several, *groups)
    assert found.shape == (2, 3)
    assert found[1, 2] == pytest.approx(by_hand(several[1, 2], *groups))
    assert preference(np.full((4, 5), 0.2), *groups) == pytest.approx(0.5)


def test_undefined_weights_are_left_out_and_a_kind_without_patches_has_no_preference() -> None:
    on, off = np.array([[True, True, False]]), np.array([[False, False, True]])
    assert preference([[np.nan, 0.6, 0.2]], on, off) == pytest.approx(0.75)
    assert np.isnan(preference([[np.nan, np.nan, 0.2]], on, off))
    assert np.isnan(preference([[0.1, 0.6, 0.2]], on, np.zeros((1, 3), bool)))
    assert np.isnan(preference([[0.0, 0.0, 0.0]], on, off))


@pytest.mark.parametrize("radius", [1, 2])
def test_among_neighbours_each_patch_counts_alike(rng: np.random.Generator, radius: int) -> None:
    rows, columns = 5, 4
    weights, kind = rng.random((2, 20, 20)), rng.integers(0, 3, (rows, columns))
    groups = [kind == n for n in range(2)]
    wanted = []
    for head in weights:
        each = []
        for query in range(20):
            beside = np.zeros((rows, columns), bool)
            y, x = divmod(query, columns)
            beside[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1] = True
            beside[y, x] = False
            parts = [group & beside for group in groups]
            if all(part.any() for part in parts):
                each.append(by_hand(head[query].reshape(rows, columns), *parts))
        wanted.append(np.mean(each))
    assert neighbourhood_preference(weights, *groups, radius=radius) == pytest.approx(np.array(wanted))


def test_a_head_that_always_looks_right_prefers_nothing_among_neighbours() -> None:
    side = 12
    right = np.zeros((side * side, side * side))
    for n in range(side * side):
        right[n, n + 1 if n % side < side - 1 else n - 1] = 1
    kinds = np.arange(side * side).reshape(side, side) % 2 == 0  # stripes: half of all patches
    seeks = np.where(kinds.ravel()[None], 1.0, 0.25).repeat(side * side, axis=0)
    found = neighbourhood_preference(np.stack([right, seeks]), kinds, ~kinds)
    assert found[0] == pytest.approx(0.5, abs=0.05)
    assert found[1] == pytest.approx(0.8)


def test_no_patch_with_a_choice_is_no_preference() -> None:
    apart = np.zeros((1, 7), bool), np.zeros((1, 7), bool)
    apart[0][0, 0] = apart[1][0, 6] = True
    assert np.isnan(neighbourhood_preference(np.full((1, 7, 7), 1 / 7), *apart, radius=1)).all()


BOTH = np.array([[True, False]]), np.array([[False, True]])


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: preference([[1.0, 2.0]], BOTH[0]), "others: want at least one kind"),
        (lambda: preference([[1.0, 2.0, 3.0]], *BOTH), r"on, others: want booleans of the map's shape \(1, 3\)"),
        (lambda: preference([[1.0, -2.0]], *BOTH), "maps: want finite numbers from 0 up"),
        (lambda: preference([[1.0, np.inf]], *BOTH), "maps: want finite numbers from 0 up"),
        (lambda: neighbourhood_preference(np.ones((1, 3, 3)), *BOTH), r"weights: want \(heads, 2, 2\), got shape"),
        (lambda: neighbourhood_preference(np.ones((1, 2, 2)), *BOTH, radius=0), "radius: want at least 1, got 0"),
        (lambda: outline_kinds([[1.5]]), r"coverage: want \(..., rows, columns\) from 0 to 1"),
        (lambda: outline_kinds([[0.5]], 0.5), "threshold: want 0 to below 0.5, got 0.5"),
    ],
)
def test_what_does_not_fit_is_refused(ask, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ask()
