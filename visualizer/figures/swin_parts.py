"""What is drawn on a page in cells of a stage: window borders, outlines, crosses, strokes and lines between cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from visualizer.figures import canvas, outlines
from visualizer.measures.windows import borders
from visualizer.style import theme
from vit_attention.records.geometry import Geometry

CROWDED = 24
"""Windows along a side from which their borders are drawn thin."""
TONES = (("rgba(255,255,255,0.85)", 3.0), (theme.LINES[0], 1.5))
"""A wide light and a narrow dark line: one of them stands out from any page."""

Box = Sequence[float]


def placed_on(
    image: Image.Image, grid: Sequence[int], cell: Sequence[int], geometry: Geometry | None
) -> tuple[Geometry, Geometry]:
    """From the original page to the model's input, of which None means the whole page, and to cells of the stage."""
    if min(*grid, *cell) < 1:
        raise ValueError(f"grid and cell: want positive numbers, got {tuple(grid)} and {tuple(cell)}")
    rows, columns = int(grid[0]), int(grid[1])
    whole = Geometry.of(*image.size).resize(columns * cell[1], rows * cell[0])
    where = whole if geometry is None else canvas.fitting(image, geometry)
    (a, b, c), (d, e, f) = (np.array(where.matrix) / [[cell[1]], [cell[0]]]).tolist()
    return where, replace(where, seen=(columns, rows), matrix=((a, b, c), (d, e, f)))


def pixels(cells: Geometry, boxes: ArrayLike) -> list[outlines.Box]:
    """Boxes in cells as boxes in pixels of the original."""
    return [tuple(box) for box in cells.boxes_to_original(boxes).tolist()]


def square_at(row: int, column: int) -> tuple[int, int, int, int]:
    """The box of one cell, in cells."""
    return column, row, column + 1, row + 1


def lattice(cells: Geometry, window: int, shift: int, dash: str) -> list[outlines.Shape]:
    """The borders of the windows of a block, in two tones."""
    columns, rows = cells.seen
    level = [(0, at, columns, at) for at in borders(rows, window, shift).tolist()]
    upright = [(at, 0, at, rows) for at in borders(columns, window, shift).tolist()]
    thin = 1.5 if max(rows, columns) <= CROWDED * window else 3
    path = lines(pixels(cells, [*level, *upright]))
    return [outlines.path(path, color, width / thin, dash=dash) for color, width in TONES]


def lines(ends: Sequence[Box]) -> str:
    """The SVG path of straight lines (x, y, x, y)."""
    return "".join(f"M{a:.1f},{b:.1f}L{c:.1f},{d:.1f}" for a, b, c, d in ends)


def crosses(boxes: Sequence[Box]) -> list[outlines.Shape]:
    """One cross per box, drawn to the box's own size so that it stays inside at every zoom."""
    path = "".join(f"M{a:g},{b:g}L{c:g},{d:g}M{a:g},{d:g}L{c:g},{b:g}" for a, b, c, d in map(_inner, boxes))
    return [outlines.path(path, theme.LINE, 1.5)] if path else []


def strokes(boxes: Sequence[Box]) -> list[outlines.Shape]:
    """One upright stroke per box: a place that is padding."""
    path = "".join(f"M{(a + c) / 2:g},{b:g}V{d:g}" for a, b, c, d in map(_inner, boxes))
    return [outlines.path(path, theme.LINES[4], 2)] if path else []


def _inner(box: Box) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    x, y = 0.22 * (right - left), 0.22 * (bottom - top)
    return round(left + x, 2), round(top + y, 2), round(right - x, 2), round(bottom - y, 2)
