"""Pages are prepared as the library's own image processor does it, and every pixel is found again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vit_attention import compat  # noqa: F401
from vit_attention.inputs.preprocess import PageRecipe, prepare_page

from transformers.models.donut.image_processing_pil_donut import DonutImageProcessorPil  # isort: skip


def noise(size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))


@pytest.mark.parametrize("size", [(384, 512), (512, 384), (100, 400), (400, 100), (300, 300), (77, 91)])
@pytest.mark.parametrize("target", [(256, 192), (160, 320), (128, 128)])
@pytest.mark.parametrize("align", [False, True])
def test_pixels_are_those_of_the_library(size: tuple[int, int], target: tuple[int, int], align: bool) -> None:
    page = noise(size)
    theirs = DonutImageProcessorPil(size={"height": target[0], "width": target[1]}, do_align_long_axis=align)
    wanted = theirs(page, return_tensors="np")["pixel_values"][0]
    got, geometry = prepare_page(page, PageRecipe(target, align_long_axis=align))
    assert got.shape == wanted.shape
    assert geometry.seen == target[::-1]
    assert np.abs(got - wanted).max() < 0.02


@pytest.mark.parametrize(("size", "mark"), [((600, 400), (450, 90)), ((400, 600), (50, 480)), ((500, 300), (20, 20))])
def test_a_mark_on_a_turned_resized_and_padded_page_is_found_again(
    size: tuple[int, int], mark: tuple[int, int]
) -> None:
    page = Image.new("RGB", size, "white")
    page.paste("black", (mark[0] - 12, mark[1] - 12, mark[0] + 12, mark[1] + 12))
    pixels, geometry = prepare_page(page, PageRecipe((256, 192), align_long_axis=True))
    # Padding is black as well: look only where the page lies.
    inside = geometry.to_original(np.stack(np.meshgrid(np.arange(192) + 0.5, np.arange(256) + 0.5), -1).reshape(-1, 2))
    on_page = ((inside > 6) & (inside < np.array(size) - 6)).all(axis=1)
    dark = (pixels[0].ravel() < -0.5) & on_page
    assert dark.sum() >= 20
    assert np.abs(np.median(inside[dark], axis=0) - mark).max() < 4


def test_a_folder_says_its_recipe(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "size": [1920, 2560],
                "do_align_long_axis": True,
                "image_mean": [0.1, 0.2, 0.3],
                "image_std": 0.7,
                "resample": 4,
            }
        )
    )
    recipe = PageRecipe.read(tmp_path, (1, 1))
    assert recipe.size == (2560, 1920)
    assert recipe.align_long_axis
    assert recipe.mean == (0.1, 0.2, 0.3)
    assert recipe.std == (0.7,) * 3
    assert recipe.resample == Image.Resampling.BOX
    assert PageRecipe.read(tmp_path / "none", (64, 48)).size == (64, 48)


@pytest.mark.parametrize("text", ["[1]", "{", '{"size": {"height": 3}}', '{"image_mean": "x"}', '{"resample": 99}'])
def test_a_broken_recipe_is_told_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(ValueError, match="want"):
        PageRecipe.read(tmp_path, (64, 48))


def test_a_page_that_stays_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="want at most 48 x 64"):
        prepare_page(noise((200, 300)), PageRecipe((64, 48), resize=False, thumbnail=False))
