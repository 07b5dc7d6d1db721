"""A vision transformer small enough for brute force, in double precision, and its pass written out from its weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm

import vit_attention as va
from vit_attention import compat  # noqa: F401
from vit_attention.adapters.vit_anatomy import anatomy
from vit_attention.inputs.preprocess import Recipe
from vit_attention.models.vision import VisionModel

DEPTH, HEADS, WIDTH, CLASSES = 3, 2, 8, 4
RECIPE = Recipe((16, 16), 16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def build(placeless: bool = False) -> VisionModel:
    """A model over 2 x 2 patches; `placeless`, its tokens do not know where they are."""
    from torchvision.models import VisionTransformer

    torch.manual_seed(0)
    module = VisionTransformer(16, 8, DEPTH, HEADS, WIDTH, 12, num_classes=CLASSES).double().eval()
    for one in module.parameters():
        nn.init.normal_(one, std=0.5)
        one.requires_grad_(False)
    if placeless:
        module.encoder.pos_embedding.zero_()
    return VisionModel(va.load("scene-vit").card, module, anatomy(module, RECIPE), tuple("abcd"), "made here")


def pixels(seed: int = 0) -> Tensor:
    """(1, 3, 16, 16) seeded noise."""
    return torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def embedded(module: Any, given: Tensor) -> Tensor:
    """(tokens, width) that enter the first block."""
    patches = [
        module.conv_proj.weight.flatten(1) @ given[0, :, r : r + 8, c : c + 8].flatten() for r in (0, 8) for c in (0, 8)
    ]
    tokens = torch.stack([module.class_token[0, 0], *(one + module.conv_proj.bias for one in patches)])
    found: Tensor = tokens + module.encoder.pos_embedding[0]
    return found


def attention(layer: Any, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """(heads, tokens, tokens) weights, and (heads, tokens, head width) values."""
    inside, own = normed(layer.ln_1, tokens), layer.self_attention
    three = inside @ own.in_proj_weight.mT + own.in_proj_bias
    query, key, value = (part.unflatten(-1, (HEADS, -1)).transpose(0, 1) for part in three.chunk(3, dim=-1))
    return (query @ key.mT / (WIDTH / HEADS) ** 0.5).softmax(-1), value


def mixed(weights: Tensor, value: Tensor) -> Tensor:
    """(..., tokens, width) weights x values, heads joined."""
    return (weights @ value).transpose(-2, -3).flatten(-2)


def rest(layer: Any, tokens: Tensor, joined: Tensor) -> Tensor:
    """(..., tokens, width) that leave a block, of what its heads put together."""
    after = tokens + joined @ layer.self_attention.out_proj.weight.mT + layer.self_attention.out_proj.bias
    first, second = layer.mlp[0], layer.mlp[3]
    hidden = gelu(normed(layer.ln_2, after) @ first.weight.mT + first.bias)
    found: Tensor = after + hidden @ second.weight.mT + second.bias
    return found


def normed(norm: Any, tokens: Tensor) -> Tensor:
    """A LayerNorm, written out as its function."""
    return layer_norm(tokens, (WIDTH,), norm.weight, norm.bias, norm.eps)


def states(module: Any, given: Tensor) -> list[Tensor]:
    """(tokens, width) that enter the first block and leave every block."""
    found = [embedded(module, given)]
    for layer in module.encoder.layers:
        found.append(rest(layer, found[-1], mixed(*attention(layer, found[-1]))))
    return found


def onward(module: Any, tokens: Tensor, start: int) -> Tensor:
    """(..., tokens, width) that leave the last block, of those that enter block `start`."""
    if tokens.ndim > 2:
        return torch.stack([onward(module, one, start) for one in tokens])
    for layer in list(module.encoder.layers)[start:]:
        tokens = rest(layer, tokens, mixed(*attention(layer, tokens)))
    return tokens


def head(module: Any, tokens: Tensor) -> Tensor:
    """(..., classes) scores of a single token."""
    found: Tensor = normed(module.encoder.ln, tokens) @ module.heads.head.weight.mT + module.heads.head.bias
    return found


def slopes(function: Callable[[Tensor], Tensor], at: Tensor, step: float = 1e-5) -> Tensor:
    """Numerical gradient of a function of (n, *shape) to (n,), at one point of that shape, by central differences."""
    moves = step * torch.eye(at.numel(), dtype=at.dtype).reshape(-1, *at.shape)
    found: Tensor = (function(at + moves) - function(at - moves)) / (2 * step)
    return found.reshape(at.shape)
