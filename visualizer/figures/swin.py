"""Swin windows on the page: their borders, and one query's attention stitched back."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualizer.figures import canvas, outlines
from visualizer.measures.windows import borders, defined_boxes, window_boxes
from visualizer.style import theme
from visualizer.style.scale import Scale, apply_scale
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError
from vit_attention.records.geometry import Geometry

VEIL = "rgba(128,128,128,0.45)"
"""Laid over cells that a query cannot see at all, so that bare page never reads as weight 0."""
CLICKS = 5000
"""Most cells that get a place to click; on a larger view only the window's own do."""
CROWDED = 24
"""Windows along a side from which their borders are drawn thin."""
TONES = (("rgba(255,255,255,0.85)", 3.0), (theme.LINES[0], 1.5))
"""A wide light and a narrow dark line: one of them stands out from any page."""


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
    height: int = theme.HEIGHT,
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
    fig = Sketch()
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
    return fig.figure(title=title, caption=notes, shapes=shapes, height=height)


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
    fade: bool = False,
    scale: str | Scale = "raw",
    together: Any = None,
    unit: str = "share of attention",
    clickable: bool = False,
    title: str = "",
    height: int = theme.HEIGHT,
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
        colormap, opacity, fade, scale, together, unit: as for `visualizer.figures.overlay.overlay`.
        clickable: a click reports the number of a cell.
        title, height: plain text; pixels.

    Raises:
        ValueError: a wrong shape, or no defined value.
    """
    grid = canvas.grid_of(values)
    known = np.isfinite(grid)
    barred = np.zeros(grid.shape, bool) if forbidden is None else np.asarray(forbidden, bool)
    if not known.any() or barred.shape != grid.shape:
        raise GateError("values and forbidden", "one shape and a defined value", f"{grid.shape} and {barred.shape}")
    where, cells = placed_on(image, grid.shape, cell, geometry)
    boxes = defined_boxes(known, query)
    fig = Sketch()
    view = canvas.add_picture(fig, image, where, _near(where, cells, boxes, margin))
    scaled = apply_scale(np.where(barred, np.nan, grid), scale, together, unit=unit).fading(fade)
    for at, (left, top, right, bottom) in enumerate(boxes):
        # One part each: a trace of the whole grid would send every undefined cell of the page.
        placed = cells.crop(left, top, right - left, bottom - top).place(scaled.values[top:bottom, left:right])
        bar = {} if at == 0 else {"showscale": False, "colorbar": None}
        fig.data.append(canvas.heat(placed, scaled, colormap, opacity=opacity, **bar))
    outer = outlines.veil(view, pixels(cells, boxes), VEIL, name="undefined", layer="between")
    spots = pixels(cells, [square_at(*spot) for spot in np.argwhere(barred & known).tolist()])
    # On the whole page a cell is a few pixels wide, which a common line would fill.
    marked = outlines.crosses(spots, 1.5 if margin is not None else 1.0)
    shapes = [
        outer,
        *_outlines(cells, boxes, None),
        *marked,
        *_outlines(cells, [], query),
    ]
    row, column = np.nonzero(known | _few_in(cells, view) if clickable else known)
    text = [_say(grid, barred, r, c, unit) for r, c in zip(row.tolist(), column.tolist(), strict=True)]
    _choose(fig, cells, row, column, text, clickable)
    return fig.figure(
        title=title,
        caption=[scaled.caption, *_legend(query, bool(barred.any()), outside, len(boxes))],
        shapes=shapes,
        height=height,
        bottom=canvas.BAR,
    )


def _outlines(cells: Geometry, window: Sequence[Sequence[float]], query: int | None) -> list[outlines.Shape]:
    """Dotted round the parts of a window, solid round a query."""
    own = [] if query is None else [square_at(*divmod(query, cells.seen[0]))]
    return [*outlines.rims(pixels(cells, window), (4, 2), dashes=("solid", "dot")), *outlines.rims(pixels(cells, own))]


def _near(where: Geometry, cells: Geometry, boxes: Sequence[Sequence[float]], margin: int | None) -> outlines.Box:
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
    fig: Sketch,
    cells: Geometry,
    row: NDArray[np.intp],
    column: NDArray[np.intp],
    text: Sequence[str],
    clickable: bool = True,
) -> None:
    """A place to hover over in the middle of each cell; a click reports the cell's number."""
    x, y = cells.to_original(np.stack([column + 0.5, row + 0.5], axis=1)).T
    fig.data.append(canvas.markers(x, y, (row * cells.seen[0] + column).astype(np.int32), text))
    fig.layout |= canvas.CLICKS if clickable else {"hovermode": "closest"}


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
    notes += marks(forbidden, False)
    notes.append("grey veil: not defined; the query cannot see there, which is not a weight of 0")
    if outside > 5e-4:
        notes.append(f"{100 * outside:.1f} % of the query's attention fell on padding beyond the page")
    return notes


def marks(forbidden: bool, padding: bool) -> list[str]:
    notes = ["✕: in the window, but the shift mask forbids it"] if forbidden else []
    return notes + (["upright stroke: padding beyond the page"] if padding else [])


def placed_on(
    image: Image.Image, grid: Sequence[int], cell: Sequence[int], geometry: Geometry | None
) -> tuple[Geometry, Geometry]:
    """From the original page to the model's input, of which None means the whole page, and to cells of the stage."""
    if min(*grid, *cell) < 1:
        raise GateError("grid and cell", "positive numbers", f"{tuple(grid)} and {tuple(cell)}")
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
    path = outlines.lines(pixels(cells, [*level, *upright]))
    return [outlines.path(path, color, width / thin, dash=dash) for color, width in TONES]
