"""Boxes and cells: whether a map's strongest cell lies in a box, what chance would score, how two boxes overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Box = tuple[float, float, float, float]
"""(left, top, right, bottom) in pixels, right and bottom exclusive."""

HIT_SHARE = 0.15
"""A map hits a box if its strongest cell holds more than this share of the box's area."""


def points_into(
    heat: ArrayLike, boxes: ArrayLike, size: tuple[int, int], share: float = HIT_SHARE
) -> NDArray[np.bool_]:
    """Whether the strongest cell of each map holds more than `share` of the area of its box.

    A token's ink may spread over several cells; any of them that holds enough of it is right.

    Args:
        heat: (..., rows, columns) over the model's input; NaN is never the strongest; the first of equals counts.
        boxes: (..., 4) left, top, right, bottom in the model's pixels; a box that is NaN is never hit.
        size: (width, height) of the model's input in pixels.
        share: of the box's area, 0 to 1.

    Returns:
        (...) booleans.

    >>> points_into([[0.1, 0.9]], [12, 0, 20, 10], (20, 10))
    array(True)
    """
    maps, wanted = np.asarray(heat), np.asarray(boxes, dtype=np.float64)
    grid = maps.shape[-2:]
    flat = np.where(np.isnan(maps), -np.inf, maps).reshape(*maps.shape[:-2], grid[0] * grid[1])
    strongest = flat.argmax(axis=-1)
    found = np.take_along_axis(flat, strongest[..., None], axis=-1)[..., 0] > -np.inf
    rows, columns = np.divmod(strongest, grid[1])
    width, height = size[0] / grid[1], size[1] / grid[0]
    part = _overlap(wanted, columns * width, rows * height, width, height)
    return np.asarray(found & (part > share * _area(wanted)))


def chance(
    boxes: ArrayLike, grid: tuple[int, int], size: tuple[int, int], share: float = HIT_SHARE
) -> NDArray[np.float64]:
    """Share of the cells that would be a hit, for each box: what a map that knows nothing scores.

    Args:
        boxes: (..., 4) in the model's pixels; NaN for no box.
        grid: (rows, columns).
        size, share: as for `points_into`.

    Returns:
        (...), 0 to 1; NaN for no box.
    """
    wanted = np.asarray(boxes, dtype=np.float64)
    cover = cell_cover(wanted, grid, size)
    cell = size[0] / grid[1] * size[1] / grid[0]
    held = cover.reshape(*cover.shape[:-2], grid[0] * grid[1]) * cell > share * _area(wanted)[..., None]
    return np.where(np.isnan(wanted[..., 0]), np.nan, held.mean(axis=-1))


def cell_cover(boxes: ArrayLike, grid: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float64]:
    """(..., rows, columns) share of each cell that each (..., 4) box covers, 0 to 1; 0 for a box that is NaN."""
    wanted = np.asarray(boxes, dtype=np.float64)[..., None, None, :]
    width, height = size[0] / grid[1], size[1] / grid[0]
    left, top = np.arange(grid[1]) * width, np.arange(grid[0])[:, None] * height
    return np.asarray(_overlap(wanted, left, top, width, height) / (width * height))


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Area two boxes share over the area that either covers, 0 to 1.

    >>> iou((0, 0, 2, 2), (1, 0, 3, 2))
    0.3333333333333333
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    shared = float(_overlap(a, b[0], b[1], b[2] - b[0], b[3] - b[1]))
    either = float(_area(a) + _area(b)) - shared
    return shared / either if either > 0 else 0.0


def around(boxes: ArrayLike) -> Box:
    """The smallest (left, top, right, bottom) box round all of (n, 4) boxes, n at least 1."""
    given = np.asarray(boxes, dtype=np.float64)
    (left, top), (right, bottom) = given[:, :2].min(axis=0), given[:, 2:].max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _overlap(
    boxes: NDArray[np.float64], left: ArrayLike, top: ArrayLike, width: float, height: float
) -> NDArray[np.float64]:
    """Area that boxes share with rectangles; 0 where a box is NaN."""
    x, y = np.asarray(left, np.float64), np.asarray(top, np.float64)
    wide = np.minimum(boxes[..., 2], x + width) - np.maximum(boxes[..., 0], x)
    tall = np.minimum(boxes[..., 3], y + height) - np.maximum(boxes[..., 1], y)
    return np.asarray(np.nan_to_num(np.maximum(wide, 0) * np.maximum(tall, 0), nan=0.0))


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]))
