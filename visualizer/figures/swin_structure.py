"""How a Swin encoder is built, drawn: the relative position bias, patch merging, and the stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from PIL import Image

from visualizer.figures import heatmap, stage
from visualizer.figures.swin_parts import cut_out, pixels, placed_on
from visualizer.measures.windows import Merge, StageLike, borders, merge
from visualizer.style import theme
from visualizer.words.plain import offset
from vit_attention.records.geometry import Geometry

BIAS_UNIT = "added to the score, natural-log units"
"""A bias of 1 multiplies a weight by e before the row is made to sum to 1."""
SPOTS = ("1", "2", "3", "4")


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
    grid = stage.grid_of(bias, "bias")
    if grid.shape[0] % 2 == 0 or grid.shape[1] % 2 == 0:
        raise ValueError(f"bias: want odd numbers of rows and columns, got {grid.shape}")
    down, right = (side // 2 for side in grid.shape)
    fig = heatmap.signed(
        grid, colormap=colormap, limit=limit, query=(grid.size // 2,), unit=BIAS_UNIT, title=title, height=height
    )
    fig.data[0].text = [
        [f"key {offset(r - down, c - right)}: {value:+.3g}" for c, value in enumerate(line)]
        for r, line in enumerate(grid.tolist())
    ]
    for axis, reach, word in ((fig.layout.xaxis, right, "columns right"), (fig.layout.yaxis, down, "rows down")):
        steps = range(-reach, reach + 1, max(1, reach // 3))
        axis.update(visible=True, showgrid=False, zeroline=False, automargin=True, ticks="outside")
        axis.update(tickvals=[s + reach + 0.5 for s in steps], ticktext=[f"{s:+d}".replace("-", "−") if s else "0" for s in steps])  # fmt: skip
        axis.update(
            tickfont={"size": theme.SMALL}, title={"text": word, "standoff": 2, "font": {"size": theme.FONT_SIZE}}
        )
    fig.layout.xaxis.side = "top"
    fig.layout.margin.t += 52
    for one in fig.layout.annotations:
        one.text = one.text.replace("orange outline: query", "orange outline: the query itself")
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
    where, step = placed_on(image, grid, cell, geometry), merge(chosen, grid)
    top, left = step.sources[0]
    reach = 2 * -(-margin // 2)
    right, bottom = (min(2 * side, at + 2 + reach) for side, at in zip(step.grid[::-1], (left, top), strict=True))
    near = (max(0, left - reach), max(0, top - reach), right, bottom)
    view = pixels(where, cell, near)
    fig = go.Figure()
    sides = ((number, grid, cell, "x", "y", (0.0, 0.48)), (number + 1, step.grid, (2 * cell[0], 2 * cell[1]), "x2", "y2", (0.52, 1.0)))  # fmt: skip
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for panel, (level, cells, size, x, y, across) in enumerate(sides):
        fig.add_trace(go.Scatter(x=[], y=[], xaxis=x, yaxis=y, hoverinfo="skip"))
        fig.add_layout_image(cut_out(image, where, view, (x, y)))
        stage.picture_axes(fig, view, panel + 1, across, constraintoward="top")  # next to its name
        shapes += _cells(where, cells, size, [v / 2**panel for v in near], (x, y))
        name = f"stage {level + theme.FIRST}: {cells[0]} rows x {cells[1]} columns<br>of cells {size[0]} pixels high, {size[1]} wide"
        notes.append(
            {
                "text": name,
                "x": sum(across) / 2,
                "xref": "paper",
                "y": 1,
                "yref": "paper",
                "xanchor": "center",
                "yanchor": "bottom",
            }
        )
    shapes += _sources(where, cell, step) + _target(where, cell, step)
    notes += _numbers(where, cell, step)
    fig.layout.shapes = shapes
    caption = "cells 1 to 4 are joined in this order into one list of numbers, normed, and mapped to half its length"
    theme.base(fig, title=title, caption=caption, height=height, top=44)
    fig.layout.annotations = [*({"showarrow": False, **n} for n in notes), *fig.layout.annotations]
    return fig


def _cells(
    where: Geometry, grid: tuple[int, int], cell: tuple[int, int], view: Sequence[float], axes: tuple[str, str]
) -> list[dict[str, Any]]:
    """The lines between the cells that lie in `view`, given in cells."""
    left, top, right, bottom = (int(np.clip(v, 0, grid[1 - n % 2])) for n, v in enumerate(view))
    lines = [(left, at, right, at) for at in range(top, bottom + 1)]
    lines += [(at, top, at, bottom) for at in range(left, right + 1)]
    boxes = (pixels(where, cell, one) for one in lines)
    path = "".join(f"M{a:.1f},{b:.1f}L{c:.1f},{d:.1f}" for a, b, c, d in boxes)
    return [{"type": "path", "path": path, "xref": axes[0], "yref": axes[1], "line": {"color": theme.LINE, "width": 1}}]


def _sources(where: Geometry, cell: Sequence[int], step: Merge) -> list[dict[str, Any]]:
    out = []
    for (row, column), padding in zip(step.sources, step.padding, strict=True):
        path = stage.square(pixels(where, cell, (column, row, column + 1, row + 1)))
        dash = "dot" if padding else "solid"
        out += [{"type": "path", "path": path, "line": {"color": c, "width": w, "dash": dash}} for c, w in _tones()]
    return out


def _target(where: Geometry, cell: Sequence[int], step: Merge) -> list[dict[str, Any]]:
    row, column = step.target
    path = stage.square(pixels(where, cell, (2 * column, 2 * row, 2 * column + 2, 2 * row + 2)))
    return [{"type": "path", "path": path, "xref": "x2", "yref": "y2", "line": {"color": c, "width": w}} for c, w in _tones()]  # fmt: skip


def _tones() -> tuple[tuple[str, float], ...]:
    return tuple(zip(theme.QUERY, (5.0, 2.5), strict=True))


def _numbers(where: Geometry, cell: Sequence[int], step: Merge) -> list[dict[str, Any]]:
    look = {"font": {"size": theme.FONT_SIZE, "color": "#000000"}, "bgcolor": "rgba(255,255,255,0.75)"}
    out = []
    for spot, (row, column), padding in zip(SPOTS, step.sources, step.padding, strict=True):
        left, top, right, bottom = pixels(where, cell, (column, row, column + 1, row + 1))
        text = f"{spot} (zeros)" if padding else spot
        out.append({"text": text, "x": (left + right) / 2, "y": (top + bottom) / 2, **look})
    return out


def stage_tracker(
    stages: Sequence[StageLike],
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
    if not 0 <= current < len(stages):
        raise ValueError(f"current: want 0 to {len(stages) - 1}, got {current}")
    if block is not None and not 0 <= block < stages[current].blocks:
        raise ValueError(f"block: want 0 to {stages[current].blocks - 1}, got {block}")
    tall = stages[0].grid[0] * stages[0].cell[0] / (stages[0].grid[1] * stages[0].cell[1])  # the page is 1 wide
    fig, shapes, notes = go.Figure(), [], []
    for at, one in enumerate(stages):
        left, here = 1.35 * at, at == current
        shift = one.shifts[block] if here and block is not None else 0
        shapes += _window_lines(one, left, tall, shift)
        if here:
            path = stage.square((left, 0, left + 1, tall))
            shapes += [{"type": "path", "path": path, "line": {"color": c, "width": w}} for c, w in _tones()]
        text = "<br>".join(stage_lines(one, here))
        notes.append({"text": text, "x": left + 0.5, "y": tall, "yanchor": "top", "yshift": -4, "showarrow": False, "font": {"size": theme.SMALL}})  # fmt: skip
    middle = [1.35 * at + 0.5 for at in range(len(stages))]
    plain = [theme.safe(", ".join(stage_lines(one, False, bold=False))) for one in stages]
    fig.add_trace(stage.click_markers(middle, [tall / 2] * len(stages), list(range(len(stages))), plain))
    if clickable:
        stage.let_click(fig)
    stage.picture_axes(fig, (-0.18, -0.02, 1.35 * len(stages) - 0.17, tall + 0.02))
    fig.layout.shapes = shapes
    caption = "lines: windows" + (", shifted and dashed in the current block" if block is not None and stages[current].shifts[block] else "")  # fmt: skip
    theme.base(fig, title=title, caption=caption, height=height, bottom=78)
    fig.layout.annotations = [*notes, *fig.layout.annotations]
    return fig


def stage_lines(one: StageLike, current: bool, bold: bool = True) -> list[str]:
    """What is printed under a stage, a few words a line; the current one says so."""
    name = f"stage {one.number + theme.FIRST}"
    marked = f"<b>▶ {name}</b>" if current and bold else name
    heads, blocks = (f"{n} {word}{'s' * (n != 1)}" for n, word in ((one.heads, "head"), (one.blocks, "block")))
    grid, size = f"{one.grid[0]} rows x {one.grid[1]} columns", f"cells {one.cell[0]} pixels high, {one.cell[1]} wide"
    return [marked, grid, size, f"{heads}, {blocks}"]


def _window_lines(one: StageLike, left: float, tall: float, shift: int) -> list[dict[str, Any]]:
    rows, columns = one.grid
    level = "".join(f"M{left},{at / rows * tall:.4f}H{left + 1}" for at in borders(rows, one.window, shift).tolist())
    upright = "".join(f"M{left + at / columns:.4f},0V{tall:.4f}" for at in borders(columns, one.window, shift).tolist())
    line = {"color": theme.LINE, "width": 1, "dash": "dash" if shift else "solid"}
    return [{"type": "path", "path": level + upright, "line": line}]
