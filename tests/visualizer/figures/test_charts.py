"""Lists, gates and heads as bars and points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from visualizer.figures.charts import focus_against_hits, gate_bars, lists

Sent = Callable[[go.Figure], dict[str, Any]]
BITS, RATES = [[1.0, 2.0], [3.0, 4.0]], [[0.9, 0.5], [0.25, np.nan]]


def test_heads_are_points_and_the_mean_of_all_is_a_star_that_reports_nothing(sent: Sent) -> None:
    out = sent(focus_against_hits(BITS, RATES, mean=(2.5, 0.95)))
    star = next(one for one in out["data"] if one["name"] == "mean of all")
    assert star["marker"]["symbol"] == "star"
    assert (list(star["x"]), list(star["y"])) == ([2.5], [95.0])
    assert "customdata" not in star
    heads = [one for one in out["data"] if one is not star]
    assert [one["name"] for one in heads] == ["layer 1", "layer 2"]
    assert list(heads[0]["y"]) == [90, 50]
    assert heads[1]["customdata"] == [[1, 0], [1, 1]]


def test_without_hits_of_the_mean_there_is_no_star(sent: Sent) -> None:
    for mean in (None, (2.0, float("nan"))):
        assert len(sent(focus_against_hits(BITS, RATES, mean=mean))["data"]) == 2


def test_lists_share_one_scale_and_keep_their_order() -> None:
    fig = lists({"q": [1.0, -2.0], "k": [0.5, 0.1]})
    assert [list(bar.y) for bar in fig.data] == [[1, -2], [0.5, 0.1]]
    assert fig.layout.yaxis.range == fig.layout.yaxis2.range == pytest.approx((-2.2, 2.2))
    assert [note.text for note in fig.layout.annotations] == ["q", "k"]
    assert fig.layout.yaxis.domain[0] > fig.layout.yaxis2.domain[1]


def test_markup_in_names_is_shown_and_not_obeyed() -> None:
    assert lists({"<b>q</b>": [1.0]}).layout.annotations[0].text == "&lt;b&gt;q&lt;/b&gt;"


def test_gates_are_bars_that_report_their_word() -> None:
    fig = gate_bars(["a", "cat"], [0.25, 0.75], 1)
    bar = fig.data[0]
    np.testing.assert_array_equal(bar.y, [0.25, 0.75])
    assert list(bar.customdata) == [0, 1]
    assert bar.marker.color[0] != bar.marker.color[1]
    assert bar.text[1] == "cat: 75.0% open"
    assert tuple(fig.layout.yaxis.range) == (0, 1)


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="lists: want"):
        lists({"q": [1.0], "k": [1.0, 2.0]})
    with pytest.raises(ValueError, match="gates: want 2 numbers from 0 to 1"):
        gate_bars(["a", "b"], [0.5, 1.5])
    with pytest.raises(ValueError, match="bits, rates: want the same"):
        focus_against_hits(BITS, [[0.5, 0.5]])
