"""The findings of the page on heads, on weights whose answers are known."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from tests.tutorials.findings.hand import PATCH, context, everywhere, running
from tutorials.findings import heads


def look(grid: tuple[int, int], reach: str) -> np.ndarray:
    """(tokens, tokens) without special tokens: every patch looks at itself, everywhere, or at the farthest patch."""
    places = list(product(range(grid[0]), range(grid[1])))
    table = np.zeros((len(places), len(places)))
    for i, (r, c) in enumerate(places):
        far = [np.hypot(r - y, c - x) for y, x in places]
        if reach == "everywhere":
            table[i] = 1 / len(places)
        else:
            table[i, int(np.argmax(far)) if reach == "far" else i] = 1
    return table


GRID = (2, 3)
NEAR, ALL, FAR = (look(GRID, reach) for reach in ("self", "everywhere", "far"))


def test_chance_distance_is_the_mean_over_all_pairs_of_patches() -> None:
    places = list(product(range(2), range(3)))
    pairs = [PATCH * np.hypot(a[0] - b[0], a[1] - b[1]) for a in places for b in places]
    now = context([[ALL]], GRID, special=())
    assert heads.chance_distance(now) == pytest.approx(np.mean(pairs))
    assert heads.layer_distance(now, 0)[0] == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize(
    ("first_layer", "right"),
    [
        ([NEAR, NEAR, FAR], (heads.NEAR,)),
        ([NEAR, FAR, FAR], (heads.FAR,)),
        ([ALL, ALL, NEAR], (heads.SAME,)),
        ([NEAR, FAR], (heads.NEAR, heads.FAR)),
    ],
)
def test_near_or_far_counts_the_heads_of_layer_1_and_lets_ties_be_right_twice(first_layer, right) -> None:
    now = context([first_layer, [FAR] * len(first_layer)], GRID, special=(), layer=1)
    assert heads.near_or_far(now).answer == right


@pytest.mark.parametrize(("share", "right"), [(0.85, heads.NEAR), (0.95, heads.SAME)])
def test_nearer_begins_ten_percent_below_chance(share: float, right: str) -> None:
    one = share * ALL + (1 - share) * NEAR  # looks `share` of the chance distance far
    assert heads.near_or_far(context([[one]], GRID, special=())).answer == (right,)


def test_most_local_is_the_head_of_the_chosen_layer_that_looks_at_itself() -> None:
    now = context([[NEAR, FAR, ALL], [FAR, ALL, NEAR]], GRID, special=(), layer=1)
    found = heads.most_local(now)
    assert found.answer == 3.0
    assert "layer 2" in found.text
    assert " 0.0 pixels" in found.text


def test_heads_with_the_same_map_do_not_differ_and_with_disjoint_maps_do() -> None:
    assert heads.differ(context([[NEAR, NEAR, NEAR]], GRID, special=())).answer is False
    assert heads.differ(context([[NEAR, FAR]], GRID, special=())).answer is True
    assert heads.differ(context([[NEAR]], GRID, special=())).answer is None


def test_local_first_needs_distances_that_grow() -> None:
    growing = [[(1 - far) * NEAR + far * FAR] for far in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    assert heads.local_first(context(growing, GRID, special=())).answer is True
    assert heads.local_first(context(growing[::-1], GRID, special=())).answer is False
    assert heads.local_first(context([[NEAR]] * 6, GRID, special=())).answer is None


def spot(grid: tuple[int, int], at: int) -> np.ndarray:
    row = np.full(1 + grid[0] * grid[1], 1e-3)
    row[1 + at] = 1
    return everywhere(row)


def test_one_sharp_head_on_the_object_is_found_and_named() -> None:
    grid = (5, 6)
    flat = everywhere(np.ones(31))
    mask = np.zeros(grid)
    mask.flat[8] = 1
    found = heads.finds_object(context([[flat, flat], [flat, spot(grid, 8)]], grid, mask))
    assert found.answer is True
    assert "layer 2, head 2" in found.text
    assert "twice chance: 1." in found.text


def test_many_sharp_heads_that_look_all_over_the_picture_find_nothing() -> None:
    grid = (5, 6)
    mask = np.zeros(grid)
    mask.flat[8] = 1
    everyone = [spot(grid, at) for at in range(0, 30, 2)]  # one of them is on the object: it had to be
    assert heads.finds_object(context([everyone], grid, mask)).answer is False


def test_the_best_elsewhere_is_the_maximum_over_heads_at_every_place_of_the_mask() -> None:
    rng = np.random.default_rng(0)
    maps, truth = rng.random((3, 2, 3)).astype(np.float32), rng.random((2, 3)).astype(np.float32)
    wanted = []
    for down, right in product(range(2), range(3)):
        scores = []
        for one in maps:
            inside = sum(one[r, c] * truth[(r - down) % 2, (c - right) % 3] for r in range(2) for c in range(3))
            scores.append(inside / one.sum())
        wanted.append(max(scores))
    np.testing.assert_allclose(sorted(heads._best_elsewhere(maps, truth)), sorted(wanted), atol=1e-6)


def test_without_truth_nobody_can_say_whether_a_head_finds_the_object() -> None:
    assert heads.finds_object(context([[NEAR]], GRID, special=())).answer is None


def test_heads_that_keep_their_distance_on_another_picture_stay_themselves() -> None:
    here = context([[NEAR, ALL, FAR, 0.5 * NEAR + 0.5 * ALL]], GRID, special=())
    turned = context([[FAR, ALL, NEAR, 0.5 * FAR + 0.5 * ALL]], GRID, special=())
    for other, right in ((here, True), (turned, False)):
        model = SimpleNamespace(attend=lambda image, half, found=other: found.record)
        assert heads.stays_itself(replace(here, run=running(model))).answer is right
