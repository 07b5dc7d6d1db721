"""A map of attention laid on the picture the user gave, and the bare picture from which patches are chosen."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from PIL import Image

from visualizer.figures import canvas, outlines
from visualizer.style import theme
from visualizer.style.scale import Scale, apply_scale
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError
from vit_attention.records.geometry import Geometry


def overlay(
    image: Image.Image,
    values: ArrayLike,
    geometry: Geometry | None = None,
    *,
    colormap: str = theme.COLORMAP,
    opacity: float = 0.6,
    fade: bool = False,
    smooth: bool = False,
    scale: str | Scale = "raw",
    together: Any = None,
    query: Sequence[int] = (),
    outlined: str = "",
    truth: ArrayLike | None = None,
    clickable: bool = False,
    box: bool = False,
    labels: Sequence[str] | None = None,
    unit: str = "share of attention",
    signed: bool | None = None,
    note: str = "",
    title: str = "",
    height: int = theme.HEIGHT,
) -> go.Figure:
    """`values` as coloured patches on the original picture, with a colour bar and the scale in words.

    Args:
        image: the upright picture, possibly stored smaller than `geometry.original`.
        values: (rows, columns) that tile the model's input; NaN cells stay uncovered.
        geometry: from the original to the model's input; None means the model saw the whole picture.
        colormap: one of `theme.COLORMAPS`.
        opacity: 0 (picture only) to 1 (map only).
        fade: let the opacity of each patch follow its value, up to `opacity`, so that the picture stays visible where little is:
            it grows with the root of the value's place on the scale, from 0 where the scale is signed.
        smooth: False shows the patches as they are; True blends neighbours, which adds no knowledge.
        scale: a mode of `scale.MODES`, or a `Scale`; for a map of a method ``found.scale("raw")``, which also draws maps that
            bring their own colours.
        together: all maps that share the range, for the shared scale.
        query: patch numbers, in the model's reading order, to outline.
        outlined: what the outlined patches are, for the caption; "" means queries.
        truth: (height, width) bool over the original picture, to outline.
        clickable: add invisible markers that report the patch number as `customdata`.
        box: let a box be dragged over several patches; for `clickable`.
        labels: one plain text per patch, for hovering.
        unit: what one value is.
        signed: whether 0 is the middle of the scale; None makes it so where values lie below 0.
        note: a further line of the caption.
        title, height: plain text; pixels.

    Raises:
        ValueError: a wrong shape, an opacity outside 0 to 1, an unknown colour map or scale.
    """
    grid = canvas.grid_of(values)
    if not 0 <= opacity <= 1:
        raise GateError("opacity", "0 to 1", f"{opacity}")
    where = canvas.fitting(image, geometry)
    scaled = apply_scale(grid, scale, together, unit=unit, signed=signed).fading(fade)
    placed, blend = where.place(scaled.values), "best" if smooth else False
    fig = Sketch(canvas.heat(placed, scaled, colormap, opacity=opacity, zsmooth=blend))
    notes = _furnish(fig, scaled.under(image), where, grid.shape, query, truth, outlined)
    canvas.add_patches(fig, where, grid.shape, canvas.patch_text(grid, unit, labels), clickable, box)
    if smooth and scaled.palette is None:
        notes.append("blended between patches; the model gives one number per patch")
    return fig.figure(
        title=title, caption=(scaled.caption, "; ".join(notes), note), height=height, bottom=canvas.below(scaled)
    )


def bare(
    image: Image.Image,
    grid: tuple[int, int],
    geometry: Geometry | None = None,
    *,
    query: Sequence[int] = (),
    outlined: str = "",
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
        raise GateError("grid", "at least 1 x 1 patches", f"{rows} x {columns}")
    canvas.one_each(rows * columns, "patch", labels=labels)
    where = canvas.fitting(image, geometry)
    fig = Sketch()
    notes = _furnish(fig, image, where, grid, query, truth, outlined)
    fig.layout["shapes"] = [*_lattice(where, grid), *fig.layout["shapes"]]
    names = [""] * (rows * columns) if labels is None else [f"{theme.safe(label)}<br>" for label in labels]
    text = [
        f"{name}patch in row {n // columns + theme.FIRST}, column {n % columns + theme.FIRST}"
        for n, name in enumerate(names)
    ]
    canvas.add_patches(fig, where, grid, text, box=box)
    return fig.figure(
        title=title, caption="; ".join([f"{rows} x {columns} {'cells' if box else 'patches'}", *notes]), height=height
    )


def _furnish(
    fig: Sketch,
    image: Image.Image,
    where: Geometry,
    grid: tuple[int, int],
    query: Sequence[int],
    truth: ArrayLike | None,
    outlined: str = "",
) -> list[str]:
    """Put picture, axes and outlines on `fig`; returns what they mean, in words."""
    canvas.add_picture(fig, image, where)
    fig.layout["shapes"] += outlines.rims(outlines.patch_boxes(where, grid, query))
    if truth is not None:
        fig.data.append(outlines.truth_line(truth, where))
    notes = outlines.notes(where, query, truth, outlined or "query")
    if len(query) > 1 and not outlined:
        notes[0] = f"orange outlines: {len(query)} queries"
    return notes


def _lattice(where: Geometry, grid: tuple[int, int]) -> list[outlines.Shape]:
    """Grid lines in two tones, so that they show on any picture."""
    order = outlines.numbers(where, grid)
    rows, columns = order.values.shape
    x = order.left + np.arange(columns + 1) * order.width
    y = order.top + np.arange(rows + 1) * order.height
    upright = "".join(f"M{at:.2f},{y[0]:.2f}V{y[-1]:.2f}" for at in x)
    level = "".join(f"M{x[0]:.2f},{at:.2f}H{x[-1]:.2f}" for at in y)
    tones = (("rgba(0,0,0,0.35)", 2), ("rgba(255,255,255,0.6)", 1))
    return [outlines.path(upright + level, color, width) for color, width in tones]
