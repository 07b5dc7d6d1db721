"""Small functions of pixels, and networks of random weights, that runs are tried on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import vit_attention as va
from vit_attention import compat  # noqa: F401  (compat goes before transformers)
from vit_attention.inputs.prepared import Input
from vit_attention.signals.given import Again
from vit_attention.signals.parts import in_patches
from vit_attention.signals.slope import Slope

PATCH = (4, 4)


def again(pixels: Tensor, function: Callable[[Tensor], Tensor], target: int | None = 0, similar: bool = False) -> Again:
    """A run's input for a function of (batch, channels, height, width) pixels that gives (batch, classes)."""
    grid = (pixels.shape[-2] // PATCH[0], pixels.shape[-1] // PATCH[1])

    def gradient(some: Tensor) -> tuple[Tensor, Tensor]:
        leaf = some.detach().clone().requires_grad_()
        scores = function(leaf)[:, target]
        return scores.detach(), torch.autograd.grad(scores.sum(), leaf)[0]

    blanks = {"zero": torch.zeros_like(pixels), "blank": pixels.mean((-2, -1), keepdim=True).expand_as(pixels)}
    slope = Slope(pixels, blanks, gradient, lambda v: in_patches(v.sum(dim=0), grid, PATCH).sum(dim=-1))
    return Again(
        Input.ready(pixels, None),
        grid,
        PATCH,
        target,
        lambda some: function(some).detach().numpy(),
        lambda picture: np.zeros((1, 1, 1), np.float32),
        slope=None if target is None else slope,
        similar=similar,
    )


def pixels(channels: int = 3, height: int = 16, width: int = 24, seed: int = 0) -> Tensor:
    """(1, channels, height, width) smooth random numbers on both sides of 0, as prepared pixels are."""
    chance = torch.Generator().manual_seed(seed)
    coarse = torch.randn((1, channels, height // 4, width // 4), generator=chance, dtype=torch.float64)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")


def curved(some: Tensor) -> Tensor:
    """(batch, 3) scores that hang on every pixel, and on neighbours together."""
    places = torch.linspace(0.2, 1.7, some[0].numel(), dtype=some.dtype).reshape(some.shape[1:])
    near = some * some.roll(1, -1)
    return torch.stack([(places * some.sin()).sum((1, 2, 3)), (places * near).mean((1, 2, 3)), some.mean((1, 2, 3))], 1)


def dino(folder: Path, head: bool = True) -> Any:
    """A DINOv2 of 2 layers in double precision, 32 x 32 pixels in 4 x 4 patches, of random weights."""
    from transformers import Dinov2Config, Dinov2ForImageClassification, Dinov2Model

    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8, num_labels=3
    )
    network = (Dinov2ForImageClassification if head else Dinov2Model)(config)
    for weights in network.parameters():
        torch.nn.init.normal_(weights, std=0.2)
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text('{"size": {"height": 32, "width": 32}, "do_center_crop": false}')
    model = va.load(f"hf:{folder}")
    model.module.double()
    return model
