"""Every kind of picture a stranger may give: accepted ones against hand-made pixels, refused ones by their message."""

from __future__ import annotations

import io
import os
import re
import struct
import sys
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from vit_attention.inputs.pictures import OpenedPicture, PictureError, open_picture


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(width: int = 40, height: int = 30, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (height, width, channels), dtype=np.uint8)


def pixels(opened: OpenedPicture) -> np.ndarray:
    assert opened.image.mode == "RGB"
    return np.asarray(opened.image).astype(int)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG written by hand, so that nothing here depends on what Pillow can write."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
    return start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def refused(source: Any, *words: str, **limits: int) -> str:
    """The message of the refusal; `words` must be part of it."""
    with pytest.raises(PictureError) as caught:
        open_picture(source, **limits)
    message = str(caught.value)
    assert re.match(r"[^:]+: want ", message)
    for word in words:
        assert word in message
    return message


# What is accepted


def test_every_kind_of_source_gives_the_same_pixels(tmp_path: Path) -> None:
    array = noise()
    data = encoded(Image.fromarray(array), "PNG")
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    with path.open("rb") as file:
        sources: list[Any] = [
            data,
            bytearray(data),
            path,
            str(path),
            io.BytesIO(data),
            file,
            Image.fromarray(array),
            array,
        ]
        for source in sources:
            opened = open_picture(source)
            assert (pixels(opened) == array).all()
            assert opened.notes == ()
            assert opened.size_given == (40, 30)
        assert not file.closed


def test_a_file_is_read_from_its_start_and_may_be_a_stream() -> None:
    class Stream(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.rest = io.BytesIO(data)

        def read(self, size: int = -1) -> bytes:
            return self.rest.read(size)

    data = encoded(Image.fromarray(noise()), "BMP")
    file = io.BytesIO(data)
    file.seek(0, io.SEEK_END)
    assert (pixels(open_picture(file)) == noise()).all()
    stream: Any = Stream(data)
    assert (pixels(open_picture(stream)) == noise()).all()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_keep_every_pixel(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    assert (pixels(open_picture(encoded(Image.fromarray(noise()), kind, **options))) == noise()).all()


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_becomes_three_equal_channels(mode: str) -> None:
    grey = np.tile(np.repeat(np.array([0, 255], np.uint8), 5), (10, 1))
    opened = open_picture(encoded(Image.fromarray(grey).convert(mode), "PNG"))
    assert (pixels(opened) == grey[:, :, None]).all()


def test_a_cmyk_jpeg_is_converted_and_says_so() -> None:
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    opened = open_picture(encoded(cyan, "JPEG", quality=95))
    assert np.abs(pixels(opened) - (0, 255, 255)).max() <= 3
    assert "CMYK" in opened.notes[0]


@pytest.mark.parametrize("mode", ["I;16", "I"])
def test_sixteen_bit_grey_is_divided_by_257_not_clipped(mode: str) -> None:
    values = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)  # multiples of 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    source = png(16, 16, 16, 0, rows) if mode == "I;16" else Image.fromarray(values.astype(np.int32))
    opened = open_picture(source)
    assert (pixels(opened)[:, :, 0].ravel() == np.arange(256)).all()
    assert opened.notes == ("16-bit grey values (0 to 65535) are scaled to 0 to 255.",)


def test_a_dark_sixteen_bit_png_stays_dark() -> None:
    rows = b"".join(b"\0" + struct.pack(">8H", *[200] * 8) for _ in range(8))
    assert (pixels(open_picture(png(8, 8, 16, 0, rows))) == 1).all()


@pytest.mark.parametrize(
    ("low", "high", "expected", "note"),
    [
        (0.0, 1.0, (0, 255), "0 to 1)"),
        (0.0, 0.2, (0, 51), "0 to 1)"),
        (0.0, 200.0, (0, 200), "taken for 0 (black) to 255"),
        (0.0, 65535.0, (0, 255), "16-bit"),
        (-3.0, 5.0, (0, 255), "from -3 to 5"),
        (70000.0, 70000.0, (0, 0), "stretched"),
    ],
)
def test_a_float_tiff_is_scaled_by_the_white_it_implies(
    low: float, high: float, expected: tuple[int, int], note: str
) -> None:
    values = np.full((8, 8), low, np.float32)
    values[4:] = high
    opened = open_picture(encoded(Image.fromarray(values), "TIFF"))
    assert tuple(pixels(opened)[[0, 7], 0, 0]) == expected
    assert note in opened.notes[0]


def test_a_float_picture_with_holes_is_refused() -> None:
    values = np.ones((8, 8), np.float32)
    values[2, 2] = np.nan
    refused(encoded(Image.fromarray(values), "TIFF"), "finite")


# Transparency: whatever colour is hidden below, white shows


@pytest.mark.parametrize("alpha", [0, 64, 255])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_rgba_is_laid_on_white(kind: str, alpha: int) -> None:
    image = Image.new("RGBA", (8, 8), (200, 0, 100, alpha))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    opened = open_picture(encoded(image, kind, **options))
    share = alpha / 255
    expected = share * np.array([200, 0, 100]) + (1 - share) * 255
    assert np.abs(pixels(opened) - expected).max() <= 1
    assert opened.notes == (() if alpha == 255 else ("Transparent parts are laid on white.",))


def test_la_is_laid_on_white() -> None:
    values = np.full((8, 8, 2), (10, 255), np.uint8)
    values[:4, :, 1] = 0
    opened = open_picture(encoded(Image.fromarray(values), "PNG"))
    assert (pixels(opened)[:4] == 255).all()
    assert (pixels(opened)[4:] == 10).all()


def test_a_palette_with_a_transparent_entry_is_laid_on_white() -> None:
    palette = chunk(b"PLTE", bytes([250, 0, 0, 0, 0, 250]))  # red, blue
    rows = b"".join(b"\0" + bytes([0, 0, 0, 0, 1, 1, 1, 1]) for _ in range(8))
    opened = open_picture(png(8, 8, 8, 3, rows, palette + chunk(b"tRNS", b"\0")))
    assert (pixels(opened)[:, :4] == 255).all()
    assert (pixels(opened)[:, 4:] == (0, 0, 250)).all()


def test_a_palette_without_transparency_keeps_its_colours() -> None:
    palette = chunk(b"PLTE", bytes([250, 0, 0, 0, 0, 250]))
    opened = open_picture(png(8, 8, 8, 3, b"".join(b"\0" + bytes([0] * 4 + [1] * 4) for _ in range(8)), palette))
    assert (pixels(opened)[:, :4] == (250, 0, 0)).all()
    assert opened.notes == ()


@pytest.mark.parametrize("bits", [8, 16])
def test_a_grey_png_with_a_colour_key_is_laid_on_white(bits: int) -> None:
    form = ">8H" if bits == 16 else "8B"
    rows = b"".join(b"\0" + struct.pack(form, *[77] * 4, *[0] * 4) for _ in range(8))
    opened = open_picture(png(8, 8, bits, 0, rows, chunk(b"tRNS", struct.pack(">H", 77))))
    assert (pixels(opened)[:, :4] == 255).all()
    assert (pixels(opened)[:, 4:] == 0).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_a_colour_png_with_a_colour_key_opens(bits: int) -> None:
    form = ">24H" if bits == 16 else "24B"
    rows = b"".join(b"\0" + struct.pack(form, *[77, 78, 79] * 4, *[0] * 12) for _ in range(8))
    opened = open_picture(png(8, 8, bits, 2, rows, chunk(b"tRNS", struct.pack(">3H", 77, 78, 79))))
    assert (pixels(opened)[:, 4:] == 0).all()
    if bits == 8:
        assert (pixels(opened)[:, :4] == 255).all()


# Orientation: the marker is turned by hand

CORNERS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[255, 255, 0], [0, 255, 255], [255, 0, 255]]], np.uint8)
# Where the six blocks of the upright marker (0 1 2 / 3 4 5) lie in the stored picture, read off the EXIF standard's
# table: "the 0th row is the visual ..., the 0th column is the visual ...".
STORED = {
    1: [[0, 1, 2], [3, 4, 5]],  # row top, column left
    2: [[2, 1, 0], [5, 4, 3]],  # row top, column right
    3: [[5, 4, 3], [2, 1, 0]],  # row bottom, column right
    4: [[3, 4, 5], [0, 1, 2]],  # row bottom, column left
    5: [[0, 3], [1, 4], [2, 5]],  # row left side, column top
    6: [[2, 5], [1, 4], [0, 3]],  # row right side, column top
    7: [[5, 2], [4, 1], [3, 0]],  # row right side, column bottom
    8: [[3, 0], [4, 1], [5, 2]],  # row left side, column bottom
}


def marker(layout: list[list[int]]) -> np.ndarray:
    """The six coloured blocks, 16 pixels each, in the order of `layout`."""
    return CORNERS.reshape(6, 3)[np.array(layout)].repeat(16, axis=0).repeat(16, axis=1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "object"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_tag_is_obeyed_once(orientation: int, kind: str) -> None:
    stored = Image.fromarray(marker(STORED[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: Any = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    data = encoded(stored, "PNG" if kind == "object" else kind, exif=exif, **options)
    opened = open_picture(Image.open(io.BytesIO(data)) if kind == "object" else data)
    assert opened.size_given == opened.image.size == (48, 32)
    assert np.abs(pixels(opened) - marker(STORED[1])).max() <= 8
    assert [f"EXIF value {orientation}" in note for note in opened.notes] == ([] if orientation == 1 else [True])
    assert open_picture(opened.image).notes == ()


def test_a_turned_large_jpeg_is_reduced_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    tall = Image.fromarray(marker(STORED[1])).resize((900, 600), Image.Resampling.NEAREST)
    opened = open_picture(encoded(tall, "JPEG", exif=exif), max_side=90)
    assert opened.size_given == (600, 900)
    assert opened.image.size == (60, 90)
    assert any("Reduced from 600x900 to 60x90" in note for note in opened.notes)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize(
    "tag", [b"", b"junk", b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"]
)
def test_damaged_exif_does_not_spoil_a_sound_picture(tag: bytes) -> None:
    assert open_picture(encoded(Image.fromarray(noise()), "JPEG", exif=tag)).image.size == (40, 30)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    opened = open_picture(encoded(Image.fromarray(noise()), "PNG", exif=exif))
    assert (pixels(opened) == noise()).all()
    assert opened.notes == ()


def test_an_orientation_in_letters_is_ignored() -> None:
    entry = struct.pack("<HHI4s", 0x0112, 2, 2, b"x")
    tag = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
    assert open_picture(encoded(Image.fromarray(noise()), "JPEG", exif=tag)).notes == ()


def test_metadata_does_not_travel_on() -> None:
    exif = Image.Exif()
    exif[0x010F] = "maker of the camera"
    opened = open_picture(encoded(Image.fromarray(noise()), "JPEG", exif=exif, comment=b"secret"))
    assert opened.image.info == {}
    assert b"maker" not in encoded(opened.image, "PNG")
    assert dict(opened.image.getexif()) == {}


# Several frames


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_first_of_several_frames_is_used(kind: str) -> None:
    colours = ["red", "lime", "blue"]
    first, *others = [Image.new("RGB", (16, 16), colour) for colour in colours]
    options = {"lossless": True} if kind == "WEBP" else {}
    opened = open_picture(encoded(first, kind, save_all=True, append_images=others, **options))
    assert (pixels(opened) == (255, 0, 0)).all()
    assert opened.notes == ("Frame 1 of 3 is used; the others are left out.",)


def test_an_animation_cut_after_its_first_frame_is_still_a_picture() -> None:
    frames = [Image.fromarray(noise(64, 64)).quantize(64) for _ in range(2)]
    frames[1] = Image.fromarray(255 - noise(64, 64)).quantize(64)
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    opened = open_picture(data[: len(data) * 3 // 4])
    expected = np.asarray(frames[0].convert("RGB")).astype(int)
    assert np.abs(pixels(opened) - expected).max() <= 1


def test_a_tiff_of_several_pages_says_so() -> None:
    pages = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    opened = open_picture(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert (pixels(opened) == (255, 0, 0)).all()
    assert opened.notes == ("Page 1 of 2 is used; the others are left out.",)


def test_a_stereo_photograph_of_a_phone_opens() -> None:
    views = [Image.new("RGB", (32, 24), colour) for colour in ("red", "blue")]
    opened = open_picture(encoded(views[0], "MPO", save_all=True, append_images=views[1:]))
    assert np.abs(pixels(opened) - (255, 0, 0)).max() <= 3
    assert opened.notes == ("Frame 1 of 2 is used; the others are left out.",)


# Reduction


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_large_pictures_are_reduced_to_the_mean_of_their_areas(kind: str) -> None:
    blocks = np.random.default_rng(1).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    large = Image.fromarray(blocks.repeat(100, axis=0).repeat(100, axis=1))
    opened = open_picture(encoded(large, kind), max_side=90)
    assert opened.image.size == (90, 60)
    assert opened.size_given == (900, 600)
    assert opened.notes == ("Reduced from 900x600 to 90x60 pixels, because the longer side is larger than 90.",)
    middles = pixels(opened)[5::10, 5::10]
    assert np.abs(middles - blocks).max() <= 12


def test_a_large_jpeg_is_not_decoded_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    load = ImageFile.ImageFile.load

    def watched(self: ImageFile.ImageFile) -> object:
        sizes.append(self.size)
        return load(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", watched)
    assert open_picture(encoded(Image.new("RGB", (1600, 1200)), "JPEG"), max_side=200).image.size == (200, 150)
    assert set(sizes) == {(200, 150)}


def test_the_image_that_is_given_is_left_as_it_is() -> None:
    given = Image.fromarray(noise(100, 80))
    given.info["note"] = "mine"
    opened = open_picture(given, max_side=50)
    assert given.size == (100, 80)
    assert given.info == {"note": "mine"}
    assert open_picture(given).image is not given
    lazy = Image.open(io.BytesIO(encoded(given, "JPEG")))
    open_picture(lazy, max_side=10)
    assert lazy.size == (100, 80)
    assert opened.image.size == (50, 40)


# Refusals


def test_no_bytes() -> None:
    refused(b"", "empty", "0 bytes")
    refused(io.BytesIO(), "empty")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"hello, I am no picture at all", "a text file"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\nshowpage\n", "EPS"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"/>', "SVG"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\x89PNG\r\n\x1a\n", "want a whole PNG file"),
        (b"\xff\xd8\xff", "want a whole JPEG file"),
        (b"\x7fELF\0\0\1\0", "another kind"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path: Path, text: bytes, word: str) -> None:
    path = tmp_path / "renamed.png"
    path.write_bytes(text)
    for source in (text, path):
        refused(source, word)


@pytest.mark.parametrize("kind", ["PPM", "ICO", "TGA", "PCX", "JPEG2000", "EPS"])
def test_formats_outside_the_list_are_refused(kind: str) -> None:
    refused(encoded(Image.fromarray(noise()), kind), "JPEG, PNG, WebP, GIF, BMP or TIFF")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_truncated_file_is_refused(kind: str, share: float) -> None:
    data = encoded(Image.fromarray(noise(200, 150)), kind)
    refused(data[: int(len(data) * share)])


def test_a_damaged_file_is_refused_or_opened_but_nothing_else_is_thrown() -> None:
    generator, opened = np.random.default_rng(3), 0
    refusals: list[str] = []
    for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"):
        data = np.frombuffer(encoded(Image.fromarray(noise(32, 32)), kind), np.uint8)
        for _ in range(60):
            broken = data.copy()
            broken[generator.integers(0, min(len(data), 300), 4)] = generator.integers(0, 256, 4)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    assert open_picture(broken.tobytes()).image.mode == "RGB"
                    opened += 1
                except PictureError as error:
                    refusals.append(str(error))
    assert all(text.startswith("picture: want ") for text in refusals)
    assert min(opened, len(refusals)) > 50


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises `width` x `height` and whose body cannot be decoded at all."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"not compressed data")


@pytest.mark.parametrize(
    ("width", "height", "millions"),
    [
        (20000, 20000, "200 million pixels, got 20000x20000 (400.0 million pixels)"),
        (8000, 8000, "8000x8000 (64.0 million pixels)"),
    ],
)
def test_too_many_pixels_are_refused_from_the_header_alone(width: int, height: int, millions: str) -> None:
    assert refused(bomb(width, height), millions, "Make it smaller, or save it as a plain (baseline) JPEG")


def test_a_size_that_pillow_warns_of_is_refused_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refused(bomb(10000, 10000), "10000x10000 (100.0 million pixels)")


def test_the_number_of_pixels_that_is_kept_is_the_callers() -> None:
    colours = np.random.default_rng(2).integers(0, 256, (10, 15, 3), dtype=np.uint8)
    large = colours.repeat(2, axis=0).repeat(2, axis=1)
    opened = open_picture(large, max_pixels=599)
    assert (pixels(opened) == colours).all()
    assert opened.size_given == (30, 20)
    assert opened.notes == ("Reduced from 30x20 to 15x10 pixels, because it has more than 0.000599 million.",)
    assert open_picture(large, max_pixels=600).notes == ()


def test_a_text_chunk_that_unpacks_to_a_gigabyte_is_no_danger() -> None:
    body = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    rows = b"".join(b"\0" + bytes(8) for _ in range(8))
    refused(png(8, 8, 8, 0, rows, chunk(b"zTXt", body)))


def test_too_small_pictures_are_refused() -> None:
    refused(encoded(Image.new("RGB", (1, 1)), "PNG"), "at least 8 pixels on each side, got 1x1")
    refused(encoded(Image.new("RGB", (100, 7)), "PNG"), "100x7")
    refused(encoded(Image.new("RGB", (4000, 10)), "PNG"), "after reduction to 1000", "becomes 1000x2", max_side=1000)
    assert open_picture(encoded(Image.new("RGB", (1, 1)), "PNG"), min_side=1).image.size == (1, 1)


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    refused(tmp_path / "missing.png", "want an existing file", "missing.png")
    refused(tmp_path, "a folder")
    refused("", "folder")
    refused("nul\0byte", "may be read")
    refused("x" * 5000, "may be read")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_in_place_of_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    refused(pipe, "a pipe")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(Image.fromarray(noise()), "PNG"))

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    refused(path, "may be read", "Permission denied")


def test_things_that_are_no_source(tmp_path: Path) -> None:
    refused(None, "NoneType")
    refused(42, "int")
    refused(io.StringIO("text"), "binary mode")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "fits into memory"),
        (SyntaxError("broken"), "undamaged file, got one that cannot be read (broken)"),
        (struct.error("short"), "(short)"),
        (RecursionError(), "(RecursionError)"),
    ],
)
def test_whatever_a_decoder_throws_is_a_refusal(monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    def fails(self: ImageFile.ImageFile) -> None:
        raise error

    monkeypatch.setattr(ImageFile.ImageFile, "load", fails)
    refused(encoded(Image.fromarray(noise()), "BMP"), words)


def test_an_interrupt_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: ImageFile.ImageFile) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ImageFile.ImageFile, "load", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_picture(encoded(Image.fromarray(noise()), "BMP"))


def test_many_threads_and_no_global_change() -> None:
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
    sources = [encoded(Image.fromarray(noise() // (i + 1)), "PNG") for i in range(8)]
    wrong: list[int] = []

    def work(i: int) -> None:
        right = all((pixels(open_picture(sources[i])) == noise() // (i + 1)).all() for _ in range(10))
        if not right:
            wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP"])
def test_an_image_whose_file_is_closed_says_so(tmp_path: Path, kind: str) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "one", kind)
    with Image.open(tmp_path / "one") as image:
        pass
    with pytest.raises(PictureError, match=r"whose file was closed before it was read\. Call its load\(\)"):
        open_picture(image)
    with Image.open(tmp_path / "one") as image:
        image.load()
    assert open_picture(image).image.size == (20, 20)
