"""Boxes of regions: left, top, right, bottom in pixels of the picture; anything else is refused, with the way to these."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vit_attention.gate import GateError, shown

OVERSHOOT = 0.02  # detectors overshoot the rim by a pixel or two; boxes of a picture of another size by far more
LARGE = 3  # sides of so many hundred pixels: boxes within the first hundred of both are taken for percent
COVERED = 2 / 3  # boxes that leave a third of both sides empty may belong to a smaller copy of the picture


def plain_numbers(values: ArrayLike, name: str) -> NDArray[Any]:
    """`values` as an array of numbers; refuses texts, objects, true and false, and arrays with masked values."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.getmaskarray(values).any():
        raise GateError(name, "an array without a mask", "masked values")
    try:
        given = np.asarray(values)
    except ValueError as error:
        raise GateError(name, "rows of one length", "rows of different lengths") from error
    if given.dtype.kind not in "iuf":
        raise GateError(name, "numbers", f"{given.dtype}")
    return given


def checked_boxes(boxes: ArrayLike, count: int, size: tuple[int, int] | None, notes: list[str]) -> NDArray[np.float64]:
    """(count, 4) left, top, right, bottom in pixels.

    Args:
        boxes: (count, 4), or the same with a leading axis of 1.
        count: regions that there are.
        size: (width, height) of the picture; None if there is none.
        notes: sentences on what was assumed are added.

    Raises:
        GateError: another shape, numbers that are no boxes, shares of the picture, or boxes beyond the picture.
    """
    given = plain_numbers(boxes, "boxes")
    given = given[0] if given.ndim == 3 and len(given) == 1 else given
    if given.shape != (count, 4):
        way = "Give boxes[:, :4] if these come first." if given.ndim == 2 and given.shape[1] > 4 else ""
        raise GateError("boxes", f"({count}, 4), one row per region", shown(np.shape(boxes)), advice=way)
    found = given.astype(np.float64)
    if not np.isfinite(found).all():
        raise GateError("boxes", "finite numbers", "NaN or infinity")
    if (found[:, 2:] <= found[:, :2]).any():
        way = "If they are left, top, width and height, add the first two to the last two."
        want = "left, top, right, bottom with right > left and bottom > top"
        raise GateError("boxes", want, shown(found[(found[:, 2:] <= found[:, :2]).any(axis=1)][0].tolist()), advice=way)
    _refuse_shares(found, size)
    return found if size is None else _on_picture(found, size, notes)


def _refuse_shares(found: NDArray[np.float64], size: tuple[int, int] | None) -> None:
    """Refuse what may be shares or percent of the picture: no detector leaves ten boxes in one pixel or one corner."""
    for whole, words, way in (
        (1, "shares", "boxes * [width, height, width, height]"),
        (100, "percent", "boxes / 100 * [width, height, width, height]"),
    ):
        within = found.min() >= -OVERSHOOT * whole and found.max() <= (1 + OVERSHOOT) * whole
        if within and (whole == 1 or (size is not None and min(size) >= LARGE * whole)):
            got = f"numbers from {found.min():.3g} to {found.max():.3g}"
            advice = f"If they are {words} of its sides, multiply them: {way}."
            raise GateError("boxes", "pixels of the picture", got, advice=advice)


def _on_picture(found: NDArray[np.float64], size: tuple[int, int], notes: list[str]) -> NDArray[np.float64]:
    reach = found[:, 2:].max(axis=0)
    if (found < -OVERSHOOT * max(size)).any() or (reach > (1 + OVERSHOOT) * np.array(size) + 1).any():
        got = f"some from {found.min(axis=0)[:2].tolist()} to {reach.tolist()}"
        way = "Boxes of another size have to be multiplied by the ratio of the sides first."
        raise GateError("boxes", f"pixels of the picture, {size[0]} x {size[1]}", got, advice=way)
    if (reach < COVERED * np.array(size)).all():
        reached = f"{reach[0]:g} x {reach[1]:g} of the picture's {size[0]} x {size[1]} pixels"
        notes.append(
            f"The boxes reach {reached}: if they were measured on a smaller copy, they lie in the wrong place."
        )
    return found
