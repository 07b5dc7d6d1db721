"""Learned position tables: their grid, and the table between its places for another grid."""

from math import isqrt

import torch
import torch.nn.functional as F
from torch import Tensor


def square_side(tokens: int, special: int) -> int:
    """Cells of a side, if a table of `tokens` places, `special` of them for leading tokens, is of a square; else 0."""
    side = isqrt(max(tokens - special, 0))
    return side if side * side == tokens - special else 0


def resized(table: Tensor, special: int, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """(special + rows * columns, width) for the grid `new`, bicubic with aligned corners, as torchvision does it.

    Args:
        table: (special + places, width); the leading ones stay as they are.
        special: how many lead.
        old, new: (rows, columns).
    """
    grid = table[special:].unflatten(0, old).permute(2, 0, 1)[None]
    between = F.interpolate(grid, size=new, mode="bicubic", align_corners=True)
    return torch.cat([table[:special], between[0].flatten(1).T])


def resized_note(old: tuple[int, int], new: tuple[int, int]) -> str:
    """What a record says of it."""
    return (
        f"The model learned positions for {old[0]} x {old[1]} patches; for the {new[0]} x {new[1]} of this input they were "
        "interpolated (bicubic)."
    )
