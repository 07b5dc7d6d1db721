"""Axes, lines and places to click of a table with one cell per head: layers down, heads across."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from visualizer.figures import stage
from visualizer.style import theme


def within(number: int, count: int, name: str) -> int:
    """`number` if it is one of `count`, counted from 0; raises ValueError, saying `name`, if not."""
    if not 0 <= number < count:
        raise ValueError(f"{name}: want 0 to {count - 1}, got {number}")
    return int(number)


def two_tone(box: Sequence[float]) -> list[dict[str, Any]]:
    """Shapes that outline the chosen (left, top, right, bottom) box."""
    tones = zip(theme.QUERY, (5, 2.5), strict=True)
    return [{"type": "path", "path": stage.square(box), "line": {"color": c, "width": w}} for c, w in tones]


def outline_cell(fig: go.Figure, chosen: tuple[int, int] | None, counts: Sequence[int]) -> None:
    """Outline cell (layer, head), counted from 0; `counts` holds the heads of each layer. None outlines nothing."""
    if chosen is None:
        return
    layer = within(chosen[0], len(counts), "chosen layer")
    left, top = within(chosen[1], counts[layer], "chosen head") + theme.FIRST - 0.5, layer + theme.FIRST - 0.5
    fig.layout.shapes = [*fig.layout.shapes, *two_tone((left, top, left + 1, top + 1))]


def head_axes(fig: go.Figure, layers: int, heads: int, depth: Sequence[int], shape: float = 1.0) -> None:
    """One unit per map: x is the head's number and y the place of the layer, with lines between the maps."""
    low = theme.FIRST - 0.5
    common = {"showgrid": False, "zeroline": False, "fixedrange": True, "constrain": "domain", "automargin": True}
    font = {"tickfont": {"size": theme.SMALL}}
    places = list(range(theme.FIRST, theme.FIRST + layers))
    names = [str(n + theme.FIRST) for n in depth]
    fig.layout.xaxis = {**common, **font, "range": [low, low + heads], "side": "top", "dtick": 1 if heads <= 16 else 4}
    fig.layout.yaxis = {**common, **font, "range": [low + layers, low], "tickvals": places, "ticktext": names}
    fig.layout.yaxis.update(scaleanchor="x", scaleratio=shape)
    fig.layout.xaxis.title = {"text": "head", "standoff": 2, "font": {"size": theme.FONT_SIZE}}
    fig.layout.yaxis.title = {"text": "layer", "standoff": 2, "font": {"size": theme.FONT_SIZE}}
    upright = "".join(f"M{low + h},{low}V{low + layers}" for h in range(heads + 1))
    level = "".join(f"M{low},{low + at}H{low + heads}" for at in range(layers + 1))
    fig.layout.shapes = [{"type": "path", "path": upright + level, "line": {"color": theme.LINE, "width": 1}}]


def head_markers(fig: go.Figure, counts: Sequence[int], depth: Sequence[int], values: Sequence[str]) -> None:
    """One invisible marker per map; a click reports [layer, head], both counted from 0."""
    places = [(at, head) for at, count in enumerate(counts) for head in range(count)]
    x = [head + theme.FIRST for _, head in places]
    y = [at + theme.FIRST for at, _ in places]
    told = [[int(depth[at]), head] for at, head in places]
    words = [str(depth[at] + theme.FIRST) for at, _ in places]
    text = [f"{word}, head {head + theme.FIRST}: {v}" for word, (_, head), v in zip(words, places, values, strict=True)]
    fig.add_trace(stage.click_markers(x, y, told, text, hover="layer %{text}"))
    stage.let_click(fig)
