"""Pixels of any kind as 8-bit RGB on white, strip by strip: a whole copy of a large picture would take as much again."""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from vit_attention.gate import GateError

Reader = Callable[[int, int], Image.Image]
"""The rows from one number to another, as an opaque picture of mode RGB."""

_STRIP = 1 << 18  # pixels


def in_strips(read: Reader, size: tuple[int, int], part: int = 1) -> Image.Image:
    """All rows that `read` gives, each side divided by `part`.

    Args:
        read: gives the rows from one number to another.
        size: (width, height) before the division.
        part: how many pixels of each side become one, their mean.
    """
    width, height = size
    whole = Image.new("RGB", (-(-width // part), -(-height // part)))
    for top, bottom in _strips(width, height, part):
        strip = read(top, bottom)
        whole.paste(strip if part == 1 else strip.reduce(part), (0, top // part))
    return whole


def _strips(width: int, height: int, part: int = 1) -> Iterator[tuple[int, int]]:
    rows = max(_STRIP // width // part, 1) * part
    return ((top, min(top + rows, height)) for top in range(0, height, rows))


def opaque(image: Image.Image, notes: list[str], part: int = 1, ours: bool = False) -> Image.Image:
    """`image` in mode RGB, with what is transparent on white, and without metadata.

    Args:
        image: decoded; left as it is.
        notes: sentences on what was done are added.
        part: as for `in_strips`.
        ours: whether nobody else has the image, so that its pixels need not be copied.

    Raises:
        GateError: values that are infinite or not a number.
    """
    if ours and part == 1 and image.mode == "RGB" and not image.has_transparency_data:
        return image._new(image.im)  # a plain image of the same pixels: a copy would take 100 MB for 25 megapixels
    to_rgb = _deep_grey(image, notes) if image.mode == "F" or image.mode.startswith("I") else _on_white
    if image.mode == "CMYK":
        notes.append("Converted from CMYK (ink colours) to RGB without a colour profile; colours may be a little off.")
    seen_through = False

    def read(top: int, bottom: int) -> Image.Image:
        nonlocal seen_through
        strip = image.crop((0, top, image.width, bottom))
        strip.info = image.info  # a colour that stands for nothing
        strip, hidden = to_rgb(strip)
        seen_through |= hidden
        return strip

    picture = in_strips(read, image.size, part)
    if seen_through:
        notes.append("Transparent parts are laid on white.")
    return picture


def _on_white(strip: Image.Image) -> tuple[Image.Image, bool]:
    """The strip as RGB, and whether some of it is transparent; white shows there, never the colour hidden below."""
    if not strip.has_transparency_data:
        return strip.convert("RGB"), False
    seen = strip.convert("LA" if strip.mode == "La" else "RGBA").convert("RGBA")
    alpha = seen.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return seen.convert("RGB"), False
    ground = Image.new("RGB", seen.size, "white")
    ground.paste(seen.convert("RGB"), mask=alpha)
    return ground, True


def _deep_grey(image: Image.Image, notes: list[str]) -> Callable[[Image.Image], tuple[Image.Image, bool]]:
    """What makes strips of grey of 16 bits or more, or in floating point, 8-bit; Pillow's own conversion clips instead.

    I;16 is divided by 257. Other kinds name no white, so it is the smallest usual one that covers the values: 1 for
    floating point, 255, 65535; values outside all of these are stretched from smallest to largest.
    """
    strips = (np.asarray(image.crop((0, top, image.width, bottom))) for top, bottom in _strips(*image.size))
    ends = np.array([(strip.min(), strip.max()) for strip in strips], np.float64)
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    if not np.isfinite([low, high]).all():
        raise GateError("picture", "finite pixel values", "some that are infinite or not a number")
    whites = (1, 255, 65535) if image.mode == "F" else (255, 65535) if image.mode == "I" else (65535,)
    white = next((white for white in whites if low >= 0 and high <= white), None)
    if white is None:
        notes.append(f"Grey values from {low:g} to {high:g} are stretched to 0 to 255.")
    elif white == 255:
        notes.append("Grey values are taken for 0 (black) to 255 (white).")
    else:
        notes.append(f"{'16-bit grey' if white == 65535 else 'Grey'} values (0 to {white}) are scaled to 0 to 255.")
    zero, scale = (low, 255 / (high - low or 1)) if white is None else (0, 255 / white)
    hidden = image.info.get("transparency")  # a grey value that a PNG declares to be invisible

    def to_rgb(strip: Image.Image) -> tuple[Image.Image, bool]:
        given = np.asarray(strip)
        seen = np.rint((given.astype(np.float32) - np.float32(zero)) * np.float32(scale)).clip(0, 255).astype(np.uint8)
        through = given == hidden if isinstance(hidden, int) else np.zeros(1, bool)
        return Image.fromarray(np.where(through, np.uint8(255), seen)).convert("RGB"), bool(through.any())

    return to_rgb
