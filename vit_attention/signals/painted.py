"""How far tokens move when one patch of the picture is painted over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vit_attention.records.geometry import Geometry
from vit_attention.signals import Again


def run(again: Again, *, patch: tuple[int, int]) -> NDArray[np.float64]:
    """(layers + 1, tokens) how far each token has moved, as a share of its length.

    Args:
        patch: row and column, from 0.

    Raises:
        ValueError: no such patch, or an input that is no picture.
    """
    rows, columns = again.grid
    if not (0 <= patch[0] < rows and 0 <= patch[1] < columns):
        raise ValueError(f"patch: want 0,0 to {rows - 1},{columns - 1} (row,column), got {patch[0]},{patch[1]}")
    if again.ready.image is None:
        raise ValueError("painted: want a picture to paint on, got prepared pixels")
    image = painted_over(again.ready.image, again.ready.geometry, again.grid, patch[0] * columns + patch[1])
    return moved(again.hidden(again.ready.image), again.hidden(image))


def moved(before: NDArray[np.floating], after: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., tokens) length of the difference of (..., tokens, width) vectors, as a share of the length before.

    >>> moved(np.array([[3.0, 4.0]]), np.array([[3.0, 3.0]]))
    array([0.2])
    """
    first = np.asarray(before, np.float64)
    length = np.maximum(np.linalg.norm(first, axis=-1), 1e-12)
    return np.asarray(np.linalg.norm(np.asarray(after, np.float64) - first, axis=-1) / length)


def painted_over(image: Image.Image, geometry: Geometry | None, grid: tuple[int, int], patch: int) -> Image.Image:
    """The picture with one patch (0 first, special tokens not counted) painted black, or white if it is dark."""
    where = Geometry.of(*image.size) if geometry is None else geometry
    row, column = divmod(patch, grid[1])
    width, height = where.seen[0] // grid[1], where.seen[1] // grid[0]
    box = where.boxes_to_original([[column * width, row * height, (column + 1) * width, (row + 1) * height]])[0]
    left, top, right, bottom = (int(v) for v in np.round(np.clip(box, 0, np.tile(image.size, 2))))
    pixels = np.asarray(image.convert("RGB")).copy()
    pixels[top:bottom, left:right] = 0 if pixels[top:bottom, left:right].mean() > 127.5 else 255
    return Image.fromarray(pixels)
