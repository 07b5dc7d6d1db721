"""How much of a map lies on a mask of the picture, against what chance would put there."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures.regions import region_boxes
from visualizer.measures.score import mass_in_mask
from vit_attention.gate import GateError
from vit_attention.records import Axis, Geometry

if TYPE_CHECKING:
    from vit_attention.gate.masks import MaskSource

_SHAPES_DIFFER = 0.05
"""Largest logarithm of the ratio of two shapes that still count as the same, beside what whole pixels allow."""


def coverage(values: ArrayLike, mask: "MaskSource", geometry: Geometry | None = None) -> NDArray[np.float64]:
    """Share of a map's weight that lies on a mask; ``covered(...).mean()`` is chance.

    Args:
        values: (..., rows, columns) maps, at least 0; NaN counts as no weight.
        mask: as for `covered`.
        geometry: geometry of the record; needed if the model saw only a part of the picture.

    Returns:
        (...), from 0 to 1; NaN for a map without weight.

    Raises:
        ValueError: negative or infinite values, or a mask that does not fit.

    >>> float(coverage([[1.0, 3.0]], np.array([[False, False, True, False]])))
    0.375
    """
    maps = np.asarray(values)
    if maps.ndim < 2 or 0 in maps.shape[-2:]:
        raise GateError("values", "(rows, columns)", f"shape {maps.shape}")
    return mass_in_mask(maps, covered(mask, (maps.shape[-2], maps.shape[-1]), geometry))


def covered(mask: "MaskSource", grid: tuple[int, int], geometry: Geometry | None = None) -> NDArray[np.float64]:
    """Share of each cell of a grid that a mask covers, by area.

    Args:
        mask: (height, width) booleans over the picture the user gave, or (rows, columns) over the grid; numbers from 0 to
            1 are shares. Also a Pillow image or a picture file: pixels at least half as bright as the brightest are inside.
        grid: (rows, columns) over the model's input.
        geometry: from the picture to the model's input, as in ``record.geometry``; None means that it saw the whole.

    Returns:
        (rows, columns), 0 to 1. Padding outside the picture is not covered.

    Raises:
        ValueError: a mask of another shape than the picture, or one that covers nothing.

    >>> covered(np.eye(4, dtype=bool), (2, 2)).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    shares = _opened(mask)
    if shares.shape == tuple(grid):
        return shares
    where = _fitting(shares, geometry)
    rows, columns = grid
    order = where.place(np.arange(rows * columns).reshape(rows, columns))
    height, width = shares.shape
    down = _overlaps(order.top, order.height, order.values.shape[0], height / where.original[1], height)
    across = _overlaps(order.left, order.width, order.values.shape[1], width / where.original[0], width)
    out = np.empty(rows * columns)
    out[order.values.ravel()] = (down @ shares @ across.T).ravel()
    return out.reshape(rows, columns).clip(0, 1)


def covered_tokens(mask: "MaskSource", axis: Axis, geometry: Geometry | None = None) -> NDArray[np.float64]:
    """Share of what each token stands for that a mask covers: (tokens,), special tokens left out, NaN where unknown.

    Args:
        mask, geometry: as for `covered`.
        axis: of patches, or of regions whose boxes are known.

    Raises:
        ValueError: tokens that stand nowhere on the picture, or a mask that does not fit.
    """
    if axis.grid is not None:
        return covered(mask, axis.grid, geometry).ravel()
    boxes = region_boxes(axis, geometry)
    if geometry is None or np.isnan(boxes).all():
        raise GateError("mask", "maps over places of a picture", f"{axis.kind} whose places nobody knows")
    shares = _opened(mask)
    where = _fitting(shares, geometry)
    height, width = shares.shape
    tall, wide = height / where.original[1], width / where.original[0]
    return np.array([_in_box(shares, one, wide, tall) for one in boxes.tolist()])


def _in_box(shares: NDArray[np.float64], box: list[float], wide: float, tall: float) -> float:
    left, top, right, bottom = box
    if not (right > left and bottom > top):
        return np.nan
    down = _overlaps(top, bottom - top, 1, tall, shares.shape[0])
    across = _overlaps(left, right - left, 1, wide, shares.shape[1])
    return float((down @ shares @ across.T)[0, 0])


def _opened(mask: "MaskSource") -> NDArray[np.float64]:
    from vit_attention.gate.masks import open_mask  # the gate's schemas come with it, and most need none

    return open_mask(mask)


def _fitting(shares: NDArray[Any], geometry: Geometry | None) -> Geometry:
    height, width = shares.shape
    if geometry is None:
        return Geometry.of(width, height)
    wide, tall = geometry.original
    if abs(np.log(width / height / (wide / tall))) > _SHAPES_DIFFER + 2 / min(width, height):
        raise GateError("mask", f"the shape of the picture, {wide} x {tall} pixels", f"{width} x {height}")
    return geometry


def _overlaps(start: float, step: float, count: int, scale: float, pixels: int) -> NDArray[np.float64]:
    """(count, pixels) which share of each cell along one side every pixel of the mask takes."""
    low = (start + step * np.arange(count))[:, None] * scale
    at, size = np.arange(pixels), step * scale
    return np.asarray(np.clip(np.minimum(low + size, at + 1) - np.maximum(low, at), 0, None) / size)
