from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vit_attention import compat  # noqa: F401
from vit_attention.inputs.preprocess import Recipe, prepare


@pytest.mark.parametrize("size", [(640, 480), (300, 451), (225, 224), (100, 37), (30, 1000)])
@pytest.mark.parametrize("bicubic", [False, True])
def test_pixels_equal_torchvisions_own_preset(size: tuple[int, int], bicubic: bool) -> None:
    from torchvision.transforms._presets import ImageClassification
    from torchvision.transforms.functional import InterpolationMode

    rng = np.random.default_rng(1)
    picture = Image.fromarray(rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))
    mode = InterpolationMode.BICUBIC if bicubic else InterpolationMode.BILINEAR
    preset = ImageClassification(crop_size=224, resize_size=256, interpolation=mode)
    resample = Image.Resampling.BICUBIC if bicubic else Image.Resampling.BILINEAR
    recipe = Recipe((224, 224), 256, tuple(preset.mean), tuple(preset.std), resample)
    mine, geometry = prepare(picture, recipe)
    np.testing.assert_allclose(mine, preset(picture).numpy(), atol=1e-6)
    assert geometry.seen == (224, 224)


def test_a_bright_pixel_is_found_again() -> None:
    picture = Image.new("RGB", (400, 300))
    picture.paste((255, 255, 255), (200, 100, 204, 104))
    pixels, geometry = prepare(picture, Recipe((224, 224), 256, (0, 0, 0), (1, 1, 1)))
    row, column = np.unravel_index(pixels[0].argmax(), pixels[0].shape)
    ((x, y),) = geometry.to_original([[column + 0.5, row + 0.5]])
    assert abs(x - 202) < 2
    assert abs(y - 102) < 2


@pytest.mark.parametrize("first", [256, (240, 256), None])
@pytest.mark.parametrize("size", [(640, 480), (300, 451)])
def test_another_size_sees_the_same_part(size: tuple[int, int], first: int | tuple[int, int] | None) -> None:
    picture, recipe = Image.new("RGB", size), Recipe((224, 224), first, (0, 0, 0), (1, 1, 1))
    corners = []
    for side in (224, 448):
        pixels, geometry = prepare(picture, recipe, (side, side))
        assert pixels.shape == (3, side, side)
        corners.append(geometry.to_original([[0, 0], [side, side]]))
    np.testing.assert_allclose(corners[1], corners[0], atol=2)
    np.testing.assert_array_equal(corners[0], prepare(picture, recipe)[1].to_original([[0, 0], [224, 224]]))
