"""Arrays in the layouts and types that libraries use, against one picture; what could be read in two ways is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vit_attention.gate import GateError
from vit_attention.inputs.pictures import PictureError, open_picture

RGB = np.random.default_rng(6).integers(0, 256, (20, 30, 3), dtype=np.uint8)
RGB[0, 0], RGB[0, 1] = 0, 255
GREY = RGB[:, :, 0]
OPAQUE = np.concatenate([RGB, np.full((20, 30, 1), 255, np.uint8)], axis=2)


def seen(array: Any) -> np.ndarray:
    image = open_picture(array).image
    assert image.mode == "RGB"
    return np.asarray(image)


@pytest.mark.parametrize(
    "array",
    [
        RGB,
        RGB.transpose(2, 0, 1),
        RGB[None],
        RGB.transpose(2, 0, 1)[None],
        OPAQUE,
        OPAQUE.transpose(2, 0, 1),
        np.asfortranarray(RGB),
        np.frombuffer(RGB.tobytes(), np.uint8).reshape(RGB.shape),  # read-only
        RGB.repeat(2, axis=1)[:, ::2],
        RGB[::-1][::-1],
        np.ma.masked_array(RGB, mask=False),
    ],
)
def test_every_layout_of_a_colour_picture(array: np.ndarray) -> None:
    assert (seen(array) == RGB).all()


@pytest.mark.parametrize("array", [GREY, GREY[:, :, None], GREY[None], GREY[None, None], GREY[None, :, :, None]])
def test_every_layout_of_a_grey_picture(array: np.ndarray) -> None:
    assert (seen(array) == GREY[:, :, None]).all()


@pytest.mark.parametrize("kind", ["f2", "<f4", ">f4", "f8", "longdouble"])
@pytest.mark.parametrize("array", [RGB, RGB.transpose(2, 0, 1), RGB[None]])
def test_floating_point_from_0_to_1(array: np.ndarray, kind: str) -> None:
    assert (seen((array / 255).astype(kind)) == RGB).all()


@pytest.mark.parametrize("kind", ["i2", "i4", "i8", "u4", ">i4", "u8"])
def test_whole_numbers_from_0_to_255(kind: str) -> None:
    opened = open_picture(RGB.astype(kind))
    assert (np.asarray(opened.image) == RGB).all()
    assert opened.notes[0].endswith("are taken for 0 (black) to 255 (white).")


@pytest.mark.parametrize("kind", ["<u2", ">u2"])
def test_sixteen_bits(kind: str) -> None:
    opened = open_picture((RGB.astype(np.uint16) * 257).astype(kind))
    assert (np.asarray(opened.image) == RGB).all()
    assert opened.notes == ("16-bit values (0 to 65535) are scaled to 0 to 255.",)


def test_true_is_white() -> None:
    opened = open_picture(GREY > 100)
    assert (np.asarray(opened.image) == np.where(GREY > 100, 255, 0)[:, :, None]).all()
    assert opened.notes == ("Values are true and false: true is drawn white.",)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_a_fourth_channel_is_opacity(kind: Any) -> None:
    array = OPAQUE.copy()
    array[5:, :, 3] = 0
    opened = open_picture(array if kind == np.uint8 else (array / 255).astype(kind))
    assert (np.asarray(opened.image)[:5] == RGB[:5]).all()
    assert (np.asarray(opened.image)[5:] == 255).all()
    assert opened.notes[-1] == "Transparent parts are laid on white."


def test_channels_are_looked_for_at_the_end_first() -> None:
    both = np.zeros((3, 40, 3), np.uint8)
    both[0] = 200
    opened = open_picture(both, min_side=1)
    assert opened.image.size == (40, 3)
    with pytest.raises(PictureError, match="at least 8 pixels on each side, got 40x3"):
        open_picture(both)


def test_what_a_resize_overshoots_is_not_refused() -> None:
    array = (RGB / 255).astype(np.float32)
    array[0, 0], array[0, 1] = -1e-4, 1.0001
    assert (seen(array) == RGB).all()


def test_black_stays_black_in_every_type() -> None:
    for kind in (np.uint8, np.uint16, np.float32, bool, np.int64):
        assert not seen(np.zeros((9, 9), kind)).any()


def spoilt(value: float) -> np.ndarray:
    array = RGB / 255
    array[3, 3, 1] = value
    return array


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (RGB / 127.5 - 1, "floating point values from 0 to 1, got -1 to 1.*torch tensor"),
        (RGB.astype(np.float32), "got 0 to 255.*divide by 255"),
        (spoilt(1.1), "got 0 to 1.1"),
        (spoilt(np.nan), "finite"),
        (spoilt(np.inf), "finite"),
        (spoilt(-np.inf), "finite"),
        (GREY.astype(np.uint16), "uint16 up to 65535, which is white, got at most 255"),
        (RGB.astype(np.int64) - 1, "whole numbers from 0 to 255, or uint16, got int64 from -1 to 254"),
        (RGB.astype(np.int32) * 2, "got int32 from 0 to 510"),
        (RGB.astype(object), "array of numbers, got one of object"),
        (RGB.astype(str), "array of numbers, got one of <U"),
        (RGB.astype(complex), "array of numbers, got one of complex128"),
        (np.zeros((9, 9), "u1,u1"), "array of numbers"),
        (np.zeros((9, 9), "datetime64[s]"), "array of numbers"),
        (np.ma.masked_greater(RGB, 200), "without a mask, got .* masked values. Fill them first"),
        (np.zeros((4, 9, 9, 3), np.uint8), r"got \(4, 9, 9, 3\)\. Give the pictures one by one"),
        (np.zeros((9, 9, 2), np.uint8), r"got \(9, 9, 2\)"),
        (np.zeros((9, 9, 5), np.uint8), r"got \(9, 9, 5\)"),
        (np.zeros(9, np.uint8), r"got \(9,\)"),
        (np.zeros((), np.uint8), r"got \(\)"),
        (np.zeros((0, 9, 3), np.uint8), r"got \(0, 9, 3\)"),
        (np.zeros((1, 1, 9, 9, 3), np.uint8), r"got \(1, 1, 9, 9, 3\)"),
    ],
)
def test_what_is_refused_and_the_way(array: np.ndarray, words: str) -> None:
    before = array.copy()
    with pytest.raises(PictureError, match=f"^picture: want .*{words}") as caught:
        open_picture(array)
    assert isinstance(caught.value, GateError)
    assert array.tobytes() == before.tobytes() or array.dtype == object


def test_a_large_array_is_reduced_by_a_whole_number() -> None:
    blocks = np.random.default_rng(1).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    large = (blocks / 255).repeat(30, axis=0).repeat(30, axis=1)
    opened = open_picture(large, max_pixels=120)
    assert (np.asarray(opened.image) == blocks).all()
    assert opened.size_given == (360, 300)
