"""One patch enlarged until its pixels can be read."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from visualizer.figures import canvas
from visualizer.style import theme
from visualizer.style.scale import linear
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError, shown

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
        raise GateError("patch", "(height, width, 3)", f"shape {values.shape}")
    if channel is not None and channel not in CHANNELS:
        raise GateError("channel", f"one of {', '.join(CHANNELS)}", shown(channel))
    rows, columns = values.shape[:2]
    trace: dict[str, Any]
    if channel is None:
        where = np.moveaxis(np.indices((rows, columns)) + 1, 0, -1)
        said = "pixel row %{customdata[0]}, column %{customdata[1]}<br>red %{z[0]}, green %{z[1]}, blue %{z[2]}"
        trace = {"type": "image", "z": values.astype(np.uint8), "customdata": where}
        trace["hovertemplate"] = f"{said}<extra></extra>"
    else:
        one, greys = values[..., CHANNELS.index(channel)].astype(np.float32), [[0, "#000000"], [1, "#ffffff"]]
        trace = {"type": "heatmap", "z": one, "zmin": 0, "zmax": 255, "colorscale": greys}
        trace["colorbar"] = canvas.colour_bar(linear(one, 0, 255, ""))
        trace["hovertemplate"] = f"{channel} %{{z}}<extra></extra>"
        if max(rows, columns) <= READABLE:
            trace |= {"texttemplate": "%{z:.0f}", "textfont": {"size": theme.SMALL}}
    fig = Sketch(trace)
    canvas.picture_axes(fig, (-0.5, -0.5, columns - 0.5, rows - 0.5))
    words = "screen colours" if channel is None else f"{channel} alone, 0 (black) to 255 (white)"
    return fig.figure(
        title=title,
        caption=f"{rows} x {columns} pixels, {words}",
        height=height,
        bottom=10 if channel is None else canvas.BAR,
    )
