"""How far, in pixels, a head looks."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.arguments import pair, whole
from vit_attention.gate import GateError


def attention_distance(
    weights: ArrayLike,
    grid: tuple[int, int] = (14, 14),
    prefix: int = 1,
    patch_size: float | tuple[float, float] = 16,
    *,
    per_query: bool = False,
) -> NDArray[np.float64]:
    """Mean attention distance of every head, in pixels of the picture that the model saw.

    For each patch, the expected distance between its centre and the centre of the patch it looks at; then the mean
    over patches (Dosovitskiy et al. 2021, arXiv:2010.11929, figure 7). Special tokens have no place: their rows and
    columns are removed, and the rest of each row is divided by its sum. (Without this division, distances would shrink
    by the share of the special tokens.)

    Args:
        weights: (..., heads, tokens, tokens); NaN marks absent keys.
        grid: (rows, columns) of patches.
        prefix: how many special tokens lead.
        patch_size: side of a patch in pixels, or (height, width).
        per_query: keep one distance per patch instead of the mean over patches.

    Returns:
        (..., heads), or (..., heads, patches) with `per_query`. A patch without attention to patches is NaN and is
        left out of the mean.

    Raises:
        ValueError: tokens that are not prefix + rows * columns, or a negative or infinite weight.

    >>> attention_distance(np.full((1, 2, 2), 0.5), grid=(1, 2), prefix=0, patch_size=16)
    array([8.])
    """
    shape, grid = np.shape(weights), pair("grid", grid)
    tokens = whole("prefix", prefix, 0) + grid[0] * grid[1]
    if len(shape) < 2 or shape[-2:] != (tokens, tokens):
        wanted = f"{prefix} + {grid[0]} * {grid[1]} = {tokens} queries and keys"
        raise GateError("weights", wanted, f"shape {shape}")
    patches = undefined.split(weights).values[..., prefix:, prefix:]
    reach = np.einsum("...qk,qk->...q", patches, patch_distances(grid, patch_size).astype(patches.dtype))
    distance = undefined.ratio(reach, patches.sum(axis=-1))
    return distance if per_query else undefined.mean(distance)


def patch_distances(grid: tuple[int, int], patch_size: float | tuple[float, float] = 1) -> NDArray[np.float64]:
    """Euclidean distance between the centres of every two patches, in pixels.

    Args:
        grid: (rows, columns) of patches.
        patch_size: side of a patch in pixels, or (height, width).

    Returns:
        (patches, patches), patches in reading order.

    Raises:
        ValueError: a grid or a patch size that is not positive.

    >>> patch_distances((1, 3), 16)[0]
    array([ 0., 16., 32.])
    """
    grid, size = pair("grid", grid), np.broadcast_to(np.asarray(patch_size, dtype=np.float64), 2)
    if min(grid) < 1 or not (size > 0).all():
        raise GateError("grid and patch_size", "positive numbers", f"{grid} and {patch_size}")
    rows, columns = np.indices(grid).reshape(2, -1)
    down = (rows[:, None] - rows) * size[0]
    right = (columns[:, None] - columns) * size[1]
    return np.asarray(np.hypot(down, right))
