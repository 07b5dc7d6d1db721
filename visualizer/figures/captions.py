"""Captions as figures: regions under the attention of one word, all words as a film strip, how far gates are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualizer.figures import composite, head_table, overlay, picture, stage
from visualizer.measures.regions import region_boxes, region_heat
from visualizer.style import theme
from visualizer.style.scale import Scale
from visualizer.style.scale import scale as scale_values
from vit_attention.records import Axis
from vit_attention.records.geometry import Geometry

STRONGEST = 3
"""Boxes that are outlined: more would hide the picture."""
TILE, GAP = 120, 8
"""Pixels of one picture of a film strip, across, and between two of them."""


def regions_map(
    image: Image.Image,
    values: ArrayLike,
    axis: Axis,
    geometry: Geometry | None = None,
    *,
    query: Sequence[int] = (),
    truth: ArrayLike | None = None,
    clickable: bool = False,
    scale: str | Scale = "raw",
    together: Any = None,
    opacity: float = 0.6,
    unit: str = "share of attention",
    title: str = "",
    height: int = 460,
) -> go.Figure:
    """Regions coloured by one value each, on the picture: cells of a grid, or boxes with the strongest ones outlined.

    Args:
        values: (regions,).
        axis: what the regions are.
        query: numbers of regions to outline as those that ask.
        clickable: a click reports the number of the nearest region, from 0.
        together: (..., regions) of all maps that share the range, for the shared scale.
        image, geometry, truth, scale, opacity, unit, title, height: as for `visualizer.figures.overlay.overlay`.
    """
    given = np.asarray(values)
    shared = None if together is None else region_heat(together, axis, geometry)
    common: dict[str, Any] = {
        "scale": scale, "together": shared, "opacity": opacity, "unit": unit, "title": title, "height": height,
        "truth": truth,
    }  # fmt: skip
    heat = region_heat(given, axis, geometry)
    if axis.grid is not None:
        return overlay.overlay(image, heat, geometry, query=query, clickable=clickable, **common)
    fig = overlay.overlay(image, heat, geometry, **common)
    fig.data[0].update(hoverinfo="skip", hovertemplate=None, text=None)
    boxes = region_boxes(axis, geometry)
    best = np.argsort(-given, kind="stable")[:STRONGEST].tolist()
    fig.layout.shapes = [*fig.layout.shapes, *_outlines(boxes, best, query)]
    known = np.flatnonzero(~np.isnan(boxes).any(axis=1))
    middle = (boxes[known, :2] + boxes[known, 2:]) / 2
    text = [theme.safe(f"{axis.name(n)}: {theme.short(given[n])} {unit}") for n in known.tolist()]
    fig.add_trace(stage.click_markers(middle[:, 0], middle[:, 1], known.astype(np.int32), text))
    if clickable:
        stage.let_click(fig)
    return fig


def _outlines(boxes: NDArray[np.float64], best: Sequence[int], query: Sequence[int]) -> list[dict[str, Any]]:
    thin = [
        {"type": "path", "path": stage.square(boxes[n]), "line": {"color": color, "width": width}}
        for n in best
        if np.isfinite(boxes[n]).all()
        for color, width in (("rgba(0,0,0,0.6)", 3), ("#ffffff", 1))
    ]
    asking = [
        {"type": "path", "path": stage.square(boxes[n]), "line": {"color": color, "width": width}}
        for n in query
        for color, width in zip(theme.QUERY, (5, 2.5), strict=True)
    ]
    return thin + asking


def film_strip(
    image: Image.Image,
    maps: ArrayLike,
    words: Sequence[str],
    geometry: Geometry | None = None,
    *,
    notes: Sequence[str] | None = None,
    chosen: int | None = None,
    per_row: int = 5,
    colormap: str = theme.COLORMAP,
    opacity: float = 0.6,
    scale: str | Scale = "shared",
    unit: str = "share of attention",
    title: str = "",
    width: int = 620,
) -> go.Figure:
    """The picture once a word, each under that word's map: one picture in one figure; a click reports the word's number.

    Args:
        image: the upright picture.
        maps: (words, rows, columns) over the model's input; NaN cells stay uncovered.
        words: what stands over each picture.
        geometry: from the original to the model's input.
        notes: a second line for each word.
        chosen: number of the word to outline, from 0.
        per_row: pictures in a row.
        scale: "shared" (sizes can be compared between words), "per map" or "log".
        width: pixels that the strip will have across, from which its height follows.

    Raises:
        ValueError: another shape, or words or notes that do not fit the maps.
    """
    stack = np.asarray(maps)
    if stack.ndim != 3 or not stack.size:
        raise ValueError(f"maps: want (words, rows, columns), got shape {stack.shape}")
    for name, given in (("words", words), ("notes", notes)):
        if given is not None and len(given) != len(stack):
            raise ValueError(f"{name}: want {len(stack)}, one per map, got {len(given)}")
    where = stage.fitting(image, geometry)
    scaled = scale_values(stack, scale, stack, unit=unit)
    size = (TILE, max(1, round(TILE * where.original[1] / where.original[0])))
    tiles = [composite.paint(image, replace(scaled, values=v), where, size, colormap, opacity) for v in scaled.values]
    across, strip = (
        min(per_row, len(tiles)),
        26 if notes is None else 46,
    )  # room for text that does not shrink on a phone
    step = np.array([size[0] + GAP, size[1] + strip])
    corners = [(n % across * int(step[0]), n // across * int(step[1]) + strip) for n in range(len(tiles))]
    whole = (across * int(step[0]) - GAP, -(-len(tiles) // across) * int(step[1]))
    fig = go.Figure(_bar(scaled, colormap))
    # A picture each, not one sheet: between them the page's own ground must show, light or dark.
    fig.layout.images = [
        {**picture.layout_image(Image.fromarray(tile), *size), "x": left, "y": top}
        for tile, (left, top) in zip(tiles, corners, strict=True)
    ]
    stage.picture_axes(fig, (0, 0, *whole))
    middle = np.array([(left + size[0] / 2, top + size[1] / 2) for left, top in corners])
    labels = [f"word {n + theme.FIRST}: {theme.safe(word)}" for n, word in enumerate(words)]
    fig.add_trace(stage.click_markers(middle[:, 0], middle[:, 1], np.arange(len(tiles), dtype=np.int32), labels))
    stage.let_click(fig)
    if chosen is not None:
        left, top = corners[head_table.within(chosen, len(tiles), "chosen")]
        fig.layout.shapes = head_table.two_tone((left, top, left + size[0], top + size[1]))
    height = min(1000, 120 + round(width * min(2.4, whole[1] / whole[0])))
    theme.base(fig, title=title, caption=scaled.caption, height=height, bottom=stage.BAR)
    style = {"showarrow": False, "yanchor": "bottom", "font": {"size": theme.SMALL}, "borderpad": 1}
    told = [theme.safe(w) + ("" if notes is None else f"<br>{theme.safe(notes[n])}") for n, w in enumerate(words)]
    named = [{"x": x, "y": top, "text": t, **style} for (x, _), (_, top), t in zip(middle, corners, told, strict=True)]
    fig.layout.annotations = [*named, *(one.to_plotly_json() for one in fig.layout.annotations)]
    return fig


def _bar(scaled: Any, colormap: str) -> go.Scatter:
    """A trace without points that carries the colour bar."""
    marker = {
        "color": [scaled.low], "cmin": scaled.low, "cmax": scaled.high, "colorscale": theme.colorscale(colormap),
        "showscale": True, "colorbar": stage.colour_bar(scaled), "opacity": 0,
    }  # fmt: skip
    return go.Scatter(x=[None], y=[None], mode="markers", marker=marker, hoverinfo="skip", name="scale")


def gate_bars(
    words: Sequence[str], gates: ArrayLike, current: int | None = None, *, title: str = "", height: int = 220
) -> go.Figure:
    """One bar a word: how far its gate is open, from 0 to 1; a click reports the word's number.

    Args:
        gates: (words,) mean of the gate over its channels.
        current: number of the word to mark, from 0.
    """
    open_ = np.asarray(gates, dtype=np.float64)
    if open_.shape != (len(words),) or not ((open_ >= 0) & (open_ <= 1)).all():
        raise ValueError(f"gates: want {len(words)} numbers from 0 to 1, one per word, got shape {open_.shape}")
    place = np.arange(len(words))
    text = [f"{theme.safe(word)}: {value:.1%} open" for word, value in zip(words, open_, strict=True)]
    fig = go.Figure(go.Bar(x=place, y=open_, customdata=place.astype(np.int32), text=text, textposition="none"))
    colors = [theme.QUERY[1] if n == current else theme.LINES[0] for n in place.tolist()]
    outline = [3 if n == current else 0 for n in place.tolist()]
    fig.data[0].update(marker={"color": colors, "line": {"color": theme.LINE, "width": outline}}, name="gate")
    fig.data[0].hovertemplate = "%{text}<extra></extra>"
    axis = {"showgrid": False, "zeroline": False, "fixedrange": True, "tickfont": {"size": theme.SMALL}}
    ticks = {"tickvals": place.tolist(), "ticktext": [theme.safe(word) for word in words], "tickangle": -45}
    fig.layout.xaxis = {**axis, "range": [-0.5, len(words) - 0.5], **ticks}
    fig.layout.yaxis = {**axis, "range": [0, 1], "showgrid": True, "gridcolor": theme.GRID, "tickformat": ".0%"}
    theme.base(fig, title=title, height=height, bottom=56)
    fig.layout.margin.l = 44
    return theme.lay(fig, clickmode="event+select", dragmode=False, bargap=0.2)
