"""How high a figure is where it is looked at: on a phone without empty bands, as large as it may be on a wall."""

from collections.abc import Mapping
from typing import Any

PHONE = 334
"""Pixels that a phone of 390 has for a figure across."""
TALL, WALL = 380, 570
"""Pixels from which a figure grows for a room, and how high it then is: whole at 1366 x 768."""


def height(layout: Mapping[str, Any], phone: bool, wall: bool) -> int:
    """Pixels of a figure on a phone, on a wall or, as it asks for them, beside a text.

    >>> layout = {"height": 440}
    >>> height(layout, False, False), height(layout, True, False), height(layout, False, True)
    (440, 440, 570)
    """
    asked = int(layout.get("height", 450))
    if phone:
        return height_at(layout)
    return max(asked, WALL) if wall and asked >= TALL else asked


def height_at(layout: Mapping[str, Any], width: int = PHONE) -> int:
    """The pixels that a figure needs at a width, at most those that it asks for; less only for pictures of equal scales.

    Args:
        layout: of a figure, with its height and margins, as `to_dict` gives it.
        width: of the whole figure in pixels.

    >>> layout = {"height": 440, "margin": {"l": 10, "r": 24, "t": 30, "b": 60}}
    >>> wide = {"xaxis": {"range": [0, 600]}, "yaxis": {"range": [400, 0], "scaleanchor": "x", "visible": False}}
    >>> height_at(layout | wide), height_at(layout)
    (290, 440)
    >>> height_at(layout | wide | {"yaxis": wide["yaxis"] | {"scaleratio": 0.5}})
    190
    """
    margin, most = layout.get("margin", {}), int(layout.get("height", 450))
    room = width - margin.get("l", 80) - margin.get("r", 80)
    needed = [room * share for share in _shares(layout)]
    return min(most, round(max(needed) + margin.get("t", 100) + margin.get("b", 80))) if needed else most


def _shares(layout: Mapping[str, Any]) -> list[float]:
    """Of each picture, how high all of the drawing has to be for it to be whole, over the drawing's width."""
    found = []
    for name, down in layout.items():
        # Axes that are seen take room of their own, which only Plotly knows.
        if name.startswith("yaxis") and "scaleanchor" in down and down.get("visible") is False:
            across = layout["xaxis" + down["scaleanchor"][1:]]
            high, wide = (abs(axis["range"][1] - axis["range"][0]) for axis in (down, across))
            (left, right), (low, top) = (axis.get("domain", (0, 1)) for axis in (across, down))
            found.append(down.get("scaleratio", 1) * high / wide * (right - left) / (top - low))
    return found
