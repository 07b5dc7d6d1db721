"""Regions of any shape laid on a picture: cells of a grid as they are, overlapping boxes by the strongest of them."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vit_attention.gate import GateError
from vit_attention.records import Axis, Geometry
from vit_attention.records.geometry import Placed

FINEST = 112
"""Cells along the longer side of a picture that boxes are drawn with."""


def region_heat(values: ArrayLike, axis: Axis, geometry: Geometry | None = None, finest: int = FINEST) -> NDArray[Any]:
    """One map per row of weights over regions, to be laid on the picture.

    Where boxes overlap the strongest region counts, so that the sum of a map of boxes means nothing. What no region
    covers is NaN: the model had nothing to look at there.

    Args:
        values: (..., regions).
        axis: what the regions are; special tokens are left out.
        geometry: of the picture that boxes refer to; grids need none.
        finest: cells along the longer side, for boxes.

    Returns:
        (..., rows, columns) over the model's input.

    Raises:
        ValueError: values that do not fit the axis, or regions whose boxes nobody knows.

    >>> boxes = Axis("regions", boxes=np.array([[0.0, 0, 2, 1], [1, 0, 2, 1]]))
    >>> region_heat([0.3, 0.7], boxes, Geometry.of(2, 1), finest=2)
    array([[0.3, 0.7]])
    """
    given = np.asarray(values)
    if given.shape[-1] != len(axis):
        raise GateError("values", f"{len(axis)}, one per region", f"{given.shape[-1]}")
    seen = given[..., axis.prefix :]
    if axis.grid is not None:
        return seen.reshape(*seen.shape[:-1], *axis.grid)
    if geometry is None or axis.boxes is None or np.isnan(axis.boxes).all():
        raise GateError("regions", "a box for each, in pixels of a picture", "regions whose place nobody knows")
    width, height = geometry.seen
    shrink = min(1.0, finest / max(width, height))
    columns, rows = max(1, round(width * shrink)), max(1, round(height * shrink))
    out = np.full((*seen.shape[:-1], rows, columns), np.nan)
    places = axis.boxes * np.tile((columns / width, rows / height), 2)
    for number in np.flatnonzero(~np.isnan(places).any(axis=1)).tolist():
        left, top, right, bottom = places[number].round().astype(int).tolist()
        part = out[..., max(top, 0) : max(bottom, top + 1), max(left, 0) : max(right, left + 1)]
        np.fmax(part, seen[..., number, None, None], out=part)
    return out


def region_boxes(axis: Axis, geometry: Geometry | None) -> NDArray[np.float64]:
    """(regions, 4) left, top, right, bottom of every region in pixels of the original picture; NaN where unknown."""
    if axis.grid is not None and geometry is not None:
        boxes = geometry.cells(axis.grid)
    elif axis.boxes is not None and geometry is not None:
        boxes = axis.boxes
    else:
        return np.full((len(axis) - axis.prefix, 4), np.nan)
    return geometry.boxes_to_original(boxes)


def under(placed: Placed, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The value of the cell under each of (columns,) x and (rows,) y of the original, and whether a cell lies there."""
    column = np.floor((x - placed.left) / placed.width).astype(int)
    row = np.floor((y - placed.top) / placed.height).astype(int)
    rows, columns = placed.values.shape
    there = np.logical_and.outer((row >= 0) & (row < rows), (column >= 0) & (column < columns))
    return placed.values[np.ix_(row.clip(0, rows - 1), column.clip(0, columns - 1))], there
