"""Pixels, tokens and their likeness for one patch of the picture on the page; nothing here draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ui import resources
from ui.experiments import Context
from ui.pictures import Picture
from visualizer.measures.similarity import cosine_similarity
from vit_attention.cli import inside

CHANGED = 1e-4
"""A token counts as changed when the difference is longer than this share of the token: 0.01 %, far above rounding."""


def chosen_patch(now: Context) -> int:
    """Number of the reader's patch, 0 first, special tokens not counted."""
    return now.chosen.row * now.grid[1] + now.chosen.column


def patch_size(now: Context) -> tuple[int, int]:
    """(height, width) of a patch in pixels of the model's input."""
    if now.record.geometry is None:
        raise ValueError("patch size: want a record with a geometry, got none")
    width, height = now.record.geometry.seen
    return height // now.grid[0], width // now.grid[1]


def seen_picture(now: Context) -> NDArray[np.uint8]:
    """(height, width, 3) what is left of the picture at the model's input size, in colours a screen can show."""
    geometry = now.record.geometry
    if geometry is None:
        raise ValueError("seen picture: want a record with a geometry, got none")
    corners = geometry.boxes_to_original([[0, 0, *geometry.seen]])[0]
    image, given = now.picture.image, now.picture.image.size
    scale = np.tile(np.array(given) / geometry.original, 2)
    box = np.clip(corners * scale, 0, np.tile(given, 2))
    # Halving with a box filter is what scene-vit does; for the others a box filter is near enough to look at.
    return np.asarray(image.resize(geometry.seen, Image.Resampling.BOX, box=tuple(box.tolist())).convert("RGB"))


def patch_pixels(now: Context) -> NDArray[np.uint8]:
    """(height, width, 3) the chosen patch of `seen_picture`."""
    height, width = patch_size(now)
    top, left = now.chosen.row * height, now.chosen.column * width
    return seen_picture(now)[top : top + height, left : left + width]


def mean_colours(now: Context) -> NDArray[np.float64]:
    """(patches, 3) mean red, green and blue of every patch, 0 to 255."""
    height, width = patch_size(now)
    rows, columns = now.grid
    seen = seen_picture(now)[: rows * height, : columns * width].astype(np.float64)
    return seen.reshape(rows, height, columns, width, 3).mean(axis=(1, 3)).reshape(-1, 3)


def input_numbers(now: Context) -> NDArray[np.float32]:
    """(patches, 3 * height * width) the numbers the model is given, in the order of a filter's."""
    height, width = patch_size(now)
    rows, columns = now.grid
    pixels = resources.model(now.model).anatomy.prepare(now.picture.image, None).pixels[0].numpy()
    tiles = pixels[:, : rows * height, : columns * width].reshape(3, rows, height, columns, width)
    tiles = tiles.transpose(1, 3, 0, 2, 4)  # (rows, columns, 3, height, width)
    flat: NDArray[np.float32] = tiles.reshape(rows * columns, -1)
    return flat


def likeness(now: Context, depth: int, centred: bool = False) -> NDArray[np.float64]:
    """(patches, patches) cosine similarity of patch tokens.

    Args:
        depth: 0 for the tokens that enter the first layer, n for those that leave layer n.
        centred: take the mean of all patch tokens off first, so that only what tells them apart is compared.
    """
    tokens = resources.hidden_states(now.model, now.picture)[depth][now.axis.prefix :].astype(np.float64)
    return cosine_similarity(tokens - tokens.mean(axis=0) if centred else tokens)


def ring(now: Context, patch: int) -> NDArray[np.intp]:
    """(patches,) how many steps, diagonal ones included, every patch lies from `patch`; 1 marks its neighbours."""
    row, column = divmod(np.arange(now.grid[0] * now.grid[1]), now.grid[1])
    return np.maximum(np.abs(row - row[patch]), np.abs(column - column[patch]))


def painted_over(now: Context) -> Picture:
    """The picture with the chosen patch painted black, or white if it is dark, ready for `ui.resources`."""
    patch = chosen_patch(now)
    image = inside.painted_over(now.picture.image, now.record.geometry, now.grid, patch)
    return replace(now.picture, key=f"{now.picture.key} without {patch} of {now.grid}", image=image, scene=None)


def change(now: Context) -> NDArray[np.float64]:
    """(layers + 1, tokens) how far tokens move when the chosen patch is painted over, as a share of their length."""
    before = resources.hidden_states(now.model, now.picture).astype(np.float64)
    after = resources.hidden_states(now.model, painted_over(now)).astype(np.float64)
    moved, length = np.linalg.norm(after - before, axis=-1), np.linalg.norm(before, axis=-1)
    return moved / np.maximum(length, 1e-12)


def linear_error(now: Context) -> float:
    """How far the entering tokens are from "filters times pixels + position + one bias for all", largest difference.

    Raises:
        ValueError: the model has no position table of this grid, so that the formula cannot be checked.
    """
    loaded = resources.model(now.model)
    table, filters = loaded.position_table(), loaded.patch_filters()
    tokens = resources.hidden_states(now.model, now.picture)[0]
    if table is None or len(table) != len(tokens):
        raise ValueError("linear check: want a position table with one row a token")
    rest = (tokens - table)[now.axis.prefix :] - input_numbers(now) @ filters.reshape(len(filters), -1).T
    return float(np.abs(rest - rest.mean(axis=0)).max())
