"""The drawing of a flow: every pipe once, as wide as it is, and the cut where the flow is held back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from visualizer import largest_flow
from visualizer.figures.flow_network import WIDEST, flow_network
from visualizer.style import theme
from visualizer.words.flow import describe_flow

Sent = Callable[[go.Figure], dict[str, Any]]
NAMES = ("class token", "a", "b")
LAYERS = [
    np.array([[[0.0, 1.0, 0.0], [0.0, 0.75, 0.25], [0.0, 0.0, 1.0]]]),
    np.array([[[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]]),
]
"""From the class token to b: half goes to a, of which a quarter of 1 at most goes on; the other half goes to the class token, which has no pipe there."""


def lines(out: dict[str, Any], colour: str) -> dict[tuple[float, ...], float]:
    """Width of every line of a colour, by its ends (x, y, x, y)."""
    found = {}
    for one in out["data"]:
        if one["mode"] == "lines" and one["line"]["color"] == colour:
            ends = np.stack([one["x"], one["y"]], axis=1).reshape(-1, 3, 2)
            found |= {tuple(each[:2].ravel().tolist()): one["line"]["width"] for each in ends}
    return found


def test_pipes_flow_and_cut(sent: Sent) -> None:
    out = sent(flow_network(largest_flow(LAYERS, 0, 2, residual=0), 0, 2, NAMES))
    # (token, row) above and below; of the last layer only the class token's pipes count.
    wide = {
        (0, 2, 0, 1): 0.5,
        (0, 2, 1, 1): 0.5,
        (0, 1, 1, 0): 1,
        (1, 1, 1, 0): 0.75,
        (1, 1, 2, 0): 0.25,
        (2, 1, 2, 0): 1,
    }
    assert lines(out, theme.LINE) == {ends: WIDEST * size for ends, size in wide.items()}
    assert lines(out, theme.LINES[0]) == {(0, 2, 1, 1): WIDEST / 4, (1, 1, 2, 0): WIDEST / 4}
    assert lines(out, theme.LINES[1]) == {(1, 1, 2, 0): WIDEST / 4}
    texts = [note["text"] for note in out["layout"]["annotations"]]
    assert texts.count("<b>0.25</b>") == 1
    assert ("<b>class<br>token</b>" in texts, "<b>b</b>" in texts, "<b>a</b>" in texts) == (True, True, False)
    hover = next(one for one in out["data"] if "text" in one)["text"]
    assert "layer 1, a to b: capacity 0.25, flow 0.25" in hover
    assert "layer 1, class token to a: capacity 1, flow 0" in hover


def test_it_is_said_in_words() -> None:
    said = describe_flow(largest_flow(LAYERS, 0, 2, residual=0), 0, 2, NAMES)
    assert said == "From class token to b at most 0.25 can flow. The narrowest cut: layer 1, a to b (0.25)."
    nothing = largest_flow([np.eye(2)[None]], 0, 1)
    assert describe_flow(nothing, 0, 1, "cx") == "From c to x at most 0 can flow. No pipe leads there."


def test_what_cannot_be_drawn_is_said() -> None:
    many = largest_flow([np.full((1, 13, 13), 1 / 13)], 0, 2)
    with pytest.raises(ValueError, match="layers: want at most 6 layers of 12 tokens, to be drawn, got 1 of 13"):
        flow_network(many, 0, 2)
    found = largest_flow(LAYERS, 0, 2)
    with pytest.raises(ValueError, match="names: want 3, one per token, got 2"):
        flow_network(found, 0, 2, ("a", "b"))
    with pytest.raises(ValueError, match="target: want 0 to 2, got 3"):
        flow_network(found, 0, 3)
