"""Learned position tables: their grid, and the table between its places for another grid."""

from collections.abc import Sequence
from math import isqrt

import torch
import torch.nn.functional as F
from torch import Tensor

from vit_attention.weights.refusal import CheckpointError

RECORD_OF = "build the network for that picture and give it to vit_attention.record_of"


def square_side(tokens: int, special: int) -> int:
    """Cells of a side, if a table of `tokens` places, `special` of them for leading tokens, is of a square; else 0."""
    side = isqrt(max(tokens - special, 0))
    return side if side * side == tokens - special else 0


def picture_side(table: Tensor, usual: Sequence[int], special: int, patch: int, where: str, advice: str) -> int:
    """Pixels on a side of the square picture that a file's position table was learned for.

    Args:
        table: of the file.
        usual: shape of the network's own: (1, special + places, width).
        special: how many places are of leading tokens.
        patch: pixels on a side of a patch; 0 if patches are not square.
        where: file and name, for the message.
        advice: what to do with a table of another picture.

    Raises:
        CheckpointError: another width, or places that make no square.
    """
    alike = table.ndim == 3 and (table.shape[0], table.shape[2]) == (usual[0], usual[2])
    cells = square_side(table.shape[1], special) if alike else 0
    if not cells * patch:
        raise CheckpointError(
            f"{where}: want {tuple(usual)}, or one of another square picture, got {tuple(table.shape)}: {advice}"
        )
    return cells * patch


def built_note(side: int) -> str:
    """What a model says of it."""
    return (
        f"The file's position table has as many places as a square picture of {side} x {side} pixels, so the network was built "
        "for it. If it was trained on another shape, give its size in a folder's config.json (image_size)."
    )


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
