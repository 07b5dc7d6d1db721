"""Answers before and after: every class has its two numbers, on one scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import pytest

from visualizer.figures.answers import answers
from vit_attention.gate import GateError

Sent = Callable[[go.Figure], dict[str, Any]]


def test_each_label_has_a_bar_before_and_one_after_on_one_axis(sent: Sent) -> None:
    out = sent(answers(["ring", "<b>star</b>"], [90.0, 10.0], [0.0, 55.5]))
    before, after = out["data"]
    assert (before["name"], after["name"]) == ("before, probability in %", "after, probability in %")
    assert (list(before["x"]), list(after["x"])) == ([90, 10], [0, 55.5])
    assert before.get("xaxis") == after.get("xaxis"), "two scales"
    assert list(after["text"]) == ["0.0", "55.5"]
    assert out["layout"]["xaxis"]["range"][1] >= 100
    assert out["layout"]["yaxis"]["range"] == [1.5, -0.5], "the first is not on top"
    assert "&lt;b&gt;star" in after["hovertext"][1]
    assert "<b>" not in str(out)


@pytest.mark.parametrize(("before", "after"), [([1], [1, 2]), ([1, 2], [1, -2]), ([1, float("nan")], [1, 2])])
def test_what_is_no_pair_of_answers_is_refused(before: list[float], after: list[float]) -> None:
    with pytest.raises(GateError):
        answers(["a", "b"], before, after)
