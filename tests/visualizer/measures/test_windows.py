"""Numbers of window attention against brute force over cells."""

from __future__ import annotations

import math

import numpy as np
import pytest

import vit_attention.records.windows as captured
from visualizer.measures.windows import (
    borders,
    defined_boxes,
    forbidden_share,
    merge,
    window_boxes,
    window_distance,
    window_entropy,
)
from vit_attention.records.windows import Windows

CASES = [((8, 8), 4, 0), ((8, 12), 4, 2), ((7, 9), 4, 2), ((6, 5), 3, 1)]


def seen(grid: tuple[int, int], window: int, shift: int, cell: tuple[int, int] = (4, 2)) -> Windows:
    cut = captured.Partition(grid, (window, window), (shift, shift))
    raw = np.random.default_rng(0).random((cut.count, 2, cut.places, cut.places)) * ~cut.forbids()[:, None]
    weights = (raw / raw.sum(-1, keepdims=True)).astype(np.float32)
    side = 2 * window - 1
    return Windows(
        weights, tuple(range(cut.count)), grid, window, shift, 0, 0, "x", cell, np.zeros((2, side, side), np.float32)
    )


@pytest.mark.parametrize(("grid", "window", "shift"), CASES)
def test_share_entropy_and_distance_by_brute_force(grid: tuple[int, int], window: int, shift: int) -> None:
    block = seen(grid, window, shift)
    for query in range(grid[0] * grid[1]):
        row, forbidden = block.row(query), block.forbidden(query)
        r, c = divmod(query, grid[1])
        for head in range(2):
            mass = bits = far = 0.0
            allowed = barred = 0
            for (y, x), weight in np.ndenumerate(row[head]):
                if np.isnan(weight):
                    continue
                barred += bool(forbidden[y, x])
                allowed += not forbidden[y, x]
                mass += float(weight)
                far += float(weight) * math.sqrt((4 * (y - r)) ** 2 + (2 * (x - c)) ** 2)
            for (y, x), weight in np.ndenumerate(row[head]):
                if weight > 0 and not forbidden[y, x]:
                    bits -= float(weight) / mass * math.log2(float(weight) / mass)
            found, most = window_entropy(block.tile(query), block.kinds(query))
            assert found[head] == pytest.approx(bits, abs=1e-4)
            assert most == pytest.approx(math.log2(allowed))
            assert found[head] <= most + 1e-9
            assert window_distance(row, query, (4, 2))[head] == pytest.approx(far / mass, rel=1e-4)
            assert forbidden_share(block.kinds(query)) == pytest.approx(barred / (barred + allowed))


def test_what_read_nothing_but_padding_has_no_entropy_and_no_distance() -> None:
    tile = np.zeros((1, 2, 2))
    tile[0, 1, 1] = 1
    bits, most = window_entropy(tile, [[0, 0], [0, 2]])
    assert np.isnan(bits[0])
    assert most == pytest.approx(math.log2(3))
    assert np.isnan(window_distance(np.zeros((1, 2, 2)), 0, (1, 1))[0])


@pytest.mark.parametrize(("grid", "window", "shift"), CASES)
def test_boxes_hold_exactly_the_cells_of_the_window(grid: tuple[int, int], window: int, shift: int) -> None:
    block = seen(grid, window, shift)
    for query in range(grid[0] * grid[1]):
        known = np.isfinite(block.row(query)[0])
        for boxes in (window_boxes(grid, window, shift, query), defined_boxes(known)):
            drawn = np.zeros(grid, int)
            for left, top, right, bottom in boxes:
                drawn[top:bottom, left:right] += 1
            np.testing.assert_array_equal(drawn, known)
        left, top, right, bottom = window_boxes(grid, window, shift, query)[0]
        assert top <= query // grid[1] < bottom
        assert left <= query % grid[1] < right


@pytest.mark.parametrize(("grid", "window", "shift"), CASES)
def test_borders_part_neighbours_that_do_not_see_each_other(grid: tuple[int, int], window: int, shift: int) -> None:
    block = seen(grid, window, shift)
    parted = [
        0,
        *(r for r in range(1, grid[0]) if block.window_of(r * grid[1]) != block.window_of((r - 1) * grid[1])),
        grid[0],
    ]
    assert borders(grid[0], window, shift).tolist() == parted


@pytest.mark.parametrize("grid", [(4, 6), (5, 7)])
def test_merging_joins_what_the_library_joins(grid: tuple[int, int]) -> None:
    """A merging layer that only sums and lets one quarter of the joined list through shows which cell sits where."""
    import vit_attention.compat  # noqa: F401  before transformers

    import torch  # isort: skip
    from transformers.models.donut.modeling_donut_swin import DonutSwinPatchMerging

    layer = DonutSwinPatchMerging(1)
    layer.norm = torch.nn.Identity()
    numbers = torch.arange(1.0, grid[0] * grid[1] + 1).view(1, -1, 1)  # 0 is padding
    for spot in range(4):
        with torch.no_grad():
            layer.reduction.weight.zero_()[0, spot] = 1
            out = layer(numbers, grid)[0, :, 0].tolist()
        for cell in range(grid[0] * grid[1]):
            step = merge(cell, grid)
            row, column = step.sources[spot]
            expected = 0 if step.padding[spot] else row * grid[1] + column + 1
            assert out[step.target[0] * step.grid[1] + step.target[1]] == expected
    assert len(out) == step.grid[0] * step.grid[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: window_entropy(np.ones((1, 2, 3)), [[0, 0], [0, 0]]), "tile: want"),
        (lambda: forbidden_share([[1, 2]]), "kinds: want"),
        (lambda: window_distance(np.ones((2, 2)), 0, (1, 1)), "row: want"),
        (lambda: window_boxes((4, 4), 2, 0, 16), "query: want a cell from 0 to 15"),
        (lambda: merge(-1, (4, 4)), "cell: want 0 to 15"),
    ],
)
def test_refusals_name_what_is_wanted(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
