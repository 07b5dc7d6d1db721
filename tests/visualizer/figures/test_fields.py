"""The page with the boxes of its fields, and the heads of a reader as points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from visualizer.figures.charts import focus_against_hits
from visualizer.figures.reading import COLOURS, fields_on_page, outline_name

Sent = Callable[[go.Figure], dict[str, Any]]
PAGE = Image.new("RGB", (60, 40), "white")
BITS, RATES = [[1.0, 2.0], [3.0, 4.0]], [[0.9, 0.5], [0.25, np.nan]]


def test_no_field_is_drawn_as_the_truth_is(sent: Sent) -> None:
    boxes = [(n, n, n + 9, n + 9) for n in range(30)]
    drawn = sent(fields_on_page(PAGE, np.ones((2, 3)), None, boxes, ["x"] * 30, true=[(1, 2, 3, 4)]))["layout"][
        "shapes"
    ]
    (truth,) = {one["line"]["dash"] for one in drawn if one.get("name") == "true box"}
    fields = [(one["line"]["color"], one["line"]["dash"]) for one in drawn if one.get("name") == "field box"][1::2]
    assert truth == "dot"
    assert truth not in {dash for _, dash in fields}
    assert len(set(fields)) == 30, "each of thirty fields has a look of its own"
    assert len({outline_name(n) for n in range(30)}) == 30
    assert outline_name(len(COLOURS)) == "blue, dash"


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
