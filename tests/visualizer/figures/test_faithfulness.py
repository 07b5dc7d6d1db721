"""Curves of deletion and insertion as Plotly is sent them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from visualizer import deletion_insertion, describe_faithfulness
from visualizer.measures import faithfulness as f
from visualizer.measures.faithfulness import Curve, Faithfulness
from vit_attention.gate import GateError

Sent = Callable[[go.Figure], dict[str, Any]]
X = np.array([0, 0.5, 1])


def made(unit: str = "probability", about: str = "the class <b>ring</b>") -> Faithfulness:
    curves = [
        Curve(order, kind, "mean", X, draws)
        for kind, turn in ((f.DELETION, 1), (f.INSERTION, -1))
        for order, draws in (
            (f.MAP, np.array([[1.0, 0.25, 0.0]])[:, ::turn]),
            (f.RANDOM, np.array([[1.0, 0.5, 0.0], [1.0, 0.7, 0.0]])[:, ::turn]),
        )
    ]
    return Faithfulness(about, unit, tuple(curves))


def test_both_panels_show_every_order_in_percent_with_a_band_of_the_draws(sent: Sent) -> None:
    out = sent(deletion_insertion(made()))
    lines = [one for one in out["data"] if one["mode"] == "lines+markers"]
    assert [(one["name"], one["xaxis"]) for one in lines] == [
        ("map", "x"),
        ("random order", "x"),
        ("map", "x2"),
        ("random order", "x2"),
    ]
    assert list(lines[0]["y"]) == [100, 25, 0]
    assert list(lines[1]["y"]) == [100, 60, 0]
    assert list(lines[2]["y"]) == [0, 25, 100]
    bands = [one for one in out["data"] if one.get("fill") == "toself"]
    assert [sorted(one["y"])[2:4] for one in bands] == [[50, 70], [50, 70]]
    assert [one["showlegend"] for one in lines] == [True, True, False, False]
    assert len({(one["line"]["dash"], one["marker"]["symbol"]) for one in lines}) == 2


def test_axes_have_their_units_and_one_scale(sent: Sent) -> None:
    layout = sent(deletion_insertion(made()))["layout"]
    assert layout["xaxis"]["title"]["text"] == "patches covered (%)"
    assert layout["xaxis2"]["title"]["text"] == "patches shown (%)"
    upright = layout["yaxis"]["title"]["text"].replace("<br>", " ")
    assert upright == "probability of the class &lt;b&gt;ring&lt;/b&gt; (%)"
    assert layout["yaxis2"]["matches"] == "y"
    assert layout["height"] <= 440
    cosine = sent(deletion_insertion(made("cosine similarity", "the similarity"), what="tokens"))["layout"]
    assert "cosine, -1 to 1" in cosine["yaxis"]["title"]["text"].replace("<br>", " ")
    assert "range" not in cosine["yaxis"]
    assert cosine["xaxis"]["title"]["text"] == "tokens covered (%)"


def test_words_tell_the_areas_and_other_baselines_are_refused() -> None:
    said = describe_faithfulness(made(about="the class ring"))
    assert "deletion: map 37.5 %, random order 55.0 %" in said
    with pytest.raises(GateError, match="on blur"):
        deletion_insertion(made(), "blur")
