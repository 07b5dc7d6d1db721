"""The encoder of `receipt-donut` step by step, as learning needs it, and how its windows start."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vit_attention.networks.receipt_donut import PlacedDonutSwin


def encode(encoder: PlacedDonutSwin, pixels: Tensor, corner: tuple[int, int] = (0, 0)) -> tuple[Tensor, Tensor]:
    """What the third stage and the whole encoder give out: (batch, 4 * cells, 96) before merging, (batch, cells, 192)."""
    hidden, size = encoder.embeddings(pixels)
    middle = hidden
    for number, stage in enumerate(encoder.encoder.layers):
        module: Any = stage
        for place, block in enumerate(module.blocks):
            # On a cut of one window's height the library's layers give up shifting for good: set them again.
            block.window_size, block.shift_size = 4, 2 * (place % 2)
            hidden = block(hidden, size)[0]
        if number == 2:
            middle = hidden
        if module.downsample is not None:
            hidden = module.downsample(hidden, size)
            size = ((size[0] + 1) // 2, (size[1] + 1) // 2)
    table = encoder.places[corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]]
    return middle, hidden + table.flatten(0, 1)


_NEAR = ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1), (0, -2), (0, 2), (-2, 0), (2, 0))
"""(row, column) steps to the neighbours that heads start with, nearest first; heads beyond them start even."""


@torch.no_grad()
def neighbour_start(encoder: PlacedDonutSwin, strength: float = 3.0) -> None:
    """Let every head start by looking at one neighbour: a preference in the relative position bias, free to be unlearnt."""
    for stage in encoder.encoder.layers:
        module: Any = stage
        for block in module.blocks:
            attention = block.attention.self
            side = attention.window_size[0]
            # relative_position_index holds query minus key.
            for head, (down, right) in enumerate(_NEAR[: attention.num_attention_heads]):
                row = (side - 1 - down) * (2 * side - 1) + (side - 1 - right)
                attention.relative_position_bias_table[row, head] = strength
