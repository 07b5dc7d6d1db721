"""What is drawn in cells on a page: the page itself, heat, borders, outlines, crosses and the veil."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image

from visualizer.figures import picture, stage
from visualizer.measures.windows import Box, borders
from visualizer.style import theme
from vit_attention.records.geometry import Geometry

VEIL = "rgba(128,128,128,0.45)"
"""Laid over cells that a query cannot see at all, so that bare page never reads as weight 0."""
PLAIN, SHIFTED = ("solid", "dash")
"""Line styles of plain and of shifted window borders."""
CROWDED = 24
"""Windows along a side from which their borders are drawn thin."""
TONES = (("rgba(255,255,255,0.85)", 3.0), (theme.LINES[0], 1.5))
"""A wide light and a narrow dark line: one of them stands out from any page."""


def placed_on(image: Image.Image, grid: Sequence[int], cell: Sequence[int], geometry: Geometry | None) -> Geometry:
    """`geometry`, or that of a model that saw the whole page as `grid` cells of `cell` pixels."""
    if min(*grid, *cell) < 1:
        raise ValueError(f"grid and cell: want positive numbers, got {tuple(grid)} and {tuple(cell)}")
    if geometry is not None:
        return stage.fitting(image, geometry)
    return Geometry.of(*image.size).resize(int(grid[1] * cell[1]), int(grid[0] * cell[0]))


def page(image: Image.Image, where: Geometry, view: Sequence[float] | None) -> tuple[go.Figure, tuple[float, ...]]:
    """A figure of the page, or of the part of it that lies in `view`, and what it shows, in pixels of the original."""
    fig = go.Figure()
    shown = tuple(float(v) for v in (stage.extent(where) if view is None else view))
    fig.add_layout_image(cut_out(image, where, shown))
    stage.picture_axes(fig, shown)
    fig.layout.shapes = stage.unseen(where)
    return fig, shown


def cut_out(
    image: Image.Image, where: Geometry, view: Sequence[float], axes: tuple[str, str] = ("x", "y")
) -> dict[str, Any]:
    """A layout image of the part of the page inside `view` (left, top, right, bottom in pixels of the original).

    Cut before it is made small, so that a close view keeps the sharpness of the stored page.
    """
    ratio = image.size[0] / where.original[0], image.size[1] / where.original[1]
    left, top, right, bottom = (v * ratio[n % 2] for n, v in enumerate(view))
    box = (
        max(0, int(left)), max(0, int(top)),
        min(image.size[0], int(np.ceil(right))), min(image.size[1], int(np.ceil(bottom))),
    )  # fmt: skip
    if box[2] <= box[0] or box[3] <= box[1]:  # a view of nothing but padding
        box = (0, 0, *image.size)
    part = image.crop(box)
    large = part.resize((part.size[0] * k, part.size[1] * k), Image.Resampling.BICUBIC) if (k := 320 // max(part.size)) > 1 else part  # fmt: skip
    placed = picture.layout_image(large, part.size[0] / ratio[0], part.size[1] / ratio[1], axes=axes)
    return {**placed, "x": box[0] / ratio[0], "y": box[1] / ratio[1]}


def pixels(where: Geometry, cell: Sequence[int], box: Sequence[float]) -> tuple[float, float, float, float]:
    """A box in cells as one in pixels of the original."""
    scaled = [v * cell[1 - n % 2] for n, v in enumerate(box)]
    left, top, right, bottom = (float(v) for v in where.boxes_to_original([scaled])[0])
    return left, top, right, bottom


def lattice(
    where: Geometry, grid: tuple[int, int], cell: tuple[int, int], window: int, shift: int, dash: str
) -> list[dict[str, Any]]:
    """Window borders in two tones, thin where there are so many that the page would drown in them."""
    rows, columns = grid
    level = [(0, at, columns, at) for at in borders(rows, window, shift).tolist()]
    upright = [(at, 0, at, rows) for at in borders(columns, window, shift).tolist()]
    lines = [pixels(where, cell, one) for one in (*level, *upright)]
    path = "".join(f"M{a:.1f},{b:.1f}L{c:.1f},{d:.1f}" for a, b, c, d in lines)
    thin = 1.5 if max(grid) <= CROWDED * window else 3
    return [{"type": "path", "path": path, "line": {"color": c, "width": w / thin, "dash": dash}} for c, w in TONES]


def outline(where: Geometry, cell: tuple[int, int], boxes: Sequence[Box]) -> list[dict[str, Any]]:
    return two_tone("".join(stage.square(pixels(where, cell, box)) for box in boxes), (4, 2), "dot")


def query_rim(where: Geometry, grid: Sequence[int], cell: tuple[int, int], query: int) -> list[dict[str, Any]]:
    row, column = divmod(query, int(grid[1]))
    return two_tone(stage.square(pixels(where, cell, (column, row, column + 1, row + 1))), (5, 2.5))


def two_tone(path: str, widths: tuple[float, float], dash: str = "solid") -> list[dict[str, Any]]:
    """Shapes of a path in the two tones of a query; only the narrow one may be broken."""
    return [
        {"type": "path", "path": path, "line": {"color": colour, "width": width, "dash": style}}
        for colour, width, style in zip(theme.QUERY, widths, ("solid", dash), strict=True)
    ]


def crosses(boxes: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """One cross per box, drawn to the box's own size so that it stays inside at every zoom."""
    path = "".join(f"M{a:g},{b:g}L{c:g},{d:g}M{a:g},{d:g}L{c:g},{b:g}" for a, b, c, d in map(_inner, boxes))
    return [{"type": "path", "path": path, "line": {"color": theme.LINE, "width": 1.5}}] if path else []


def strokes(boxes: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """One upright stroke per box: a place that is padding."""
    path = "".join(f"M{(a + c) / 2:g},{b:g}V{d:g}" for a, b, c, d in map(_inner, boxes))
    return [{"type": "path", "path": path, "line": {"color": theme.LINES[4], "width": 2}}] if path else []


def _inner(box: Sequence[float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    x, y = 0.22 * (right - left), 0.22 * (bottom - top)
    return round(left + x, 2), round(top + y, 2), round(right - x, 2), round(bottom - y, 2)


def veil(where: Geometry, cell: tuple[int, int], boxes: Sequence[Box], view: Sequence[float]) -> dict[str, Any]:
    """Grey over everything in view but the window. The layer is "between": "below" lies under the page."""
    path = stage.square(view) + "".join(stage.square(pixels(where, cell, box)) for box in boxes)
    look = {"fillcolor": VEIL, "fillrule": "evenodd", "line": {"width": 0}, "layer": "between"}
    return {"type": "path", "path": path, "name": "undefined", **look}


def heat(
    fig: go.Figure,
    where: Geometry,
    cell: tuple[int, int],
    box: Box,
    values: NDArray[Any],
    opacity: float,
    colors: list[list[float | str]],
    ends: tuple[float, float],
) -> None:
    """Add the part of `values` inside `box`: a trace of the whole grid would send every undefined cell of the page."""
    left, top, right, bottom = box
    size = (right - left) * cell[1], (bottom - top) * cell[0]
    placed = where.crop(left * cell[1], top * cell[0], *size).place(values[top:bottom, left:right])
    fig.add_trace(
        go.Heatmap(
            z=placed.values.astype("float32"), **stage.cells(placed), zmin=ends[0], zmax=ends[1], colorscale=colors,
            opacity=opacity, hoverinfo="skip", name="map",
        )
    )  # fmt: skip
