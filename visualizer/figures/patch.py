"""Cells with their numbers printed: one patch enlarged until its pixels can be read, and the toy's 4 x 4 patches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from visualizer.figures import canvas, heatmap
from visualizer.measures import toy
from visualizer.measures.arithmetic import RowSteps
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
        where = np.moveaxis(np.indices((rows, columns)) + 1, 0, -1)
        said = "pixel row %{customdata[0]}, column %{customdata[1]}<br>red %{z[0]}, green %{z[1]}, blue %{z[2]}"
        trace = go.Image(z=values.astype(np.uint8), customdata=where, hovertemplate=f"{said}<extra></extra>")
    else:
        one, greys = values[..., CHANNELS.index(channel)].astype(np.float32), [[0, "#000000"], [1, "#ffffff"]]
        trace = go.Heatmap(z=one, zmin=0, zmax=255, colorscale=greys, showscale=False)
        trace.update(hovertemplate=f"{channel} %{{z}}<extra></extra>")
        if max(rows, columns) <= READABLE:
            trace.update(texttemplate="%{z:.0f}", textfont_size=theme.SMALL)
    fig = go.Figure(trace)
    canvas.picture_axes(fig, (-0.5, -0.5, columns - 0.5, rows - 0.5))
    shown = "screen colours" if channel is None else f"{channel} alone, 0 (black) to 255 (white)"
    return theme.base(fig, title=title, caption=f"{rows} x {columns} pixels, {shown}", height=height)


def tokens_figure(query: int, title: str = "") -> go.Figure:
    """The toy's picture: token x, query q and key k in every cell, the asking patch outlined; clickable."""
    pairs = zip(toy.TOKENS.tolist(), toy.QUERIES.tolist(), toy.KEYS.tolist(), strict=True)
    lines = [f"x = {_pair(x)}<br>q = {_pair(q)}<br>k = {_pair(k)}" for x, q, k in pairs]
    return _printed(toy.OBJECT.astype(np.float64), lines, query, "x₁, how much object", title)


def steps_figure(steps: RowSteps, query: int, title: str = "") -> go.Figure:
    """The row of one patch: q.k, scaled, power of e and weight in every cell, coloured by weight; clickable."""
    numbers = zip(steps.products, steps.scaled, steps.powers, steps.weights, strict=True)
    lines = [f"q·k = {p:.0f}<br>scaled {s:.2f}<br>power {e:.3f}<br>w = {w:.1%}" for p, s, e, w in numbers]
    return _printed(steps.weights.reshape(toy.GRID), lines, query, "weight", title)


def _pair(numbers: Sequence[int]) -> str:
    return "(" + ", ".join(str(n).replace("-", "−") for n in numbers) + ")"


def _printed(values: NDArray[np.float64], lines: Sequence[str], query: int, unit: str, title: str) -> go.Figure:
    fig = heatmap.patch_map(values, query=(query,), clickable=True, unit=unit, title=title, height=470)
    fig.data[0].update(text=np.reshape(lines, toy.GRID).tolist(), texttemplate="%{text}", textfont_size=theme.SMALL)
    return fig
