"""How many patches a picture is cut into, for models with positions for more than their usual number."""

from typing import Any

import streamlit as st

from tutorials.findings.context import Picture
from ui.parts import widgets
from ui.store import resources

KEY, WHOLE = "grid", "whole_picture"
"""Keys of the two controls, and their names in the address."""

Sides = tuple[int, int]


def control(name: str, picture: Picture) -> Sides | None:
    """Draw the choice of a model; (height, width) of its input in pixels, or None for the usual one."""
    try:
        loaded = resources.model(name)
    except (ValueError, RuntimeError, OSError, ImportError):  # what is wrong is said where its record is asked for
        return None
    sized = "size" in getattr(loaded, "options", ())
    usual: Sides = resources.once(("grid", name), lambda: (sized and loaded.axis().grid) or (0, 0))
    offered = counts(loaded, usual)
    if len(offered) < 2:
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = int(widgets.choice("Patches along the longer side", [str(n) for n in offered], KEY, help=_HELP))
        square = picture.image.width == picture.image.height
        whole = not square and widgets.toggle("Whole picture, not its middle square", WHOLE)
        rows, columns = grid(picture.image.size, chosen, whole)
        st.caption(f"{rows} x {columns} = {rows * columns:,} patches", width="content")
    high, wide = loaded.anatomy.patch
    return None if (rows, columns) == usual else (rows * high, columns * wide)


_HELP = (
    "The model learned positions for the largest number; for fewer they are interpolated. More patches show finer maps and take "
    "longer. Above the smallest number only the attention of the class token, and of all tokens in the chosen layer, is kept."
)


def counts(model: Any, usual: Sides) -> list[int]:
    """Patches along a side that a model can be given: its usual number, the most that it has positions for, and one between.

    A single number for models that are used at the size they were trained for, none for those that take one size alone.
    """
    side = max(usual)
    if not side:
        return []
    most = max(model.anatomy.position_grid)
    return sorted({side, round((side * most) ** 0.5), most}) if side < most else [side]


def grid(size: tuple[int, int], longer: int, whole: bool) -> tuple[int, int]:
    """(rows, columns) for a picture of (width, height) with so many patches along its longer side.

    >>> grid((600, 400), 37, True), grid((600, 400), 37, False), grid((10, 900), 16, True)
    ((25, 37), (37, 37), (16, 1))
    """
    if not whole:
        return longer, longer
    width, height = size
    return max(1, round(longer * min(1, height / width))), max(1, round(longer * min(1, width / height)))
