"""Rankings with intervals, and one number against another."""

from __future__ import annotations

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
