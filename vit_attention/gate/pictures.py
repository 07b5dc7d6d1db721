"""Encoded pictures from outside: what they would take is known from their bytes before anything is drawn. Pillow alone."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

from PIL import BmpImagePlugin, GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from vit_attention.gate import containers, tiff
from vit_attention.gate.limits import LIMITS
from vit_attention.gate.refusal import GateError, reading

ACCEPTED = "JPEG, PNG, WebP, GIF, BMP or TIFF"
# Pillow tries over forty formats unless told; its EPS reader starts another program.
_KINDS: tuple[tuple[bytes, str, Callable[..., Image.Image]], ...] = (
    (b"\xff\xd8\xff", "JPEG", JpegImagePlugin.jpeg_factory),
    (b"\x89PNG\r\n\x1a\n", "PNG", PngImagePlugin.PngImageFile),
    (b"GIF8", "GIF", GifImagePlugin.GifImageFile),
    (b"BM", "BMP", BmpImagePlugin.BmpImageFile),
    (b"RIFF", "WEBP", WebPImagePlugin.WebPImageFile),
    (b"II*\0", "TIFF", TiffImagePlugin.TiffImageFile),
    (b"MM\0*", "TIFF", TiffImagePlugin.TiffImageFile),
    (b"II+\0", "TIFF", TiffImagePlugin.TiffImageFile),
    (b"MM\0+", "TIFF", TiffImagePlugin.TiffImageFile),
)
# What else a file may be, for a message that says what the reader really sent.
_OTHERS = (
    (b"%!PS", "an EPS or PostScript file"),
    (b"%PDF", "a PDF file; save its pages as PNG first"),
    (b"<svg", "an SVG drawing; save it as PNG first"),
    (b"<", "a text file with tags (SVG, XML or HTML)"),
)
_SMALLER = "Make it smaller, or save it as a plain (baseline) JPEG, which is drawn at a smaller size at once."
_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}  # bytes in Pillow; else 4


@dataclass(frozen=True)
class Parts:
    """What can be known of the parts of a file without Pillow.

    Attributes:
        pages: numbers, from 0, of the directories of a TIFF that are pages; one page for all others.
        frames: frames of an animation; 1 for a plain picture.
        more: whether there may be more pages or frames than were counted.
        coefficients: bytes that the decoder of a JPEG keeps from scan to scan.
    """

    pages: tuple[int, ...] = (0,)
    frames: int = 1
    more: bool = False
    coefficients: int = 0


@dataclass(frozen=True)
class Encoded:
    """A picture of which only the header has been read.

    Attributes:
        image: Pillow's, not drawn yet; `load` stays within the bounds. A large JPEG is set to be drawn smaller.
        kind: "JPEG", "PNG", "GIF", "BMP", "WEBP" or "TIFF".
        parts: what it consists of.
        size: (width, height) as stored, before any reduction.
        name: what it is called in a message.
        room: bytes that drawing may take beside the picture that comes out.
    """

    image: Image.Image
    kind: str
    parts: Parts
    size: tuple[int, int]
    name: str
    room: int

    def at(self, page: int, most: int, side: int) -> "Encoded":
        """The same at another page, from 1; the image is one and the same and stands at one page alone.

        Args:
            page: which page.
            most: pixels that are wanted at most; a JPEG is drawn no larger.
            side: pixels that the longer side is wanted to have; a JPEG is drawn hardly larger.

        Raises:
            GateError: no such page, or one that is too large.
        """
        pages = self.parts.pages
        if not 1 <= page <= len(pages):
            advice = "The frames of an animation are no pages: save the one you want as a picture of its own."
            advice = advice if self.parts.frames > 1 else ""
            raise GateError(self.name, f"page 1 to {len(pages)}", str(page), advice=advice)
        if self.kind == "TIFF":
            self.image.seek(pages[page - 1])
        found = replace(self, size=self.image.size)
        most_in_file = LIMITS["pixels in a file"].most
        if found.size[0] * found.size[1] > most_in_file:
            want = f"at most {most_in_file / 1e6:g} million pixels"
            raise GateError(self.name, want, _million(found.size), advice=_SMALLER)
        if self.kind == "JPEG":
            _draft(self.image, most, side)
        _check_memory(found)
        return found


def open_encoded(
    data: bytes, name: str = "picture", page: int = 1, most: int = LIMITS["picture pixels"].most, side: int = 1 << 16
) -> Encoded:
    """The header of an encoded picture that may be drawn without harm.

    Args:
        data: the whole file.
        name: what it is called in a message.
        page, most, side: see `Encoded.at`.

    Raises:
        GateError: no picture of an accepted kind; a damaged one; one that takes far more memory or time than its bytes
            let expect, or more than `LIMITS` has room for. Says which, and the way.
    """
    LIMITS["picture file"].check(len(data), name)
    kind, plugin = _kind(data, name)
    parts = _counted(data, kind, name)
    with reading(name, f"a whole {kind} file of 8- or 16-bit pixels"):
        image = plugin(io.BytesIO(data))  # `Image.open` would warn of sizes that are judged here
    if kind in ("JPEG", "PNG", "WEBP"):  # their headers tell, and others count by looking at every frame
        parts = replace(parts, frames=getattr(image, "n_frames", 1))
    room = LIMITS["memory beside a picture"].most + LIMITS["memory for a byte"].most * len(data)
    room = min(room, LIMITS["memory for a large picture"].most)
    return Encoded(image, kind, parts, image.size, name, room).at(page, most, side)


def _counted(data: bytes, kind: str, name: str) -> Parts:
    if kind == "JPEG":
        return Parts(coefficients=containers.jpeg(data, name))
    if kind == "PNG":
        containers.png(data, name)
    elif kind == "GIF":
        frames, more = containers.gif_frames(data, name)
        return Parts(frames=max(frames, 1), more=more)
    elif kind == "TIFF":
        pages, more = tiff.pages(data, name)
        return Parts(tuple(pages) or (0,), more=more)
    return Parts()


def _kind(data: bytes, name: str) -> tuple[str, Callable[..., Image.Image]]:
    if not data:
        raise GateError(name, "a picture file", "an empty one (0 bytes)")
    for magic, kind, plugin in _KINDS:
        if data.startswith(magic) and (kind != "WEBP" or data[8:12] in (b"WEBP", b"")):
            return kind, plugin
    raise GateError(name, f"a {ACCEPTED} file", _other(data[:64]))


def _other(beginning: bytes) -> str:
    """What a file that is no accepted picture seems to be."""
    if beginning[4:8] == b"ftyp":
        return "an HEIC, AVIF or video file; save the photograph as JPEG first"
    start = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, kind in _OTHERS:
        if start.startswith(magic):
            return kind
    return "a text file" if all(byte >= 32 or byte in b"\t\n\r" for byte in beginning) else "a file of another kind"


def _draft(image: Image.Image, most: int, side: int) -> None:
    """Have the decoder leave out detail: half, a quarter or an eighth of each side is drawn."""
    width, height = image.size
    sizes = [(ceil(width / part), ceil(height / part)) for part in (1, 2, 4, 8)]
    enough = [size for size in sizes if max(size) >= side] or sizes[:1]
    few = [size for size in sizes if size[0] * size[1] <= most] or sizes[-1:]
    image.draft(None, min(enough[-1], few[0]))


def _check_memory(found: Encoded) -> None:
    """Refuse what takes more beside the picture that comes out, in mode RGB, than its bytes let expect."""
    image, pixels = found.image, found.image.width * found.image.height
    drawn = 4 * pixels / max(ceil((pixels / LIMITS["picture pixels"].most) ** 0.5), 1) ** 2
    working = found.parts.coefficients
    if found.kind == "WEBP":
        working = 14 * pixels  # two canvases of the decoder's, and what it hands over
    elif isinstance(image, TiffImagePlugin.TiffImageFile):
        working = _strip(image)
    # What the decoder works with is gone when the picture that comes out is made.
    beside = pixels * _PER_PIXEL.get(image.mode, 4) + max(working - drawn, 0)
    if beside > found.room:
        want = f"a picture that takes at most {found.room / 1e6:.0f} MB more than itself while it is unpacked"
        got = f"{_million(image.size)}, which take {beside / 1e6:.0f} MB"
        raise GateError(found.name, want, got, advice=_SMALLER)


def _million(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]} ({size[0] * size[1] / 1e6:.1f} million pixels)"


def _strip(image: TiffImagePlugin.TiffImageFile) -> int:
    """Bytes of the largest piece of a packed TIFF, which is unpacked as a whole."""
    tags = image.tag_v2
    if tags.get(259, 1) == 1:
        return 0
    bits = max(tags.get(258, (1,))) * tags.get(277, 1)
    if 322 in tags:
        return int(tags[322] * tags.get(323, 1) * bits // 8)
    return int(image.width * min(tags.get(278, image.height), image.height) * bits // 8)
