"""Masks from outside, as shares of every pixel; numpy and Pillow only, so that what draws can open them too."""

import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from vit_attention.gate.files import read_file
from vit_attention.gate.limits import LIMITS
from vit_attention.gate.pictures import ACCEPTED, open_encoded
from vit_attention.gate.refusal import GateError, reading

MaskSource: TypeAlias = "str | os.PathLike[str] | Image.Image | NDArray[Any] | list[Any]"

_SMALLER = "Make it smaller: a mask is laid on patches by area, and loses nothing"


def open_mask(source: MaskSource) -> NDArray[np.float64]:
    """A mask as (height, width) shares, 0 outside to 1 inside.

    A picture has an inside where it is at least half as bright as its brightest pixel; one in colours of a palette where
    the number of the colour is not 0; one with transparent parts where it is more opaque than clear.

    Args:
        source: booleans, or numbers from 0 to 1, or whole numbers of which one beside 0 is used; a Pillow image; a file.

    Raises:
        GateError: nothing of that kind, a file that cannot be read, or a mask that covers nothing.

    >>> open_mask(np.array([[0, 255], [0, 0]], np.uint8)).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    if isinstance(source, (str, os.PathLike)):
        name = Path(source).name or str(source)
        found = _decoded(open_encoded(read_file(Path(source), "picture file"), name).image, name)
    elif isinstance(source, Image.Image):
        name, found = "mask", _decoded(source, "mask")
    else:
        name, found = "mask", _shares(source)
    if not found.any():
        raise GateError(name, "a mask that covers something", "one that is empty")
    return found


def _shares(source: Any) -> NDArray[np.float64]:
    want = "(height, width) booleans, a picture or a file"
    try:
        given = np.asanyarray(source)  # with its own mask, if it has one
    except ValueError as error:
        raise GateError("mask", want, "rows of different lengths") from error
    shape = given.shape
    if given.ndim == 3 and 1 in (shape[0], shape[2]):  # as networks for masks give them
        given = given[0] if shape[0] == 1 else given[..., 0]
    if given.ndim != 2 or not given.size or given.dtype.kind not in "biuf" or isinstance(given, np.ma.MaskedArray):
        raise GateError("mask", want, f"{given.dtype} of shape {shape}")
    if given.dtype.kind in "iu" and len(values := np.unique(given)) <= 2 and 0 in values:
        given = given != 0
    if not ((given >= 0) & (given <= 1)).all():
        want = "booleans, numbers from 0 to 1, or 0 and one other whole number"
        got = f"{given.min():g} to {given.max():g}"
        raise GateError("mask", want, got, advice="Say which numbers are inside: mask == 3")
    return np.asarray(given, np.float64)


def _decoded(image: Image.Image, name: str) -> NDArray[np.float64]:
    """The inside of a picture, upright; its size is judged by the header before anything is decoded."""
    LIMITS["picture pixels"].check(image.width * image.height, name, advice=_SMALLER)
    with reading(name, f"an undamaged {ACCEPTED} file"):
        return _inside(ImageOps.exif_transpose(image), name)


def _inside(image: Image.Image, name: str) -> NDArray[np.float64]:
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if alpha.min() < 255:
            return np.asarray(alpha > 127, np.float64)
    if image.mode == "P":
        return np.asarray(np.asarray(image) != 0, np.float64)
    deep = image.mode == "F" or image.mode.startswith("I")
    grey = np.asarray(image if deep else image.convert("L"), dtype=np.float64)
    if not np.isfinite(grey).all() or grey.min() < 0:
        raise GateError(name, "finite brightness of at least 0", "other numbers")
    return np.asarray((grey > 0) & (grey >= grey.max() / 2), np.float64)
