"""Outlines in a picture, as closed lines of points, and the masks that they fill."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Polygon = tuple[Point, ...]
"""Corners (x, y) in pixels, y down, pixel edges at whole numbers; the last corner is joined to the first."""

_LINES = 16
"""Lines of a row of pixels along which what is inside is measured."""
_BAND = 2**19
"""Pixels that are filled at a time, which bounds the memory."""


@dataclass(frozen=True)
class Outline:
    """The part of a picture that a named thing covers: all polygons together, minus the holes.

    Attributes:
        name: what it surrounds.
        polygons: closed lines around it; there may be several, as for two eyes.
        holes: closed lines around what lies within them and does not belong to it.
        size: (width, height) of the picture in pixels, to which the points refer.
    """

    name: str
    polygons: tuple[Polygon, ...]
    holes: tuple[Polygon, ...]
    size: tuple[int, int]

    def mask(self, size: tuple[int, int] | None = None) -> NDArray[np.bool_]:
        """(height, width) booleans: the pixels of which the outline covers at least half.

        Args:
            size: (width, height) of the mask in pixels; None takes the picture's own.

        >>> Outline("left", (((0, 0), (2, 0), (2, 2), (0, 2)),), (), (4, 2)).mask().tolist()
        [[True, True, False, False], [True, True, False, False]]
        """
        wide, tall = size or self.size
        scale = (wide / self.size[0], tall / self.size[1])
        return filled(self.polygons, (wide, tall), self.holes, scale)


def filled(
    polygons: Sequence[Sequence[Point]],
    size: tuple[int, int],
    holes: Sequence[Sequence[Point]] = (),
    scale: tuple[float, float] = (1.0, 1.0),
) -> NDArray[np.bool_]:
    """(height, width) booleans: the pixels of which polygons, less holes, cover at least half.

    Args:
        polygons, holes: as in `Outline`; a polygon that crosses itself has an inside by the even-odd rule.
        size: (width, height) of the mask in pixels.
        scale: pixels of the mask for each unit across and down.
    """
    wide, tall = size
    out = np.zeros((tall, wide), bool)
    step = max(1, _BAND // wide)
    for top in range(0, tall, step):
        rows = range(top, min(top + step, tall))
        inside, holed = (
            sum((_inside(line, rows, wide, scale) for line in lines), np.zeros((len(rows), wide)))
            for lines in (polygons, holes)
        )
        out[top : rows.stop] = inside.clip(max=1) - holed.clip(max=1) >= 0.5 - 1e-9
    return out


def _inside(line: Sequence[Point], rows: range, wide: int, scale: tuple[float, float]) -> NDArray[np.float64]:
    """(rows, wide) share of every pixel of some rows that lies inside: exact along each of `_LINES` lines of a row."""
    at = rows.start + (np.arange(len(rows) * _LINES) + 0.5) / _LINES
    met, x = [], []
    for (ax, ay), (bx, by) in _sides([(x * scale[0], y * scale[1]) for x, y in line]):
        crossed = np.flatnonzero((ay > at) != (by > at))
        met.append(crossed)
        x.append(ax + (at[crossed] - ay) * (bx - ax) / (by - ay if by != ay else 1))
    lines, places = np.concatenate(met), np.concatenate(x).clip(0, wide)
    order = np.lexsort((places, lines))
    row, place = lines[order] // _LINES, places[order]
    # A closed line is crossed an even number of times: in, out, in, out.
    share = np.where(np.arange(len(order)) % 2, 1.0, -1.0) / _LINES
    column = place.astype(np.intp)
    cell, shape = row * (wide + 1) + column, (len(rows), wide + 1)
    part, whole = (
        np.bincount(cell, weights, shape[0] * shape[1]).reshape(shape) for weights in (share * (place - column), share)
    )
    after = whole[:, ::-1].cumsum(axis=1)[:, ::-1] - whole  # what begins or ends to the right of a pixel
    return np.asarray((part + after)[:, :wide])


def parsed(line: str) -> Polygon:
    """The points of a text.

    >>> parsed("0,0 10,0 10,5.5")
    ((0.0, 0.0), (10.0, 0.0), (10.0, 5.5))
    """
    return tuple((float(x), float(y)) for x, _, y in (point.partition(",") for point in line.split()))


def drawn(x: Sequence[float], y: Sequence[float], size: tuple[int, int], most: int = 500) -> Polygon:
    """The corners of a box or a line drawn over a picture, brought into the picture and thinned, as `filled` takes them.

    A hand slips over the rim, and a lasso has a corner for every move of the mouse.

    Args:
        x, y: across and down in pixels of the picture: two of each for the opposite corners of a box, else one pair a corner.
        size: (width, height) of the picture in pixels.
        most: corners that are kept, evenly along the line; 4 or more.

    Raises:
        ValueError: numbers that are not finite or do not pair up, fewer than two pairs, or nothing inside the picture.

    >>> drawn([-5, 3], [1, 9], (4, 4))
    ((0.0, 1.0), (3.0, 1.0), (3.0, 4.0), (0.0, 4.0))
    """
    across, down = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if across.ndim != 1 or across.shape != down.shape or len(across) < 2 or not np.isfinite([across, down]).all():
        got = f"{len(x)} and {len(y)}"
        raise ValueError(f"outline: want finite x and y of at least two corners, got {got}")
    if len(across) == 2:
        (left, right), (top, bottom) = np.sort(across), np.sort(down)
        across, down = np.array([left, right, right, left]), np.array([top, top, bottom, bottom])
    kept = np.unique(np.linspace(0, len(across) - 1, min(len(across), max(4, most))).round().astype(int))
    points = np.stack([across[kept].clip(0, size[0]), down[kept].clip(0, size[1])], axis=1)
    if not np.ptp(points, axis=0).all():
        raise ValueError(
            f"outline: want one that surrounds some of {size[0]} x {size[1]} pixels, got one that does not"
        )
    return tuple((float(a), float(b)) for a, b in points)


def crossing(line: Sequence[Point]) -> tuple[int, int] | None:
    """The numbers, from 0, of the first two sides of a polygon that cross each other; None if no two do.

    >>> crossing([(0, 0), (2, 2), (2, 0), (0, 2)]), crossing([(0, 0), (2, 0), (2, 2)])
    ((0, 2), None)
    """
    sides = list(_sides(line))
    for (m, (a, b)), (n, (c, d)) in combinations(enumerate(sides), 2):
        if _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0:
            return m, n
    return None


def _sides(line: Sequence[Point]) -> Iterator[tuple[Point, Point]]:
    return zip(line, [*line[1:], line[0]], strict=True)


def _turn(a: Point, b: Point, c: Point) -> float:
    """Which side of the line from a to b a point lies on, by the sign."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
