"""Where torchvision's VisionTransformer, and every network named like it, keeps the parts that pages show."""

from typing import Any

from PIL import Image
from torch import Tensor

from vit_attention.inputs.prepared import Input
from vit_attention.inputs.preprocess import Recipe, prepare
from vit_attention.models.vision import Anatomy


def anatomy(module: Any, recipe: Recipe, name: str) -> Anatomy:
    """The parts of `module`, which takes one size of input only; `name` is used in messages."""
    side = module.image_size
    cells = side // module.patch_size

    def ready(picture: Image.Image, size: tuple[int, int] | None) -> Input:
        if size is not None and tuple(size) != (side, side):
            raise ValueError(
                f"size: {name} takes {side} x {side} pixels only (its position table is fixed), got {size}"
            )
        return Input.of(*prepare(picture, recipe))

    def forward(pixels: Tensor) -> Tensor:
        scores: Tensor = module(pixels)
        return scores

    return Anatomy(
        special=("class",),
        patch=(module.patch_size, module.patch_size),
        blocks=tuple(module.encoder.layers),
        heads=module.encoder.layers[0].self_attention.num_heads,
        patch_filters=module.conv_proj.weight,
        positions=module.encoder.pos_embedding[0],
        position_grid=(cells, cells),
        prepare=ready,
        forward=forward,
    )
