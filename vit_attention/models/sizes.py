"""The size of a model's input as people give it: one number or two, multiples of the patch side."""

from collections.abc import Sequence
from typing import Any

from vit_attention.gate import GateError, shown
from vit_attention.models.arguments import integer, pair

_WANT = "a whole number of pixels from 1 up, or two, (height, width)"


def sides(size: Any, patch: tuple[int, int]) -> tuple[int, int] | None:
    """(height, width) in pixels; None for None.

    Args:
        size: one whole number for a square, or (height, width).
        patch: (height, width) of a patch in pixels.

    Raises:
        GateError: no size, one that takes too much memory, or one that patches do not fill; names the nearest that do.

    >>> sides(518, (14, 14)), sides((224, 336), (14, 14))
    ((518, 518), (224, 336))
    >>> sides(512, (14, 14))
    Traceback (most recent call last):
    vit_attention.gate.refusal.GateError: size: want multiples of the patch, 14 x 14 pixels, such as 504 or 518, got 512
    """
    try:
        square = integer(size)
    except TypeError:
        found = pair("size", size, "picture pixels", _WANT)
    else:
        found = pair("size", (square, square), "picture pixels", _WANT)
    if found is None or all(side % part == 0 for side, part in zip(found, patch, strict=True)):
        return found
    if any(side < part for side, part in zip(found, patch, strict=True)):
        raise GateError("size", f"at least one patch of {patch[0]} x {patch[1]} pixels", shown(size))
    below = [side // part * part for side, part in zip(found, patch, strict=True)]
    above = [-(-side // part) * part for side, part in zip(found, patch, strict=True)]
    want = f"multiples of the patch, {patch[0]} x {patch[1]} pixels, such as {_said(below)} or {_said(above)}"
    raise GateError("size", want, shown(size))


def _said(found: Sequence[int]) -> str:
    """A size as it may be given."""
    return str(found[0]) if len({*found}) == 1 else str(tuple(found))


def beyond_note(learned: tuple[int, int], grid: tuple[int, int]) -> tuple[str, ...]:
    """What a record says of more patches than the network has positions for; both are (rows, columns)."""
    if grid[0] <= learned[0] and grid[1] <= learned[1]:
        return ()
    return (f"This input has more patches than the {learned[0]} x {learned[1]} that the model was trained for.",)
