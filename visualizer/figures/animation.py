"""Maps through the layers as frames that play in the browser without asking the server again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualizer.figures import picture, stage
from visualizer.style import theme
from visualizer.style.scale import Scale
from visualizer.style.scale import scale as scale_values
from vit_attention.records.geometry import Geometry

MAX_SIDE = 336
"""Longest side of the picture inside an animation, in pixels: all frames share it."""
BUTTON = "rgba(128,128,128,0.2)"


def layer_animation(
    image: Image.Image,
    maps: NDArray[Any] | Sequence[Any],
    geometry: Geometry | None = None,
    *,
    start: int = 0,
    names: Sequence[str] | None = None,
    colormap: str = theme.COLORMAP,
    opacity: float = 0.6,
    scale: str | Scale = "shared",
    together: Any = None,
    query: Sequence[int] = (),
    truth: ArrayLike | None = None,
    duration: int = 500,
    unit: str = "share of attention",
    title: str = "",
    height: int = 540,
) -> go.Figure:
    """One map per layer on the picture, with play, pause and a slider; it stands still until it is asked to play.

    Args:
        image, geometry, colormap, opacity, query, truth, unit: as for `visualizer.figures.overlay.overlay`.
        maps: (layers, rows, columns), or a list of (rows, columns) maps if grids differ.
        start: place of the map shown first, from 0.
        names: what the slider says for each map; None means "layer 1" and so on.
        scale: "shared" (colours can be compared between layers), "per map", "log" or "clipped".
        duration: milliseconds per layer.

    Raises:
        ValueError: no map, a wrong shape, or `start` outside.
    """
    grids = [stage.grid_of(one, "maps") for one in maps]
    if not 0 <= start < len(grids):
        raise ValueError(f"start: want 0 to {len(grids) - 1}, got {start}")
    words = list(names) if names is not None else [f"layer {n + theme.FIRST}" for n in range(len(grids))]
    if len(words) != len(grids):
        raise ValueError(f"names: want {len(grids)}, one per map, got {len(words)}")
    where = stage.fitting(image, geometry)
    heats, scaled = _heats(grids, where, scale, together, unit)
    colors = {"zmin": scaled.low, "zmax": scaled.high, "colorscale": theme.colorscale(colormap), "opacity": opacity}
    hover = "%{z:.3g}<extra></extra>" if _is_plain(scale) else None
    first = go.Heatmap(**heats[start], **colors, colorbar=stage.colour_bar(scaled), name="map")
    first.update(hovertemplate=hover, hoverinfo=None if hover else "skip")
    frames = [go.Frame(data=[go.Heatmap(**heat)], traces=[0], name=str(n)) for n, heat in enumerate(heats)]
    fig = go.Figure(first, frames=frames)
    fig.add_layout_image(picture.layout_image(image, *where.original, max_side=MAX_SIDE))
    stage.picture_axes(fig, stage.extent(where))
    order = stage.numbers(where, grids[start].shape)
    fig.layout.shapes = [*stage.unseen(where), *stage.outlines(order, query)]
    if truth is not None:
        fig.add_trace(stage.truth_line(truth, where))
    notes = ["orange outline: query"] * bool(len(query)) + ["cyan line: true object"] * (truth is not None)
    notes += ["grey rim: the model never saw it"] * stage.hides(where)
    caption = scaled.caption + "\n" * bool(notes) + "; ".join(notes)
    theme.base(fig, title=title, caption=caption, height=height, bottom=stage.BAR)
    return _controls(fig, words, start, duration)


def _is_plain(scale: str | Scale) -> bool:
    """Whether the drawn numbers are the values themselves."""
    return (scale.mode if isinstance(scale, Scale) else scale) not in ("per map", "log")


def _heats(grids: list[Any], where: Geometry, scale: str | Scale, together: Any, unit: str) -> tuple[list[Any], Any]:
    """One heatmap's numbers and place per map, all on one scale, and that scale."""
    mode = "shared" if scale == "raw" else scale
    rows, columns = (max(one.shape[axis] for one in grids) for axis in range(2))
    stack = np.full((len(grids), rows, columns), np.nan)
    for layer, one in zip(stack, grids, strict=True):
        layer[: one.shape[0], : one.shape[1]] = one
    scaled = scale_values(stack, mode, stack if together is None else together, unit=unit)
    out = []
    for drawn, one in zip(scaled.values, grids, strict=True):
        placed = where.place(drawn[: one.shape[0], : one.shape[1]])
        out.append({"z": placed.values.astype(np.float32), **stage.cells(placed)})
    return out, scaled


def _controls(fig: go.Figure, words: Sequence[str], start: int, duration: int) -> go.Figure:
    """Play, pause and the slider, under the caption."""
    under = int(fig.layout.margin.b)
    still = {"mode": "immediate", "transition": {"duration": 0}}
    play = {**still, "frame": {"duration": int(duration), "redraw": True}, "fromcurrent": True}
    jump = {**still, "frame": {"duration": 0, "redraw": True}}
    steps = [{"label": theme.safe(word), "method": "animate", "args": [[str(n)], jump]} for n, word in enumerate(words)]
    buttons = [
        {"label": "Play", "method": "animate", "args": [None, play]},
        {"label": "Pause", "method": "animate", "args": [[None], jump]},
    ]
    low = {"y": 0, "yanchor": "top", "xanchor": "left", "bgcolor": BUTTON, "bordercolor": theme.LINE}
    fig.layout.updatemenus = [
        {"type": "buttons", "direction": "left", "buttons": buttons, "x": 0, **low, "showactive": False}
    ]
    fig.layout.updatemenus[0].pad = {"t": under + 14, "l": 0}
    slider = {"active": start, "steps": steps, "x": 0.36, "len": 0.64, **low, "activebgcolor": theme.QUERY[1]}
    fig.layout.sliders = [{**slider, "pad": {"t": under, "b": 0}, "ticklen": 3, "minorticklen": 0}]
    fig.layout.sliders[0].update(currentvalue={"prefix": "", "font": {"size": theme.FONT_SIZE}, "offset": 6})
    fig.layout.sliders[0].font.size = theme.SMALL
    fig.layout.margin.b = under + 70
    return fig
