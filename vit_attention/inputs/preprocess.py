"""From an upright picture or page to the pixels a model sees, with the geometry of every step. Pillow and numpy only."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class PageRecipe:
    """How a Donut model prepares pages (Kim et al. 2022, section 3.2, and the library's `DonutImageProcessor`).

    Attributes:
        size: (height, width) of the model's input in pixels.
        align_long_axis: turn a page clockwise if its long side is not the model's.
        resize: bring the shorter side to the model's shorter side.
        thumbnail: then shrink until the page fits.
        pad: then add black borders on all sides, as even as whole pixels allow.
        mean, std: of the three channels, of values 0 to 1.
        resample: Pillow's filter.
    """

    size: tuple[int, int]
    align_long_axis: bool = False
    resize: bool = True
    thumbnail: bool = True
    pad: bool = True
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    resample: Image.Resampling = Image.Resampling.BILINEAR

    @classmethod
    def read(cls, folder: Path, size: tuple[int, int]) -> "PageRecipe":
        """The recipe in a model folder (`preprocessor_config.json` or `processor_config.json`); `size` if it names none.

        Raises:
            ValueError: a file that is no JSON object, or has values of the wrong kind.
        """
        given: Any = {}
        for name in ("processor_config.json", "preprocessor_config.json"):
            if (folder / name).is_file():
                try:
                    given = json.loads((folder / name).read_text(encoding="utf-8"))
                    given = given.get("image_processor", given)
                except (ValueError, AttributeError) as error:
                    raise ValueError(f"{name}: want a JSON object, got something else ({error})") from error
        try:
            return cls._of(dict(given), size)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{folder.name}: want an image processor's settings, got {given!r:.200}") from error

    @classmethod
    def _of(cls, given: dict[str, Any], size: tuple[int, int]) -> "PageRecipe":
        wanted = given.get("size", size[::-1])
        # The published files write [width, height], today's library a record.
        width, height = (wanted["width"], wanted["height"]) if isinstance(wanted, dict) else wanted
        steps = ("align_long_axis", "resize", "thumbnail", "pad")
        return cls(
            (int(height), int(width)),
            **{step: bool(given[f"do_{step}"]) for step in steps if f"do_{step}" in given},
            mean=three(given.get("image_mean", 0.5)),
            std=three(given.get("image_std", 0.5)),
            resample=Image.Resampling(given.get("resample", 2)),
        )


def three(value: Any) -> tuple[float, float, float]:
    """One number a channel, from one for all, alone or in a list, or three."""
    numbers = [value] if isinstance(value, (int, float)) else list(value)
    red, green, blue = numbers * 3 if len(numbers) == 1 else numbers
    return float(red), float(green), float(blue)


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


def prepare_page(page: Image.Image, recipe: PageRecipe) -> tuple[NDArray[np.float32], Geometry]:
    """(3, height, width) normalised pixels, and where they lie on `page`.

    Raises:
        ValueError: the page is larger than the model's input after the recipe's own steps.
    """
    seen, geometry, (height, width) = page, Geometry.of(*page.size), recipe.size
    if recipe.align_long_axis and (width - height) * (seen.width - seen.height) < 0:
        seen, geometry = seen.transpose(Image.Transpose.ROTATE_270), geometry.turn(3)
    wanted = _with_shorter_side(seen.size, min(recipe.size)) if recipe.resize else seen.size
    for fitted in (wanted, _thumbnail(wanted, recipe.size) if recipe.thumbnail else wanted):
        if fitted != seen.size:
            seen, geometry = seen.resize(fitted, recipe.resample), geometry.resize(*fitted)
    if seen.width > width or seen.height > height:
        raise ValueError(
            f"page: want at most {width} x {height} pixels after resizing, got {seen.width} x {seen.height}"
        )
    if recipe.pad and seen.size != (width, height):
        left, top = (width - seen.width) // 2, (height - seen.height) // 2
        right, bottom = width - seen.width - left, height - seen.height - top
        sheet = Image.new("RGB", (width, height))
        sheet.paste(seen, (left, top))
        seen, geometry = sheet, geometry.pad(left, top, right, bottom)
    return _normalised(seen, recipe), geometry


def _normalised(seen: Image.Image, recipe: Recipe | PageRecipe) -> NDArray[np.float32]:
    values = np.asarray(seen.convert("RGB"), dtype=np.float32) / 255
    normal = (values - np.asarray(recipe.mean, np.float32)) / np.asarray(recipe.std, np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1))


def _with_shorter_side(size: tuple[int, int], side: int) -> tuple[int, int]:
    """(width, height) once the shorter side has this length; the longer is cut to whole pixels, as torchvision does."""
    other = int(side * max(size) / min(size))
    return (side, other) if size[0] <= size[1] else (other, side)


def _thumbnail(size: tuple[int, int], limit: tuple[int, int]) -> tuple[int, int]:
    """(width, height) that fits into `limit` (height, width); the sides' ratio is kept to whole pixels."""
    width, height = min(size[0], limit[1]), min(size[1], limit[0])
    if (width, height) == size:
        return size
    if size[1] > size[0]:
        width = int(size[0] * height / size[1])
    elif size[0] > size[1]:
        height = int(size[1] * width / size[0])
    return max(width, 1), max(height, 1)
