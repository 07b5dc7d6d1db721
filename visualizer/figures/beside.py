"""Names beside points: where each may stand so that none covers another, a point or the edge, whatever the figure's width."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from visualizer.figures.rooms import PHONE, WALL
from visualizer.style import theme

_STRAIGHT = ("top center", "middle right", "middle left", "bottom center")
SIDES = (*_STRAIGHT, "top right", "top left", "bottom right", "bottom left")
"""Where a name may stand about its point, as Plotly calls it; the first that is free is taken."""
AROUND, WIDEST = 68, 1400
"""Pixels across that are not the drawing, and those of the widest figure."""
FOLDED = 20
"""Letters of several names in one line."""
_LETTER, _LINE, _POINT = 0.55 * theme.SMALL, 1.3 * theme.SMALL, 4
"""Pixels of a letter's width and a line's height, both generous, and of half a point."""
_OFF = 6
"""Pixels from the middle of a point of that size to its name, as Plotly draws it."""


class Box(NamedTuple):
    """What something covers, in pixels from the drawing's left and upper edges."""

    left: float
    top: float
    right: float
    bottom: float


Both = tuple[Box, Box]
"""A box in the smallest drawing and in the largest; what is on one side of another in both is so in all between."""


def sizes(height: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """(width, height) in pixels of the smallest drawing and of the largest, for one so many pixels high beside a text."""
    return (PHONE - AROUND, height), (WIDEST - AROUND, max(height, WALL))


def named(places: Sequence[tuple[float, float]], names: Mapping[int, str], height: int) -> dict[int, tuple[str, str]]:
    """The text of each point that finds room for one, made safe, and where it stands; points in one place share a text.

    Args:
        places: of all points, (from the left, from the top) in shares of the drawing.
        names: number of a point, from 0, to its name, for those that need one; the first ones choose first, and of
            those in one place the last ones are left out if not all find room.
        height: of the drawing, in pixels.
    """
    taken = [box_of(place, None, "", height) for place in places]
    together: dict[tuple[float, float], list[int]] = {}
    for number in names:
        together.setdefault(places[number], []).append(number)
    found = {}
    for place, numbers in together.items():
        for text, side in _tries([names[n] for n in numbers]):
            box = box_of(place, side, text, height)
            if _inside(box, height) and all(apart(box, other) for other in taken):
                found[numbers[0]] = (text, side)
                taken.append(box)
                break
    return found


def _tries(names: list[str]) -> Iterator[tuple[str, str]]:
    """Texts and sides in the order in which they are tried: all names before fewer."""
    for count in range(len(names), 0, -1):
        text = theme.safe(", ".join(names[:count]), FOLDED if count > 1 else None)
        yield from ((text, side) for side in SIDES)


def box_of(place: tuple[float, float], side: str | None, text: str, height: int) -> Both:
    """What a text on a side of a point covers, or the point itself if there is no side."""
    small, large = (_box(place, size, side, text) for size in sizes(height))
    return small, large


def _box(place: tuple[float, float], size: tuple[float, float], side: str | None, text: str) -> Box:
    x, y = (share * whole for share, whole in zip(place, size, strict=True))
    if side is None:
        return Box(x - _POINT, y - _POINT, x + _POINT, y + _POINT)
    up, across = side.split()
    lines = text.split("<br>")
    wide, tall = _LETTER * max(map(len, lines)), _LINE * len(lines)
    left = {"left": x - _OFF - wide, "center": x - wide / 2, "right": x + _OFF}[across]
    top = {"top": y - _OFF - tall, "middle": y - tall / 2, "bottom": y + _OFF}[up]
    return Box(left, top, left + wide, top + tall)


def apart(one: Both, other: Both) -> bool:
    """Whether two things cover no common pixel at any width and height of the drawing."""
    return _before(one, other) or _before(other, one)


def _before(one: Both, other: Both) -> bool:
    """Whether one is left of the other at both ends, or above it."""
    pairs = list(zip(one, other, strict=True))
    return all(a.right <= b.left for a, b in pairs) or all(a.bottom <= b.top for a, b in pairs)


def _inside(box: Both, height: int) -> bool:
    return all(
        one.left >= 0 and one.top >= 0 and one.right <= wide and one.bottom <= tall
        for one, (wide, tall) in zip(box, sizes(height), strict=True)
    )
