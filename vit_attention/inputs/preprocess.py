"""From an upright picture or page to the pixels a model sees, with the geometry of every step. Pillow and numpy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vit_attention.records.geometry import Geometry


@dataclass(frozen=True)
class Recipe:
    """How a family prepares pictures.

    Attributes:
        size: (height, width) of the model's input.
        first: resize the shorter side to this many pixels, or both sides to this (height, width), then crop the middle;
            None resizes both sides to `size`.
        mean, std: of the three channels, of values 0 to 1.
        resample: Pillow's filter.
    """

    size: tuple[int, int]
    first: int | tuple[int, int] | None
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resample: Image.Resampling = Image.Resampling.BILINEAR


def prepare(
    picture: Image.Image, recipe: Recipe, size: tuple[int, int] | None = None
) -> tuple[NDArray[np.float32], Geometry]:
    """(3, height, width) normalised pixels, and where they lie on `picture`.

    Args:
        picture: upright, RGB.
        recipe: the family's.
        size: (height, width) in place of the recipe's; the first step grows in proportion, so that as much is cropped.
    """
    height, width = size or recipe.size
    first = recipe.first if isinstance(recipe.first, tuple) else (recipe.first or 0,) * 2
    box = (first[0] * height / recipe.size[0], first[1] * width / recipe.size[1])
    if recipe.first is None:
        across, down = width, height
    else:
        across, down = covering(picture.size, box) if isinstance(recipe.first, int) else (round(box[1]), round(box[0]))
    seen, geometry = picture.resize((across, down), recipe.resample), Geometry.of(*picture.size).resize(across, down)
    if recipe.first is not None:
        left, top = round((across - width) / 2), round((down - height) / 2)
        # A crop larger than the picture pads with black, as torchvision's does.
        seen, geometry = seen.crop((left, top, left + width, top + height)), geometry.crop(left, top, width, height)
    return _normalised(seen, recipe), geometry


def _normalised(seen: Image.Image, recipe: Recipe) -> NDArray[np.float32]:
    values = np.asarray(seen.convert("RGB"), dtype=np.float32) / 255
    normal = (values - np.asarray(recipe.mean, np.float32)) / np.asarray(recipe.std, np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1))


def covering(size: tuple[int, int], box: tuple[float, float]) -> tuple[int, int]:
    """(width, height) of a picture once it just covers a box; what is beyond is cut to whole pixels, as torchvision does.

    Args:
        size: (width, height) of the picture.
        box: (height, width).

    >>> covering((640, 480), (256, 256)), covering((512, 512), (256, 384))
    ((341, 256), (384, 384))
    """
    (width, height), down, across = size, round(box[0]), round(box[1])
    if width * down >= height * across:
        return max(int(down * width / height), across), down
    return across, max(int(across * height / width), down)
