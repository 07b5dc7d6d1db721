"""From an upright picture to the pixels a model sees, with the geometry of every step. Pillow and numpy only."""

from __future__ import annotations

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
    geometry = Geometry.of(*picture.size)
    height, width = recipe.size
    if recipe.first is None:
        seen, geometry = picture.resize((width, height), recipe.resample), geometry.resize(width, height)
    else:
        target = _first_size(picture.size, recipe.first)
        seen, geometry = picture.resize(target, recipe.resample), geometry.resize(*target)
        left, top = round((target[0] - width) / 2), round((target[1] - height) / 2)
        # A crop larger than the picture pads with black, as torchvision's does.
        seen, geometry = seen.crop((left, top, left + width, top + height)), geometry.crop(left, top, width, height)
    values = np.asarray(seen.convert("RGB"), dtype=np.float32) / 255
    normal = (values - np.asarray(recipe.mean, np.float32)) / np.asarray(recipe.std, np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1)), geometry


def _first_size(size: tuple[int, int], first: int | tuple[int, int]) -> tuple[int, int]:
    """(width, height) after the first resize; the longer side is cut to whole pixels, as torchvision does."""
    if isinstance(first, tuple):
        return first[1], first[0]
    width, height = size
    shorter = first
    if width <= height:
        return shorter, max(shorter, int(shorter * height / width))
    return max(shorter, int(shorter * width / height)), shorter
