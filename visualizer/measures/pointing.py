"""Boxes on a page: whether a map's strongest cell lies in one, how two overlap, and the one that zoom and pan show."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vit_attention.gate import GateError

Box = tuple[float, float, float, float]
"""(left, top, right, bottom) in pixels, right and bottom exclusive."""

MOST_ZOOM = 16.0
"""Largest zoom level."""
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
    return as_box([*given[:, :2].min(axis=0), *given[:, 2:].max(axis=0)])


def as_box(values: Sequence[float] | NDArray[np.float64]) -> Box:
    """Four numbers as a plain box."""
    left, top, right, bottom = (float(v) for v in values)
    return left, top, right, bottom


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


def viewport(size: tuple[int, int], zoom: float, x: float, y: float) -> Box:
    """The part of a page to show: all of it at zoom 1, half its width and height at zoom 2.

    Args:
        size: (width, height) of the page in pixels.
        zoom: 1 to `MOST_ZOOM`; anything else is brought there.
        x, y: 0 for the left or upper end of the page to 1 for the right or lower end, 0.5 for its middle; clamped.

    Returns:
        (left, top, right, bottom) in pixels of the page, never outside it.

    >>> viewport((100, 200), 2, 0.5, 1.0)
    (25.0, 100.0, 75.0, 200.0)
    """
    factor = _clamped(zoom, 1.0, MOST_ZOOM, 1.0)
    wide, tall = size[0] / factor, size[1] / factor
    left, top = _clamped(x, 0.0, 1.0, 0.5) * (size[0] - wide), _clamped(y, 0.0, 1.0, 0.5) * (size[1] - tall)
    return left, top, left + wide, top + tall


def centred(size: tuple[int, int], zoom: float, point: Sequence[float]) -> tuple[float, float]:
    """The (x, y) for `viewport` that brings `point`, in pixels of the page, as near the middle as the edges allow.

    >>> centred((100, 200), 2, (50, 200))
    (0.5, 1.0)
    """
    factor = _clamped(zoom, 1.0, MOST_ZOOM, 1.0)
    free = [side - side / factor for side in size]
    at = [(p - side / factor / 2) / room if room > 0 else 0.5 for p, side, room in zip(point, size, free, strict=True)]
    return _clamped(at[0], 0.0, 1.0, 0.5), _clamped(at[1], 0.0, 1.0, 0.5)


def _clamped(value: float, low: float, high: float, otherwise: float) -> float:
    return float(min(max(value, low), high)) if math.isfinite(value) else otherwise


def say_window(size: tuple[int, int], window: Sequence[float]) -> str:
    """The window in words, for people who do not see the minimap.

    >>> say_window((100, 200), (25, 100, 75, 200))
    'Shown: 25 to 75 % of the width and 50 to 100 % of the height of the page.'
    """
    left, top, right, bottom = checked(window, "window")
    width, height = size
    across, down = (100 * left / width, 100 * right / width), (100 * top / height, 100 * bottom / height)
    if (round(across[0]), round(across[1]), round(down[0]), round(down[1])) == (0, 100, 0, 100):
        return "Shown: the whole page."
    return (
        f"Shown: {across[0]:.0f} to {across[1]:.0f} % of the width and {down[0]:.0f} to {down[1]:.0f} % of the height"
        " of the page."
    )


def checked(values: Sequence[float], name: str) -> Box:
    """The four numbers as a box; raises ValueError, saying `name`, for anything that is not one."""
    given = [float(v) for v in values]
    if len(given) != 4 or not all(map(math.isfinite, given)) or given[0] >= given[2] or given[1] >= given[3]:
        raise GateError(name, "left < right and top < bottom", f"{given}")
    return as_box(given)
