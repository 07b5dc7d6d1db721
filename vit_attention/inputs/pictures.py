"""Pictures that strangers give, made upright, opaque, 8-bit RGB and of bounded size; or refused in plain words."""

import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from PIL import Image, UnidentifiedImageError

PictureSource: TypeAlias = "bytes | str | os.PathLike[str] | BinaryIO | Image.Image | np.ndarray[Any, Any]"

# Pillow tries over forty formats unless told; its EPS reader starts another program.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
ACCEPTED = "JPEG, PNG, WebP, GIF, BMP or TIFF"
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
# How a file begins, for a message that says what the reader really sent.
BEGINNINGS = (
    (b"%!PS", "an EPS or PostScript file"),
    (b"%PDF", "a PDF file"),
    (b"<svg", "an SVG drawing"),
    (b"\x89PNG", "a PNG file that is cut short or damaged"),
    (b"\xff\xd8\xff", "a JPEG file that is cut short or damaged"),
    (b"GIF8", "a GIF file that is cut short or damaged"),
    (b"BM", "a BMP file that is cut short or damaged"),
    (b"RIFF", "a WebP file that is cut short or damaged, or another kind of RIFF file"),
    (b"II*\0", "a TIFF file that is cut short or damaged"),
    (b"MM\0*", "a TIFF file that is cut short or damaged"),
)


class PictureError(ValueError):
    """A picture that cannot be used; the message says what was wanted and what came."""


@dataclass(frozen=True)
class OpenedPicture:
    """A picture ready for a model.

    Attributes:
        image: mode RGB, upright, without metadata.
        notes: one sentence for each thing that was changed on the way.
        size_given: (width, height) in pixels of the upright picture before any reduction.
    """

    image: Image.Image
    notes: tuple[str, ...]
    size_given: tuple[int, int]


def open_picture(
    source: PictureSource, max_pixels: int = 25_000_000, max_side: int = 25_000, min_side: int = 8
) -> OpenedPicture:
    """The picture in `source` as upright 8-bit RGB, with notes on what was done to it.

    The size is read from the header and judged before any pixel is decoded. No global setting of Pillow and no
    warning filter is touched, so any number of threads may call this.

    Args:
        source: file contents, a path, a binary file, a Pillow image, a (height, width, 3) uint8 array, or the name of a
            drawn picture (``"scene-7"``, ``"receipt-3-3"``) where there is no file of that name.
        max_pixels: largest width x height that is decoded, in pixels.
        max_side: longer side of the result, in pixels; larger pictures are reduced. Maps and boxes are told in pixels of the
            result, so only who shows nothing but the result may ask for less than the picture has.
        min_side: shortest side that is accepted, in pixels, also after the reduction.

    Returns:
        The picture, the notes, and its size before reduction.

    Raises:
        PictureError: for whatever cannot be opened, is too large or too small, or is no picture.

    >>> open_picture(np.zeros((30, 40, 3), np.uint8)).image.size
    (40, 30)
    """
    source = _drawn(source)
    with _clear_refusals(max_pixels), ExitStack() as files:
        image = _open_header(source, files)
        size = image.size
        reduced = _reduced_size(size, max_pixels, max_side, min_side)
        # Pillow turns a TIFF itself while loading it and then drops the tag; it finds a PNG's tag only by loading.
        turned = _orientation(image) if image.format == "TIFF" else 1
        if image.format in ("JPEG", "MPO") and not isinstance(source, Image.Image):
            image.draft(None, reduced)  # lets the decoder skip detail; would alter an image that is not ours
        image.load()
        turn = _orientation(image)
        notes: list[str] = []
        picture = _eight_bits(image, notes)
        if picture.size != reduced:
            picture = picture.resize(reduced, Image.Resampling.LANCZOS, reducing_gap=2.0)
        if turn in UPRIGHT:
            picture, size = picture.transpose(UPRIGHT[turn]), size[::-1] if turn in SWAPS_SIDES else size
        picture = _on_white(picture, notes)
        tag = max(turn, turned)
        if tag in UPRIGHT:
            notes.append(f"Turned or mirrored as the camera's orientation tag asks (EXIF value {tag}).")
        if picture.size != size:
            notes.append(
                f"Reduced from {size[0]}x{size[1]} to {picture.width}x{picture.height} pixels, "
                f"because the longer side is larger than {max_side}."
            )
        notes.extend(_frame_notes(image))  # last: counting frames moves through the file
        picture.info = {}  # a position or a camera's serial number must not travel on into exports
        return OpenedPicture(picture, tuple(notes), size)


@contextmanager
def _clear_refusals(max_pixels: int) -> Iterator[None]:
    """Turns everything Pillow may throw, short of an interrupt, into a PictureError."""
    try:
        yield
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        count = re.search(r"\d+", str(error))
        got = f"{int(count[0]) / 1e6:.1f} million" if count else "far more"
        raise PictureError(f"picture: want at most {max_pixels / 1e6:g} million pixels, got {got}") from error
    except MemoryError as error:
        raise PictureError("picture: want one that fits into memory, got one that does not") from error
    except Exception as error:  # decoders raise SyntaxError, struct.error, EOFError and more on damaged files
        reason = str(error) or type(error).__name__
        message = f"picture: want a complete, undamaged file, got one that cannot be read ({reason})"
        raise PictureError(message) from error


def _drawn(source: PictureSource) -> PictureSource:
    """The picture of a drawn picture's name; anything else as it is. A file of the same name goes first."""
    if not isinstance(source, str) or "-" not in source:
        return source
    from worlds.naming import parse

    name = parse(source)
    return source if name is None or Path(source).exists() else name.draw().picture


def _open_header(source: PictureSource, files: ExitStack) -> Image.Image:
    """`source` as a Pillow image of which only the header has been read; `files` closes what was opened here."""
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, np.ndarray):
        if source.ndim != 3 or source.shape[2] != 3 or source.dtype != np.uint8 or 0 in source.shape:
            raise PictureError(f"picture: want a (height, width, 3) uint8 array, got {source.shape} {source.dtype}")
        return Image.fromarray(np.ascontiguousarray(source))
    if isinstance(source, (bytes, bytearray, memoryview)):
        file: BinaryIO = io.BytesIO(source)
    elif isinstance(source, (str, os.PathLike)):
        file = files.enter_context(_open_path(Path(source)))
    elif hasattr(source, "read"):
        file = source if hasattr(source, "seek") and source.seekable() else io.BytesIO(source.read())
    else:
        raise PictureError(f"picture: want bytes, a path, a file, an image or an array, got {type(source).__name__}")
    file.seek(0)
    beginning = file.read(64)
    if not isinstance(beginning, bytes):
        raise PictureError("picture: want a file opened in binary mode, got one opened as text")
    if not beginning:
        raise PictureError("picture: want a picture file, got an empty one (0 bytes)")
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise PictureError(f"picture: want a {ACCEPTED} file, got {_kind(beginning)}") from error


def _open_path(path: Path) -> BinaryIO:
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            return path.open("rb")
    except FileNotFoundError as error:
        raise PictureError(f"picture: want an existing file, got {path}, which does not exist") from error
    except (OSError, ValueError) as error:
        raise PictureError(f"picture: want a file that may be read, got {str(path)!r} ({error})") from error
    # Reading a pipe or a device may never end.
    kind = "the folder" if stat.S_ISDIR(mode) else "the pipe or device"
    raise PictureError(f"picture: want a file, got {kind} {path}")


def _kind(beginning: bytes) -> str:
    """What a file that is no accepted picture seems to be."""
    if beginning[4:8] == b"ftyp":
        return "an HEIC, AVIF or video file; save the photograph as JPEG first"
    start = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, kind in BEGINNINGS:
        if start.startswith(magic):
            return kind
    if start.startswith(b"<"):
        return "a text file with tags (SVG, XML or HTML)"
    if all(byte >= 32 or byte in b"\t\n\r" for byte in beginning):
        return "a text file"
    return "a file of another kind"


def _reduced_size(size: tuple[int, int], max_pixels: int, max_side: int, min_side: int) -> tuple[int, int]:
    """The size after reduction to `max_side`; refuses what is too large or too small."""
    width, height = size
    if width * height > max_pixels:
        raise PictureError(
            f"picture: want at most {max_pixels / 1e6:g} million pixels, "
            f"got {width}x{height} ({width * height / 1e6:.1f} million)"
        )
    if min(size) < min_side:
        raise PictureError(f"picture: want at least {min_side} pixels on each side, got {width}x{height}")
    scale = min(1.0, max_side / max(size))
    reduced = (round(width * scale), round(height * scale))
    if min(reduced) < min_side:
        raise PictureError(
            f"picture: want at least {min_side} pixels on each side after reduction to {max_side}, "
            f"got {width}x{height}, which becomes {reduced[0]}x{reduced[1]}"
        )
    return reduced


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged metadata is no reason to refuse a sound picture
        return 1
    return int(value) if value in UPRIGHT else 1


def _frame_notes(image: Image.Image) -> list[str]:
    if image.format == "TIFF":  # counting the pages of a hostile TIFF takes for ever
        several = getattr(image, "is_animated", False)
        return [f"Page {image.tell() + 1} of a file with several pages is used."] if several else []
    place = image.tell() + 1
    try:
        count = getattr(image, "n_frames", 1)
    except Exception:  # a later frame is damaged, the one in use is sound
        return [f"Frame {place} is used; the frames after it are damaged."]
    return [f"Frame {place} of {count} is used; the others are left out."] if count > 1 else []


def _eight_bits(image: Image.Image, notes: list[str]) -> Image.Image:
    """`image` in mode RGB or L, or RGBA or LA where some of it may be transparent; not copied without need."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _scaled_grey(image, notes)
    if image.mode == "CMYK":
        notes.append("Converted from CMYK (ink colours) to RGB without a colour profile; colours may be a little off.")
    if image.mode == "La":
        image = image.convert("LA")
    mode = "RGBA" if image.has_transparency_data else "L" if image.mode == "L" else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _scaled_grey(image: Image.Image, notes: list[str]) -> Image.Image:
    """Grey of 16 bits or more, or in floating point, scaled to 0..255; Pillow's own conversion clips instead.

    I;16 is divided by 257. Other kinds name no white, so it is the smallest usual one that covers the values: 1 for
    floating point, 255, 65535; values outside all of these are stretched from smallest to largest.
    """
    values = np.asarray(image).astype(np.float32)  # exact for 16 bits; then worked on in place, it may be large
    if not np.isfinite(values).all():
        raise PictureError("picture: want finite pixel values, got some that are infinite or not a number")
    low, high = float(values.min()), float(values.max())
    hidden = image.info.get("transparency")  # a grey value that a PNG declares to be invisible
    alpha = Image.fromarray(np.uint8(255) * (values != hidden)) if isinstance(hidden, int) else None
    whites = (1, 255, 65535) if image.mode == "F" else (255, 65535) if image.mode == "I" else (65535,)
    white = next((white for white in whites if low >= 0 and high <= white), None)
    if white is None:
        notes.append(f"Grey values from {low:g} to {high:g} are stretched to 0 to 255.")
        values -= low
        values *= 255 / (high - low or 1)
    else:
        kind = "16-bit grey values" if white == 65535 else "Grey values"
        if white != 255:
            notes.append(f"{kind} (0 to {white}) are scaled to 0 to 255.")
        values *= 255 / white
    picture = Image.fromarray(np.rint(values, out=values).astype(np.uint8))
    if alpha is not None:
        picture.putalpha(alpha)
    return picture


def _on_white(picture: Image.Image, notes: list[str]) -> Image.Image:
    """`picture` as an opaque RGB image of its own; what was transparent shows white, never the colour hidden below."""
    if picture.mode in ("RGB", "L"):
        return picture.convert("RGB")
    alpha = picture.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return picture.convert("RGB")
    notes.append("Transparent parts are laid on white.")
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture.convert("RGB"), mask=alpha)
    return ground
