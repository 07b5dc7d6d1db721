"""Fields on their page, numbered and outlined, and the heads of a reader as points: how focused, how often right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from PIL import Image

from visualizer.figures import stage
from visualizer.figures.reading import page_with_heat
from visualizer.figures.summary import MARKERS
from visualizer.measures.viewport import checked
from visualizer.style import theme
from visualizer.words.plain import printable
from vit_attention.records.geometry import Geometry

COLOURS = ("blue", "red-orange", "green", "pink", "amber", "light blue")
"""`theme.LINES` in words."""
STROKES = ("solid", "dash", "dashdot", "longdash", "longdashdot")
"""How the boxes of fields are drawn; dots are left to the true boxes."""


def outline_name(number: int) -> str:
    """How the box of field `number`, from 0, is drawn, in words for a legend.

    >>> outline_name(0), outline_name(7)
    ('blue', 'red-orange, dash')
    """
    stroke = STROKES[number // len(COLOURS) % len(STROKES)]
    return COLOURS[number % len(COLOURS)] + f", {stroke}" * (stroke != STROKES[0])


def fields_on_page(
    image: Image.Image,
    values: ArrayLike,
    geometry: Geometry | None,
    boxes: Sequence[Sequence[float] | None],
    names: Sequence[str],
    *,
    chosen: int = 0,
    **options: Any,
) -> go.Figure:
    """The page under the heat of one field, with the box of every field numbered from 1; a click reports the field.

    Args:
        image: the upright page.
        values: (rows, columns) heat of the chosen field.
        geometry: from the original to the model's input.
        boxes: proposed for each field, in pixels of the original page; None for a field without one.
        names: one plain text per field, for hovering.
        chosen: number of the field, counted from 0, whose box is drawn thick.
        options: as for `page_with_heat`.
    """
    if len(names) != len(boxes):
        raise ValueError(f"names: want {len(boxes)}, one per box, got {len(names)}")
    fig = page_with_heat(image, values, geometry, **options)
    there = [(n, checked(box, f"box {n + theme.FIRST}")) for n, box in enumerate(boxes) if box is not None]
    drawn = [*(one for one in there if one[0] != chosen), *(one for one in there if one[0] == chosen)]
    fig.layout.shapes = [*fig.layout.shapes, *(shape for n, box in drawn for shape in _rim(n, box, n == chosen))]
    labels = [
        {"x": box[0], "y": box[1], "xanchor": "left", "yanchor": "bottom", "text": str(n + theme.FIRST),
         "showarrow": False, "bgcolor": "#ffffff", "bordercolor": theme.LINES[n % len(theme.LINES)], "borderwidth": 2,
         "borderpad": 1, "font": {"color": "#000000", "size": theme.SMALL + (2 if n == chosen else 0)}, "name": "field"}
        for n, box in drawn
    ]  # fmt: skip
    fig.layout.annotations = [*labels, *(one.to_plotly_json() for one in fig.layout.annotations)]
    places = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for _, box in there]
    text = [f"{n + theme.FIRST}: {theme.safe(printable(names[n]))}" for n, _ in there]
    x, y = [p[0] for p in places], [p[1] for p in places]
    fig.add_trace(stage.click_markers(x, y, np.array([n for n, _ in there], np.int32), text))
    stage.let_click(fig)
    return fig


def _rim(number: int, box: Sequence[float], chosen: bool) -> list[dict[str, Any]]:
    """White under colour, so that the outline stands out from any page."""
    wide = 2 * chosen
    line = {"color": theme.LINES[number % len(theme.LINES)], "dash": STROKES[number // len(COLOURS) % len(STROKES)]}
    return [
        {"type": "path", "path": stage.square(box), "line": {"color": "#ffffff", "width": 3.5 + wide}, "name": "rim"},
        {"type": "path", "path": stage.square(box), "line": {**line, "width": 2 + wide}, "name": "field box"},
    ]


def focus_against_hits(
    bits: ArrayLike,
    rates: ArrayLike,
    *,
    chosen: tuple[int, int] | None = None,
    chance: float | None = None,
    mean: tuple[float, float] | None = None,
    title: str = "",
    height: int = 420,
) -> go.Figure:
    """One point per head: its entropy across, its hit rate upwards; a click reports [layer, head], counted from 0.

    Args:
        bits: (layers, heads) mean entropy in bits.
        rates: (layers, heads) hit rate, 0 to 1; heads without one are left out.
        chosen: (layer, head) to ring.
        chance: hit rate of a cell picked at random, drawn as a line.
        mean: (bits, hit rate) of the mean of all heads, drawn as a star that reports nothing.
    """
    focus, hits = np.asarray(bits, np.float64), np.asarray(rates, np.float64)
    if focus.ndim != 2 or focus.shape != hits.shape:
        raise ValueError(f"bits, rates: want the same (layers, heads), got {focus.shape} and {hits.shape}")
    fig = go.Figure()
    if mean is not None and np.isfinite(mean).all():
        fig.add_trace(_star(mean[0], 100 * mean[1]))  # under the points, which are to be clicked
    for layer, (across, up) in enumerate(zip(focus, hits, strict=True)):
        fig.add_trace(_points(layer, across, 100 * up, chosen))
    axis = {"showgrid": True, "gridcolor": theme.GRID, "zeroline": False, "fixedrange": True, "automargin": True}
    fig.layout.xaxis = {**axis, "title": {"text": "mean entropy in bits: focused on the left"}, "rangemode": "tozero"}
    fig.layout.yaxis = {**axis, "title": {"text": "hits in %"}, "range": [-4, 104]}
    if chance is not None and np.isfinite(chance):
        fig.add_hline(y=100 * chance, line={"dash": "dot", "width": 1.5, "color": theme.LINE})
        fig.add_annotation(x=1, xref="paper", y=100 * chance, yanchor="bottom", xanchor="right", text="chance", showarrow=False, font={"size": theme.SMALL})  # fmt: skip
    theme.base(fig, title=title, height=height, bottom=100)
    # Two rows of names fit under the axis where the figure is as narrow as a phone.
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0.5, "xanchor": "center"}
    return theme.lay(fig, clickmode="event+select", dragmode=False, hovermode="closest", showlegend=True, legend=legend)


def _star(bits: float, percent: float) -> go.Scatter:
    marker = {"size": 18, "symbol": "star", "color": theme.QUERY[0], "line": {"width": 2, "color": theme.QUERY[1]}}
    said = f"mean of all heads: {theme.short(bits)} bits, {percent:.0f} % hits<extra></extra>"
    return go.Scatter(
        x=[bits], y=[percent], mode="markers", marker=marker, hovertemplate=said, name="mean of all", legendrank=2000,
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip


def _points(layer: int, across: ArrayLike, up: ArrayLike, chosen: tuple[int, int] | None) -> go.Scatter:
    x, y = np.asarray(across, np.float64), np.asarray(up, np.float64)
    ringed = [4 if chosen == (layer, head) else 1 for head in range(len(x))]
    text = [
        f"layer {layer + theme.FIRST}, head {head + theme.FIRST}: {theme.short(a)} bits, {b:.0f} % hits"
        for head, (a, b) in enumerate(zip(x, y, strict=True))
    ]
    marker = {
        "size": [16 if width > 1 else 11 for width in ringed], "symbol": MARKERS[layer % len(MARKERS)],
        "color": theme.LINES[layer % len(theme.LINES)], "line": {"width": ringed, "color": "#808080"},
    }  # fmt: skip
    return go.Scatter(
        x=x, y=y, mode="markers", marker=marker, customdata=[[layer, head] for head in range(len(x))], text=text,
        hovertemplate="%{text}<extra></extra>", name=f"layer {layer + theme.FIRST}",
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip
