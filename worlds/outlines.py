"""Outlines in a picture, as closed lines of points, and the masks that they fill."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Point = tuple[float, float]
Polygon = tuple[Point, ...]
"""Corners (x, y) in pixels, y down, pixel edges at whole numbers; the last corner is joined to the first."""

_FINE, _MOST = 4, 2**24
"""A pixel is drawn as so many a side, as long as the drawing has at most so many."""


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
    fine = max(1, min(_FINE, int(sqrt(_MOST / (size[0] * size[1])))))
    drawing = Image.new("L", (size[0] * fine, size[1] * fine))
    pen = ImageDraw.Draw(drawing)
    for lines, inside in ((polygons, 255), (holes, 0)):
        for line in lines:
            # Pillow's points are centres of pixels, ours are corners.
            pen.polygon([(x * scale[0] * fine - 0.5, y * scale[1] * fine - 0.5) for x, y in line], fill=inside)
    return np.asarray(drawing.reduce(fine)) >= 128


def parsed(line: str) -> Polygon:
    """The points of a text.

    >>> parsed("0,0 10,0 10,5.5")
    ((0.0, 0.0), (10.0, 0.0), (10.0, 5.5))
    """
    return tuple((float(x), float(y)) for x, _, y in (point.partition(",") for point in line.split()))


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
