"""Occlusion sensitivity: the fall of a class's score, or of a similarity, when a square of patches is covered."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.gate import GateError, shown
from vit_attention.signals import Again

OF = ("pictures",)
AT_ONCE = 16
"""Covered pictures that go through the model together."""


def run(again: Again, *, window: int, stride: int, fill: str) -> NDArray[np.float32]:
    """(rows, columns) mean fall of the target's score over all covered squares that a patch lies in.

    Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2, on the patches of the model instead of pixels. The last squares
    of a row or column end at the picture's edge, so that every patch is covered.

    Args:
        window: side of a square in patches.
        stride: steps between squares in patches, at most the window's side.
        fill: "mean", the mean of every channel over the prepared picture, or "zero".

    Raises:
        ValueError: a square larger than the grid, steps that leave patches out, another fill, or no target.
    """
    if fill not in ("mean", "zero"):
        raise GateError("occlusion", "a fill of mean or zero", shown(fill))
    if not (isinstance(window, int) and isinstance(stride, int)):
        raise GateError("occlusion", "whole numbers of patches", f"{window!r} and {stride!r}")
    if not 1 <= window <= min(again.grid) or not 1 <= stride <= window:
        raise GateError(
            "occlusion", f"a window of 1 to {min(again.grid)} patches and a stride up to it", f"{window} and {stride}"
        )
    if again.target is None:
        raise GateError("occlusion", "a class, target=CLASS or keep=methods()['occlusion'].needs", "none")
    pixels = again.ready.pixels
    squares = [
        (top, left) for top in _starts(again.grid[0], window, stride) for left in _starts(again.grid[1], window, stride)
    ]
    before = float(again.scores(pixels)[0, again.target])
    total, count = np.zeros(again.grid), np.zeros(again.grid)
    for first in range(0, len(squares), AT_ONCE):
        some = squares[first : first + AT_ONCE]
        after = again.scores(torch.cat([_covered(pixels, again.patch, corner, window, fill) for corner in some]))
        for (top, left), scores in zip(some, after, strict=True):
            square = slice(top, top + window), slice(left, left + window)
            total[square] += before - float(scores[again.target])
            count[square] += 1
    return (total / count).astype(np.float32)


def _starts(side: int, window: int, stride: int) -> list[int]:
    return sorted({*range(0, side - window, stride), side - window})


def _covered(pixels: Tensor, patch: tuple[int, int], corner: tuple[int, int], window: int, fill: str) -> Tensor:
    """(1, 3, height, width) pixels with one square of patches filled."""
    (height, width), (top, left), out = patch, corner, pixels.clone()
    colour = pixels.mean(dim=(-2, -1), keepdim=True) if fill == "mean" else 0.0
    out[..., top * height : (top + window) * height, left * width : (left + window) * width] = colour
    return out
