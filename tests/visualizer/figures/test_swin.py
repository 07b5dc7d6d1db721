"""Swin figures as the browser receives them: what is coloured, crossed, veiled and outlined, and where."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

import visualizer as vz
from tests.visualizer.measures.test_windows import seen
from visualizer.measures.windows import ALLOWED, FORBIDDEN, PADDING
from visualizer.style import theme
from vit_attention.records.geometry import Geometry
from vit_attention.records.windows import Stage

Sent = Callable[[go.Figure], dict[str, Any]]
PAGE = Image.new("RGB", (24, 32), "white")
GRID, CELL = (8, 12), (4, 2)  # the page is 24 x 32 pixels, as the model saw it
STAGES = tuple(Stage(n, (64 >> n, 96 >> n), (4 << n, 2 << n), 2 << n, 24 << n, 4, (0, 2), ("a", "b")) for n in range(3))


def caption(figure: dict[str, Any]) -> str:
    return next(a["text"] for a in figure["layout"]["annotations"] if a.get("name") == "caption").replace("<br>", " ")


def squares(path: str) -> list[tuple[float, ...]]:
    """(left, top, right, bottom) of every square of an SVG path."""
    return [tuple(map(float, one)) for one in re.findall(r"M([\d.-]+),([\d.-]+)H([\d.-]+)V([\d.-]+)H[\d.-]+Z", path)]


def heat(figure: dict[str, Any], grid: tuple[int, int] = GRID) -> np.ndarray:
    """The heat of every cell of the page, read back from the positions of the traces; NaN where nothing is drawn."""
    out = np.full(grid, np.nan)
    for trace in figure["data"]:
        if trace["type"] == "heatmap":
            for (r, c), value in np.ndenumerate(trace["z"]):
                y, x = trace["y0"] + r * trace["dy"], trace["x0"] + c * trace["dx"]
                out[int(y // CELL[0]), int(x // CELL[1])] = value
    return out


@pytest.mark.parametrize("query", [0, 50, 95])
def test_heat_lies_on_the_window_and_nowhere_else(sent: Sent, query: int) -> None:
    block = seen(GRID, 4, 2)
    row, forbidden = block.row(query)[1], block.forbidden(query)
    out = sent(vz.window_map(PAGE, row, CELL, query=query, forbidden=forbidden))
    np.testing.assert_allclose(heat(out), np.where(forbidden, np.nan, row), rtol=1e-6)
    assert sum(t["type"] == "heatmap" and t.get("showscale", True) for t in out["data"]) == 1
    ((low, high),) = {(t["zmin"], t["zmax"]) for t in out["data"] if t["type"] == "heatmap"}
    assert (low, high) == (0, pytest.approx(float(row[~forbidden & np.isfinite(row)].max())))


def test_forbidden_cells_are_crossed_and_off_window_is_veiled_and_both_are_told(sent: Sent) -> None:
    block = seen(GRID, 4, 2)
    out = sent(vz.window_map(PAGE, block.row(0)[0], CELL, query=0, forbidden=block.forbidden(0), outside=0.25))
    shapes = out["layout"]["shapes"]
    crosses = next(s for s in shapes if s["line"].get("color") == theme.LINE)
    centres = re.findall(r"M([\d.-]+),([\d.-]+)L([\d.-]+),([\d.-]+)", crosses["path"])
    cells = {(int((float(b) + float(d)) / 2 // 4), int((float(a) + float(c)) / 2 // 2)) for a, b, c, d in centres}
    assert cells == set(map(tuple, np.argwhere(block.forbidden(0)).tolist()))
    veil = next(s for s in shapes if s.get("name") == "undefined")
    whole, *holes = squares(veil["path"])
    assert whole == (0, 0, 24, 32)
    covered = np.zeros(GRID, bool)
    for left, top, right, bottom in holes:
        covered[int(top) // 4 : int(bottom) // 4, int(left) // 2 : int(right) // 2] = True
    np.testing.assert_array_equal(covered, np.isfinite(block.row(0)[0]))
    assert veil["fillrule"] == "evenodd"
    assert veil["layer"] == "between"
    text = caption(out)
    assert "✕: in the window, but the shift mask forbids it" in text
    assert "not defined; the query cannot see there, which is not a weight of 0" in text
    assert "25.0 % of the query's attention fell on padding" in text
    assert "into 4 parts" in text
    plain = caption(sent(vz.window_map(PAGE, seen(GRID, 4, 0).row(0)[0], CELL, query=0)))
    assert "✕" not in plain
    assert "padding" not in plain


def test_hovering_tells_defined_forbidden_and_undefined_apart(sent: Sent) -> None:
    block = seen(GRID, 4, 2)
    out = sent(vz.window_map(PAGE, block.row(0)[0], CELL, query=0, forbidden=block.forbidden(0), clickable=True))
    chooser = out["data"][-1]
    text = dict(zip(chooser["customdata"].tolist(), chooser["text"], strict=True))
    assert len(text) == 96
    assert text[0] == f"row 1, column 1: {theme.short(block.row(0)[0, 0, 0])} share of attention"
    assert text[11] == "row 1, column 12: forbidden by the mask"
    assert text[5] == "row 1, column 6: not defined, outside the window"
    where = dict(zip(chooser["customdata"].tolist(), zip(chooser["x"], chooser["y"], strict=True), strict=True))
    assert where[14] == (5, 6)  # row 1, column 2: cells of 4 x 2 pixels
    assert out["layout"]["clickmode"] == "event"


def test_a_close_view_shows_the_part_with_the_query_and_its_margin(sent: Sent) -> None:
    block = seen(GRID, 4, 2)
    out = sent(
        vz.window_map(PAGE, block.row(95)[0], CELL, query=95, forbidden=block.forbidden(95), margin=1, clickable=True)
    )
    layout = out["layout"]
    assert layout["xaxis"]["range"] == [(10 - 1) * 2, 12 * 2]  # the query's part: columns 10 and 11, rows 6 and 7
    assert layout["yaxis"]["range"] == [8 * 4, (6 - 1) * 4]  # beyond them the page ends, so no margin is shown there
    assert sorted(out["data"][-1]["customdata"].tolist())[0] == 0  # forbidden parts of the window keep their places
    assert 5 * 12 + 9 in out["data"][-1]["customdata"]
    assert 4 * 12 + 9 not in out["data"][-1]["customdata"]
    shown = layout["images"][0]
    assert (shown["x"], shown["y"]) == (18, 20)


def test_a_turned_page_carries_heat_query_and_clicks_with_it(sent: Sent) -> None:
    """The original lies on its side: what the model saw at row r, column c is c from the right edge, r from the top."""
    block = seen(GRID, 4, 0)
    geometry = Geometry.of(32, 24).turn(1)
    page = Image.new("RGB", (32, 24))
    out = sent(vz.window_map(page, block.row(14)[0], CELL, geometry, query=14, clickable=True))
    chooser = out["data"][-1]
    where = dict(zip(chooser["customdata"].tolist(), zip(chooser["x"], chooser["y"], strict=True), strict=True))
    (expected,) = geometry.to_original([[2.5 * 2, 1.5 * 4]]).tolist()
    assert where[14] == pytest.approx(tuple(expected))
    trace = next(t for t in out["data"] if t["type"] == "heatmap")
    values = {}
    for (r, c), value in np.ndenumerate(trace["z"]):
        x, y = geometry.to_seen([[trace["x0"] + c * trace["dx"], trace["y0"] + r * trace["dy"]]])[0]
        values[int(y // 4), int(x // 2)] = value
    for (r, c), value in values.items():
        assert value == pytest.approx(float(block.row(14)[0, r, c]))
    assert len(values) == 16


def test_a_large_grid_is_sent_as_its_window_alone(size: Callable[[go.Figure], int]) -> None:
    values = np.full((640, 480), np.nan, np.float32)
    values[100:110, 200:210] = 0.01
    assert (
        size(vz.window_map(Image.new("RGB", (480, 640)), values, (4, 4), query=100 * 480 + 200, clickable=True))
        < 60_000
    )
    assert size(vz.page_windows(Image.new("RGB", (480, 640)), (640, 480), (4, 4), 10, 5, clickable=True)) < 400_000


@pytest.mark.parametrize(("shift", "dash"), [(0, "solid"), (2, "dash")])
def test_window_borders_lie_where_windows_begin(sent: Sent, shift: int, dash: str) -> None:
    out = sent(vz.page_windows(PAGE, GRID, CELL, 4, shift, query=50))
    lattice = out["layout"]["shapes"][0]
    assert lattice["line"]["dash"] == dash
    lines = [tuple(map(float, one)) for one in re.findall(r"M([\d.-]+),([\d.-]+)L([\d.-]+),([\d.-]+)", lattice["path"])]
    level, upright = {b for a, b, c, d in lines if b == d}, {a for a, b, c, d in lines if a == c}
    block = seen(GRID, 4, shift)
    assert level == {0, 32} | {4 * r for r in range(1, 8) if block.window_of(12 * r) != block.window_of(12 * (r - 1))}
    assert upright == {0, 24} | {2 * c for c in range(1, 12) if block.window_of(c) != block.window_of(c - 1)}
    outline, query = (squares(out["layout"]["shapes"][n]["path"]) for n in (2, 4))
    assert query == [(4, 16, 6, 20)]  # cell 50: row 4, column 2
    assert len(outline) == 1
    assert f"windows of 4 x 4 cells{', shifted by 2' * bool(shift)}" in caption(out)


def test_plain_and_shifted_borders_together_differ_in_dash_not_only_in_place(sent: Sent) -> None:
    out = sent(vz.page_windows(PAGE, GRID, CELL, 4, 2, compare=True))
    assert [s["line"]["dash"] for s in out["layout"]["shapes"]] == ["solid", "solid", "dash", "dash"]


def test_clicks_on_the_page_name_cells(sent: Sent) -> None:
    out = sent(vz.page_windows(PAGE, GRID, CELL, 4, 2, query=0, clickable=True))
    chooser = out["data"][-1]
    assert chooser["customdata"].tolist() == list(range(96))
    assert (chooser["x"][13], chooser["y"][13]) == (3, 6)
    large = sent(vz.page_windows(Image.new("RGB", (480, 640)), (640, 480), (4, 4), 10, 5, clickable=True))["data"][-1]
    block = {((n // 480 - 5) % 640 // 10, (n % 480 - 5) % 480 // 10) for n in large["customdata"].tolist()}
    assert len(block) == 64 * 48


def test_all_heads_are_one_trace_with_crosses_strokes_and_the_query_on_every_tile(sent: Sent) -> None:
    tiles = np.random.default_rng(0).random((3, 4, 4)).astype(np.float32)
    kinds = np.full((4, 4), ALLOWED)
    kinds[:2], kinds[3] = FORBIDDEN, PADDING
    out = sent(vz.window_heads(tiles, kinds, (2, 1), CELL, captions=["a", "b", "c"], chosen=1))
    heats = [t for t in out["data"] if t["type"] == "heatmap"]
    assert len(heats) == len(out["data"]) == 1
    drawn = heats[0]["z"]
    assert (drawn != 255).sum() == 3 * 8
    crosses, strokes, light, dark = out["layout"]["shapes"][:4]
    assert crosses["path"].count("M") == 3 * 8 * 2
    assert strokes["path"].count("M") == 3 * 4
    rims = squares(dark["path"])
    assert len(rims) == 3
    for tile, (left, top, right, bottom) in zip(tiles, rims, strict=True):
        byte = round(float(tile[2, 1]) / float(tiles[:, 2:].max()) * 254)
        assert drawn[int(top), int(left)] == byte
        assert (right - left, bottom - top) == (1, 1)
    assert light["line"]["color"] != dark["line"]["color"]
    assert out["layout"]["yaxis"]["scaleratio"] == 2
    assert "orange outline: the query; ✕" in caption(out)
    assert "padding beyond the page" in caption(out)
    assert "✕" not in caption(sent(vz.window_heads(tiles, np.zeros((4, 4), int), (0, 0))))


def test_a_bias_is_drawn_about_zero_with_its_axes_and_unit(sent: Sent) -> None:
    bias = np.zeros((7, 7))
    bias[4, 1] = -0.5
    out = sent(vz.bias_map(bias, limit=2.0))
    trace = out["data"][0]
    assert (trace["zmin"], trace["zmax"]) == (-2, 2)
    assert trace["z"][4, 1] == -0.5
    assert trace["text"][4][1] == "key 1 row down, 2 columns left: -0.5"
    assert out["layout"]["xaxis"]["title"]["text"] == "columns right"
    assert out["layout"]["yaxis"]["title"]["text"] == "rows down"
    ticks = dict(zip(out["layout"]["yaxis"]["ticktext"], out["layout"]["yaxis"]["tickvals"], strict=True))
    assert (ticks["0"], ticks["+1"], ticks["−3"]) == (3.5, 4.5, 0.5)
    assert "added to the score, natural-log units" in caption(out)
    assert squares(out["layout"]["shapes"][-1]["path"]) == [(3, 3, 4, 4)]


@pytest.mark.parametrize("grid", [(8, 12), (7, 11)])
def test_merging_outlines_four_cells_and_the_one_they_become(sent: Sent, grid: tuple[int, int]) -> None:
    chosen = grid[0] * grid[1] - 1
    out = sent(vz.merge_picture(PAGE, grid, CELL, chosen, number=1))
    dark = [s for s in out["layout"]["shapes"] if s["line"]["color"] == theme.QUERY[1]]
    *four, one = [squares(s["path"])[0] for s in dark]
    r, c = 2 * ((grid[0] - 1) // 2), 2 * ((grid[1] - 1) // 2)
    cells = [(c, r), (c, r + 1), (c + 1, r), (c + 1, r + 1)]
    scale = (24 / (grid[1] * 2), 32 / (grid[0] * 4))
    for found, (x, y) in zip(four, cells, strict=True):
        assert found[:2] == pytest.approx((2 * x * scale[0], 4 * y * scale[1]), abs=0.01)
    assert one == pytest.approx((four[0][0], four[0][1], four[3][2], four[3][3]), abs=0.02)
    assert (dark[-1]["xref"], dark[-1]["yref"]) == ("x2", "y2")
    said = [a["text"] for a in out["layout"]["annotations"]]
    odd = grid[0] % 2
    assert said[2:6] == (["1", "2 (zeros)", "3 (zeros)", "4 (zeros)"] if odd else ["1", "2", "3", "4"])
    assert said[0] == f"stage 2<br>{grid[0]} rows x {grid[1]} columns<br>of cells 4 pixels<br>high, 2 wide"
    assert said[1].endswith("of cells 8 pixels<br>high, 4 wide")


def test_the_tracker_prints_every_stage_and_marks_the_current_one_in_words_too(sent: Sent) -> None:
    out = sent(vz.stage_tracker(STAGES, 1, 1, clickable=True))
    said = [a["text"] for a in out["layout"]["annotations"] if a.get("name") != "caption"]
    assert said[1] == "<b>▶ stage 2</b><br>32 rows x 48 columns<br>cells 8 pixels high, 4 wide<br>4 heads, 2 blocks"
    assert [text.count("▶") for text in said] == [0, 1, 0]
    dashes = [s["line"].get("dash") for s in out["layout"]["shapes"] if s["line"]["color"] == theme.LINE]
    assert dashes == ["solid", "dash", "solid"]
    assert list(out["data"][-1]["customdata"]) == [0, 1, 2]
    page = squares(next(s for s in out["layout"]["shapes"] if s["line"]["color"] == theme.QUERY[1])["path"])[0]
    assert (page[3] - page[1]) / (page[2] - page[0]) == pytest.approx(256 / 192, abs=0.01)


def test_words_say_what_the_figures_show() -> None:
    block = seen(GRID, 4, 2)
    row, forbidden = block.row(0)[0], block.forbidden(0)
    said = vz.describe_window_map(row, 0, forbidden, outside=0.125, name="Head 1")
    best = np.unravel_index(np.nanargmax(row), row.shape)
    assert f"row {best[0] + 1}, column {best[1] + 1}" in said
    assert "12 of the window's 16 cells are forbidden by the shift mask." in said
    assert "12.5 % fell on padding" in said
    assert "80 of 96 cells lie outside its window and are not defined" in said
    assert "at most 2 bits" in said  # four cells allowed
    stages = vz.describe_stages(STAGES, 1)
    assert "Stage 2 (current): 32 x 48 cells of 8 x 4 pixels (height x width), 2 blocks of 4 heads" in stages
    assert "(padding, zeros)" in vz.describe_merge(76, (7, 11))
    assert vz.describe_bias(np.zeros((3, 3))).endswith("so place alone changes nothing.")
    assert "shifted by 2 cells" in vz.describe_windows(GRID, 4, 2, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vz.window_map(PAGE, np.full((2, 2), np.nan), CELL), "a defined value"),
        (lambda: vz.window_map(PAGE, np.ones((2, 2)), CELL, forbidden=np.zeros((2, 3))), "want one shape"),
        (lambda: vz.window_heads(np.ones((1, 2, 2)), np.zeros((3, 3), int), (0, 0)), "tiles: want"),
        (lambda: vz.bias_map(np.zeros((2, 3))), "odd numbers"),
        (lambda: vz.merge_picture(PAGE, GRID, CELL, 96), "cell: want 0 to 95"),
        (lambda: vz.page_windows(PAGE, GRID, CELL, 4, query=96), "query: want a cell from 0 to 95"),
        (lambda: vz.page_windows(PAGE, (0, 4), CELL, 4), "grid and cell"),
        (lambda: vz.stage_tracker(STAGES, 3), "current: want 0 to 2"),
        (lambda: vz.stage_tracker(STAGES, 0, 2), "block: want 0 to 1"),
        (
            lambda: vz.page_windows(Image.new("RGB", (9, 90)), GRID, CELL, 4, geometry=Geometry.of(24, 32)),
            "image: want",
        ),
    ],
)
def test_refusals_name_what_is_wanted(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_markup_in_titles_and_units_is_shown_not_obeyed(sent: Sent) -> None:
    values = np.ones(GRID)
    out = sent(vz.window_map(PAGE, values, CELL, query=0, unit="<b>x</b>", title="<i>t</i>", clickable=True))
    assert out["layout"]["title"]["text"] == "&lt;i&gt;t&lt;/i&gt;"
    assert "<b>" not in caption(out)
    assert "<b>" not in "".join(out["data"][-1]["text"])
