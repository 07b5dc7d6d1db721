"""How a Swin encoder is built, drawn: the relative position bias, one window's heads, patch merging, and the stages."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from PIL import Image

from visualizer.figures import canvas, heatmap, mosaic, outlines
from visualizer.figures.swin import marks, pixels, placed_on, square_at
from visualizer.measures.windows import borders, merge
from visualizer.style import theme
from visualizer.style.scale import Scale
from visualizer.style.sketch import Sketch
from visualizer.words.plain import offset, plural
from vit_attention.gate import GateError
from vit_attention.records.geometry import Geometry
from vit_attention.records.windows import FORBIDDEN, PADDING, Stage

BIAS_UNIT = "added to the score, natural-log units"
"""A bias of 1 multiplies a weight by e before the row is made to sum to 1."""
APART = 1.35
"""From one stage of the tracker to the next, in widths of the page."""


def bias_map(
    bias: ArrayLike,
    *,
    limit: float | None = None,
    colormap: str = theme.DIVERGENT,
    title: str = "",
    height: int = 440,
) -> go.Figure:
    """The relative position bias of one head: what is added to the score of a key, by where it lies from its query.

    Args:
        bias: (2 window - 1, 2 window - 1), the query in the middle, rows down and columns right.
        limit: value of the outermost colours, to share one scale between heads; None means the largest absolute value.
        colormap: one of `theme.DIVERGING`.
        title, height: plain text; pixels.

    Raises:
        ValueError: a shape without a middle.
    """
    grid = canvas.grid_of(bias, "bias")
    if grid.shape[0] % 2 == 0 or grid.shape[1] % 2 == 0:
        raise GateError("bias", "odd numbers of rows and columns", f"{grid.shape}")
    down, right = (side // 2 for side in grid.shape)
    fig = heatmap.signed(
        grid,
        colormap=colormap,
        limit=limit,
        query=(grid.size // 2,),
        outlined="the query itself",
        unit=BIAS_UNIT,
        title=title,
        height=height,
    )
    fig.data[0].text = [
        [f"key {offset(r - down, c - right)}: {value:+.3g}" for c, value in enumerate(line)]
        for r, line in enumerate(grid.tolist())
    ]
    look = {"visible": True, "showgrid": False, "zeroline": False, "automargin": True, "ticks": "outside"}
    for axis, reach, word in ((fig.layout.xaxis, right, "columns right"), (fig.layout.yaxis, down, "rows down")):
        steps = range(-reach, reach + 1, max(1, reach // 3))
        signs = [f"{step:+d}".replace("-", "−") if step else "0" for step in steps]
        axis.update(
            **look,
            tickfont={"size": theme.SMALL},
            title={"text": word, "standoff": 2, "font": {"size": theme.FONT_SIZE}},
            ticktext=signs,
        )
        axis.tickvals = [step + reach + 0.5 for step in steps]
    fig.layout.xaxis.side = "top"
    fig.layout.margin.t += 52
    return fig


def merge_picture(
    image: Image.Image,
    grid: tuple[int, int],
    cell: tuple[int, int],
    chosen: int,
    geometry: Geometry | None = None,
    *,
    number: int = 0,
    margin: int = 4,
    title: str = "",
    height: int = 400,
) -> go.Figure:
    """Patch merging on the page: the 2 x 2 cells round a chosen one, and the one cell of the next stage they become.

    Args:
        image: the upright page.
        grid: (rows, columns) of cells of the stage that is left.
        cell: (height, width) of its cells in pixels of the model's input.
        chosen: number of a cell; its group of four is shown.
        geometry: from the original page to the model's input; None means that the model saw the whole page.
        number: of the stage that is left, from 0.
        margin: cells of the page to show round the group.
        title, height: plain text; pixels.

    Raises:
        ValueError: no such cell.
    """
    where, cells = placed_on(image, grid, cell, geometry)
    step = merge(chosen, grid)
    top, left = step.sources[0]
    reach = 2 * -(-margin // 2)
    right, bottom = (min(2 * side, at + 2 + reach) for side, at in zip(step.grid[::-1], (left, top), strict=True))
    near = (max(0, left - reach), max(0, top - reach), right, bottom)
    fig, shapes, labels = Sketch(), [], []
    style = {
        "font": {"size": theme.SMALL},
        "xref": "paper",
        "xanchor": "center",
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
    }
    for panel, (count, across) in enumerate(((grid, (0.0, 0.48)), (step.grid, (0.52, 1.0))), start=1):
        axes = canvas.axes_of(panel)
        fig.data.append({"type": "scatter", "x": [], "y": [], "xaxis": axes[0], "yaxis": axes[1], "hoverinfo": "skip"})
        canvas.add_picture(
            fig, image, where, pixels(cells, [near])[0], number=panel, across=across, constraintoward="top"
        )
        shapes.append(outlines.path(_between(cells, near, count, panel), theme.LINE, 1, axes))
        name = f"stage {number + panel - 1 + theme.FIRST}<br>{count[0]} rows x {count[1]} columns"
        size = f"of cells {panel * cell[0]} pixels<br>high, {panel * cell[1]} wide"
        labels.append({"text": f"{name}<br>{size}", "x": sum(across) / 2, **style})
    look = {"font": {"size": theme.FONT_SIZE, "color": "#000000"}, "bgcolor": "rgba(255,255,255,0.75)"}
    boxes = pixels(cells, [square_at(*source) for source in step.sources])
    for spot, (box, padding) in enumerate(zip(boxes, step.padding, strict=True), start=1):
        shapes += outlines.rims([box], dashes=["dot" if padding else "solid"] * 2)
        labels.append(
            {
                "text": f"{spot} (zeros)" if padding else str(spot),
                "x": (box[0] + box[2]) / 2,
                "y": (box[1] + box[3]) / 2,
                **look,
            }
        )
    (row, column), (x, y) = step.target, axes
    shapes += outlines.rims(pixels(cells, [(2 * column, 2 * row, 2 * column + 2, 2 * row + 2)]), axes=(x, y))
    caption = "cells 1 to 4 are joined in this order into one list of numbers, normed, and mapped to half its length"
    return fig.figure(title=title, caption=caption, labels=labels, shapes=shapes, height=height, top=72)


def _between(cells: Geometry, near: Sequence[int], grid: tuple[int, int], step: int) -> str:
    """The path of the lines that part the cells in view of a stage whose cells are `step` wide; `near` is in cells of 1."""
    left, top, right, bottom = (int(np.clip(v / step, 0, grid[1 - n % 2])) for n, v in enumerate(near))
    level = [(left, at, right, at) for at in range(top, bottom + 1)]
    upright = [(at, top, at, bottom) for at in range(left, right + 1)]
    return outlines.lines(pixels(cells, step * np.array([*level, *upright])))


def stage_tracker(
    stages: Sequence[Stage],
    current: int,
    block: int | None = None,
    *,
    clickable: bool = False,
    title: str = "",
    height: int = 290,
) -> go.Figure:
    """The stages side by side: the page cut into each stage's windows, its numbers below, the current one outlined.

    Args:
        stages: one per stage, such as those of `vit_attention.models.swin.stages`.
        current: number of the stage to mark.
        block: number of a block of that stage, whose shift the borders show; None shows plain windows.
        clickable: a click reports the stage's number, from 0.
        title, height: plain text; pixels.

    Raises:
        ValueError: no stages, or no such stage or block.
    """
    marked = stages[canvas.within(current, len(stages), "current")]
    if block is not None:
        canvas.within(block, marked.blocks, "block")
    tall = stages[0].grid[0] * stages[0].cell[0] / (stages[0].grid[1] * stages[0].cell[1])  # the page is 1 wide
    fig, shapes, labels = Sketch(), [], []
    style = {"y": tall, "yanchor": "top", "yshift": -4, "font": {"size": theme.SMALL}}
    for at, one in enumerate(stages):
        left, here = APART * at, at == current
        shapes.append(_window_lines(one, left, tall, one.shifts[block] if here and block is not None else 0))
        shapes += outlines.rims([(left, 0, left + 1, tall)] * here)
        labels.append({"text": "<br>".join(stage_lines(one, here)), "x": left + 0.5, **style})
    middle = [APART * at + 0.5 for at in range(len(stages))]
    plain = [theme.safe(", ".join(stage_lines(one, False, bold=False))) for one in stages]
    fig.data.append(canvas.markers(middle, [tall / 2] * len(stages), list(range(len(stages))), plain))
    fig.layout |= canvas.CLICKS if clickable else {}
    canvas.picture_axes(fig, (-0.18, -0.02, APART * len(stages) - 0.17, tall + 0.02))
    shifted = block is not None and marked.shifts[block]
    caption = "lines: windows, shifted and dashed in the current block" if shifted else "lines: windows"
    return fig.figure(title=title, caption=caption, labels=labels, shapes=shapes, height=height, bottom=78)


def stage_lines(one: Stage, current: bool, bold: bool = True) -> list[str]:
    """What is printed under a stage, a few words a line; the current one says so."""
    name = f"stage {one.number + theme.FIRST}"
    marked = f"<b>▶ {name}</b>" if current and bold else name
    grid, size = f"{one.grid[0]} rows x {one.grid[1]} columns", f"cells {one.cell[0]} pixels high, {one.cell[1]} wide"
    return [marked, grid, size, f"{plural(one.heads, 'head')}, {plural(one.blocks, 'block')}"]


def _window_lines(one: Stage, left: float, tall: float, shift: int) -> outlines.Shape:
    rows, columns = one.grid
    level = "".join(f"M{left},{at / rows * tall:.4f}H{left + 1}" for at in borders(rows, one.window, shift).tolist())
    upright = "".join(f"M{left + at / columns:.4f},0V{tall:.4f}" for at in borders(columns, one.window, shift).tolist())
    return outlines.path(level + upright, theme.LINE, 1, dash="dash" if shift else "solid")


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
        raise GateError("tiles", f"(heads, {', '.join(map(str, codes.shape))})", f"{weights.shape}")
    drawn = np.where(codes == FORBIDDEN, np.nan, weights)
    forbidden, padding = (
        [square_at(*spot) for spot in np.argwhere(codes == one).tolist()] for one in (FORBIDDEN, PADDING)
    )
    note = "; ".join(["orange outline: the query", *marks(bool(forbidden), bool(padding))])
    common: dict[str, Any] = {"captions": captions, "per_row": per_row, "title": title, "height": height}
    fig = mosaic.head_grid(drawn, colormap=colormap, scale=scale, chosen=chosen, clickable=True, note=note, **common)
    chooser = fig.data[-1]
    middle = np.array(codes.shape[::-1]) / 2
    corners = np.tile(np.stack([chooser.x, chooser.y], axis=1) - middle, 2)
    if not clickable:
        fig.data = fig.data[:-1]
        fig.update_layout(clickmode=None, hovermode=False)
    shapes = [
        *outlines.crosses([corner + box for corner in corners for box in forbidden]),
        *outlines.strokes([corner + box for corner in corners for box in padding]),
        *outlines.rims([corner + square_at(*query) for corner in corners], (3.5, 1.5)),
    ]
    fig.layout.shapes = [*shapes, *fig.layout.shapes]
    fig.layout.yaxis.scaleratio = cell[0] / cell[1]
    return fig
