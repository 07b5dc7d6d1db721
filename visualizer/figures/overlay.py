"""A map of attention laid on the picture the user gave, and the bare picture from which patches are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from PIL import Image

from visualizer.figures import picture, stage
from visualizer.style import theme
from visualizer.style.scale import Scale
from visualizer.style.scale import scale as scale_values
from vit_attention.records.geometry import Geometry


def overlay(
    image: Image.Image,
    values: ArrayLike,
    geometry: Geometry | None = None,
    *,
    colormap: str = theme.COLORMAP,
    opacity: float = 0.6,
    smooth: bool = False,
    scale: str | Scale = "raw",
    together: Any = None,
    query: Sequence[int] = (),
    truth: ArrayLike | None = None,
    clickable: bool = False,
    box: bool = False,
    labels: Sequence[str] | None = None,
    unit: str = "share of attention",
    title: str = "",
    height: int = 460,
) -> go.Figure:
    """`values` as coloured patches on the original picture, with a colour bar and the scale in words.

    Args:
        image: the upright picture, possibly stored smaller than `geometry.original`.
        values: (rows, columns) that tile the model's input; NaN cells stay uncovered.
        geometry: from the original to the model's input; None means the model saw the whole picture.
        colormap: one of `theme.COLORMAPS`.
        opacity: 0 (picture only) to 1 (map only).
        smooth: False shows the patches as they are; True blends neighbours, which adds no knowledge.
        scale: a mode of `scale.MODES`, or a `Scale`.
        together: all maps that share the range, for the shared scale.
        query: patch numbers, in the model's reading order, to outline.
        truth: (height, width) bool over the original picture, to outline.
        clickable: add invisible markers that report the patch number as `customdata`.
        box: let a box be dragged over several patches; for `clickable`.
        labels: one plain text per patch, for hovering.
        unit: what one value is.
        title, height: plain text; pixels.

    Raises:
        ValueError: a wrong shape, an opacity outside 0 to 1, an unknown colour map or scale.
    """
    grid = stage.grid_of(values)
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity: want 0 to 1, got {opacity}")
    where = stage.fitting(image, geometry)
    scaled = scale_values(grid, scale, together, unit=unit)
    placed, order = where.place(scaled.values), stage.numbers(where, grid.shape)
    text = stage.patch_text(grid, unit, labels)
    fig = go.Figure(
        go.Heatmap(
            z=placed.values.astype("float32"),
            **stage.cells(placed),
            zmin=scaled.low,
            zmax=scaled.high,
            colorscale=theme.colorscale(colormap),
            opacity=opacity,
            zsmooth="best" if smooth else False,
            colorbar=stage.colour_bar(scaled),
            hoverinfo="skip",
            name="map",
        )
    )
    if not clickable:
        fig.data[0].update(text=[[text[n] for n in row] for row in order.values.tolist()], hoverinfo=None)
        fig.data[0].hovertemplate = "%{text}<extra></extra>"
    notes = _furnish(fig, image, where, order, query, truth)
    if clickable:
        _choose(fig, order, text, box)
    if smooth:
        notes.append("blended between patches; the model gives one number per patch")
    caption = scaled.caption + "\n" * bool(notes) + "; ".join(notes)
    return theme.base(fig, title=title, caption=caption, height=height, bottom=stage.BAR)


def bare(
    image: Image.Image,
    grid: tuple[int, int],
    geometry: Geometry | None = None,
    *,
    query: Sequence[int] = (),
    truth: ArrayLike | None = None,
    box: bool = False,
    labels: Sequence[str] | None = None,
    title: str = "",
    height: int = 420,
) -> go.Figure:
    """The picture under the lines of the (rows, columns) patch grid, each patch ready to be clicked.

    Args: as for `overlay`; a click reports the patch number as `customdata`.
    """
    rows, columns = grid
    if min(rows, columns) < 1:
        raise ValueError(f"grid: want at least 1 x 1 patches, got {rows} x {columns}")
    if labels is not None and len(labels) != rows * columns:
        raise ValueError(f"labels: want {rows * columns}, one per patch, got {len(labels)}")
    where = stage.fitting(image, geometry)
    order = stage.numbers(where, grid)
    fig = go.Figure()
    notes = _furnish(fig, image, where, order, query, truth)
    fig.layout.shapes = (*_lattice(order), *fig.layout.shapes)
    names = [f"{theme.safe(label)}<br>" for label in labels] if labels is not None else [""] * (rows * columns)
    text = [
        f"{name}patch in row {n // columns + theme.FIRST}, column {n % columns + theme.FIRST}"
        for n, name in enumerate(names)
    ]
    _choose(fig, order, text, box)
    caption = "; ".join([f"{rows} x {columns} patches", *notes])
    return theme.base(fig, title=title, caption=caption, height=height)


def _furnish(
    fig: go.Figure,
    image: Image.Image,
    where: Geometry,
    order: Any,
    query: Sequence[int],
    truth: ArrayLike | None,
) -> list[str]:
    """Put picture, axes and outlines on `fig`; returns what they mean, in words."""
    width, height = where.original
    fig.add_layout_image(picture.layout_image(image, width, height))
    stage.picture_axes(fig, stage.extent(where))
    fig.layout.shapes = [*stage.unseen(where), *stage.outlines(order, query)]
    notes = []
    if len(query):
        notes.append("orange outline: query" if len(query) == 1 else f"orange outlines: {len(query)} queries")
    if truth is not None:
        fig.add_trace(stage.truth_line(truth, where))
        notes.append("cyan line: true object")
    if stage.hides(where):
        notes.append("grey rim: the model never saw it")
    return notes


def _choose(fig: go.Figure, order: Any, text: Sequence[str], box: bool) -> None:
    rows, columns = order.values.shape
    x = order.left + (np.arange(columns) + 0.5) * order.width
    y = order.top + (np.arange(rows) + 0.5) * order.height
    across, down = np.meshgrid(x, y)
    numbers = order.values.ravel()
    fig.add_trace(stage.click_markers(across, down, numbers.astype("int32"), [text[n] for n in numbers.tolist()]))
    stage.let_click(fig, box)


def _lattice(order: Any) -> list[dict[str, Any]]:
    """Grid lines in two tones, so that they show on any picture."""
    rows, columns = order.values.shape
    left, top = order.left, order.top
    right, bottom = left + columns * order.width, top + rows * order.height
    upright = "".join(f"M{left + c * order.width:.2f},{top:.2f}V{bottom:.2f}" for c in range(columns + 1))
    level = "".join(f"M{left:.2f},{top + r * order.height:.2f}H{right:.2f}" for r in range(rows + 1))
    tones = (("rgba(0,0,0,0.35)", 2), ("rgba(255,255,255,0.6)", 1))
    return [{"type": "path", "path": upright + level, "line": {"color": c, "width": w}} for c, w in tones]
