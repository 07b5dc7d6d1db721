"""Where torchvision's VisionTransformer, and every network named like it, keeps the parts that pages show."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor

from vit_attention.inputs.prepared import Input
from vit_attention.inputs.preprocess import Recipe, prepare
from vit_attention.models.vision import Anatomy
from vit_attention.weights.positions import resized


def anatomy(module: Any, recipe: Recipe) -> Anatomy:
    """The parts of `module`; for inputs of another size than its own, positions are interpolated."""
    side, patch = module.image_size, module.patch_size
    cells = (side // patch, side // patch)

    def ready(picture: Image.Image, size: tuple[int, int] | None) -> Input:
        return Input.of(*prepare(picture, recipe, size))

    def forward(pixels: Tensor) -> Tensor | None:
        grid = (pixels.shape[-2] // patch, pixels.shape[-1] // patch)
        scores: Tensor = (
            module(pixels) if tuple(pixels.shape[-2:]) == (side, side) else _at(module, pixels, cells, grid)
        )
        return scores

    return Anatomy(
        special=("class",),
        patch=(patch, patch),
        blocks=tuple(module.encoder.layers),
        heads=module.encoder.layers[0].self_attention.num_heads,
        patch_filters=module.conv_proj.weight,
        positions=module.encoder.pos_embedding[0],
        position_grid=cells,
        prepare=ready,
        forward=forward,
        norm=module.encoder.ln,
        tail=lambda tokens: module.heads(module.encoder.ln(tokens)[:, 0]),
    )


def _at(module: Any, pixels: Tensor, cells: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """The module's own forward pass with positions for another grid; the module, which others use, stays as it is."""
    patches = module.conv_proj(pixels).flatten(2).mT
    tokens = torch.cat([module.class_token.expand(len(pixels), -1, -1), patches], dim=1)
    tokens = tokens + resized(module.encoder.pos_embedding[0], 1, cells, grid)
    scores: Tensor = module.heads(module.encoder.ln(module.encoder.layers(tokens))[:, 0])
    return scores
