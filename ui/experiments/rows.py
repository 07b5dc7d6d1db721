"""What the asking token reads in every layer and head, and where the objects are: shared by several experiments."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ui.experiments.context import Context, Finding

NO_TRUTH = Finding(
    None, "Nobody knows exactly where the objects of a photograph are. Choose a drawn scene in the sidebar."
)
"""What an experiment that needs the true mask says about a picture without one."""


def asking_rows(now: Context) -> list[NDArray[np.float32]]:
    """One (heads, tokens) array per layer: the row of the asking token, or the mean row of the asking patches."""
    numbers = [now.axis.prefix + p for p in now.chosen.patches] or [now.chosen.query]
    return [layer[:, numbers].astype(np.float32).mean(axis=1) for layer in now.record.layers]


def chosen_rows(now: Context) -> NDArray[np.float32]:
    """(layers, tokens) rows of the asking token through all layers, in the chosen head or the mean of all heads."""
    head = now.chosen.head
    return np.stack(
        [rows.mean(axis=0) if head is None or head >= len(rows) else rows[head] for rows in asking_rows(now)]
    )


def patch_maps(now: Context, rows: NDArray[Any]) -> NDArray[Any]:
    """(..., rows, columns) the patch part of (..., tokens) weights; special tokens left out."""
    return rows[..., now.axis.prefix :].reshape(*rows.shape[:-1], *now.grid)


def patch_size(now: Context) -> tuple[int, int]:
    """(height, width) of a patch in pixels of the model's input; (1, 1) without a picture."""
    if now.record.geometry is None:
        return (1, 1)
    width, height = now.record.geometry.seen
    return (height // now.grid[0], width // now.grid[1])


def places(count: int) -> NDArray[np.intp]:
    """The third of the depth, 0 to 2, in which each of `count` layers lies.

    >>> places(4).tolist()
    [0, 0, 1, 2]
    """
    return np.arange(count) * 3 // count
