"""The findings and numbers of page "Inside Swin": against brute force, against a real network, and on blocks made by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.tutorials.findings.swins import WINDOW, inside, plan, windows
from tests.vit_attention import swins as real
from tutorials.findings import page, swin
from visualizer.figures.rolled import PAPER, rolled_sheet
from visualizer.measures import swin as numbers
from vit_attention.models.swin import stages as stages_of
from vit_attention.records.windows import Partition, Stage

import torch  # isort: skip
from transformers.models.donut.modeling_donut_swin import DonutSwinLayer  # isort: skip

TWO = plan([(16, 24), (8, 12)], [(0, 2), (0, 2)])
BLOCKS = [(8, 2), (12, 2), (7, 2), (10, 3), (9, 0), (5, 1)]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``given({(stage, block): windows})``: what the page's encoder gives."""

    def give(found: dict[tuple[int, int], Any]) -> None:
        monkeypatch.setattr(page, "block_windows", lambda model, document, stage, block, query: found[stage, block])

    return give


@pytest.mark.parametrize("row_side", BLOCKS)
@pytest.mark.parametrize("column_side", BLOCKS[:3])
def test_groups_agree_on_both_sides_just_where_the_mask_and_the_window_allow(
    row_side: tuple[int, int], column_side: tuple[int, int]
) -> None:
    (rows, down), (columns, right) = row_side, column_side
    cut = Partition((rows, columns), (WINDOW, WINDOW), (down, right))
    order, forbids = cut.order(), cut.forbids()
    by_rows, by_columns = numbers.groups(rows, WINDOW, down), numbers.groups(columns, WINDOW, right)
    mates = {
        (int(order[w, a]), int(order[w, b]))
        for w, a, b in np.argwhere(~forbids).tolist()
        if order[w, a] >= 0 and order[w, b] >= 0
    }
    for one, other in itertools.product(range(rows * columns), repeat=2):
        (r, c), (y, x) = divmod(one, columns), divmod(other, columns)
        assert ((one, other) in mates) == (by_rows[r] == by_rows[y] and by_columns[c] == by_columns[x])


def felt(
    encoder: Any, size: tuple[int, int], stage: int, block: int, place: int
) -> tuple[NDArray[np.float64], tuple[Stage, ...]]:
    """(rows, columns) of the first stage: the largest slope of a cell after a block by the pixels there; and the plan."""
    steps, kept = stages_of(encoder, size), {}
    hook = (
        encoder.encoder.layers[stage]
        .blocks[block]
        .register_forward_hook(lambda module, given, out: kept.update(out=out[0] if isinstance(out, tuple) else out))
    )
    pixels = real.page(size).requires_grad_(True)
    encoder(pixels)
    hook.remove()
    (slope,) = torch.autograd.grad(kept["out"].reshape(-1, kept["out"].shape[-1])[place].square().sum(), pixels)
    (rows, columns), (high, wide) = steps[0].grid, steps[0].cell
    page = np.zeros((rows * high, columns * wide))
    page[: size[0], : size[1]] = slope[0].abs().sum(dim=0).numpy()
    return page.reshape(rows, high, columns, wide).max(axis=(1, 3)), steps


CELLS = [(0, 1, 0), (1, 0, 11), (1, 1, 30), (2, 1, 7), (2, 0, 0)]


@pytest.mark.parametrize("size", [real.EVEN, real.ODD])
@pytest.mark.parametrize(("stage", "block", "place"), CELLS)
def test_reached_is_where_the_gradient_of_an_encoder_whose_mask_is_tight_is_not_zero(
    size: tuple[int, int], stage: int, block: int, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = DonutSwinLayer.get_attn_mask

    def tight(layer: Any, *args: Any, **named: Any) -> Any:
        mask = plain(layer, *args, **named)
        return None if mask is None else mask.masked_fill(mask < 0, -torch.inf)

    monkeypatch.setattr(DonutSwinLayer, "get_attn_mask", tight)
    found, steps = felt(real.donut(), size, stage, block, place)
    down, right = numbers.reached(steps, stage, block, place)
    np.testing.assert_array_equal(down[:, None] & right, found > 0)
    assert not (found > 0).all() or stage == 2


@pytest.mark.parametrize("size", [real.EVEN, real.ODD])
@pytest.mark.parametrize(("stage", "block", "place"), CELLS)
def test_what_the_librarys_mask_of_100_lets_through_is_as_good_as_nothing(
    size: tuple[int, int], stage: int, block: int, place: int
) -> None:
    """A forbidden weight is e^-100 times what it would be, so the gradient beyond is not 0, but 30 orders smaller."""
    found, steps = felt(real.donut(), size, stage, block, place)
    down, right = numbers.reached(steps, stage, block, place)
    inside = down[:, None] & right
    assert found[inside].min() > 1e-12
    assert found[~inside].max(initial=0) < 1e-38


def test_work_counts_the_pairs_of_every_window() -> None:
    assert numbers.work(TWO[0]) == numbers.Work(24, 24 * 256, 384**2)
    padded = plan([(5, 6)], [(0,)])[0]
    assert numbers.work(padded) == numbers.Work(4, 4 * 256, 900)


@pytest.mark.parametrize(
    ("grid", "right"),
    [((64, 96), swin.SHARES[0]), ((32, 48), swin.SHARES[1]), ((8, 12), swin.SHARES[2]), ((4, 4), swin.SHARES[3])],
)
def test_the_share_compared_falls_with_the_cells(grid: tuple[int, int], right: str) -> None:
    assert swin.compared(inside(plan([grid], [(0,)]), 0, 0)).answer == right


@pytest.mark.parametrize(
    ("block", "place", "count"),
    [(0, (0.99, 0.99), 16.0), (1, (0.99, 0.99), 4.0), (1, (0.99, 0.5), 8.0), (1, (0.5, 0.5), 16.0)],
)
def test_a_corner_of_a_shifted_block_may_read_a_quarter_of_its_window(
    given: Any, block: int, place: tuple[float, float], count: float
) -> None:
    given({(0, block): windows(TWO[0], block)})
    assert swin.allowed(inside(TWO, 0, block, place=place)).answer == count


def test_padding_is_not_counted_as_readable(given: Any) -> None:
    steps = plan([(5, 6)], [(0,)])
    given({(0, 0): windows(steps[0], 0)})
    found = swin.allowed(inside(steps, 0, 0, place=(0.99, 0.99)))
    assert found.answer == 2.0  # one row and two columns of its window lie on the page
    assert "14 are padding" in found.text


def test_a_shifted_block_joins_what_plain_windows_part(given: Any) -> None:
    given({(0, 1): windows(TWO[0], 1)})
    found = swin.shift_joins(inside(TWO, 0, 0))
    assert found.answer is None, "a demonstration"
    parted = sum(
        (r // 4, c // 4) != (y // 4, x // 4)
        for r, c in np.ndindex(16, 24)
        for y, x in ((r + 1, c), (r, c + 1))
        if y < 16 and x < 24
    )
    assert f"part {parted} pairs" in found.text
    assert f"{parted} of them (100%)" in found.text


def test_a_shift_that_joins_nothing_is_counted(given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given({(0, 1): windows(TWO[0], 1)})
    plain = numbers.groups(16, 4, 0), numbers.groups(24, 4, 0)
    monkeypatch.setattr(numbers, "groups", lambda side, window, shift: plain[side == 24])
    assert "0 of them (0%)" in swin.shift_joins(inside(TWO, 0, 0)).text


def test_without_a_shifted_block_two_claims_cannot_be_told() -> None:
    steps = plan([(16, 24), (8, 12)], [(0,), (0, 2)])
    for one in (swin.shift_joins, swin.half_forbidden):
        found = one(inside(steps, 0, 0))
        assert found.answer is None
        assert "choose stage 2" in found.text


def test_crossing_is_the_share_that_goes_to_other_plain_windows() -> None:
    block = windows(TWO[0], 1)
    total, even = numbers.crossing(block, WINDOW)
    want = []
    for query in range(384):
        r, c = divmod(query, 24)
        row = block.row(query)[0]
        known = np.argwhere(np.isfinite(row) & (row > 0))
        want.append(np.mean([(y // 4, x // 4) != (r // 4, c // 4) for y, x in known.tolist()]))
    assert total == pytest.approx(np.mean(want), abs=1e-6)
    assert even == pytest.approx(np.mean(want))


@pytest.mark.parametrize(("grid", "shift"), [((16, 24), 2), ((8, 12), 2), ((7, 10), 1)])
def test_forbidden_below_by_brute_force(grid: tuple[int, int], shift: int) -> None:
    cut = Partition(grid, (WINDOW, WINDOW), (shift, shift))
    order, forbids, last = cut.order(), cut.forbids(), (cut.tiles[0] - 1) * cut.tiles[1]
    pairs = [
        bool(forbids[w, a, b])
        for w in range(last, cut.count)
        for a, b in itertools.product(range(16), repeat=2)
        if order[w, a] >= 0 and order[w, b] >= 0
    ]
    assert numbers.forbidden_below(cut) == pytest.approx(np.mean(pairs))


def test_half_of_the_last_window_row_is_forbidden_and_more_where_edges_meet() -> None:
    found = swin.half_forbidden(inside(TWO, 0, 0))
    assert "54.2%" in found.text  # (5 x 1/2 + 3/4) / 6
    assert "in 9 of 24 windows" in found.text
    assert "75.0%" in swin.half_forbidden(inside(plan([(8, 4)], [(2,)]), 0, 0)).text  # only a corner: 3/4


def one_way(stage: Any, block: int) -> Any:
    """Every query reads itself alone."""
    return windows(stage, block, np.tile(np.eye(16), (stage.partition(block).count, stage.heads, 1, 1)))


def test_spread_of_the_sharpest_and_the_most_even_rows() -> None:
    assert numbers.spread(one_way(TWO[0], 1)) == (0.0, 0.0)
    share, far = numbers.spread(windows(TWO[0], 0))
    steps = [(4 * (a // 4 - b // 4), 2 * (a % 4 - b % 4)) for a in range(16) for b in range(16)]
    assert share == pytest.approx(1, abs=1e-6)
    assert far == pytest.approx(np.mean([math.hypot(*step) for step in steps]), rel=1e-6)


def test_spread_counts_neither_padding_nor_forbidden_cells() -> None:
    stage = plan([(7, 10)], [(2,)])[0]
    share, far = numbers.spread(windows(stage, 0))
    assert share == pytest.approx(1, abs=1e-6)
    assert far < 4 * 3


@pytest.mark.parametrize(("first", "second", "holds"), [(one_way, windows, True), (windows, one_way, False)])
def test_deeper_spreads_if_every_stage_is_more_even(given: Any, first: Any, second: Any, holds: bool) -> None:
    given({(0, 1): first(TWO[0], 1), (1, 1): second(TWO[1], 1)})
    found = swin.deeper_spreads(inside(TWO, 0, 0))
    assert found.answer is holds
    assert "stage 2: 100%" in found.text or "stage 2: 0%" in found.text


def table(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, 7, 7))


@pytest.mark.parametrize(("grid", "shift"), [((8, 12), 0), ((8, 12), 2), ((7, 10), 2)])
def test_bias_alone_is_the_softmax_over_what_may_be_read(grid: tuple[int, int], shift: int) -> None:
    stage = plan([grid], [(shift,)])[0]
    block = windows(stage, 0, bias=table(0))
    found, cut = numbers.bias_alone(block), block.partition
    for query in range(grid[0] * grid[1]):
        (r, c), (window, place) = divmod(query, grid[1]), cut.locate(query)
        barred, order = block.forbidden(query), cut.order([window])[0]
        mates = [int(k) for k in order if k >= 0 and not barred.flat[int(k)]]
        for head in range(2):
            # Masked pairs apart, steps in the rolled window are steps on the page.
            powers = {k: math.exp(block.bias[head, 3 + k // grid[1] - r, 3 + k % grid[1] - c]) for k in mates}
            for at, key in enumerate(order.tolist()):
                want = powers.get(key, 0.0) / sum(powers.values())
                assert found[window, head, place, at] == pytest.approx(want, rel=1e-6)


def test_rows_that_follow_the_bias_agree_with_it_and_others_do_not(given: Any) -> None:
    stage = TWO[0]
    follow = numbers.bias_alone(windows(stage, 0, bias=table(1)))
    other = numbers.bias_alone(windows(stage, 0, bias=table(2)))
    mixed = np.stack([follow[:, 0], other[:, 1]], axis=1)
    for weights, holds, heads in ((follow, True, "2 of 2"), (mixed, False, "1 of 2")):
        given({(0, 0): windows(stage, 0, weights, table(1))})
        found = swin.fixed_neighbour(inside(TWO, 1, 0))
        assert found.answer is holds
        assert f"{heads} heads reach" in found.text
    row, _column = np.unravel_index(table(1)[0].argmax(), (7, 7))
    assert abs(row - 3) > 0
    assert f"head 1 1.00 (bias highest for keys {abs(row - 3)} row" in found.text


def test_only_windows_with_ink_count_for_the_fixed_places(given: Any) -> None:
    stage = TWO[0]
    weights = numbers.bias_alone(windows(stage, 0, bias=table(1)))
    inked = [0, 1, 6, 7, 8, 9]  # a quarter of the 24 windows
    weights[inked] = numbers.bias_alone(windows(stage, 0, bias=table(2)))[inked]
    now = inside(TWO, 0, 0)
    pen = ImageDraw.Draw(now.seen)
    for window in inked:
        top, left = window // 6 * 16, window % 6 * 8
        pen.rectangle((left, top, left + 3, top + 15), fill="black")
    given({(0, 0): windows(stage, 0, weights, table(1))})
    assert swin.fixed_neighbour(now).answer is False


def test_whole_page_needs_enough_blocks() -> None:
    assert "12 of 16 rows" in swin.whole_page(inside(TWO, 0, 0)).text
    found = swin.whole_page(inside(plan([(8, 8), (4, 4)], [(0,), (0,)]), 0, 0))
    assert "8 of 8 rows" in found.text


@pytest.mark.parametrize(("grid", "shift", "query"), [((8, 12), 2, 95), ((8, 12), 0, 13), ((7, 10), 2, 3)])
def test_every_cell_of_the_rolled_page_shows_what_its_weight_belongs_to(
    grid: tuple[int, int], shift: int, query: int
) -> None:
    block = windows(plan([grid], [(shift,)])[0], 0)
    colours = np.random.default_rng(0).integers(0, 255, (*grid, 3), dtype=np.uint8)
    seen = Image.fromarray(colours.repeat(40, axis=0).repeat(20, axis=1))
    sheet = rolled_sheet(seen, block)
    tile = np.arange(16, dtype=np.float32).reshape(4, 4)
    values, barred = sheet.values(tile, query), sheet.forbidden(query)
    high, wide = (side // cells for side, cells in zip(sheet.image.size[::-1], block.padded, strict=True))
    order = block.partition.order([block.window_of(query)])[0]
    assert np.isfinite(values).sum() == 16
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            continue
        cell = int(order[int(value)])
        painted = np.asarray(sheet.image)[row * high + high // 2, column * wide + wide // 2].astype(int)
        want = PAPER if cell < 0 else colours.reshape(-1, 3)[cell]
        assert np.abs(painted - want).max() <= 2
        assert barred[row, column] == (cell >= 0 and block.forbidden(query).flat[cell])
        assert (cell == query) == (sheet.query(query) == row * block.padded[1] + column)
