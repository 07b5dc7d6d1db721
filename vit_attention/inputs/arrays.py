"""Arrays in the layouts that libraries use, as 8-bit pictures; what could be read in two ways is refused, not guessed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vit_attention.gate import GateError, shown
from vit_attention.inputs.pixels import in_strips, opaque

CHANNELS = (1, 3, 4)
LAYOUTS = "(height, width), (height, width, 1, 3 or 4) or (1, 3 or 4, height, width)"
_HALF_A_STEP = 0.5 / 255  # values from a resize may overshoot 0 and 1 by that much and still be told apart


def from_array(array: NDArray[Any], notes: list[str], part: int = 1) -> Image.Image:
    """The picture in an array, in mode RGB.

    Args:
        array: grey, RGB or RGBA, channels last or first; unsigned or whole numbers from 0 to 255, uint16 from 0 to 65535,
            floating point from 0 to 1, or true for white.
        notes: sentences on what was assumed are added.
        part: how many pixels of each side become one.

    Raises:
        GateError: another layout or type, values outside of these, or some that are not numbers.
    """
    rows = channels_last(array, notes)
    white = _white(rows, notes)

    def eight_bits(top: int, bottom: int) -> NDArray[np.uint8]:
        strip = rows[top:bottom]
        if white != 255:
            strip = np.rint(strip.astype(np.float32) * np.float32(255 / white)).clip(0, 255)
        strip = np.ascontiguousarray(strip.astype(np.uint8))
        return strip[:, :, 0] if strip.shape[2] == 1 else strip

    through: list[str] = []
    height, width = rows.shape[:2]
    picture = in_strips(
        lambda top, bottom: opaque(Image.fromarray(eight_bits(top, bottom)), through), (width, height), part
    )
    notes.extend(dict.fromkeys(through))
    return picture


def channels_last(array: NDArray[Any], notes: list[str]) -> NDArray[Any]:
    """The array as (height, width, channels), not copied; channels are looked for at the end first, then at the front."""
    if isinstance(array, np.ma.MaskedArray) and np.ma.getmaskarray(array).any():
        raise _refused(
            "an array without a mask",
            f"{int(np.ma.getmaskarray(array).sum())} masked values",
            "Fill them first: array.filled(255).",
        )
    if array.dtype.kind not in "buif":
        raise _refused("an array of numbers", f"one of {array.dtype}", "Convert it first: array.astype('uint8').")
    values = np.asarray(array)
    if values.ndim == 4 and len(values) == 1:
        notes.append("The leading axis of 1 is taken for a batch of one picture.")
        values = values[0]
    if 0 in values.shape or values.ndim not in (2, 3):
        several = values.ndim == 4 and len(values) > 1
        raise _refused(LAYOUTS, shown(array.shape), "Give the pictures one by one." if several else "")
    if values.ndim == 2:
        return values[:, :, None]
    if values.shape[2] in CHANNELS:
        return values
    if values.shape[0] in CHANNELS:
        return np.moveaxis(values, 0, 2)
    raise _refused(LAYOUTS, shown(array.shape))


def _white(values: NDArray[Any], notes: list[str]) -> int:
    """The value that stands for white."""
    kind, low, high = values.dtype, values.min(), values.max()
    name = kind.newbyteorder("=").name
    if kind == np.uint8:
        return 255
    if kind.kind == "b":
        notes.append("Values are true and false: true is drawn white.")
        return 1
    if not np.isfinite([float(low), float(high)]).all():
        raise _refused("finite values", "some that are infinite or not a number")
    if kind.kind == "f":
        return _white_of_floats(float(low), float(high), notes)
    if name == "uint16" and high != 0:
        if high <= 255:
            raise _refused(
                "uint16 up to 65535, which is white", f"at most {high}", "If 255 is white: array.astype('uint8')."
            )
        notes.append("16-bit values (0 to 65535) are scaled to 0 to 255.")
        return 65535
    if low < 0 or high > 255:
        got = f"{name} from {low} to {high}"
        raise _refused("whole numbers from 0 to 255, or uint16", got, "Scale them first; nothing is cut off here.")
    notes.append(f"Whole numbers of type {name} are taken for 0 (black) to 255 (white).")
    return 255


def _white_of_floats(low: float, high: float, notes: list[str]) -> int:
    if low < -_HALF_A_STEP or high > 1 + _HALF_A_STEP:
        way = "If 255 is white, divide by 255. Pixels that are normalised for a model are given as a torch tensor."
        raise _refused("floating point values from 0 to 1", f"{low:.4g} to {high:.4g}", way)
    notes.append("Values from 0 to 1 are scaled to 0 to 255.")
    return 1


def _refused(want: str, got: str, advice: str = "") -> GateError:
    return GateError("picture", want, got, advice=advice)
