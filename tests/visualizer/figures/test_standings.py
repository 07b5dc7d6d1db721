"""Rankings with intervals, and one number against another."""

from __future__ import annotations

from typing import Any

import pytest

from visualizer.figures.standings import Line, Point, against, ranking
from vit_attention.gate import GateError

LINES = [Line("relevance", 0.9, 0.8, 0.95, said="20 cases"), Line("<b>blob</b>", 0.5, 0.4, 0.7, control=True)]


def test_each_line_has_its_interval_and_controls_are_drawn_otherwise() -> None:
    figure = ranking(LINES, "share", title="Who?")
    own, blind = figure.data
    assert (list(own.x), list(own.y), list(blind.y)) == ([0.9], [0], [1])
    assert own.error_x.array == pytest.approx((0.05,))
    assert own.error_x.arrayminus == pytest.approx((0.1,))
    assert own.marker.symbol != blind.marker.symbol
    assert "20 cases" in own.text[0]
    assert figure.layout.xaxis.title.text == "share"
    assert "<b>" not in figure.layout.yaxis.ticktext[1]


def test_points_have_names_where_they_are_wanted() -> None:
    points = [Point("raw", 1, 50), Point("rise", 500, 90), Point("centre prior", 1, 20, control=True)]
    figure = against(points, "passes", "hits in %", named=("rise",), log=True)
    assert list(figure.data[0].text) == ["", "rise"]
    assert figure.layout.xaxis.type == "log"
    assert "passes 500, hits in % 90" in figure.data[0].hovertext[1]


def test_nothing_is_no_figure() -> None:
    with pytest.raises(GateError, match="at least one"):
        ranking([], "share")
    with pytest.raises(GateError, match="at least one"):
        against([], "a", "b")


def test_a_long_title_of_an_axis_is_folded_so_that_a_telephone_shows_all_of_it() -> None:
    long = "share of maps that point at the thing that was asked about"
    parts = ranking(LINES, long).layout.xaxis.title.text.split("<br>")
    assert " ".join(parts) == long
    assert max(map(len, parts)) <= 34


CROWD = [
    Point("raw", 50, 50),
    Point("rollout", 50, 50),
    Point("colour contrast", 50, 50, control=True),
    Point("occlusion", 56, 44),
    Point("grad-cam", 100, 0),
    Point("relevance", 100, 0),
    Point("attnlrp", 99, 0.5),
    Point("rise", 96, 0),
    Point("random map", 4, 5, control=True),
    Point("flow", 0, 0),
]
"""Points in one place, points almost there, and points in the corners."""
TALL = {"top": 30, "bottom": 76}
"""Pixels of the figure over and under its drawing."""


def covered(figure: Any, width: float) -> list[tuple[float, float, float, float]]:
    """(left, top, right, bottom) in pixels of every text and every point of a figure, in a drawing so wide."""
    (x0, x1), (y0, y1) = figure.layout.xaxis.range, figure.layout.yaxis.range
    height = figure.layout.height - TALL["top"] - TALL["bottom"]
    texts, points = [], set()
    for trace in figure.data:
        for x, y, text, side in zip(trace.x, trace.y, trace.text, trace.textposition, strict=True):
            across, down = width * (x - x0) / (x1 - x0), height * (y1 - y) / (y1 - y0)
            points.add((across - 4, down - 4, across + 4, down + 4))
            lines = text.split("<br>")
            wide, tall = 6 * max(map(len, lines)), 15 * len(lines)  # wider than the letters that browsers draw
            left = across + {"left": -wide - 6, "center": -wide / 2, "right": 6}[side.split()[1]]
            top = down + {"top": -tall - 6, "middle": -tall / 2, "bottom": 6}[side.split()[0]]
            if text:
                texts.append((left, top, left + wide, top + tall))
    assert all(box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height for box in texts)
    return [*texts, *points]


def cross(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@pytest.mark.parametrize("width", [270, 330, 420, 520, 700, 1200])
def test_no_name_covers_another_or_a_point_or_leaves_the_figure_at_any_width(width: float) -> None:
    figure = against(CROWD, "x", "y", named=[one.name for one in CROWD], title="Who?", height=380)
    boxes = covered(figure, width)
    count = sum(text != "" for trace in figure.data for text in trace.text)
    assert count >= 5
    for at, one in enumerate(boxes[:count]):
        assert not [other for other in boxes[at + 1 :] if cross(one, other)]


def test_points_in_one_place_share_a_text_and_the_last_names_are_left_out_first() -> None:
    three = [Point(name, 1, 1) for name in ("a", "b", "c")]
    assert list(against([*three, Point("d", 9, 9)], "x", "y", named="bca").data[0].text) == ["", "b, c, a", "", ""]
    long = [Point(f"{n}{'long' * 200}", 1, 1) for n in range(2)]
    assert [*against(long, "x", "y", named=[one.name for one in long]).data[0].text] == ["", ""]
    first = Point("near", 1, 1)
    assert against([first, long[1]], "x", "y", named=["near", long[1].name]).data[0].text[0] == "near"
