"""Several pages in one file: each can be opened, and what is not opened is named."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vit_attention.gate import LIMITS
from vit_attention.inputs.pictures import PictureError, open_pages, open_picture

COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))


def scan(*sizes: tuple[int, int], **options: Any) -> bytes:
    """A TIFF of one page a size, red, green and blue in turn."""
    first, *others = [Image.new("RGB", size, COLOURS[n % 3]) for n, size in enumerate(sizes)]
    file = io.BytesIO()
    first.save(file, "TIFF", save_all=True, append_images=others, **options)
    return file.getvalue()


def by_hand(pages: int, order: str = "<", loop: bool = False, kinds: tuple[int, ...] = ()) -> bytes:
    """A grey 8 x 8 TIFF, with every directory packed by hand; page n is of grey n."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    fields = 9
    step = 64 + 2 + fields * 12 + 4
    data = head + struct.pack(order + "I", 8 + 64)
    for n in range(pages):
        start = 8 + n * step
        kind = kinds[n] if kinds else 0
        values = ((254, kind), (256, 8), (257, 8), (258, 8), (259, 1), (262, 1), (273, start), (278, 8), (279, 64))
        data += bytes([n % 256]) * 64 + struct.pack(order + "H", fields)
        for tag, value in values:
            short = tag in (258, 259, 262)
            packed = struct.pack(order + "HH", value, 0) if short else struct.pack(order + "I", value)
            data += struct.pack(order + "HHI", tag, 3 if short else 4, 1) + packed
        last = n == pages - 1
        data += struct.pack(order + "I", (8 + 64 if loop else 0) if last else start + step + 64)
    return data


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate", "jpeg"])
def test_every_page_is_opened_in_order(compression: str | None) -> None:
    data = scan((16, 16), (24, 10), (9, 30), compression=compression)
    opened = list(open_pages(data))
    assert [one.image.size for one in opened] == [(16, 16), (24, 10), (9, 30)]
    for one, colour, number in zip(opened, COLOURS, (1, 2, 3), strict=True):
        assert np.abs(np.asarray(one.image).astype(int) - colour).max() <= 2
        assert one.notes[-1] == f"Page {number} of 3."


def test_one_page_is_chosen_and_the_others_are_named(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    path.write_bytes(scan((16, 16), (24, 10)))
    opened = open_picture(path, page=2)
    assert opened.image.size == (24, 10)
    assert opened.notes == ("Page 2 of 2 is used; the others are left out.",)
    for page in (0, 3, -1):
        with pytest.raises(PictureError, match=f"want page 1 to 2, got {page}"):
            open_picture(path, page=page)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_a_picture_of_one_page_says_nothing_of_pages(kind: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, kind)
    (only,) = open_pages(file.getvalue())
    assert only.notes == ()
    (only,) = open_pages(Image.new("RGB", (16, 16)))
    assert only.notes == ()


def test_frames_of_an_animation_are_no_pages() -> None:
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "GIF", save_all=True, append_images=[Image.new("RGB", (16, 16), "red")])
    (only,) = open_pages(file.getvalue())
    assert only.notes == ("Frame 1 of 2 is used; the others are left out.",)
    with pytest.raises(PictureError, match=r"want page 1 to 1, got 2\. The frames of an animation are no pages"):
        open_picture(file.getvalue(), page=2)


@pytest.mark.parametrize("order", ["<", ">"])
def test_reduced_copies_and_masks_are_no_pages(order: str) -> None:
    opened = list(open_pages(by_hand(4, order, kinds=(0, 1, 2, 4))))
    assert [np.asarray(one.image)[0, 0, 0] for one in opened] == [0, 2]
    assert opened[1].notes == ("Page 2 of 2.",)


@pytest.mark.parametrize("order", ["<", ">"])
def test_directories_in_a_circle_are_read_once(order: str) -> None:
    opened = list(open_pages(by_hand(3, order, loop=True)))
    assert [np.asarray(one.image)[0, 0, 0] for one in opened] == [0, 1, 2]


def test_a_book_of_too_many_pages_is_refused_but_its_first_page_opens() -> None:
    most = LIMITS["picture pages"].most
    data = by_hand(most + 5)
    assert open_picture(data).notes == ("Page 1 of more than 1,000 is used; the others are left out.",)
    with pytest.raises(PictureError, match=r"want at most 1,000 pages, got 1,001\. Split the file"):
        next(open_pages(data))
    assert sum(1 for _ in open_pages(by_hand(most))) == most


def test_a_damaged_page_is_named() -> None:
    data = bytearray(by_hand(3))
    place = data.rfind(struct.pack("<HHII", 256, 4, 1, 8))  # the width of the last page
    data[place + 8 : place + 12] = bytes(4)
    pages = open_pages(bytes(data))
    assert len([next(pages), next(pages)]) == 2
    with pytest.raises(PictureError, match=r"^picture: page 3: want "):
        next(pages)


def test_an_image_that_stands_at_a_page_is_taken_there() -> None:
    given = Image.open(io.BytesIO(scan((16, 16), (24, 10), (9, 30))))
    given.seek(1)
    opened = open_picture(given)
    assert opened.image.size == (24, 10)
    assert opened.notes == ("Page 2 of several is used; the others are left out.",)
    assert given.tell() == 1
    with pytest.raises(PictureError, match="want page 1 of what is no file, got 2"):
        open_picture(given, page=2)
