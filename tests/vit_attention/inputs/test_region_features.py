"""Features of regions and their boxes: what is taken, what is said of it, and what is refused before it takes memory."""

from __future__ import annotations

import contextlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vit_attention.gate import GateError
from vit_attention.inputs.features_file import read_features
from vit_attention.inputs.region_features import region_features

VALUES = np.random.default_rng(4).normal(size=(12, 4)).astype(np.float32)
PICTURE = Image.new("RGB", (200, 100))
BOXES = np.array([[10.0 * n, 5, 10 * n + 60, 95] for n in range(12)])  # up to 170, 95
SHARES = BOXES / (200, 100, 200, 100)


@pytest.mark.parametrize("picture", [PICTURE, None])
@pytest.mark.parametrize("shares", [SHARES, SHARES[None], SHARES.astype(np.float16), SHARES - 0.01])
def test_boxes_in_shares_are_refused_with_the_way(shares: Any, picture: Any) -> None:
    with pytest.raises(
        GateError, match=r"want pixels of the picture, got numbers from .* multiply them: boxes \* \[width"
    ):
        region_features(VALUES, shares, picture)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int32, np.uint16, ">f8"])
def test_boxes_of_any_kind_of_number_are_taken(kind: Any) -> None:
    found = region_features(VALUES, BOXES.astype(kind), PICTURE)
    assert found.boxes is not None
    np.testing.assert_array_equal(found.boxes, BOXES)


def test_a_leading_axis_of_one_is_dropped_and_it_is_said() -> None:
    found = region_features(VALUES[None], BOXES[None], PICTURE)
    np.testing.assert_array_equal(found.values, VALUES)
    assert found.boxes is not None
    np.testing.assert_array_equal(found.boxes, BOXES)
    assert found.grid is None
    assert found.notes == ("The leading axis of 1 is taken for a batch of one picture.",)
    assert region_features(VALUES.reshape(1, 3, 4, 4)).grid == (3, 4)
    assert region_features(VALUES, fc=np.ones((1, 4))).fc.shape == (4,)  # type: ignore[union-attr]


def test_boxes_that_cannot_belong_to_a_grid_are_named() -> None:
    found = region_features(VALUES.reshape(3, 4, 4), BOXES, PICTURE)
    assert found.notes == (
        "The first two axes are taken for a grid of 3 rows and 4 columns.",
        "The boxes are left out: these features are a grid, whose cells have their places.",
    )


def test_boxes_of_a_smaller_copy_are_remarked_upon() -> None:
    found = region_features(VALUES, BOXES / 2, PICTURE)
    assert found.notes == (
        "The boxes reach 85 x 47.5 of the picture's 200 x 100 pixels: if they were measured on a smaller copy, they lie in "
        "the wrong place.",
    )


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (BOXES - (0, 0, 60, 90) * np.arange(0, 12)[:, None].clip(0, 1), r"right > left .* left, top, width and height"),
        (np.hstack([BOXES[:, :2], BOXES[:, 2:] - BOXES[:, :2] - 1]), "right > left"),
        (BOXES * 2, r"want pixels of the picture, 200 x 100, got some from \[0.0, 10.0\] to \[340.0, 190.0\]"),
        (BOXES - (100, 0, 0, 0), "want pixels of the picture"),
        (BOXES[:11], r"want \(12, 4\), one row per region, got \(11, 4\)"),
        (BOXES.T, r"got \(4, 12\)"),
        (np.hstack([BOXES, BOXES]), r"got \(12, 8\)\. Give boxes\[:, :4\]"),
        (np.repeat(BOXES[None], 2, axis=0), r"got \(2, 12, 4\)"),
        (np.where(BOXES == 95, np.nan, BOXES), "finite"),
        (np.where(BOXES == 95, np.inf, BOXES), "finite"),
        (BOXES.astype(str), "want numbers, got <U"),
        (BOXES.astype(object), "want numbers, got object"),
        (BOXES.astype(complex), "want numbers, got complex"),
        (np.ones((12, 4), bool), "want numbers, got bool"),
        ([[1, 2, 3, 4], [1]], "rows of one length"),
        (np.ma.masked_greater(BOXES, 90), "without a mask"),
    ],
)
def test_what_are_no_boxes_of_the_picture(boxes: Any, message: str) -> None:
    with pytest.raises(GateError, match=f"^boxes: .*{message}"):
        region_features(VALUES, boxes, PICTURE)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.where(VALUES > 1, np.nan, VALUES), "finite"),
        (VALUES.astype(np.float64) * 1e300, "within float32"),
        (np.zeros((0, 4)), "of 10 to 100 regions"),
        (np.zeros((101, 4)), "of 10 to 100 regions"),
        (np.zeros((12, 0)), "of 10 to 100 regions"),
        (np.zeros((2, 12, 4, 4)), "of 10 to 100 regions"),
        (np.zeros((16, 128, 128)), "of 10 to 100 regions"),
        (np.zeros((100, 50_000)), "at most 4,194,304 numbers"),
        (VALUES.astype(int), "of a float type, got int64"),
        (VALUES.astype(object), "numbers, got object"),
        (VALUES.astype(str), "numbers, got <U"),
        (VALUES > 0, "numbers, got bool"),
        (np.ma.masked_greater(VALUES, 0.5), "without a mask"),
    ],
)
def test_what_are_no_features(values: Any, message: str) -> None:
    with pytest.raises(GateError, match=f"^features: want .*{message}"):
        region_features(values)


@pytest.mark.parametrize("kind", [np.float16, np.float64, ">f4", "<f8"])
def test_features_of_any_float_type_are_taken_in_either_byte_order(tmp_path: Path, kind: Any) -> None:
    np.savez(tmp_path / "some.npz", feat=np.asfortranarray(VALUES.astype(kind)))
    np.save(tmp_path / "some.npy", VALUES.astype(kind))
    for name in ("some.npz", "some.npy"):
        np.testing.assert_allclose(read_features(tmp_path / name).values, VALUES, atol=2e-3)


@pytest.mark.parametrize("dtype", ["U20", "S20", object, "f8,i4"])
def test_a_picture_in_a_file_is_no_path(tmp_path: Path, dtype: Any) -> None:
    np.savez(tmp_path / "one.npz", features=VALUES, picture=np.zeros((), dtype))
    with pytest.raises(GateError, match=r"^one.npz: picture: "):
        read_features(tmp_path / "one.npz")


def test_the_file_and_the_array_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", features=VALUES, boxes=BOXES[:3])
    with pytest.raises(GateError, match=r"^one.npz: boxes: want \(12, 4\)") as caught:
        read_features(tmp_path / "one.npz")
    assert (caught.value.file, caught.value.field) == ("one.npz", "boxes")


def packed(name: str, body: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, body)
    return file.getvalue()


def header(shape: tuple[int, ...], kind: str = "<f4") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        packed("features.npy", header((1 << 20, 1 << 10))),
        packed("features.npy", header((12, 1 << 22)) + bytes(12 << 24)),
        packed("features.npy", header((-1, 4)) + bytes(160)),
        packed("features.npy", header((12, 4)) + bytes(191)),
        packed("features.npy", header((12, 4)) + bytes(193)),
        packed("features.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + bytes(50 << 20)),
        packed("features.npy", header((12, 4)) + bytes(192), zipfile.ZIP_BZIP2),
        packed("features.npy", header((12, 4)) + bytes(192), zipfile.ZIP_LZMA),
        packed("features.npy", b"") + bytes(20),
        packed("features.npy", header((12, 4), "|O") + bytes(192)),
        header((1 << 20, 1 << 30)),
        header((12, 4)),
        header((-12, 4)) + bytes(192),
        b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + bytes(100),
        b"\x93NUMPY\x01\x00\x10\x00((((((((((((((((",
        b"PK\x05\x06" + bytes(18),
        b"",
    ],
)
def test_a_file_that_promises_what_it_does_not_hold(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "one.npz").write_bytes(data)
    with pytest.raises(GateError, match=r"^one\.npz: ") as caught:
        read_features(tmp_path / "one.npz")
    assert len(str(caught.value)) < 300


def sound() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, features=VALUES, boxes=BOXES)
    return file.getvalue()


SOUND = sound()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(SOUND) - 1), st.integers(1, 255))
def test_one_changed_byte_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, place: int, by: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.npz"
    path.write_bytes(SOUND[:place] + bytes([SOUND[place] ^ by]) + SOUND[place + 1 :])
    with contextlib.suppress(GateError):
        assert read_features(path).values.shape == (12, 4)


def test_boxes_in_percent_are_refused_where_they_would_fill_a_corner() -> None:
    large = np.zeros((300, 600, 3), np.uint8)
    percent = BOXES / np.array([200, 100, 200, 100]) * 100
    with pytest.raises(GateError, match=r"percent of its sides, multiply them: boxes / 100 \* \[width"):
        region_features(VALUES, percent, large)
    assert region_features(VALUES, BOXES, PICTURE).boxes is not None  # a small picture has its boxes there


def test_a_batch_of_several_pictures_is_no_grid() -> None:
    with pytest.raises(GateError, match=r"If these are 2 pictures of 12 regions, give one: values\[0\] and boxes\[0\]"):
        region_features(np.stack([VALUES, VALUES]), np.stack([BOXES, BOXES]), PICTURE)
    assert region_features(np.stack([VALUES, VALUES])).notes == (
        "The first two axes are taken for a grid of 2 rows and 12 columns.",
    )
    assert region_features(VALUES[None, None], BOXES, PICTURE).boxes is not None
