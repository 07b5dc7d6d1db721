"""Swin windows on the page: their borders, one query's attention stitched back, and all heads of one window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualizer.figures import mosaic, stage
from visualizer.figures.swin_parts import (
    PLAIN,
    SHIFTED,
    crosses,
    heat,
    lattice,
    outline,
    page,
    pixels,
    placed_on,
    query_rim,
    strokes,
    two_tone,
    veil,
)
from visualizer.measures.windows import (
    FORBIDDEN,
    PADDING,
    Box,
    borders,
    defined_boxes,
    window_boxes,
)
from visualizer.style import theme
from visualizer.style.scale import Scale
from visualizer.style.scale import scale as scale_values
from vit_attention.records.geometry import Geometry

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
    where = placed_on(image, grid, cell, geometry)
    boxes = [] if query is None else window_boxes(grid, window, shift, query)
    fig, view = page(
        image, where, pixels(where, cell, _grown(boxes[0], margin, grid)) if boxes and margin is not None else None
    )
    drawn = [(0, PLAIN)] if not shift else [(0, PLAIN), (shift, SHIFTED)] if compare else [(shift, SHIFTED)]
    shapes = [one for by, dash in drawn for one in lattice(where, grid, cell, window, by, dash)]
    notes = [f"{'dashed' if by else 'solid'} lines: windows of {window} x {window} cells" + f", shifted by {by}" * (by > 0) for by, _ in drawn]  # fmt: skip
    if query is not None:
        shapes += [*outline(where, cell, boxes), *query_rim(where, grid, cell, query)]
        notes.append("orange: the chosen cell and its window" + _split_words(len(boxes)))
    fig.layout.shapes = [*fig.layout.shapes, *shapes]
    if clickable:
        row, column = _seen_cells(np.zeros(grid, bool), where, cell, view)
        if not row.size:
            row, column = _middles(grid, window, shift)
        text = [f"row {r + theme.FIRST}, column {c + theme.FIRST}" for r, c in zip(row, column, strict=True)]
        _choose(fig, where, cell, row, column, grid[1], text)
    caption = "\n".join([*notes, f"{grid[0]} x {grid[1]} cells of {cell[0]} x {cell[1]} pixels (height x width)"])
    return theme.base(fig, title=title, caption=caption, height=height)


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
    grid = stage.grid_of(values)
    known = np.isfinite(grid)
    barred = np.zeros(grid.shape, bool) if forbidden is None else np.asarray(forbidden, bool)
    if not known.any() or barred.shape != grid.shape:
        raise ValueError(
            f"values and forbidden: want one shape and a defined value, got {grid.shape} and {barred.shape}"
        )
    where = placed_on(image, grid.shape, cell, geometry)
    boxes = _first(defined_boxes(known), query, grid.shape[1])
    fig, view = page(
        image, where, None if margin is None else pixels(where, cell, _grown(boxes[0], margin, grid.shape))
    )
    scaled = scale_values(np.where(barred, np.nan, grid), scale, together, unit=unit)
    for at, box in enumerate(boxes):
        heat(fig, where, cell, box, scaled.values, opacity, theme.colorscale(colormap), (scaled.low, scaled.high))
        fig.data[-1].update(showscale=at == 0, colorbar=stage.colour_bar(scaled) if at == 0 else None)
    shapes = [veil(where, cell, boxes, view), *outline(where, cell, boxes)]
    shapes += crosses([pixels(where, cell, (c, r, c + 1, r + 1)) for r, c in np.argwhere(barred & known).tolist()])
    shapes += [] if query is None else query_rim(where, grid.shape, cell, query)
    fig.layout.shapes = [*fig.layout.shapes, *shapes]
    row, column = _seen_cells(known, where, cell, view if clickable else None)
    text = [_say(grid, barred, r, c, unit) for r, c in zip(row.tolist(), column.tolist(), strict=True)]
    _choose(fig, where, cell, row, column, grid.shape[1], text, clickable)
    caption = "\n".join([scaled.caption, *_legend(query, bool(barred.any()), outside, len(boxes))])
    return theme.base(fig, title=title, caption=caption, height=height, bottom=stage.BAR)


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
    fig = mosaic.head_grid(
        drawn, captions=captions, per_row=per_row, colormap=colormap, scale=scale, chosen=chosen, clickable=True,
        title=title, height=height,
    )  # fmt: skip
    chooser = fig.data[-1]
    corners = [(x - codes.shape[1] / 2, y - codes.shape[0] / 2) for x, y in zip(chooser.x, chooser.y, strict=True)]
    if not clickable:
        fig.data = fig.data[:-1]
        theme.lay(fig, clickmode=None, hovermode=False)
    forbidden, padding = ([(c, r, c + 1, r + 1) for r, c in np.argwhere(codes == one).tolist()] for one in (FORBIDDEN, PADDING))  # fmt: skip
    here = (query[1], query[0], query[1] + 1, query[0] + 1)
    shapes = [
        *crosses([_moved(box, corner) for corner in corners for box in forbidden]),
        *strokes([_moved(box, corner) for corner in corners for box in padding]),
        *two_tone("".join(stage.square(_moved(here, corner)) for corner in corners), (3.5, 1.5)),
    ]
    fig.layout.shapes = [*shapes, *fig.layout.shapes]
    fig.layout.yaxis.scaleratio = cell[0] / cell[1]
    _add_note(fig, "; ".join(_marks(bool(forbidden), bool(padding))))
    return fig


def _moved(box: Sequence[float], by: Sequence[float]) -> tuple[float, float, float, float]:
    return box[0] + by[0], box[1] + by[1], box[2] + by[0], box[3] + by[1]


def _first(boxes: list[Box], query: int | None, columns: int) -> list[Box]:
    """The boxes with that of the query in front."""
    if query is None:
        return boxes
    row, column = divmod(query, columns)
    return sorted(boxes, key=lambda b: not (b[0] <= column < b[2] and b[1] <= row < b[3]))


def _grown(box: Box, margin: int, grid: Sequence[int]) -> Box:
    """The box with `margin` cells round it, as far as the grid goes."""
    left, top, right, bottom = box
    return max(0, left - margin), max(0, top - margin), min(grid[1], right + margin), min(grid[0], bottom + margin)


def _seen_cells(
    known: NDArray[np.bool_], where: Geometry, cell: tuple[int, int], view: Sequence[float] | None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the cells that can be pointed at: those of the window, and all in view if they are few."""
    if view is not None:
        corners = where.to_seen(np.array([[view[0], view[1]], [view[2], view[3]]])) / (cell[1], cell[0])
        (left, top), (right, bottom) = np.floor(corners.min(axis=0) + 1e-6), np.ceil(corners.max(axis=0) - 1e-6)
        inside = np.zeros_like(known)
        inside[max(0, int(top)) : max(0, int(bottom)), max(0, int(left)) : max(0, int(right))] = True
        if inside.sum() <= CLICKS:
            known = known | inside
    row, column = np.nonzero(known)
    return row, column


def _middles(grid: tuple[int, int], window: int, shift: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of the middle cell of every piece of a window."""
    edges = [borders(cells, window, shift) for cells in grid]
    row, column = (one.ravel() for one in np.meshgrid(*((at[:-1] + at[1:] - 1) // 2 for at in edges), indexing="ij"))
    return row, column


def _choose(
    fig: go.Figure,
    where: Geometry,
    cell: tuple[int, int],
    row: NDArray[np.intp],
    column: NDArray[np.intp],
    columns: int,
    text: Sequence[str],
    clickable: bool = True,
) -> None:
    middle = where.to_original(np.stack([(column + 0.5) * cell[1], (row + 0.5) * cell[0]], axis=1))
    numbers = (row * columns + column).astype(np.int32)
    fig.add_trace(stage.click_markers(middle[:, 0], middle[:, 1], numbers, text))
    if clickable:
        stage.let_click(fig)
    else:
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


def _add_note(fig: go.Figure, text: str) -> None:
    """Append to the caption that is there already."""
    whole = "orange outline: the query" + "; " * bool(text) + text
    for one in fig.layout.annotations:
        if one.name == "caption":
            one.text += "<br>" + theme.safe(whole, 66)
    fig.layout.margin.b += 16 * (1 + theme.safe(whole, 66).count("<br>"))
