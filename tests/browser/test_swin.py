"""Page "Inside Swin" in a browser: stage and block, a cell chosen on the page, and where its window is painted."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import vit_attention as va
from worlds.receipts import receipt

pytestmark = pytest.mark.browser

GRID = (16, 24)
"""Rows and columns of stage 3 on the bundled reader's pages, in windows of 4 x 4 cells, shifted by 2 in block 2."""
ORANGE = np.array((0xD5, 0x5E, 0x00))


def press(seen: Any, key: str, way: str) -> None:
    """Move a slider by one, with the keyboard."""
    slider = seen.page.locator(f".st-key-{key}").get_by_role("slider")
    slider.focus()
    slider.press(way)
    seen.settle()


def point(seen: Any, key: str, row: float, column: float) -> None:
    """Click the page in the figure, in rows and columns of stage 3 from its upper left corner."""
    _, box = seen.screen(key)
    seen.page.mouse.click(box["x"] + column / GRID[1] * box["width"], box["y"] + row / GRID[0] * box["height"])


def still(seen: Any, key: str) -> NDArray[np.uint8]:
    """What is painted in the figure while nothing is pointed at."""
    seen.page.mouse.move(1, 1)
    seen.page.wait_for_timeout(300)
    return np.asarray(seen.screen(key)[0])


def orange(shot: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.abs(shot.astype(int) - ORANGE).max(axis=2) < 40


def rim(marked: NDArray[np.bool_]) -> list[float]:
    """(top, bottom, left, right) of the marked pixels, in cells."""
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    high, wide = marked.shape[0] / GRID[0], marked.shape[1] / GRID[1]
    return [rows[0] / high, (rows[-1] + 1) / high, columns[0] / wide, (columns[-1] + 1) / wide]


def framed(seen: Any, key: str, box: list[float], among: list[float] | None = None) -> bool:
    """Whether all orange lines of the figure (in rows `among` only, if given) span just that box of cells."""
    shot = orange(still(seen, key))
    if among is not None:
        high = shot.shape[0] / GRID[0]
        shot[: round(among[0] * high)] = shot[round(among[1] * high) :] = False
    return bool(shot.any()) and bool(np.abs(np.array(rim(shot)) - box).max() < 0.35)


def test_a_click_on_the_page_chooses_the_cell_and_its_shifted_window_is_painted_there(visit: Any) -> None:
    """By hand: windows shifted by 2 begin at rows 2, 6, 10 and columns 2, 6, 10; row 10, column 14 lies in rows 7 to 10, columns 11 to 14."""
    seen = visit("swin")
    seen.figure("swin_page").get_by_text("Windows of stage 3, block 2", exact=True).wait_for()
    point(seen, "swin_page", 9.4, 13.6)
    seen.until_address(swin_row="10", swin_column="14")
    seen.until(lambda: framed(seen, "swin_page", [6, 10, 10, 14]), "the window in rows 7 to 10, columns 11 to 14")

    press(seen, "block", "ArrowLeft")  # plain windows begin at multiples of 4
    seen.until_address(block="1", swin_row="10")
    seen.until(lambda: framed(seen, "swin_page", [8, 12, 12, 16]), "the plain window in rows 9 to 12, columns 13 to 16")

    field = seen.page.locator(".st-key-swin_row input")
    field.fill("3")
    field.press("Enter")
    seen.until_address(swin_row="3", swin_column="14")
    seen.until(lambda: framed(seen, "swin_page", [0, 4, 12, 16]), "the plain window in rows 1 to 4")

    press(seen, "stage", "ArrowRight")
    seen.figure("swin_page").get_by_text("Windows of stage 4, block 1", exact=True).wait_for()
    seen.page.reload()
    seen.settle()
    seen.figure("swin_page").get_by_text("Windows of stage 4, block 1", exact=True).wait_for()


def lightness(shot: NDArray[np.uint8], row: int, column: int) -> NDArray[np.float64]:
    """(height, width) how light each pixel in the middle of a cell is painted."""
    high, wide = shot.shape[0] / GRID[0], shot.shape[1] / GRID[1]
    part = shot[
        round((row + 0.2) * high) : round((row + 0.8) * high),
        round((column + 0.2) * wide) : round((column + 0.8) * wide),
    ]
    return np.asarray(part @ (0.2126, 0.7152, 0.0722))


def test_forbidden_cells_are_crossed_the_rest_veiled_and_allowed_cells_wear_their_weight(visit: Any) -> None:
    """By hand: of the window of row 15, column 15, rows 15 and 16 lie with it, rows 1 and 2 came round the edge."""
    look = "stage=3&block=2&swin_zoom=false&swin_opacity=1.0&head=1"
    sharp = {"device_scale_factor": 2}  # cells are nine pixels wide on a common screen
    bare_page = still(visit("swin?swin_row=5&swin_column=5", **sharp), "swin_page")
    seen = visit(f"swin?step=8&{look}&swin_row=15&swin_column=15", **sharp)
    point(seen, "swin_map", 15.5, 15.5)  # a click on the map chooses too
    seen.until_address(swin_row="16", swin_column="16")
    parts = [([14, 16, 14, 18], [8, 16]), ([0, 2, 14, 18], [0, 8])]
    for box, rows in parts:
        seen.until(lambda box=box, rows=rows: framed(seen, "swin_map", box, rows), f"a part of the window in {box}")
    shot, page = still(seen, "swin_map"), bare_page

    weights = va.load("receipt-donut").windows(receipt(3, 3).picture, 2, 1, [15 * 24 + 15]).row(15 * 24 + 15)[0]
    allowed = [(r, c) for r in (14, 15) for c in range(14, 18) if (r, c) != (15, 15)]
    order = sorted(allowed, key=lambda at: weights[at])
    light = [float(np.median(lightness(shot, *at))) for at in order]
    share = [float(weights[at]) for at in order]
    steps = [(b - a, y - x) for (a, b), (x, y) in zip(pairwise(light), pairwise(share), strict=True)]
    # Equal colours may differ by a step of the screen's rounding; clearly larger weights must be clearly lighter.
    assert all(lighter > (1 if more > 0.02 else -2) for lighter, more in steps), (light, share)

    for row in (0, 1):
        for column in range(14, 18):
            crossed, bare = lightness(shot, row, column), lightness(page, row, column)
            between = float(np.percentile(crossed, 90))  # the strokes of the cross take up much of so small a cell
            assert between == pytest.approx(np.median(bare), abs=12)  # the page, neither coloured nor veiled
            dark = crossed < between - 25
            assert 0.05 < dark.mean() < 0.7
            assert dark.any(axis=0).mean() > 0.6  # from side to side: no single stroke, which would mean padding
    for row, column in ((8, 4), (5, 20), (12, 2)):
        veiled, bare = np.median(lightness(shot, row, column)), np.median(lightness(page, row, column))
        assert veiled == pytest.approx(0.55 * bare + 0.45 * 128, abs=12)  # 45 % of a middle grey


def test_a_click_on_a_head_or_a_stage_chooses_it(visit: Any) -> None:
    seen = visit("swin?step=9")
    place = seen.figure("swin_heads").locator(".nsewdrag").first
    box = place.bounding_box()
    seen.page.mouse.click(box["x"] + 0.4 * box["width"], box["y"] + 0.75 * box["height"])  # second of the second row
    seen.until_address(step="9", head="6")
    seen = visit("merging")
    box = seen.figure("swin_stages").locator(".nsewdrag").first.bounding_box()
    seen.page.mouse.click(box["x"] + 0.88 * box["width"], box["y"] + 0.5 * box["height"])
    seen.until_address(stage="4")
