"""Tiny vision transformers with torchvision's parts and seeded random weights."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch

import vit_attention as va
from vit_attention import compat  # noqa: F401  (compat goes before torchvision)
from vit_attention.adapters.vit_anatomy import anatomy
from vit_attention.inputs.preprocess import Recipe
from vit_attention.models.vision import VisionModel

CLASSES = ("cat", "dog", "owl")


def network(layers: int = 2, dtype: torch.dtype = torch.float64, seed: int = 0) -> Any:
    """One that sees 4 x 4 patches of 4 x 4 pixels, with 2 heads of 6 numbers and frozen weights."""
    from torchvision.models.vision_transformer import VisionTransformer

    torch.manual_seed(seed)
    module = VisionTransformer(
        image_size=16,
        patch_size=4,
        num_layers=layers,
        num_heads=2,
        hidden_dim=12,
        mlp_dim=20,
        num_classes=len(CLASSES),
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
    )
    for weights in module.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    return module.to(dtype).eval().requires_grad_(False)


def model(module: Any) -> VisionModel:
    """It as a loaded model."""
    card = replace(va.card("scene-vit"), name="tiny")
    return VisionModel(card, module, anatomy(module, Recipe((16, 16), None, (0.5,) * 3, (0.5,) * 3)), CLASSES, "0" * 64)


def pixels(count: int = 1, dtype: torch.dtype = torch.float64, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed), dtype=dtype)
