"""Outlines and veils as Plotly draws them: shapes in pixels of the original picture, and what they mean in words."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import contour
from visualizer.style import theme
from vit_attention.gate import GateError, shown
from vit_attention.records.geometry import Geometry, Placed

Axes = tuple[str, str]
Box = tuple[float, ...]
Shape = dict[str, Any]
FIRST_AXES = ("x", "y")


def path(d: str, color: str, width: float, axes: Axes = FIRST_AXES, dash: str = "solid", **more: Any) -> Shape:
    """One shape along an SVG path."""
    return {
        "type": "path",
        "path": d,
        "xref": axes[0],
        "yref": axes[1],
        "line": {"color": color, "width": width, "dash": dash},
        **more,
    }


def square(box: Sequence[float]) -> str:
    """The SVG path of a (left, top, right, bottom) box."""
    left, top, right, bottom = (round(float(v), 2) for v in box)
    return f"M{left},{top}H{right}V{bottom}H{left}Z"


def rims(
    boxes: Sequence[Sequence[float]],
    widths: Sequence[float] = (5, 2.5),
    tones: Sequence[str] = theme.QUERY,
    axes: Axes = FIRST_AXES,
    *,
    dashes: Sequence[str] = ("solid", "solid"),
    **more: Any,
) -> list[Shape]:
    """Two shapes, a wide one under a narrow one, round all of the boxes: one of the tones stands out from any picture."""
    d = "".join(map(square, boxes))
    return [path(d, *look, **more) for look in zip(tones, widths, [axes] * 2, dashes, strict=True)] if d else []


def veil(outer: Sequence[float], holes: Sequence[Sequence[float]], color: str = theme.SHADE, **more: Any) -> Shape:
    """Grey over a box but for the holes in it."""
    d = square(outer) + "".join(map(square, holes))
    return {"type": "path", "path": d, "fillrule": "evenodd", "fillcolor": color, "line": {"width": 0}, **more}


def unseen(geometry: Geometry, axes: Axes = FIRST_AXES) -> list[Shape]:
    """A veil over the pixels of the original that the model never saw, with a dotted rim; [] if it saw them all.

    The layer is "between": Plotly paints shapes of the layer "below" under the picture.
    """
    if not hides(geometry):
        return []
    width, height = geometry.original
    inner = np.clip(seen_box(geometry), 0, [width, height, width, height]).tolist()
    return [
        veil((0, 0, width, height), [inner], xref=axes[0], yref=axes[1], layer="between"),
        path(square(inner), "#ffffff", 1, axes, "dot", layer="between"),
    ]


def hides(geometry: Geometry) -> bool:
    """Whether some pixels of the original lie outside what the model saw (more than half a pixel)."""
    left, top, right, bottom = seen_box(geometry)
    width, height = geometry.original
    return bool(max(left, top, width - right, height - bottom) > 0.5)


def seen_box(geometry: Geometry) -> Box:
    """(left, top, right, bottom) of what the model saw, in pixels of the original."""
    return tuple(geometry.boxes_to_original([[0, 0, *geometry.seen]])[0].tolist())


def numbers(geometry: Geometry, shape: Sequence[int]) -> Placed:
    """The patch numbers, in reading order of the model, laid on the original picture."""
    return geometry.place(np.arange(shape[0] * shape[1]).reshape(shape))


def patch_boxes(where: Geometry, shape: Sequence[int], patches: int | Sequence[int]) -> list[Box]:
    """(left, top, right, bottom) of each of the patches of a (rows, columns) grid, in pixels of the original."""
    placed = numbers(where, shape)
    out: list[Box] = []
    for patch in np.atleast_1d(np.asarray(patches, dtype=object)).tolist():
        found = np.argwhere(placed.values == patch)
        if len(found) != 1 or isinstance(patch, bool):
            raise GateError("query", f"patch numbers from 0 to {placed.values.size - 1}", shown(patch))
        left, top = placed.left + found[0, 1] * placed.width, placed.top + found[0, 0] * placed.height
        out.append((left, top, left + placed.width, top + placed.height))
    return out


def truth_rims(truth: ArrayLike, where: Geometry) -> list[NDArray[np.float64]]:
    """Closed rims of the True pixels of a (height, width) mask of the original, stored at any size."""
    mask = np.asarray(truth, dtype=bool)
    return [rim * (np.array(where.original) / mask.shape[::-1]) for rim in contour.rims(mask)]


def truth_line(truth: ArrayLike, where: Geometry) -> dict[str, Any]:
    """One line trace along `truth_rims`."""
    parts = [np.vstack([rim, [[np.nan, np.nan]]]) for rim in truth_rims(truth, where)]
    x, y = np.concatenate([np.zeros((0, 2)), *parts]).astype(np.float32).T
    look = {"mode": "lines", "line": {"color": theme.TRUTH, "width": 2.5}, "hoverinfo": "skip", "name": "truth"}
    return {"type": "scatter", "x": x, "y": y, **look}


def notes(where: Geometry, query: Sequence[int] = (), truth: Any = None, outlined: str = "query") -> list[str]:
    """What outlines and veils mean, in words."""
    out = [f"orange outline: {outlined}"] * bool(len(query)) + ["cyan line: outline of the object"] * (
        truth is not None
    )
    return out + ["grey rim: the model never saw it"] * hides(where)


def lines(ends: Sequence[Sequence[float]]) -> str:
    """The SVG path of straight lines (x, y, x, y)."""
    return "".join(f"M{a:.1f},{b:.1f}L{c:.1f},{d:.1f}" for a, b, c, d in ends)


def crosses(boxes: Sequence[Sequence[float]], width: float = 1.5) -> list[Shape]:
    """One cross per box, in lines of that width, drawn to the box's own size so that it stays inside at every zoom."""
    d = "".join(f"M{a:g},{b:g}L{c:g},{d:g}M{a:g},{d:g}L{c:g},{b:g}" for a, b, c, d in map(_inner, boxes))
    return [path(d, theme.LINE, width)] if d else []


def strokes(boxes: Sequence[Sequence[float]]) -> list[Shape]:
    """One upright stroke per box: a place that is padding."""
    d = "".join(f"M{(a + c) / 2:g},{b:g}V{d:g}" for a, b, c, d in map(_inner, boxes))
    return [path(d, theme.LINES[4], 2)] if d else []


def _inner(box: Sequence[float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    x, y = 0.22 * (right - left), 0.22 * (bottom - top)
    return round(left + x, 2), round(top + y, 2), round(right - x, 2), round(bottom - y, 2)
