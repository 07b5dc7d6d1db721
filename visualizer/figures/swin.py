"""Swin windows on the page: their borders, one query's attention stitched back, and all heads of one window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualizer.figures import canvas, mosaic, outlines
from visualizer.figures.swin_parts import Box, crosses, lattice, pixels, placed_on, square_at, strokes
from visualizer.measures.windows import borders, defined_boxes, window_boxes
from visualizer.style import theme
from visualizer.style.scale import Scale, apply_scale
from vit_attention.records.geometry import Geometry
from vit_attention.records.windows import FORBIDDEN, PADDING

VEIL = "rgba(128,128,128,0.45)"
"""Laid over cells that a query cannot see at all, so that bare page never reads as weight 0."""
CLICKS = 5000
"""Most cells that get a place to click; on a larger view only the window's own do."""


def page_windows(
    image: Image.Image,
    grid: tuple[int, int],
    cell: tuple[int, int],
    window: int,
    shift: int = 0,
    geometry: Geometry | None = None,
    *,
    query: int | None = None,
    compare: bool = False,
    margin: int | None = None,
    clickable: bool = False,
    title: str = "",
    height: int = 560,
) -> go.Figure:
    """The page under the window borders of one block, with the window of a query outlined.

    Args:
        image: the upright page, possibly stored smaller than the original.
        grid: (rows, columns) of cells of the stage, before padding.
        cell: (height, width) of a cell in pixels of the model's input.
        window: cells along a side of a window.
        shift: cells by which the block rolls the grid; shifted borders are dashed.
        geometry: from the original page to the model's input; None means that the model saw the whole page.
        query: number of the cell to mark, with its window.
        compare: draw the plain borders too under shifted ones.
        margin: show only so many cells of the grid round the query's part of the window; None shows the whole page.
        clickable: a click reports the number of a cell: any cell in view if they are few, else one from each window's
            middle.
        title, height: plain text; pixels.

    Raises:
        ValueError: an impossible grid or query.
    """
    where, cells = placed_on(image, grid, cell, geometry)
    boxes = [] if query is None else window_boxes(grid, window, shift, query)
    fig = go.Figure()
    view = canvas.add_picture(fig, image, where, _near(where, cells, boxes, margin))
    drawn = sorted({shift} | ({0} if compare else set()))
    shapes = [one for by in drawn for one in lattice(cells, window, by, "dash" if by else "solid")]
    size = f"windows of {window} x {window} cells"
    notes = [f"dashed lines: {size}, shifted by {by}" if by else f"solid lines: {size}" for by in drawn]
    if query is not None:
        shapes += _outlines(cells, boxes, query)
        notes.append("orange: the chosen cell and its window" + _split_words(len(boxes)))
    if clickable:
        row, column = np.nonzero(_few_in(cells, view))
        if not row.size:
            row, column = _middles(grid, window, shift)
        text = [f"row {r + theme.FIRST}, column {c + theme.FIRST}" for r, c in zip(row, column, strict=True)]
        _choose(fig, cells, row, column, text)
    notes.append(f"{grid[0]} x {grid[1]} cells of {cell[0]} x {cell[1]} pixels (height x width)")
    return theme.base(fig, title=title, caption=notes, shapes=shapes, height=height)


def window_map(
    image: Image.Image,
    values: ArrayLike,
    cell: tuple[int, int],
    geometry: Geometry | None = None,
    *,
    query: int | None = None,
    forbidden: ArrayLike | None = None,
    outside: float = 0.0,
    margin: int | None = None,
    colormap: str = theme.COLORMAP,
    opacity: float = 0.7,
    scale: str | Scale = "raw",
    together: Any = None,
    unit: str = "share of attention",
    clickable: bool = False,
    title: str = "",
    height: int = 560,
) -> go.Figure:
    """One query's attention on the page: coloured in its window, crossed where forbidden, veiled where undefined.

    Args:
        image: the upright page, possibly stored smaller than the original.
        values: (rows, columns) stitched weights of one head, NaN off-window.
        cell: (height, width) of a cell in pixels of the model's input.
        geometry: from the original page to the model's input; None means that the model saw the whole page.
        query: number of the cell that reads, to outline.
        forbidden: (rows, columns) bool, cells of the window that the shift mask forbids; crossed, not coloured.
        outside: share of the query's attention that fell on padded cells, for the caption.
        margin: show only so many cells of the grid round the query's part of the window; None shows the whole page.
        colormap, opacity, scale, together, unit: as for `visualizer.figures.overlay.overlay`.
        clickable: a click reports the number of a cell.
        title, height: plain text; pixels.

    Raises:
        ValueError: a wrong shape, or no defined value.
    """
    grid = canvas.grid_of(values)
    known = np.isfinite(grid)
    barred = np.zeros(grid.shape, bool) if forbidden is None else np.asarray(forbidden, bool)
    if not known.any() or barred.shape != grid.shape:
        raise ValueError(
            f"values and forbidden: want one shape and a defined value, got {grid.shape} and {barred.shape}"
        )
    where, cells = placed_on(image, grid.shape, cell, geometry)
    boxes = defined_boxes(known)
    if query is not None:  # its own part of the window first
        row, column = divmod(query, grid.shape[1])
        boxes.sort(key=lambda box: not (box[0] <= column < box[2] and box[1] <= row < box[3]))
    fig = go.Figure()
    view = canvas.add_picture(fig, image, where, _near(where, cells, boxes, margin))
    scaled = apply_scale(np.where(barred, np.nan, grid), scale, together, unit=unit)
    for at, (left, top, right, bottom) in enumerate(boxes):
        # One part each: a trace of the whole grid would send every undefined cell of the page.
        placed = cells.crop(left, top, right - left, bottom - top).place(scaled.values[top:bottom, left:right])
        trace = canvas.heat(placed, scaled, colormap, opacity=opacity, showscale=at == 0)
        fig.add_trace(trace if at == 0 else trace.update(colorbar=None))
    outer = outlines.veil(view, pixels(cells, boxes), VEIL, name="undefined", layer="between")
    marked = crosses(pixels(cells, [square_at(*spot) for spot in np.argwhere(barred & known).tolist()]))
    shapes = [
        outer,
        *_outlines(cells, boxes, None),
        *marked,
        *_outlines(cells, [], query),
    ]
    row, column = np.nonzero(known | _few_in(cells, view) if clickable else known)
    text = [_say(grid, barred, r, c, unit) for r, c in zip(row.tolist(), column.tolist(), strict=True)]
    _choose(fig, cells, row, column, text, clickable)
    return theme.base(
        fig,
        title=title,
        caption=[scaled.caption, *_legend(query, bool(barred.any()), outside, len(boxes))],
        shapes=shapes,
        height=height,
        bottom=canvas.BAR,
    )


def window_heads(
    tiles: ArrayLike,
    kinds: ArrayLike,
    query: tuple[int, int],
    cell: tuple[int, int] = (1, 1),
    *,
    captions: Sequence[str] | None = None,
    chosen: int | None = None,
    per_row: int | None = None,
    colormap: str = theme.COLORMAP,
    scale: str | Scale = "shared",
    clickable: bool = False,
    title: str = "",
    height: int | None = None,
) -> go.Figure:
    """All heads of one query side by side, each the window as its block sees it: rolled together, padding included.

    Args:
        tiles: (heads, window, window) weights of the query.
        kinds: (window, window) codes `ALLOWED`, `FORBIDDEN`, `PADDING`.
        query: (row, column) of the query in the window.
        cell: (height, width) of a cell; only their ratio matters.
        captions, chosen, per_row, colormap, scale, clickable, title, height: as for `visualizer.figures.mosaic.head_grid`.

    Raises:
        ValueError: shapes that do not fit.
    """
    weights, codes = np.asarray(tiles, np.float32), np.asarray(kinds)
    if weights.ndim != 3 or weights.shape[1:] != codes.shape:
        raise ValueError(f"tiles: want (heads, {', '.join(map(str, codes.shape))}), got {weights.shape}")
    drawn = np.where(codes == FORBIDDEN, np.nan, weights)
    forbidden, padding = (
        [square_at(*spot) for spot in np.argwhere(codes == one).tolist()] for one in (FORBIDDEN, PADDING)
    )
    note = "; ".join(["orange outline: the query", *_marks(bool(forbidden), bool(padding))])
    common: dict[str, Any] = {"captions": captions, "per_row": per_row, "title": title, "height": height}
    fig = mosaic.head_grid(drawn, colormap=colormap, scale=scale, chosen=chosen, clickable=True, note=note, **common)
    chooser = fig.data[-1]
    middle = np.array(codes.shape[::-1]) / 2
    corners = np.tile(np.stack([chooser.x, chooser.y], axis=1) - middle, 2)
    if not clickable:
        fig.data = fig.data[:-1]
        theme.lay(fig, clickmode=None, hovermode=False)
    shapes = [
        *crosses([corner + box for corner in corners for box in forbidden]),
        *strokes([corner + box for corner in corners for box in padding]),
        *outlines.rims([corner + square_at(*query) for corner in corners], (3.5, 1.5)),
    ]
    fig.layout.shapes = [*shapes, *fig.layout.shapes]
    fig.layout.yaxis.scaleratio = cell[0] / cell[1]
    return fig


def _outlines(cells: Geometry, window: Sequence[Box], query: int | None) -> list[outlines.Shape]:
    """Dotted round the parts of a window, solid round a query."""
    own = [] if query is None else [square_at(*divmod(query, cells.seen[0]))]
    dotted = outlines.rims(pixels(cells, window), (4, 2), dashes=("solid", "dot"))
    return [*dotted, *outlines.rims(pixels(cells, own))]


def _near(where: Geometry, cells: Geometry, boxes: Sequence[Box], margin: int | None) -> outlines.Box:
    """What to show, in pixels: the first box with `margin` cells round it as far as the grid goes, or the whole page."""
    if margin is None or not boxes:
        return canvas.extent(where)
    (left, top, right, bottom), (columns, rows) = boxes[0], cells.seen
    box = max(0, left - margin), max(0, top - margin), min(columns, right + margin), min(rows, bottom + margin)
    return pixels(cells, [box])[0]


def _few_in(cells: Geometry, view: Sequence[float]) -> NDArray[np.bool_]:
    """(rows, columns) True for the cells in view, if they are few enough to get a place to click each."""
    corners = cells.to_seen(np.reshape(view, (2, 2)))
    left, top = np.floor(corners.min(axis=0) + 1e-6).astype(int).clip(0, cells.seen)
    right, bottom = np.ceil(corners.max(axis=0) - 1e-6).astype(int).clip(0, cells.seen)
    inside = np.zeros(cells.seen[::-1], bool)
    inside[top:bottom, left:right] = (bottom - top) * (right - left) <= CLICKS
    return inside


def _middles(grid: tuple[int, int], window: int, shift: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of the middle cell of every piece of a window."""
    edges = [borders(cells, window, shift) for cells in grid]
    row, column = (one.ravel() for one in np.meshgrid(*((at[:-1] + at[1:] - 1) // 2 for at in edges), indexing="ij"))
    return row, column


def _choose(
    fig: go.Figure,
    cells: Geometry,
    row: NDArray[np.intp],
    column: NDArray[np.intp],
    text: Sequence[str],
    clickable: bool = True,
) -> None:
    """A place to hover over in the middle of each cell; a click reports the cell's number."""
    x, y = cells.to_original(np.stack([column + 0.5, row + 0.5], axis=1)).T
    canvas.add_markers(fig, x, y, (row * cells.seen[0] + column).astype(np.int32), text, clickable=clickable)
    if not clickable:
        theme.lay(fig, hovermode="closest")


def _say(grid: NDArray[Any], barred: NDArray[np.bool_], row: int, column: int, unit: str) -> str:
    place = f"row {row + theme.FIRST}, column {column + theme.FIRST}: "
    if not np.isfinite(grid[row, column]):
        return place + "not defined, outside the window"
    if barred[row, column]:
        return place + "forbidden by the mask"
    return f"{place}{theme.short(grid[row, column])} {theme.safe(unit)}"


def _split_words(count: int) -> str:
    return "" if count == 1 else f", which the shift rolls round the page into {count} parts"


def _legend(query: int | None, forbidden: bool, outside: float, parts: int) -> list[str]:
    notes = ["dotted orange: the window" + _split_words(parts) + "; solid orange: the query" * (query is not None)]
    notes += _marks(forbidden, False)
    notes.append("grey veil: not defined; the query cannot see there, which is not a weight of 0")
    if outside > 5e-4:
        notes.append(f"{100 * outside:.1f} % of the query's attention fell on padding beyond the page")
    return notes


def _marks(forbidden: bool, padding: bool) -> list[str]:
    notes = ["✕: in the window, but the shift mask forbids it"] if forbidden else []
    return notes + (["upright stroke: padding beyond the page"] if padding else [])
