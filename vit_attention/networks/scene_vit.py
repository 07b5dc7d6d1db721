"""The architecture of `scene-vit`: torchvision's own VisionTransformer with ViT-B/16's attention geometry, narrow."""

from __future__ import annotations

from functools import partial

from torch import nn

from vit_attention import compat  # noqa: F401  (torchvision must not be imported before it)

IMAGE_SIZE, PATCH_SIZE = 112, 8
LAYERS, HEADS, WIDTH, MLP_WIDTH = 12, 12, 144, 432


def build(classes: int) -> nn.Module:
    """A `torchvision.models.VisionTransformer`: 12 layers x 12 heads, 14 x 14 patches + class token, random weights.

    The patch embedding is the plain linear one of Dosovitskiy et al. (2021, arXiv:2010.11929, equation 1).
    """
    from torchvision.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        num_layers=LAYERS,
        num_heads=HEADS,
        hidden_dim=WIDTH,
        mlp_dim=MLP_WIDTH,
        num_classes=classes,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
    )
