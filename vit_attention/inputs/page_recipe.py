"""From a page of any shape to the pixels Donut reads: turn the long side, resize, pad; with the geometry of every step."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vit_attention.records.geometry import Geometry


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
    def read(cls, folder: Path, size: tuple[int, int]) -> PageRecipe:
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
    def _of(cls, given: dict[str, Any], size: tuple[int, int]) -> PageRecipe:
        wanted = given.get("size", size)
        if isinstance(wanted, dict):
            height, width = int(wanted["height"]), int(wanted["width"])
        elif "size" in given:
            width, height = (int(v) for v in wanted)  # the published files write [width, height]
        else:
            height, width = size
        return cls(
            (height, width),
            bool(given.get("do_align_long_axis", False)),
            bool(given.get("do_resize", True)),
            bool(given.get("do_thumbnail", True)),
            bool(given.get("do_pad", True)),
            _three(given.get("image_mean", 0.5)),
            _three(given.get("image_std", 0.5)),
            Image.Resampling(given.get("resample", 2)),
        )


def _three(value: Any) -> tuple[float, float, float]:
    red, green, blue = (value,) * 3 if isinstance(value, (int, float)) else value
    return float(red), float(green), float(blue)


def prepare_page(page: Image.Image, recipe: PageRecipe) -> tuple[NDArray[np.float32], Geometry]:
    """(3, height, width) normalised pixels, and where they lie on `page`.

    Raises:
        ValueError: the page is larger than the model's input after the recipe's own steps.
    """
    geometry = Geometry.of(*page.size)
    seen, (height, width) = page, recipe.size
    if recipe.align_long_axis and (width - height) * (seen.width - seen.height) < 0:
        seen, geometry = seen.transpose(Image.Transpose.ROTATE_270), geometry.turn(3)
    for wanted in (_shorter_side(seen.size, recipe) if recipe.resize else None, None):
        if wanted is None and recipe.thumbnail:
            wanted = _thumbnail(seen.size, recipe.size)
        if wanted is not None and wanted != seen.size:
            seen, geometry = seen.resize(wanted, recipe.resample), geometry.resize(*wanted)
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
    values = np.asarray(seen.convert("RGB"), dtype=np.float32) / 255
    normal = (values - np.asarray(recipe.mean, np.float32)) / np.asarray(recipe.std, np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1)), geometry


def _shorter_side(size: tuple[int, int], recipe: PageRecipe) -> tuple[int, int]:
    """(width, height) once the shorter side has the length of the model's."""
    short, long = min(size), max(size)
    side = min(recipe.size)
    other = int(side * long / short)
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
