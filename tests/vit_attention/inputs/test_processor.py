"""Folders' own preprocessing: pixels as the library's image processor gives them, and every pixel is found again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vit_attention import compat  # noqa: F401
from vit_attention.gate import GateError
from vit_attention.inputs.processor import Processor

from transformers import AutoImageProcessor, DonutImageProcessor  # isort: skip

BOX = {"height": 32, "width": 32}
SETTINGS: dict[str, dict[str, Any]] = {
    "one side": {"image_processor_type": "ViTImageProcessor", "size": 48},
    "two sides": {"image_processor_type": "ViTImageProcessor", "size": [48, 32]},
    "named sides": {"image_processor_type": "ViTImageProcessorFast", "size": {"height": 40, "width": 56}},
    "an older name": {"feature_extractor_type": "ViTFeatureExtractor", "size": 32},
    "shorter side": {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 40}, "crop_size": BOX},
    "shorter and longer side": {
        "image_processor_type": "ViTImageProcessor",
        "size": {"shortest_edge": 40, "longest_edge": 50},
    },
    "largest sides": {"image_processor_type": "ViTImageProcessor", "size": {"max_height": 40, "max_width": 50}},
    "one side, then crop": {"image_processor_type": "BitImageProcessor", "size": 40, "crop_size": 32},
    "crop of another shape": {
        "image_processor_type": "DeiTImageProcessor",
        "size": {"height": 45, "width": 60},
        "crop_size": {"height": 32, "width": 47},
    },
    "crop larger than the picture": {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 33},
        "crop_size": {"height": 64, "width": 80},
    },
    "crop alone": {
        "image_processor_type": "BeitImageProcessor",
        "do_resize": False,
        "size": BOX,
        "do_center_crop": True,
        "crop_size": BOX,
    },
    "no resizing": {"image_processor_type": "ViTImageProcessor", "do_resize": False, "size": 32},
    "no scaling": {"image_processor_type": "ViTImageProcessor", "do_rescale": False, "size": 32},
    "scaled otherwise": {"image_processor_type": "ViTImageProcessor", "rescale_factor": 1 / 127.5, "size": 32},
    "not normalised": {"image_processor_type": "ViTImageProcessor", "do_normalize": False, "size": 32},
    "a mean for each": {
        "image_processor_type": "ViTImageProcessor",
        "image_mean": [0.1, 0.2, 0.3],
        "image_std": [0.4, 0.5, 0.6],
        "size": 32,
    },
    "padded": {
        "image_processor_type": "ViTImageProcessor",
        "size": 32,
        "do_pad": True,
        "pad_size": {"height": 40, "width": 48},
    },
    "padding that BEiT leaves out": {"image_processor_type": "BeitImageProcessor", "size": 32, "do_pad": True},
    **{
        f"filter {number}": {"image_processor_type": "ViTImageProcessor", "resample": number, "size": 48}
        for number in range(4)
    },
}
PAGES: dict[str, dict[str, Any]] = {
    "as published": {"size": [48, 64], "do_align_long_axis": True},
    "not turned": {"size": {"height": 64, "width": 48}},
    "not shrunk": {"size": {"height": 64, "width": 64}, "do_thumbnail": False, "do_resize": False},
    "wide": {"size": {"height": 48, "width": 64}, "do_align_long_axis": True, "resample": 3},
}


def noise(size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))


def saved(folder: Path, settings: dict[str, Any]) -> Path:
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


@pytest.mark.parametrize("case", SETTINGS)
@pytest.mark.parametrize("size", [(60, 40), (37, 91), (33, 32), (200, 201)])
def test_pixels_are_those_of_the_library(case: str, size: tuple[int, int], tmp_path: Path) -> None:
    folder = saved(tmp_path, SETTINGS[case])
    theirs = AutoImageProcessor.from_pretrained(folder)(noise(size), return_tensors="pt")["pixel_values"]
    mine = Processor.of(folder, "vit", (32, 32)).prepare(noise(size))
    assert mine.pixels.shape == theirs.shape
    assert float((mine.pixels - theirs).abs().max()) < 1 / 128
    assert mine.geometry.seen == tuple(theirs.shape[:1:-1])


@pytest.mark.parametrize("case", SETTINGS)
@pytest.mark.parametrize("size", [(160, 110), (111, 160)])
@pytest.mark.parametrize("wanted", [None, (48, 80)])
def test_every_pixel_is_found_again(
    case: str, size: tuple[int, int], wanted: tuple[int, int] | None, tmp_path: Path
) -> None:
    """Two slopes say in every pixel where on the picture it was taken, whatever the steps were."""
    across, down = (np.linspace(10, 250, side) for side in size)
    grid = np.stack(np.broadcast_arrays(across[None], down[:, None], np.float64(0)), -1)
    picture = Image.fromarray(grid.round().astype(np.uint8))
    plain = {"do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": False}
    ready = Processor.of(saved(tmp_path, {**SETTINGS[case], **plain}), "vit", (32, 32)).prepare(picture, wanted)
    assert wanted is None or ready.pixels.shape[-2:] == wanted
    seen = ready.pixels[0].numpy() * 255
    rows, columns = (seen[0] > 14).nonzero()  # padding is black
    inner = (seen[1][rows, columns] > 14) & (seen[0][rows, columns] < 246) & (seen[1][rows, columns] < 246)
    rows, columns = rows[inner], columns[inner]
    found = ready.geometry.to_original(np.stack([columns + 0.5, rows + 0.5], -1)) - 0.5
    told = (np.stack([seen[0][rows, columns], seen[1][rows, columns]], -1) - 10) / 240 * (np.array(size) - 1)
    off = np.abs(found - told)
    assert len(rows) > 100
    assert off.max() < np.abs(ready.geometry.to_original([[1, 1]]) - ready.geometry.to_original([[0, 0]])).max() + 0.6
    assert np.abs((found - told).mean(axis=0)).max() < 0.6


CROPS = {
    "size": {"shortest_edge": 256},
    "do_center_crop": True,
    "crop_size": 224,
    "image_processor_type": "BitImageProcessor",
}


@pytest.mark.parametrize("size", [(640, 427), (300, 512), (512, 512)])
def test_a_larger_input_sees_the_same_part_of_a_photograph(size: tuple[int, int], tmp_path: Path) -> None:
    processor = Processor.of(saved(tmp_path, CROPS), "dinov2", (518, 518))
    own, sharp = (processor.prepare(noise(size), side) for side in (None, (518, 518)))
    again = processor.prepare(noise(size), (224, 224))
    np.testing.assert_array_equal(again.pixels, own.pixels)
    corners = [one.geometry.to_original([[0, 0], one.geometry.seen]) for one in (own, sharp)]
    np.testing.assert_allclose(corners[1], corners[0], atol=2)


def test_an_oblong_input_keeps_the_shape_of_things(tmp_path: Path) -> None:
    """600 x 400 pixels on 336 x 224: resized by 256 / 400 alike in both directions, and the middle cut out."""
    ready = Processor.of(saved(tmp_path, CROPS), "dinov2", (518, 518)).prepare(noise((600, 400)), (224, 336))
    assert tuple(ready.pixels.shape[-2:]) == (224, 336)
    assert ready.geometry.seen == (336, 224)
    rim = [(600 - 336 * 400 / 256) / 2, (400 - 224 * 400 / 256) / 2]
    found = ready.geometry.to_original([[0, 0], [336, 224]])
    np.testing.assert_allclose(found, [rim, [600 - rim[0], 400 - rim[1]]], atol=1)


@pytest.mark.parametrize("case", PAGES)
@pytest.mark.parametrize("size", [(60, 40), (37, 61), (33, 32), (48, 64)])
def test_pages_are_those_of_the_library(case: str, size: tuple[int, int], tmp_path: Path) -> None:
    page = noise(size)
    theirs = DonutImageProcessor(**PAGES[case])(page, return_tensors="pt")["pixel_values"]
    mine = Processor.of(saved(tmp_path, PAGES[case]), "vision-encoder-decoder", (64, 48)).prepare(page)
    assert float((mine.pixels - theirs).abs().max()) < 1 / 128
    assert mine.geometry.seen == tuple(theirs.shape[:1:-1])


@pytest.mark.parametrize("resample", range(6))
@pytest.mark.parametrize(("size", "mark"), [((600, 400), (450, 90)), ((400, 600), (50, 480)), ((500, 300), (20, 20))])
def test_a_mark_on_a_turned_resized_and_padded_page_is_found_again(
    size: tuple[int, int], mark: tuple[int, int], resample: int, tmp_path: Path
) -> None:
    page = Image.new("RGB", size, "white")
    page.paste("black", (mark[0] - 12, mark[1] - 12, mark[0] + 12, mark[1] + 12))
    settings = {"size": {"height": 256, "width": 192}, "do_align_long_axis": True, "resample": resample}
    ready = Processor.of(saved(tmp_path, settings), "vision-encoder-decoder", (1, 1)).prepare(page)
    # Padding is black as well: look only where the page lies.
    places = np.stack(np.meshgrid(np.arange(192) + 0.5, np.arange(256) + 0.5), -1).reshape(-1, 2)
    inside = ready.geometry.to_original(places)
    on_page = ((inside > 6) & (inside < np.array(size) - 6)).all(axis=1)
    dark = (ready.pixels[0, 0].numpy().ravel() < -0.5) & on_page
    assert dark.sum() >= 20
    assert np.abs(np.median(inside[dark], axis=0) - mark).max() < 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": "big"},
        {"size": {"height": 3}},
        {"size": {"longest_edge": 30}},
        {"size": [1, 2, 3]},
        {"size": 0},
        {"size": True},
        {"size": 40_000},
        {"size": 10**400},
        {"size": {"height": 16_000, "width": 16_000}},
        {"crop_size": {"shortest_edge": 30}},
        {"image_mean": [0.5, 0.5]},
        {"image_mean": "x"},
        {"image_std": 0},
        {"image_std": float("nan")},
        {"resample": 99},
        {"resample": "bilinear"},
        {"do_resize": "yes"},
        {"rescale_factor": float("inf")},
        {"image_processor_type": "SamImageProcessor"},
        {"image_processor_type": ["ViTImageProcessor"]},
    ],
)
@pytest.mark.parametrize("family", ["vit", "vision-encoder-decoder"])
def test_what_cannot_be_followed_is_refused_before_any_picture(
    wrong: dict[str, Any], family: str, tmp_path: Path
) -> None:
    with pytest.raises(GateError, match=rf"^preprocessor_config\.json: {next(iter(wrong))}: want "):
        Processor.of(saved(tmp_path, wrong), family, (64, 48))


@pytest.mark.parametrize("data", [b"", b"[1]", b"{", b'{"size": "\xff"}', b"\xef\xbb\xbf{}", b"[" * 100_000])
def test_a_file_that_is_no_json_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_bytes(data)
    with pytest.raises(GateError, match=r"^preprocessor_config\.json: want "):
        Processor.of(tmp_path, "vit", (32, 32))


def test_what_a_folder_leaves_open_is_said(tmp_path: Path) -> None:
    alone = Processor.of(tmp_path, "beit", (48, 32)).prepare(noise((60, 40)))
    assert alone.geometry.seen == (32, 48)
    assert "no preprocessor_config.json" in " ".join(alone.notes)
    assert "BeitImageProcessor" in " ".join(alone.notes)
    half = Processor.of(saved(tmp_path, {"image_processor_type": "BitImageProcessor", "size": 40}), "dinov2", (32, 32))
    assert half.prepare(noise((60, 40))).geometry.seen == (32, 32)
    assert "crop_size" in " ".join(half.notes)
    whole = {"image_processor_type": "ViTImageProcessor", "size": 32}
    assert Processor.of(saved(tmp_path, whole), "vit", (32, 32)).notes == ()


def test_newer_folders_keep_the_settings_in_the_processors_file(tmp_path: Path) -> None:
    saved(tmp_path, {"size": {"height": 8, "width": 8}})
    inner = {"image_processor_type": "DonutImageProcessor", "size": {"height": 64, "width": 48}}
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": inner}))
    assert Processor.of(tmp_path, "vision-encoder-decoder", (1, 1)).size == (64, 48)


def test_a_model_of_one_channel_gets_a_grey_picture(tmp_path: Path) -> None:
    folder = saved(
        tmp_path, {"image_processor_type": "ViTImageProcessor", "size": 32, "image_mean": [0.5], "image_std": 0.5}
    )
    theirs = AutoImageProcessor.from_pretrained(folder)(noise((60, 40)).convert("L"), return_tensors="pt")[
        "pixel_values"
    ]
    mine = Processor.of(folder, "vit", (32, 32), channels=1).prepare(noise((60, 40)))
    assert mine.pixels.shape == (1, 1, 32, 32)
    assert float((mine.pixels - theirs).abs().max()) < 1 / 128
    uneven = Processor.of(saved(tmp_path, {"image_mean": [0.1, 0.2, 0.3], "size": 32}), "vit", (32, 32), channels=1)
    assert uneven.mean == pytest.approx((0.2,))
    assert "their mean" in " ".join(uneven.notes)


def test_a_page_that_stays_too_large_is_refused(tmp_path: Path) -> None:
    settings = {"size": {"height": 64, "width": 48}, "do_resize": False, "do_thumbnail": False}
    page = Processor.of(saved(tmp_path, settings), "vision-encoder-decoder", (64, 48))
    with pytest.raises(GateError, match="want 48 x 64 pixels after the folder's steps, got 200 x 300"):
        page.prepare(noise((200, 300)))


def test_a_thin_picture_is_refused_before_it_is_made_huge(tmp_path: Path) -> None:
    made = Processor.of(
        saved(tmp_path, {"image_processor_type": "BitImageProcessor", "size": 256, "crop_size": 32}), "dinov2", (32, 32)
    )
    with pytest.raises(GateError, match=r"picture: want at most [\d,]+ pixels"):
        made.prepare(noise((1, 20_000)))
