"""One patch enlarged until its pixels can be read, and lists of numbers as bars."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from visualizer.figures import stage
from visualizer.style import theme

CHANNELS = ("red", "green", "blue")
READABLE = 16
"""A patch with more pixels a side has no room for printed numbers."""


def pixels(patch: ArrayLike, channel: str | None = None, *, title: str = "", height: int = 380) -> go.Figure:
    """A patch pixel by pixel; one of `CHANNELS` alone is drawn in greys with its numbers printed.

    Args:
        patch: (height, width, 3) uint8.
        channel: "red", "green" or "blue"; None shows the colours.

    Raises:
        ValueError: another shape, or an unknown channel.
    """
    values = np.asarray(patch)
    if values.ndim != 3 or values.shape[2] != 3:
        raise ValueError(f"patch: want (height, width, 3), got shape {values.shape}")
    if channel is not None and channel not in CHANNELS:
        raise ValueError(f"channel: want one of {', '.join(CHANNELS)}, got {channel!r}")
    rows, columns = values.shape[:2]
    if channel is None:
        place = "pixel row %{customdata[0]}, column %{customdata[1]}"
        where = np.moveaxis(np.indices((rows, columns)) + 1, 0, -1)
        colours = "red %{z[0]}, green %{z[1]}, blue %{z[2]}"
        fig = go.Figure(
            go.Image(z=values.astype(np.uint8), customdata=where, hovertemplate=f"{place}<br>{colours}<extra></extra>")
        )
    else:
        one = values[..., CHANNELS.index(channel)].astype(np.float32)
        fig = go.Figure(
            go.Heatmap(z=one, zmin=0, zmax=255, colorscale=[[0, "#000000"], [1, "#ffffff"]], showscale=False)
        )
        fig.data[0].update(hovertemplate=f"{channel} %{{z}}<extra></extra>")
        if max(rows, columns) <= READABLE:
            fig.data[0].update(texttemplate="%{z:.0f}", textfont_size=theme.SMALL)
    stage.picture_axes(fig, (-0.5, -0.5, columns - 0.5, rows - 0.5))
    shown = "screen colours" if channel is None else f"{channel} alone, 0 (black) to 255 (white)"
    return theme.base(fig, title=title, caption=f"{rows} x {columns} pixels, {shown}", height=height)


def lists(named: Mapping[str, ArrayLike], *, height: int | None = None) -> go.Figure:
    """Several lists of numbers of one length, one row of upright bars each, all on one scale around zero.

    Args:
        named: plain name to (size,) numbers, first on top.

    Raises:
        ValueError: no list, or lists of different length.
    """
    rows = {name: np.asarray(values, dtype=np.float64) for name, values in named.items()}
    sizes = {values.shape for values in rows.values()}
    if len(sizes) != 1 or len(next(iter(sizes))) != 1:
        raise ValueError(f"lists: want at least one, all of one length, got shapes {sorted(sizes)}")
    most = max(float(np.abs(values).max(initial=0.0)) for values in rows.values()) or 1.0
    fig = go.Figure()
    count = len(rows)
    for at, (name, values) in enumerate(rows.items()):
        top = 1 - at / count
        tag = "" if at == 0 else str(at + 1)
        colour = theme.QUERY[1] if at == 0 else theme.LINES[0]
        fig.add_trace(go.Bar(x=np.arange(1, len(values) + 1), y=values, yaxis=f"y{tag}", marker_color=colour))
        fig.data[-1].hovertemplate = "number %{x}: %{y:.3f}<extra></extra>"
        fig.layout[f"yaxis{tag}"] = {
            "domain": [top - 0.78 / count, top - 0.02], "range": [-1.1 * most, 1.1 * most], "fixedrange": True,
            "tickvals": [-most, 0, most], "ticktext": [f"−{theme.short(most)}", "0", theme.short(most)],
            "gridcolor": theme.GRID, "zerolinecolor": theme.LINE, "automargin": True,
        }  # fmt: skip
        place = {"x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper", "yanchor": "middle"}
        fig.add_annotation(text=theme.safe(name), showarrow=False, font_size=theme.SMALL + 1, **place)
    theme.base(fig, height=height or 60 + 120 * count, bottom=40, top=8)
    last = "y" if count == 1 else f"y{count}"
    return fig.update_layout(
        xaxis={"anchor": last, "fixedrange": True, "showgrid": False, "title": {"text": "number in the list"}}
    )
