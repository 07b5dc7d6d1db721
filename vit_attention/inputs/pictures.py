"""Pictures that strangers give, made upright, opaque, 8-bit RGB and of bounded size; or refused in plain words."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import ceil, sqrt
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from PIL import Image

from vit_attention.gate import LIMITS, GateError, read_file
from vit_attention.gate.pictures import Encoded, Parts, open_encoded
from vit_attention.gate.refusal import reading
from vit_attention.gate.tiff import check_exif
from vit_attention.inputs.arrays import channels_last, from_array
from vit_attention.inputs.pixels import opaque

PictureSource: TypeAlias = "bytes | str | os.PathLike[str] | BinaryIO | Image.Image | np.ndarray[Any, Any]"

ORIENTATION = 0x0112  # the EXIF and TIFF tag
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SWAPS_SIDES = (5, 6, 7, 8)


class PictureError(GateError):
    """A picture that cannot be used; the message says what was wanted, what was given, and what to do."""


@dataclass(frozen=True)
class OpenedPicture:
    """A picture ready for a model.

    Attributes:
        image: mode RGB, upright, without metadata.
        notes: one sentence for each thing that was changed or left out on the way.
        size_given: (width, height) in pixels of the upright picture before any reduction.
    """

    image: Image.Image
    notes: tuple[str, ...]
    size_given: tuple[int, int]


@dataclass(frozen=True)
class Bounds:
    """What `open_picture` is asked to keep to."""

    max_pixels: int
    max_side: int
    min_side: int

    def check(self, size: tuple[int, int]) -> None:
        """Refuse a size that is too small, now or after the reduction."""
        if min(size) < self.min_side:
            want = f"at least {self.min_side} pixels on each side"
            raise GateError("picture", want, f"{size[0]}x{size[1]}")
        LIMITS["pixels in a file"].check(size[0] * size[1], "picture")
        reduced = self.reduced(size)
        if min(reduced) < self.min_side:
            want = f"at least {self.min_side} pixels on each side after reduction to {self.max_side}"
            raise GateError("picture", want, f"{size[0]}x{size[1]}, which becomes {reduced[0]}x{reduced[1]}")

    def reduced(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size with a longer side of at most `max_side`."""
        scale = min(1.0, self.max_side / max(size))
        return round(size[0] * scale), round(size[1] * scale)

    def part(self, size: tuple[int, int]) -> int:
        """How many pixels of each side become one before anything else, so that at most `max_pixels` are left."""
        part = max(int(max(size) / self.max_side / 2), ceil(sqrt(size[0] * size[1] / self.max_pixels)), 1)
        return part if ceil(size[0] / part) * ceil(size[1] / part) <= self.max_pixels else part + 1

    def note(self, given: tuple[int, int], now: tuple[int, int]) -> str:
        """What is said of a reduction."""
        few = given[0] * given[1] <= self.max_pixels
        reason = (
            f"the longer side is larger than {self.max_side}"
            if few
            else f"it has more than {self.max_pixels / 1e6:g} million"
        )
        return f"Reduced from {given[0]}x{given[1]} to {now[0]}x{now[1]} pixels, because {reason}."


def open_picture(
    source: PictureSource, max_pixels: int = 25_000_000, max_side: int = 25_000, min_side: int = 8, page: int = 1
) -> OpenedPicture:
    """Open a picture as upright 8-bit RGB, with notes on what was changed or left out.

    Size, pages and scans are read from the file's headers and checked before any pixel is decoded. No global setting of
    Pillow and no warning filter is changed, so any number of threads may call this.

    Args:
        source: file contents, a path, a binary file, a Pillow image, an array, or the name of a drawn picture
            (``"scene-7"``, ``"receipt-3-3"``) or of a sample photograph (``"coffee"``) if there is no file of that name. Arrays are (height, width), or with 1, 3
            or 4 channels, on the last axis or, failing that, on the first; a leading axis of 1 before these is a
            batch of one. Values are uint8, uint16 (65535 is white), integers from 0 to 255, booleans, or floating point
            from 0 to 1.
        max_pixels: largest width x height of the result, in pixels; larger pictures are reduced by an integer factor.
        max_side: longer side of the result, in pixels; larger pictures are reduced. Maps and boxes refer to pixels of
            the result.
        min_side: smallest accepted side in pixels, also after the reduction.
        page: which page of a TIFF file, from 1; see `open_pages` for all of them.

    Returns:
        The picture, the notes, and its size before reduction.

    Raises:
        PictureError: the source cannot be opened, is too large or too small, would take far more memory or time than its
            size justifies, is ambiguous, or is not a picture.

    >>> open_picture(np.zeros((30, 40, 3), np.uint8)).image.size
    (40, 30)
    """
    bounds = Bounds(max_pixels, max_side, min_side)
    with _clear_refusals():
        given = _given(_drawn(source))
        if isinstance(given, bytes):
            found = open_encoded(given, "picture", page, max_pixels, max_side)
            opened = _from_image(found.image, bounds, found.size, ours=True)
            return replace(opened, notes=(*opened.notes, *_left_out(found.parts, page)))
        if page != 1:
            raise GateError("picture", "page 1 of what is no file", str(page), advice="Give the file itself.")
        return _from_object(given, bounds)


def open_pages(source: PictureSource, max_pixels: int = 25_000_000, max_side: int = 25_000) -> Iterator[OpenedPicture]:
    """Open every page of a file, one after the other: the pages of a TIFF, or the one picture of any other source.

    Args:
        source, max_pixels, max_side: as for `open_picture`.

    Yields:
        What `open_picture` returns. With several pages the last note says which one it is.

    Raises:
        PictureError: as for `open_picture`, at the first page that cannot be opened; or the file has more pages than
            `LIMITS["picture pages"]`.

    >>> [page.image.size for page in open_pages(np.zeros((30, 40, 3), np.uint8))]
    [(40, 30)]
    """
    bounds = Bounds(max_pixels, max_side, 8)
    with _clear_refusals():
        given = _given(_drawn(source))
        if not isinstance(given, bytes):
            pages = iter([_from_object(given, bounds)])
        else:
            found = open_encoded(given, "picture", 1, max_pixels, max_side)
            if found.kind == "TIFF" and found.parts.more:
                LIMITS["picture pages"].check(len(found.parts.pages) + 1, "picture", advice="Split the file.")
            pages = _all_pages(found, bounds)
    yield from pages


def _all_pages(found: Encoded, bounds: Bounds) -> Iterator[OpenedPicture]:
    count = len(found.parts.pages)
    for number in range(1, count + 1):
        with _clear_refusals(f"page {number}" if count > 1 else ""):
            page = found.at(number, bounds.max_pixels, bounds.max_side)
            opened = _from_image(page.image, bounds, page.size, ours=True)
            said = (f"Page {number} of {count}.",) if count > 1 else _left_out(found.parts, 1)
        yield replace(opened, notes=(*opened.notes, *said))


@contextmanager
def _clear_refusals(field: str = "") -> Iterator[None]:
    """Turns everything Pillow may throw, short of an interrupt, into a PictureError."""
    try:
        with reading("picture", "a complete, undamaged file"):
            yield
    except GateError as error:
        where = error.field or field
        raise PictureError(error.file, error.want, error.got, field=where, advice=error.advice) from error


def _drawn(source: PictureSource) -> PictureSource:
    """The picture of a drawn picture's or a photograph's name; anything else as it is. A file of the same name goes first."""
    if not isinstance(source, str) or not source.replace("-", "").isalnum():
        return source
    from worlds.naming import parse

    name = parse(source)
    made = None if name is None or Path(source).exists() else name.draw()
    picture: PictureSource = getattr(made, "picture", source)  # a review has none
    return picture


def _given(source: Any) -> "bytes | Image.Image | np.ndarray[Any, Any]":
    """What was given, with files read; nothing is decoded."""
    if isinstance(source, (Image.Image, np.ndarray)):
        return source
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if isinstance(source, (str, os.PathLike)):
        return read_file(Path(source), "picture file")
    if not hasattr(source, "read"):
        raise GateError("picture", "bytes, a path, a file, an image or an array", type(source).__name__)
    if hasattr(source, "seek") and (not hasattr(source, "seekable") or source.seekable()):
        source.seek(0)
    data = source.read(LIMITS["picture file"].most + 1)
    if not isinstance(data, (bytes, bytearray)):
        raise GateError("picture", "a file opened in binary mode", "one opened as text")
    return bytes(data)


def _from_object(given: "Image.Image | np.ndarray[Any, Any]", bounds: Bounds) -> OpenedPicture:
    if isinstance(given, np.ndarray):
        return _from_array(given, bounds)
    opened = _from_image(given, bounds, given.size)
    try:
        several = getattr(given, "is_animated", False)
    except Exception:  # a later frame is damaged, the one in use is sound
        several = True
    word = "Page" if given.format == "TIFF" else "Frame"
    note = (f"{word} {given.tell() + 1} of several is used; the others are left out.",) if several else ()
    return replace(opened, notes=(*opened.notes, *note))


def _from_array(array: "np.ndarray[Any, Any]", bounds: Bounds) -> OpenedPicture:
    height, width = channels_last(array, []).shape[:2]
    bounds.check((width, height))
    notes: list[str] = []
    picture = from_array(array, notes, bounds.part((width, height)))
    return _finished(picture, (width, height), bounds, notes)


def _from_image(image: Image.Image, bounds: Bounds, size: tuple[int, int], ours: bool = False) -> OpenedPicture:
    """From a Pillow image, which is left as it is unless it is `ours`; `size` is its own before any reduction."""
    bounds.check(size)
    if getattr(image, "tile", None) and getattr(image, "fp", None) is None:  # Pillow says AssertionError
        advice = "Call its load() before the file is closed, or give the file itself."
        raise GateError("picture", "an open image", "one whose file was closed before it was read", advice=advice)
    # Pillow turns a TIFF itself while loading it and then drops the tag; it finds a PNG's tag only by loading.
    turned = _orientation(image) if image.format == "TIFF" else 1
    image.load()
    turn = _orientation(image)
    notes: list[str] = []
    picture = opaque(image, notes, bounds.part(image.size), ours)
    if turn in UPRIGHT:
        picture, size = picture.transpose(UPRIGHT[turn]), size[::-1] if turn in SWAPS_SIDES else size
    tag = max(turn, turned)
    if tag in UPRIGHT:
        notes.append(f"Turned or mirrored as the camera's orientation tag asks (EXIF value {tag}).")
    return _finished(picture, size, bounds, notes)


def _finished(picture: Image.Image, size: tuple[int, int], bounds: Bounds, notes: list[str]) -> OpenedPicture:
    """Reduced to `max_side`, and without what else the file said of it."""
    reduced = bounds.reduced(size)
    if max(picture.size) > max(reduced):
        picture = picture.resize(reduced, Image.Resampling.LANCZOS)
    if picture.size != size:
        notes.append(bounds.note(size, picture.size))
    picture.info = {}  # a position or a camera's serial number must not travel on into exports
    return OpenedPicture(picture, tuple(notes), size)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        check_exif(image.info.get("exif") or b"", "picture")
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged metadata is no reason to refuse a sound picture
        return 1
    return int(value) if value in UPRIGHT else 1


def _left_out(parts: Parts, page: int) -> tuple[str, ...]:
    """What of the file is not in the picture."""
    word, count = ("Page", len(parts.pages)) if len(parts.pages) > 1 else ("Frame", parts.frames)
    most = LIMITS["picture pages"].most
    told = f"more than {most:,}" if count > most or (parts.more and count == most) else f"{count:,}"
    return (f"{word} {page} of {told} is used; the others are left out.",) if count > 1 else ()
