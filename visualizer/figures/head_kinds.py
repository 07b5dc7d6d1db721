"""What every head prefers, layers down and heads across; the heads that beat chance are framed."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from visualizer.figures import outlines
from visualizer.figures.summary import head_summary
from visualizer.style import theme
from vit_attention.gate import GateError


def preference_grid(
    values: ArrayLike,
    passed: ArrayLike,
    compared: str,
    *,
    level: float | None = None,
    chosen: tuple[int, int] | None = None,
    title: str = "",
    height: int = 440,
) -> go.Figure:
    """The preferences of all heads in a diverging map whose middle, 0.5, is none; a click reports [layer, head].

    Args:
        values: (layers, heads) of `preference`, 0 to 1.
        passed: (layers, heads) booleans, the heads to frame.
        compared: what is preferred to what, for the caption.
        level: what the best of all heads reaches by chance in 5 % of cases, for the caption.
        chosen: (layer, head), counted from 0, to outline.
        title, height: plain text; pixels.

    Raises:
        GateError: shapes that differ, or values outside 0 to 1.
    """
    grid, framed = np.asarray(values, np.float64), np.asarray(passed)
    if grid.ndim != 2 or framed.shape != grid.shape or framed.dtype != bool:
        got = f"{grid.shape} and {framed.dtype} of {framed.shape}"
        raise GateError("values, passed", "(layers, heads) and booleans of the same shape", got)
    if (grid < 0).any() or (grid > 1).any():
        raise GateError("values", "0 to 1", f"{np.nanmin(grid)} to {np.nanmax(grid)}")
    look: dict[str, Any] = {"chosen": chosen, "title": title, "height": height, "colormap": theme.DIVERGENT}
    fig = head_summary(grid, "preference", "", limits=(0.0, 1.0), **look)
    frames = [(head + 0.55, layer + 0.55, head + 1.45, layer + 1.45) for layer, head in np.argwhere(framed).tolist()]
    # One path for all frames: 144 shapes would be slow to draw.
    d = "".join(map(outlines.square, frames))
    fig.layout.shapes = [*fig.layout.shapes, *([outlines.path(d, theme.LINE, 1.5)] if d else [])]
    best = f", where chance exceeds {theme.short(level)} in 5 % of cases" if level is not None else ""
    said = f"preference for {compared}; 0.5 is none; framed: {len(frames)} of {grid.size} heads{best}"
    return _captioned(fig, said)


def _captioned(fig: go.Figure, said: str) -> go.Figure:
    """The figure with another caption, and room for it."""
    written = [one for one in fig.layout.annotations if one.name != "caption"]
    caption = next(one for one in fig.layout.annotations if one.name == "caption")
    lines = theme.safe(said, 66)
    caption.text = lines
    fig.layout.margin.b += 16 * lines.count("<br>")
    return fig.update_layout(annotations=[*written, caption])
