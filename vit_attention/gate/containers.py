"""Parts of JPEG, PNG and GIF files counted by their markers and lengths alone: what takes a library longest is seen first."""

import re
from collections.abc import Iterator

from vit_attention.gate.limits import LIMITS
from vit_attention.gate.tiff import check_exif

# Any number of fill bytes may stand before a marker; FF 00 is a value.
_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_ALONE = {0x01, *range(0xD0, 0xD9)}  # restarts and the like: markers without a length
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}


def jpeg(data: bytes, name: str) -> int:
    """Bytes that a decoder of this JPEG keeps from scan to scan, whatever size it is then drawn at.

    Raises:
        GateError: more scans or segments than any camera or program writes; a decoder goes over all pixels for each scan.
    """
    scans, coefficients, pixels, exif = 0, 0, 0, b""
    by_steps, components = False, 0
    for number, (kind, body) in enumerate(_segments(data), 1):
        LIMITS["picture parts"].check(number, name, "segments")
        if kind in _FRAMES and not pixels:
            pixels, coefficients = _frame(body)
            by_steps, components = kind in _PROGRESSIVE, body[5] if len(body) > 5 else 0
        elif kind == _APP1 and body.startswith(b"Exif\0\0"):
            exif += body[6:]
            LIMITS["EXIF"].check(len(exif), name, "EXIF")
        elif kind == _SCAN and pixels:
            scans += 1
            if scans == 1 and not by_steps and body[:1] == bytes([components]):
                coefficients = 0  # everything in one scan: drawn as it is read
            _check_scans(scans, pixels, name)
    check_exif(exif, name)
    return coefficients


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and body of every segment of a JPEG up to its end; what follows a scan's is passed over."""
    place = 2
    while (found := _MARKER.search(data, place)) is not None and found[1][0] != _END:
        kind, place = found[1][0], found.end()
        if kind not in _ALONE:
            length = int.from_bytes(data[place : place + 2], "big")
            yield kind, data[place + 2 : place + length]
            place += max(length, 2)


def _frame(body: bytes) -> tuple[int, int]:
    """(pixels, bytes of all coefficients) by the header of a frame."""
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    factors = [(byte >> 4, byte & 15) for byte in body[7::3]]
    most = max((across for across, _ in factors), default=1) or 1, max((down for _, down in factors), default=1) or 1
    shares = sum(across / most[0] * down / most[1] for across, down in factors)
    return width * height, int(2 * width * height * shares)


def _check_scans(scans: int, pixels: int, name: str) -> None:
    way = "Save the picture anew, as a plain (baseline) JPEG or a PNG."
    LIMITS["scans"].check(scans, name, "scans", way)
    LIMITS["scanned pixels"].check(scans * pixels, name, "scans", way)


def png(data: bytes, name: str) -> None:
    """Walk along the chunks of a PNG up to its second frame, if it has one.

    Raises:
        GateError: more chunks than any program writes, or too many of packed text; each may unpack to a megabyte.
    """
    place, parts, packed, drawn = 8, 0, 0, False
    while place + 8 <= len(data):
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        if kind == b"IEND" or (kind == b"fcTL" and drawn):
            return
        drawn |= kind == b"IDAT"
        packed += kind in (b"zTXt", b"iTXt", b"iCCP")
        parts += 1
        LIMITS["PNG chunks"].check(parts, name, "chunks")
        LIMITS["packed texts"].check(packed, name, "chunks of text")
        place += 12 + length


def gif_frames(data: bytes, name: str) -> tuple[int, bool]:
    """How many frames a GIF has, and whether there may be more than were counted.

    Raises:
        GateError: more before the first frame than a comment or two; a library joins all of it, byte by byte.
    """
    place, frames, parts = 13 + _palette(data[10:11]), 0, 0
    while place < len(data) and data[place] in (0x21, 0x2C):
        if data[place] == 0x2C:
            frames += 1
            place += 10 + _palette(data[place + 9 : place + 10]) + 1
        else:
            place += 2
        while place < len(data) and data[place]:
            parts += 1
            place += 1 + data[place]
            if frames and (parts >= LIMITS["PNG chunks"].most or frames > LIMITS["picture pages"].most):
                return frames, True
            if not frames:
                LIMITS["picture parts"].check(parts, name, "blocks before the first frame")
        place += 1
    return frames, False


def _palette(flags: bytes) -> int:
    """Bytes of the palette that follows these flags."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0
