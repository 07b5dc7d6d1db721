"""A document as it was read: the page under one token's heat, where the window lies, all heads, the probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from PIL import Image

from visualizer.figures import mosaic, overlay, picture, stage
from visualizer.measures.reading import token_maps
from visualizer.measures.viewport import checked
from visualizer.style import theme
from visualizer.style.scale import Scale
from visualizer.words.plain import printable
from visualizer.words.reading import shown
from vit_attention.records import AttentionRecord
from vit_attention.records.geometry import Geometry

PROPOSED = theme.QUERY
"""The two tones of a proposed box; a true box is drawn in `theme.TRUTH`, dotted, as no other box is."""
OPACITY = 0.4
"""Of the heat over a page, so that print stays legible under dark and under bright cells."""


def page_with_heat(
    image: Image.Image,
    values: ArrayLike,
    geometry: Geometry | None = None,
    *,
    window: Sequence[float] | None = None,
    proposed: Sequence[Sequence[float]] = (),
    true: Sequence[Sequence[float]] = (),
    colormap: str = theme.COLORMAP,
    opacity: float = OPACITY,
    scale: str | Scale = "raw",
    together: Any = None,
    unit: str = "share of attention",
    title: str = "",
    height: int = 620,
) -> go.Figure:
    """The page with the cells of one token or field over it, in the window asked for; dragging a box zooms further.

    A double click goes back to the window. The browser forgets dragged zoom when the figure is replaced, so levels that
    must outlive a step belong into `window`.

    Args:
        image: the upright page, possibly stored smaller than `geometry.original`.
        values: (rows, columns) over the model's input.
        window: (left, top, right, bottom) in pixels of the original page, from `viewport`; None shows all of it.
        proposed, true: boxes to outline, in pixels of the original page.
        geometry, colormap, opacity, scale, together, unit, title, height: as for `overlay`.
    """
    fig = overlay.overlay(
        image, values, geometry, colormap=colormap, opacity=opacity, scale=scale, together=together, unit=unit,
        title=title, height=height,
    )  # fmt: skip
    if window is not None:
        left, top, right, bottom = checked(window, "window")
        fig.layout.xaxis.range, fig.layout.yaxis.range = [left, right], [bottom, top]
    fig.layout.shapes = [*fig.layout.shapes, *_outlines(proposed, true)]
    notes = ["orange outline: proposed box"] * bool(len(proposed)) + ["dotted cyan: true box"] * bool(len(true))
    for note in (one for one in fig.layout.annotations if one.name == "caption" and notes):
        note.text += "<br>" + "; ".join(notes)
        fig.layout.margin.b += 16
    fig.layout.xaxis.fixedrange = fig.layout.yaxis.fixedrange = False
    return theme.lay(fig, dragmode="zoom")


def minimap(
    image: Image.Image, window: Sequence[float], size: tuple[int, int] | None = None, *, height: int = 180
) -> go.Figure:
    """The whole page, small, with the window outlined and the rest veiled; not to be zoomed itself.

    Args:
        image: the upright page.
        window: (left, top, right, bottom) in pixels of the original page.
        size: (width, height) of the original page; None takes the image's.
        height: of the figure in pixels.
    """
    width, tall = size or image.size
    inner = stage.square(checked(window, "window"))
    fig = go.Figure(go.Scatter(x=[], y=[], hoverinfo="skip"))
    fig.add_layout_image(picture.layout_image(image, width, tall, max_side=2 * height))
    stage.picture_axes(fig, (0, 0, width, tall))
    veil = {"type": "path", "path": stage.square((0, 0, width, tall)) + inner, "fillrule": "evenodd"}
    rim = [
        {"type": "path", "path": inner, "line": {"color": color, "width": line}, "name": "window"}
        for color, line in zip(theme.QUERY, (4, 2), strict=True)
    ]
    fig.layout.shapes = [{**veil, "fillcolor": theme.SHADE, "line": {"width": 0}}, *rim]
    theme.base(fig, height=height)
    return theme.lay(fig, dragmode=False, hovermode=False)


def heads_of_token(
    record: AttentionRecord,
    token: int,
    *,
    colormap: str = theme.COLORMAP,
    scale: str | Scale = "per map",
    chosen: tuple[int, int] | None = None,
    title: str = "",
    height: int | None = None,
) -> go.Figure:
    """Every head of every layer for one token, layers down and heads across; a click reports [layer, place of the head].

    The maps lie as on the page, in its proportions, also where the model reads it turned.

    Args:
        record: with cross-attention.
        token: row of the cross-attention, counted from 0.
        scale: "per map" compares shapes, "shared" sizes.
        chosen: (number of the layer, place of the head among those kept), counted from 0, to outline.
        height: in pixels; None follows the number of layers and heads.
    """
    maps, depth = token_maps(record, token)
    at = None if chosen is None else (depth.index(chosen[0]) if chosen[0] in depth else -1, chosen[1])
    heads, layers = max(len(one) for one in maps), len(maps)
    shape = _proportion(record, maps[0].shape[1:])
    tall = height or round(min(900, 150 + max(120, 640 * min(1.3, layers * shape / heads))))
    fig = mosaic.atlas(maps, colormap=colormap, scale=scale, chosen=at, layers=depth, title=title, height=tall)
    fig.layout.yaxis.scaleratio = shape
    return fig


def strip(
    tokens: Sequence[str],
    probabilities: ArrayLike,
    current: int | None = None,
    *,
    title: str = "",
    height: int = 190,
) -> go.Figure:
    """One bar per token: the probability in percent that the model gave to the token it wrote; a click reports its number.

    Args:
        probabilities: (tokens,), 0 to 1, NaN where none is known, as for the prompt.
        current: number of the token to mark.
    """
    chances = np.asarray(probabilities, dtype=np.float64)
    if chances.shape != (len(tokens),):
        raise ValueError(f"probabilities: want {len(tokens)}, one per token, got shape {chances.shape}")
    if not ((chances >= 0) & (chances <= 1) | np.isnan(chances)).all():
        raise ValueError(f"probabilities: want 0 to 1, got {np.nanmin(chances)} to {np.nanmax(chances)}")
    place = np.arange(len(tokens))
    names = [theme.safe(printable(f'token {n + theme.FIRST}, "{shown(t)}"')) for n, t in enumerate(tokens)]
    said = [f"{name}: {f'{p:.1%}' if np.isfinite(p) else 'not known'}" for name, p in zip(names, chances, strict=True)]
    colors = [theme.QUERY[1] if n == current else theme.LINES[0] for n in place.tolist()]
    outline = [3 if n == current else 0 for n in place.tolist()]
    fig = go.Figure(
        go.Bar(
            x=place + theme.FIRST, y=100 * chances, customdata=place.astype(np.int32), text=said, textposition="none"
        )
    )
    fig.data[0].update(marker={"color": colors, "line": {"color": theme.LINE, "width": outline}}, name="probability")
    fig.data[0].hovertemplate = "%{text}<extra></extra>"
    axis = {"zeroline": False, "tickfont": {"size": theme.SMALL}, "fixedrange": True}
    ends = [theme.FIRST - 0.5, theme.FIRST + max(1, len(tokens)) - 0.5]
    across, up = (
        {"text": text, "standoff": 2, "font": {"size": theme.FONT_SIZE}} for text in ("token", "probability (%)")
    )
    fig.layout.xaxis = {**axis, "range": ends, "title": across, "showgrid": False}
    fig.layout.yaxis = {
        **axis, "range": [0, 100], "title": up, "showgrid": True, "gridcolor": theme.GRID, "automargin": True,
    }  # fmt: skip
    theme.base(fig, title=title, height=height, bottom=36)
    return theme.lay(fig, clickmode="event+select", dragmode=False, bargap=0.15)


def _proportion(record: AttentionRecord, shape: tuple[int, ...]) -> float:
    """Height over width of what the model saw, as it lies on the page."""
    if record.geometry is None:
        return shape[0] / shape[1]
    left, top, right, bottom = record.geometry.boxes_to_original([[0, 0, *record.geometry.seen]])[0]
    return float((bottom - top) / (right - left))


def _outlines(proposed: Sequence[Sequence[float]], true: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    if len(true):
        path = "".join(stage.square(checked(box, "true")) for box in true)
        line = {"color": theme.TRUTH, "width": 2.5, "dash": "dot"}
        out.append({"type": "path", "path": path, "line": line, "name": "true box"})
    if len(proposed):
        path = "".join(stage.square(checked(box, "proposed")) for box in proposed)
        out += [
            {"type": "path", "path": path, "line": {"color": color, "width": width}, "name": "proposed box"}
            for color, width in zip(PROPOSED, (4.5, 2), strict=True)
        ]
    return out
