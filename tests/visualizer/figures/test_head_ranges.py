"""Columns of quantiles: every number at its place, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from visualizer.figures.head_ranges import head_ranges
from vit_attention.gate import GateError

RANGES = [[0, 1, 2, 3, 4], [1, 1, 1, 1, 1], [2, 4, 5, 8, 9]]
HEADS = [(0, 0), (0, 1), (2, 0)]


def test_lines_bars_and_dots_are_the_numbers_and_a_click_reports_the_head() -> None:
    figure = head_ranges(RANGES, HEADS, "bits", chosen=(2, 0), depth=5)
    lines, bars, dots, marks = figure.data
    np.testing.assert_array_equal(np.asarray(lines.y).reshape(3, 3)[:, :2], [[0, 4], [1, 1], [2, 9]])
    np.testing.assert_array_equal(bars.base, [1, 1, 4])
    np.testing.assert_array_equal(bars.y, [2, 0, 4])
    np.testing.assert_array_equal(dots.y, [2, 1, 5])
    np.testing.assert_array_equal(bars.marker.color, [1, 1, 3])
    assert (bars.marker.cmin, bars.marker.cmax) == (1, 5)
    assert [list(one) for one in marks.customdata] == [list(head) for head in HEADS for _ in range(5)]
    assert "layer 3, head 1: median 5" in marks.text[-1]
    assert figure.layout.yaxis.title.text == "bits"
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == (1.5, 2.5)


def test_layers_are_named_where_each_stands_together_and_only_there() -> None:
    assert list(head_ranges(RANGES, HEADS, "bits").layout.xaxis.ticktext) == ["1", "3"]
    mixed = head_ranges(RANGES, [(0, 0), (2, 0), (0, 1)], "bits")
    assert not mixed.layout.xaxis.ticktext


def test_two_figures_may_share_an_axis_and_undefined_heads_leave_gaps() -> None:
    with_gap = [[np.nan] * 5, *RANGES[1:]]
    figure = head_ranges(with_gap, HEADS, "bits", limits=(-10, 10))
    low, high = figure.layout.yaxis.range
    assert low < -10 < 10 < high
    assert "not defined" in figure.data[3].text[0]
    assert head_ranges([[np.nan] * 5] * 3, HEADS, "bits").layout.yaxis.range is not None


@pytest.mark.parametrize(
    ("ranges", "heads"), [([], []), (RANGES, HEADS[:2]), ([[1, 2, 3]], [(0, 0)]), ([[5, 4, 3, 2, 1]], [(0, 0)])]
)
def test_what_are_no_ranges_is_refused(ranges, heads) -> None:
    with pytest.raises(GateError):
        head_ranges(ranges, heads, "bits")


def test_names_are_text() -> None:
    figure = head_ranges(RANGES, HEADS, "<b>bits</b>", title="<i>x</i>", across="<u>")
    assert "<b>" not in figure.to_json()
    assert "<i>" not in figure.to_json()
