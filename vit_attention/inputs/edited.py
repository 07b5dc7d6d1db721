"""Pictures without some of their patches, or with noise."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from vit_attention.records.geometry import Geometry


def grey_out(image: Image.Image, geometry: Geometry, grid: tuple[int, int], patches: Sequence[int]) -> Image.Image:
    """The picture with these patches (0 first, in the model's reading order) filled with the picture's mean colour."""
    pixels = np.array(image.convert("RGB"))
    mean = pixels.mean(axis=(0, 1)).round().astype(np.uint8)
    for place in _places(geometry, grid, patches):
        pixels[place] = mean
    return Image.fromarray(pixels)


def painted_over(image: Image.Image, geometry: Geometry | None, grid: tuple[int, int], patch: int) -> Image.Image:
    """The picture with one patch (0 first, special tokens not counted) painted black, or white if it is dark."""
    where = Geometry.of(*image.size) if geometry is None else geometry
    pixels = np.array(image.convert("RGB"))
    for place in _places(where, grid, [patch]):
        pixels[place] = 0 if pixels[place].mean() > 127.5 else 255
    return Image.fromarray(pixels)


def _places(geometry: Geometry, grid: tuple[int, int], patches: Sequence[int]) -> list[tuple[slice, slice]]:
    """Rows and columns of pixels of the original that each patch covers."""
    high, wide = geometry.seen[1] / grid[0], geometry.seen[0] / grid[1]
    corners = [(p % grid[1] * wide, p // grid[1] * high) for p in patches]
    boxes = geometry.boxes_to_original([[x, y, x + wide, y + high] for x, y in corners]).round().astype(int).clip(0)
    return [(slice(top, bottom), slice(left, right)) for left, top, right, bottom in boxes]


def noisy(image: Image.Image, deviation: float, seed: int) -> Image.Image:
    """The picture with normal noise on every channel of every pixel, rounded and cut to 0 to 255.

    Args:
        image: any.
        deviation: standard deviation in grey levels, of which there are 256.
        seed: of the random numbers.

    >>> noisy(Image.new("RGB", (1, 1), "gray"), 0, 1).getpixel((0, 0))
    (128, 128, 128)
    """
    pixels = np.array(image.convert("RGB"), np.float64)
    noise = np.random.default_rng(seed).normal(0, deviation, pixels.shape)
    return Image.fromarray((pixels + noise).round().clip(0, 255).astype(np.uint8))
