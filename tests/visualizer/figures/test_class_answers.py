"""Shares before and after with the ends of their intervals, and bars cut into parts."""

from __future__ import annotations

import pytest

from visualizer.figures.class_answers import flows, right_before_and_after
from vit_attention.gate import GateError

NAMES = ["rollout", "<b>heads</b>"]


def test_each_name_has_two_points_in_percent_with_their_ends() -> None:
    figure = right_before_and_after(NAMES, [[0.2, 0.1, 0.4], [0.5, 0.3, 0.7]], [[0.6, 0.4, 0.75], [0.5, 0.3, 0.7]])
    before, after = figure.data
    assert (list(before.x), list(after.x)) == ([20, 50], [60, 50])
    assert before.error_x.array == pytest.approx([20, 20])
    assert before.error_x.arrayminus == pytest.approx([10, 20])
    assert before.marker.symbol != after.marker.symbol
    assert all(a < b for a, b in zip(before.y, after.y, strict=True))
    assert after.hovertext[0] == "rollout, after: 60 % (40 to 75 %)"
    assert "%" in figure.layout.xaxis.title.text
    assert "<b>" not in figure.layout.yaxis.ticktext[1]


def test_bars_are_cut_into_their_parts() -> None:
    figure = flows(NAMES, {"up": [3, 0], "same": [1, 2]}, "answers")
    assert [list(bar.x) for bar in figure.data] == [[3, 0], [1, 2]]
    assert list(figure.data[0].text) == ["3", ""]
    assert figure.layout.barmode == "stack"
    assert len({bar.marker.color for bar in figure.data}) == 2
    assert figure.layout.xaxis.title.text == "answers"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(GateError, match="names: want at least one"):
        right_before_and_after([], [], [])
    with pytest.raises(GateError, match=r"after: want \(2, 3\) shares"):
        right_before_and_after(NAMES, [[0, 0, 0]] * 2, [[0, 0, 0]])
    with pytest.raises(GateError, match="1 to 4 parts"):
        flows(NAMES, {}, "answers")
    with pytest.raises(GateError, match=r"up: want \(2,\) counts"):
        flows(NAMES, {"up": [1]}, "answers")
