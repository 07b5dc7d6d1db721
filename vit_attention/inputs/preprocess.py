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


def prepare(picture: Image.Image, recipe: Recipe) -> tuple[NDArray[np.float32], Geometry]:
    """(3, height, width) normalised pixels, and where they lie on `picture`."""
    height, width = recipe.size
    first = recipe.size if recipe.first is None else recipe.first
    across, down = first[::-1] if isinstance(first, tuple) else _with_shorter_side(picture.size, first)
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


def _with_shorter_side(size: tuple[int, int], side: int) -> tuple[int, int]:
    """(width, height) once the shorter side has this length; the longer is cut to whole pixels, as torchvision does."""
    other = int(side * max(size) / min(size))
    return (side, other) if size[0] <= size[1] else (other, side)
