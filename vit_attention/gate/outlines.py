"""An outline in numbers, a box or a polygon in pixels of a picture, as a mask; numpy and Pillow only."""

import operator
import re
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vit_attention.gate.limits import LIMITS
from vit_attention.gate.refusal import GateError, shown
from worlds.outlines import Polygon, crossing, filled

OutlineSource: TypeAlias = "str | tuple[Any, ...] | list[Any] | NDArray[Any]"

MOST = 2000
"""Corners of a polygon; a hand-drawn line has some dozens, and a mask file may hold any shape."""

_WANT = "left, top, right, bottom, or at least 3 corners (x, y), in pixels of the picture"
_NUMBER = re.compile(r"\s*(-?\d{1,9}(?:\.\d{0,9})?)\s*(%?)\s*", re.ASCII)


def outline_mask(outline: OutlineSource, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels of which a box or a polygon covers at least half, as a mask that `coverage` and `heads_on_mask` take.

    Pixel edges are whole numbers, y counts down. Where a polygon crosses itself, the even-odd rule says what is inside.

    Args:
        outline: ``(left, top, right, bottom)``, or corners ``[(x, y), ...]``; or either as a text, ``"10,20,200,180"`` or
            ``"10,20 200,20 100,180"``, in which ``%`` marks a share of the picture's width or height.
        size: (width, height) of the picture in pixels, such as ``record.geometry.original``.

    Returns:
        (height, width) booleans.

    Raises:
        GateError: neither four numbers nor at least three corners, points outside the picture, nothing inside, or no size.

    >>> outline_mask((1, 0, 3, 1), (4, 2)).astype(int).tolist()
    [[0, 1, 1, 0], [0, 0, 0, 0]]
    >>> outline_mask("50%,0 100%,0 100%,100% 50%,100%", (4, 1)).astype(int).tolist()
    [[0, 0, 1, 1]]
    """
    size = _size(size)
    found = filled([corners(outline, size)], size)
    if not found.any():
        raise GateError("outline", "one that covers at least half of a pixel", shown(outline))
    return found


def _size(given: Any) -> tuple[int, int]:
    try:
        wide, tall = (operator.index(side) for side in given)
    except (TypeError, ValueError):
        wide = tall = 0
    if wide < 1 or tall < 1:
        raise GateError("size", "(width, height) in pixels, two whole numbers from 1 up", shown(given))
    LIMITS["pixels in a file"].check(wide * tall, "size")
    return wide, tall


def corners(outline: OutlineSource, size: tuple[int, int]) -> Polygon:
    """The corners of a box or polygon in pixels; arguments and refusals as for `outline_mask`."""
    given = _numbers(outline, size) if isinstance(outline, str) else _array(outline)
    if given.shape == (4,):
        left, top, right, bottom = given.tolist()
        if not (left < right and top < bottom):
            raise GateError("outline", "left before right and top before bottom", shown(given.tolist()))
        given = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    if given.ndim != 2 or given.shape[1] != 2 or len(given) < 3:
        raise GateError("outline", _WANT, shown(outline))
    if len(given) > MOST:
        raise GateError("outline", f"at most {MOST} corners", str(len(given)), advice="Give a mask instead")
    outside = (given < 0) | (given > np.array(size))
    if outside.any():
        x, y = given[outside.any(axis=1)][0].tolist()
        raise GateError("outline", f"points inside the picture, {size[0]} x {size[1]} pixels", f"({x:g}, {y:g})")
    return tuple((x, y) for x, y in given.tolist())


def remark(outline: OutlineSource, size: tuple[int, int]) -> str:
    """What is to be told about an outline: that it crosses itself; or "".

    >>> remark([(0, 0), (2, 2), (2, 0), (0, 2)], (2, 2))
    'The outline crosses itself (side 1 and side 3): what an odd number of turns surround is inside.'
    """
    sides = crossing(corners(outline, size))
    if sides is None:
        return ""
    first, second = (side + 1 for side in sides)
    return (
        f"The outline crosses itself (side {first} and side {second}): what an odd number of turns surround is inside."
    )


def _numbers(text: str, size: tuple[int, int]) -> NDArray[np.float64]:
    points = [part.split(",") for part in text.split()] if "," in text else []
    lengths = {len(point) for point in points}
    read = [[_NUMBER.fullmatch(number) for number in point] for point in points]
    if lengths not in ({2}, {4}) or (lengths == {4} and len(points) != 1) or not all(map(all, read)):
        raise GateError("outline", '"left,top,right,bottom" or "x,y x,y x,y ...", in pixels or %', shown(text))
    sides = np.array([[side / 100 if one[2] else 1.0 for one, side in zip(p, size * 2, strict=False)] for p in read])  # type: ignore[index]
    found = np.array([[float(one[1]) for one in point] for point in read]) * sides  # type: ignore[index]
    return np.asarray(found[0] if lengths == {4} else found)


def _array(outline: Any) -> NDArray[np.float64]:
    try:
        found = np.asarray(outline, np.float64)
    except (TypeError, ValueError) as error:
        raise GateError("outline", _WANT, shown(outline)) from error
    if found.ndim and not np.isfinite(found).all():
        raise GateError("outline", "finite numbers", shown(outline))
    return found
