"""A training pass through torchvision's VisionTransformer that is fast on a CPU, and the start it learns from."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

OFFSETS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
_PERIODS = (14.0, 5.0, 3.0)  # no common repeat inside 14 cells, so a head's favourite offset is unique


def patchify(pixels: Tensor, patch: int) -> Tensor:
    """(batch, 3, H, W) to (batch, rows * columns, 3 * patch * patch), in the order of a convolution's weight."""
    return F.unfold(pixels, patch, stride=patch).mT


def forward(
    model: Any, pixels: Tensor, place: tuple[int, int], deep: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """All tokens after the final norm, and those after block `deep`, for a window at `place` of the position table.

    Attention is written out: the fused CPU kernel's backward pass in bfloat16 is three times slower.

    Returns:
        (batch, 1 + cells * cells, width) and the same after `deep` blocks (None without `deep`).
    """
    patch, heads = model.patch_size, model.encoder.layers[0].self_attention.num_heads
    cells = pixels.shape[-1] // patch
    x = patchify(pixels, patch) @ model.conv_proj.weight.flatten(1).mT + model.conv_proj.bias
    table = model.encoder.pos_embedding
    grid = table[:, 1:].view(1, 14, 14, -1)[:, place[0] : place[0] + cells, place[1] : place[1] + cells]
    x = torch.cat(
        [(model.class_token + table[:, :1]).expand(len(x), -1, -1), x + grid.reshape(1, cells * cells, -1)], dim=1
    )
    middle = None
    for depth, block in enumerate(model.encoder.layers, start=1):
        x = x + _attention(block.self_attention, block.ln_1(x), heads)
        x = x + block.mlp(block.ln_2(x))
        if depth == deep:
            middle = x
    return model.encoder.ln(x), middle


def _attention(attention: nn.MultiheadAttention, x: Tensor, heads: int) -> Tensor:
    batch, tokens, width = x.shape
    q, k, v = (
        F.linear(x, attention.in_proj_weight, attention.in_proj_bias)
        .view(batch, tokens, 3, heads, width // heads)
        .permute(2, 0, 3, 1, 4)
    )
    weights = ((q * (width // heads) ** -0.5) @ k.mT).softmax(dim=-1)
    return attention.out_proj((weights.to(v.dtype) @ v).transpose(1, 2).reshape(batch, tokens, width))


@torch.no_grad()
def convolutional_start(model: Any, layers: int = 6, sharpness: float = 1.3) -> None:
    """Let nine heads of each early layer begin by looking at one neighbour each, as a 3 x 3 convolution does.

    Self-attention can express any convolution (Cordonnier et al. 2020, arXiv:1911.03584); beginning there spares a small
    transformer the long search for locality (cf. Zheng et al. 2024, arXiv:2404.01139). Position codes take the last twelve
    channels; a head's query code is the key code moved by its offset. Everything is free to change afterwards.
    """
    width = model.class_token.shape[-1]
    start = width - 12
    cells = torch.arange(14.0)
    code = lambda at: torch.stack([f(2 * math.pi * at / p) for p in _PERIODS for f in (torch.cos, torch.sin)], -1)  # noqa: E731
    table = model.encoder.pos_embedding
    table.normal_(std=0.02)
    grid = torch.cat([code(cells)[:, None].expand(14, 14, 6), code(cells)[None].expand(14, 14, 6)], dim=-1)
    table[0, 1:, start:] = 2 * grid.reshape(196, 12)
    for depth, block in enumerate(model.encoder.layers[:layers]):
        dilation = (1, 1, 2, 1, 2, 1)[depth % 6]
        q, k, _ = block.self_attention.in_proj_weight.view(3, -1, 12, width)  # (heads, 12, width) each
        for head, (dy, dx) in enumerate(OFFSETS):
            for weight in (q, k):
                weight[head].mul_(0.3)
                weight[head, :, start:] = 0
            k[head, :, start:] = sharpness * torch.eye(12)
            q[head, :, start:] = sharpness * _rotation((dy * dilation, dx * dilation))


def _rotation(offset: tuple[int, int]) -> Tensor:
    """The 12 x 12 matrix that turns the code of a cell into the code of the cell `offset` away."""
    turn = torch.zeros(12, 12)
    for axis in (0, 1):
        for i, period in enumerate(_PERIODS):
            angle = 2 * math.pi * offset[axis] / period
            at = 6 * axis + 2 * i
            turn[at : at + 2, at : at + 2] = torch.tensor(
                [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
            )
    return turn
