"""Which part of a page is shown: zoom and pan as a box, never outside the page, and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from visualizer.measures.pointing import Box

MOST_ZOOM = 16.0
"""Largest zoom level."""


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
        raise ValueError(f"{name}: want left < right and top < bottom, got {given}")
    return given[0], given[1], given[2], given[3]
