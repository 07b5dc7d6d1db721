"""Files that take more memory or time than their bytes let expect, each opened in a child process whose peak is watched."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vit_attention.gate import GateError
from vit_attention.gate.pictures import open_encoded
from vit_attention.inputs.pictures import PictureError, open_pages, open_picture


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, bits: int, colour: int, channels: int, extra: bytes = b"", after: bytes = b""
) -> bytes:
    """A PNG of zeros."""
    row = bytes(1 + (width * bits * channels + 7) // 8)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(row * height, 9))
    return b"\x89PNG\r\n\x1a\n" + head + extra + body + after + chunk(b"IEND", b"")


def scans(count: int, between: bytes = b"", before: bytes = b"", side: int = 5000) -> bytes:
    """A progressive JPEG that draws its last scan `count` times over."""
    data = encoded(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    table = data.rfind(b"\xff\xc4", 0, last)
    scan = data[table if last - table < 400 else last : -2]
    return data[:2] + before + data[2:-2] + (between + scan) * count + b"\xff\xd9"


def fields(count: int, size: int) -> bytes:
    """A TIFF directory whose fields all point at the same bytes."""
    rows = b"".join(struct.pack("<HHII", 1000 + n, 7, size, 8) for n in range(count))
    return b"II*\0" + struct.pack("<IH", 8, count) + rows + bytes(4 + size)


TEXT = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
MEGABYTE = zlib.compress(bytes(1_000_000), 9)
FRAME = encoded(Image.new("P", (16, 16)), "GIF")
FIRST = FRAME.rfind(b",")

HOSTILE = {
    "scans": scans(1000),
    "scans after restarts": scans(1000, b"\xff\xd0\xff\xd1"),
    "scans after fill bytes": scans(1000, b"\xff" * 9),
    "scans after segments": scans(400, b"\xff\xe5\x00\x06abcd"),
    "scans after false ends": scans(400, b"\xff\xfe\x00\x06\xff\xd9\xff\xd9", b"\xff\xe5\x00\x06\xff\xd9\xff\xd9"),
    "scans after zeros": scans(1000, b"garbage\xff\x00"),
    "four billion pixels": scans(0, side=64).replace(b"\x00\x40\x00\x40", b"\xff\xdc\xff\xdc"),
    "segments": b"\xff\xd8" + b"\xff\xfe\x00\x03x" * 900_000 + encoded(Image.new("L", (16, 16)), "JPEG")[2:],
    "fields in EXIF": encoded(Image.new("L", (16, 16)), "JPEG", exif=b"Exif\0\0" + fields(900, 50_000)),
    "EXIF": b"\xff\xd8"
    + (b"\xff\xe1\x40\x02Exif\0\0" + bytes(0x3FFA)) * 990
    + encoded(Image.new("L", (16, 16)), "JPEG")[2:],
    "fields": fields(900, 1 << 20),
    "PNG EXIF": png(16, 16, 8, 0, 1, chunk(b"eXIf", fields(60_000, 70_000))),
    "text": png(16, 16, 8, 0, 1, chunk(b"zTXt", TEXT)),
    "text after": png(16, 16, 8, 0, 1, after=chunk(b"zTXt", TEXT)),
    "profile": png(16, 16, 8, 0, 1, chunk(b"iCCP", TEXT)),
    "many texts": png(16, 16, 8, 0, 1, b"".join(chunk(b"zTXt", b"C%d\0\0" % n + MEGABYTE) for n in range(300))),
    "many chunks": png(16, 16, 8, 0, 1, chunk(b"tEXt", b"a\0b") * 300_000),
    "bits": png(5000, 5000, 1, 0, 1),
    "palette": png(5000, 5000, 1, 3, 1, chunk(b"PLTE", bytes(6)) + chunk(b"tRNS", b"\0")),
    "opacity": png(4900, 5000, 16, 6, 4),
    "deep grey": png(5000, 5000, 16, 0, 1),
    "144 megapixels": png(12_000, 12_000, 1, 0, 1),
    "frames": FRAME[:-1] + FRAME[FIRST:-1] * 100_000 + b";",
    "comments": FRAME[:FIRST] + b"\x21\xfe\x01x\0" * 500_000 + FRAME[FIRST:],
    "long comment": FRAME[:FIRST] + b"\x21\xfe" + (b"\xff" + bytes(255)) * 60_000 + b"\0" + FRAME[FIRST:],
    "screen": FRAME[:6] + b"\xff\xff\xff\xff" + FRAME[10:],
    "WebP": encoded(Image.new("RGB", (5000, 5000)), "WEBP", lossless=True),
    "BMP": encoded(Image.new("1", (5000, 5000)), "BMP"),
    "fax": encoded(Image.new("1", (5000, 5000)), "TIFF", compression="group4"),
    "float": encoded(Image.new("F", (4900, 5000)), "TIFF", compression="tiff_adobe_deflate"),
}

CHILD = """
import sys, time, warnings
from vit_attention.inputs.pictures import PictureError, open_picture
import numpy as np
warnings.simplefilter("ignore")
open_picture(np.zeros((9, 9, 3), np.uint8))
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1000
for path in sys.argv[1:]:
    open("/proc/self/clear_refs", "w").write("5")
    before, began, drawn = peak(), time.process_time(), 0
    try:
        opened = open_picture(path)
        drawn = opened.image.width * opened.image.height * 4 / 1e6
        del opened
    except PictureError:
        pass
    print(path, peak() - before - drawn, time.process_time() - began)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_no_file_takes_more_than_its_bytes_let_expect(tmp_path: Path) -> None:
    for name, data in HOSTILE.items():
        (tmp_path / name).write_bytes(data)
    paths = [str(tmp_path / name) for name in HOSTILE]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *paths], capture_output=True, text=True, timeout=300, check=True
    )
    lines = [line.rsplit(" ", 2) for line in done.stdout.splitlines()]
    assert [path for path, _, _ in lines] == paths
    for path, megabytes, seconds in lines:
        assert float(megabytes) < 115, path  # 100, and what reading the file and the decoder's own code take
        assert float(seconds) < 6, path


def test_a_record_may_ask_for_less() -> None:
    found = open_encoded(encoded(Image.new("RGB", (400, 300)), "JPEG"), "cat.npz: picture", most=30_000)
    assert found.size == (400, 300)
    assert found.image.size == (200, 150)
    with pytest.raises(GateError, match=r"^cat\.npz: picture: want a JPEG, PNG"):
        open_encoded(b"no picture", "cat.npz: picture")


SOUND = {
    "PNG": encoded(Image.fromarray(np.arange(24 * 24 * 3, dtype=np.uint32).astype(np.uint8).reshape(24, 24, 3)), "PNG"),
    "JPEG": encoded(Image.radial_gradient("L").resize((24, 24)), "JPEG", exif=b"Exif\0\0" + fields(3, 20)),
    "progressive": encoded(Image.radial_gradient("L").resize((24, 24)), "JPEG", progressive=True),
    "GIF": encoded(Image.new("RGB", (24, 24)), "GIF", save_all=True, append_images=[Image.new("RGB", (24, 24), "red")]),
    "WEBP": encoded(Image.radial_gradient("L").resize((24, 24)), "WEBP"),
    "BMP": encoded(Image.radial_gradient("L").resize((24, 24)), "BMP"),
    "TIFF": encoded(Image.new("L", (24, 24)), "TIFF", save_all=True, append_images=[Image.new("1", (24, 24))]),
    "LZW": encoded(Image.radial_gradient("L").resize((24, 24)), "TIFF", compression="tiff_lzw"),
}


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(SOUND)), st.integers(0, 1 << 20), st.integers(1, 255))
def test_one_changed_byte_gives_a_picture_or_a_refusal(kind: str, place: int, by: int) -> None:
    data = bytearray(SOUND[kind])
    data[place % len(data)] ^= by
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for read in (open_picture, lambda data: list(open_pages(data))[-1]):
            try:
                assert read(bytes(data)).image.mode == "RGB"
            except PictureError as error:
                message = str(error)
                assert len(message) < 500 and message.isprintable()  # noqa: PT018


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"II+\0", b""]),
    st.binary(max_size=200),
)
def test_any_bytes_are_a_picture_or_a_refusal(start: bytes, rest: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            open_picture(start + rest)
        except PictureError:
            return
