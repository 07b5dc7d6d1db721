"""What lies round a map on a picture: axes, outlines, the dimmed rim, the places to click, the colour bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualizer.measures import contour
from visualizer.style import theme
from visualizer.style.scale import Scaled
from vit_attention.records.geometry import Geometry, Placed

BAR = 40
"""Room under a drawing for a colour bar with its numbers, in pixels."""


def fitting(image: Image.Image, geometry: Geometry | None) -> Geometry:
    """`geometry`, or that of a model that saw the whole picture; a stored picture may be smaller than the original."""
    if geometry is None:
        return Geometry.of(*image.size)
    ratio = (image.size[0] / image.size[1]) / (geometry.original[0] / geometry.original[1])
    if abs(np.log(ratio)) > 0.05 + 2 / min(image.size):
        raise ValueError(f"image: want the shape of {geometry.original} (width, height), got {image.size}")
    return geometry


def grid_of(values: ArrayLike, name: str = "values") -> NDArray[Any]:
    """`values` as a (rows, columns) array; raises ValueError for another number of axes or an empty grid."""
    grid = np.asarray(values)
    if grid.ndim != 2 or not grid.size:
        raise ValueError(f"{name}: want (rows, columns), got shape {grid.shape}")
    return grid


def numbers(geometry: Geometry, shape: tuple[int, int]) -> Placed:
    """The patch numbers, in reading order of the model, laid on the original picture."""
    return geometry.place(np.arange(shape[0] * shape[1]).reshape(shape))


def extent(geometry: Geometry) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) that shows the whole picture and any padding the model saw."""
    left, top, right, bottom = geometry.boxes_to_original([[0, 0, *geometry.seen]])[0]
    width, height = geometry.original
    return min(0.0, left), min(0.0, top), max(float(width), right), max(float(height), bottom)


def picture_axes(
    fig: go.Figure, box: Sequence[float], number: int = 1, across: Sequence[float] = (0, 1), **y: Any
) -> None:
    """Axes in pixels of the original, y downwards, equal scales, nothing drawn; ranges by hand.

    Markers make Plotly widen a range that it chooses itself, so none is left to it.
    """
    tag = "" if number == 1 else str(number)
    left, top, right, bottom = (float(v) for v in box)
    bare = {"visible": False, "fixedrange": True, "constrain": "domain"}
    fig.layout[f"xaxis{tag}"] = {**bare, "range": [left, right], "domain": list(across), "anchor": f"y{tag}"}
    fig.layout[f"yaxis{tag}"] = {**bare, "range": [bottom, top], "scaleanchor": f"x{tag}", "anchor": f"x{tag}", **y}


def cells(placed: Placed) -> dict[str, float]:
    """Where the cells of a heatmap trace lie: middle of the first one and the steps."""
    return {
        "x0": placed.left + placed.width / 2,
        "dx": placed.width,
        "y0": placed.top + placed.height / 2,
        "dy": placed.height,
    }


def colour_bar(scaled: Scaled, **options: Any) -> dict[str, Any]:
    """A horizontal bar under the drawing: a vertical one would make panels of unequal size."""
    return {
        "orientation": "h",
        "x": 0.5,
        "xanchor": "center",
        "y": 0,
        "yanchor": "top",
        "ypad": 6,
        "xpad": 0,
        "thickness": 12,
        "lenmode": "pixels",
        "len": 290,
        "outlinewidth": 0,
        "tickvals": list(scaled.ticks),
        "ticktext": list(scaled.tick_text),
        "tickfont": {"size": theme.SMALL},
        **options,
    }


def square(box: Sequence[float]) -> str:
    """The SVG path of a (left, top, right, bottom) box."""
    left, top, right, bottom = (round(float(v), 2) for v in box)
    return f"M{left},{top}H{right}V{bottom}H{left}Z"


def box_of(placed: Placed, patch: int) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of patch number `patch`; `placed` holds patch numbers."""
    where = np.argwhere(placed.values == patch)
    if not len(where):
        raise ValueError(f"query: want patch numbers from 0 to {placed.values.size - 1}, got {patch}")
    row, column = (int(v) for v in where[0])
    left, top = placed.left + column * placed.width, placed.top + row * placed.height
    return left, top, left + placed.width, top + placed.height


def outlines(placed: Placed, patches: Sequence[int], axes: tuple[str, str] = ("x", "y")) -> list[dict[str, Any]]:
    """Two shapes, a wide light and a narrow dark rim, round every patch of `patches`."""
    if not len(patches):
        return []
    path = "".join(square(box_of(placed, int(patch))) for patch in patches)
    widths = (5, 2.5)
    return [
        {"type": "path", "path": path, "xref": axes[0], "yref": axes[1], "line": {"color": colour, "width": width}}
        for colour, width in zip(theme.QUERY, widths, strict=True)
    ]


def unseen(geometry: Geometry, axes: tuple[str, str] = ("x", "y")) -> list[dict[str, Any]]:
    """A veil over the pixels of the original that the model never saw, with a dotted rim; [] if it saw them all.

    The layer is "between": Plotly paints shapes of the layer "below" under the picture.
    """
    if not hides(geometry):
        return []
    seen = geometry.boxes_to_original([[0, 0, *geometry.seen]])[0]
    width, height = geometry.original
    inner = np.clip(seen, 0, [width, height, width, height])
    common = {"type": "path", "xref": axes[0], "yref": axes[1], "layer": "between"}
    veil = square((0, 0, width, height)) + square(inner)
    rim = {"color": "#ffffff", "width": 1, "dash": "dot"}
    return [
        {**common, "path": veil, "fillrule": "evenodd", "fillcolor": theme.SHADE, "line": {"width": 0}},
        {**common, "path": square(inner), "line": rim},
    ]


def hides(geometry: Geometry) -> bool:
    """Whether some pixels of the original lie outside what the model saw (more than half a pixel)."""
    left, top, right, bottom = geometry.boxes_to_original([[0, 0, *geometry.seen]])[0]
    width, height = geometry.original
    return bool(max(left, top, width - right, height - bottom) > 0.5)


def truth_line(mask: ArrayLike, geometry: Geometry, axes: tuple[str, str] = ("x", "y")) -> go.Scatter:
    """One line trace round the True pixels of a (height, width) mask of the original, stored at any size."""
    full = np.asarray(mask, dtype=bool)
    step = np.array(geometry.original) / (full.shape[1], full.shape[0]) if full.ndim == 2 else np.ones(2)
    parts = [np.vstack([rim * step, [[np.nan, np.nan]]]) for rim in contour.rims(full)]
    points = (np.vstack(parts) if parts else np.zeros((0, 2))).astype(np.float32)
    line = {"color": theme.TRUTH, "width": 2.5}
    return go.Scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="lines",
        line=line,
        hoverinfo="skip",
        name="truth",
        xaxis=axes[0],
        yaxis=axes[1],
    )


def click_markers(
    x: ArrayLike, y: ArrayLike, customdata: Any, text: Sequence[str], hover: str = "%{text}"
) -> go.Scatter:
    """Invisible markers that answer clicks and hovering: Plotly never reports a click on a heatmap itself.

    Args:
        customdata: what a click reports, one entry per marker. Pairs must be lists: a two-dimensional array reaches
            the click as {"0": ..., "1": ...}.
        text: what hovering shows, already made safe.
        hover: template of the hover text; only ever written by us.
    """
    nothing = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=np.asarray(x, dtype=np.float32).ravel(),
        y=np.asarray(y, dtype=np.float32).ravel(),
        mode="markers",
        marker={"symbol": "square", "size": 18, "opacity": 0},
        selected=nothing,
        unselected=nothing,
        customdata=customdata,
        text=list(text),
        hovertemplate=hover + "<extra></extra>",
        name="choose",
    )


def let_click(fig: go.Figure, box: bool = False) -> None:
    """Make `fig` report clicks (and, with `box`, a dragged box) on its markers wherever in a cell they fall."""
    theme.lay(fig, clickmode="event+select", dragmode="select" if box else False, hovermode="closest", hoverdistance=-1)


def patch_text(values: NDArray[Any], unit: str, labels: Sequence[str] | None = None) -> list[str]:
    """What hovering says about each patch, in reading order of the model."""
    columns = values.shape[1]
    if labels is not None and len(labels) != values.size:
        raise ValueError(f"labels: want {values.size}, one per patch, got {len(labels)}")
    out = []
    for patch, value in enumerate(values.ravel().tolist()):
        row, column = divmod(patch, columns)
        shown = theme.short(value) if np.isfinite(value) else "not defined"
        name = f"{theme.safe(labels[patch])}<br>" if labels is not None else ""
        out.append(f"{name}row {row + theme.FIRST}, column {column + theme.FIRST}: {shown} {theme.safe(unit)}".rstrip())
    return out
