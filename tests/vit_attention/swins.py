"""Tiny seeded Swin encoders, and window attention computed on the whole grid with an explicit rule of who sees whom."""

from __future__ import annotations

from typing import Any

import vit_attention.compat  # noqa: F401  before transformers

import numpy as np  # isort: skip
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import DonutSwinConfig, SwinConfig, SwinModel
from transformers.models.donut.modeling_donut_swin import DonutSwinModel

WINDOW = 4
EVEN, ODD = (128, 64), (70, 39)
"""Pages without any padding, and with padding of the page and in every stage."""


def shaken(model: nn.Module, seed: int = 0) -> Any:
    """Random weights strong enough that no row is near uniform; a fresh model has a bias of zero everywhere."""
    draw = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        spread = 1.0 if "table" in name or parameter.ndim < 2 else 1.5 * parameter[0].numel() ** -0.5
        parameter.data = torch.randn(parameter.shape, generator=draw) * spread
    return model.eval()


def donut(**changes: Any) -> Any:
    settings = {
        "image_size": [128, 64],
        "patch_size": [4, 2],
        "embed_dim": 8,
        "depths": [2, 2, 2],
        "num_heads": [1, 2, 4],
    }
    settings |= {"window_size": WINDOW, "drop_path_rate": 0.0, "mlp_ratio": 2.0, **changes}
    return shaken(DonutSwinModel(DonutSwinConfig(**settings)))


def swin() -> Any:
    config = SwinConfig(
        image_size=64,
        patch_size=2,
        embed_dim=8,
        depths=[2, 2],
        num_heads=[2, 4],
        window_size=WINDOW,
        drop_path_rate=0.0,
        attn_implementation="eager",
    )
    return shaken(SwinModel(config))


def page(size: tuple[int, int], count: int = 1, seed: int = 1) -> Tensor:
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def by_definition(block: Any, hidden: Tensor, grid: tuple[int, int], shift: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """(heads, cells, cells) weights between the cells of the page, and (heads, cells) what fell on padding.

    No windows are cut and nothing is rolled: two places of the padded grid see each other if they lie in one window of
    the lattice that starts at `shift` and no window's length apart, so that the far edges of the page do not meet.
    """
    core = block.attention.self
    rows, columns = (-(-side // WINDOW) * WINDOW for side in grid)
    padded = torch.zeros(rows, columns, hidden.shape[-1])
    padded[: grid[0], : grid[1]] = block.layernorm_before(hidden[0]).view(*grid, -1)
    width = core.attention_head_size
    query, key = (layer(padded.flatten(0, 1)).unflatten(-1, (-1, width)) for layer in (core.query, core.key))
    at = [(r, c) for r in range(rows) for c in range(columns)]
    home = [((r - shift) % rows // WINDOW, (c - shift) % columns // WINDOW) for r, c in at]
    scores = torch.full((query.shape[1], len(at), len(at)), -torch.inf)
    for i, (r, c) in enumerate(at):
        for j, (y, x) in enumerate(at):
            if home[i] == home[j] and abs(r - y) < WINDOW and abs(c - x) < WINDOW:
                place = (r - y + WINDOW - 1) * (2 * WINDOW - 1) + c - x + WINDOW - 1
                scores[:, i, j] = (query[i] * key[j]).sum(-1) / width**0.5 + core.relative_position_bias_table[place]
    weights = scores.softmax(-1).numpy()
    real = np.array([r < grid[0] and c < grid[1] for r, c in at])
    return weights[:, real][:, :, real], weights[:, real][:, :, ~real].sum(-1)


def entering(model: Any, pixels: Tensor) -> list[Tensor]:
    """The (1, cells, width) that enter every block, in order."""
    found: list[Tensor] = []
    blocks = [block for layer in model.encoder.layers for block in layer.blocks]
    handles = [block.register_forward_pre_hook(lambda _m, args: found.append(args[0])) for block in blocks]
    with torch.no_grad():
        model(pixels)
    for handle in handles:
        handle.remove()
    return found


def geometry_of(model: Any) -> list[tuple[Any, Any]]:
    return [(b.shift_size, b.window_size) for layer in model.encoder.layers for b in layer.blocks]
