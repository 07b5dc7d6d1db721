"""The rim of a mask as closed lines along pixel edges."""

from collections import defaultdict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vit_attention.gate import GateError

MAX_SIDE = 192
"""Masks are thinned to this many pixels a side before they are traced: an outline needs no more."""


def rims(mask: ArrayLike, max_side: int = MAX_SIDE) -> list[NDArray[np.float64]]:
    """Closed rims of the True areas of a (height, width) mask, each (points, 2) x, y in pixels of the mask.

    Points lie on pixel corners (pixel edges are whole numbers); the first point is repeated at the end.

    Raises:
        ValueError: `mask` is not two-dimensional.

    >>> rims([[False, True]])[0].tolist()
    [[1.0, 0.0], [2.0, 0.0], [2.0, 1.0], [1.0, 1.0], [1.0, 0.0]]
    """
    full = np.asarray(mask, dtype=bool)
    if full.ndim != 2:
        raise GateError("mask", "(height, width)", f"shape {full.shape}")
    step = max(1, -(-max(full.shape) // max_side))
    loops = _chain(_edges(full[step // 2 :: step, step // 2 :: step]))
    return [np.minimum(np.array(loop, dtype=np.float64) * step, full.shape[::-1]) for loop in loops]


def _edges(mask: NDArray[np.bool_]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Unit steps along the rim with the area on the right hand, start corner to end corners."""
    solid = np.pad(mask, 1)
    out: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    down = np.diff(solid.astype(np.int8), axis=0)[:, 1:-1]  # +1: an upper rim, -1: a lower rim
    for y, x in np.argwhere(down).tolist():
        start, end = ((x, y), (x + 1, y)) if down[y, x] > 0 else ((x + 1, y), (x, y))
        out[start].append(end)
    right = np.diff(solid.astype(np.int8), axis=1)[1:-1]
    for y, x in np.argwhere(right).tolist():
        start, end = ((x, y + 1), (x, y)) if right[y, x] > 0 else ((x, y), (x, y + 1))
        out[start].append(end)
    return out


def _chain(edges: dict[tuple[int, int], list[tuple[int, int]]]) -> list[list[tuple[int, int]]]:
    """Walk the steps into closed loops and drop the points in the middle of straight runs."""
    loops = []
    for first in list(edges):
        while edges[first]:
            loop, here = [first], edges[first].pop()
            while here != first:
                loop.append(here)
                here = edges[here].pop()
            loops.append(_corners(loop))
    return loops


def _corners(loop: list[tuple[int, int]]) -> list[tuple[int, int]]:
    around = [loop[-1], *loop, loop[0]]
    kept = [b for a, b, c in zip(around, around[1:], around[2:], strict=False) if (a[0] == b[0]) != (b[0] == c[0])]
    return [*kept, kept[0]]
