"""torchvision's VisionTransformer: ViT-B/16 and its sisters (Dosovitskiy et al. 2021, arXiv:2010.11929)."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from vit_attention import checkpoints, compat  # noqa: F401  (compat goes before torchvision)
from vit_attention.cards import Card
from vit_attention.download import cache_folder, fetch
from vit_attention.preprocess import Recipe, prepare
from vit_attention.registry import Progress
from vit_attention.vision_model import Anatomy, Input, VisionModel

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load(card: Card, weights: Path | None, progress: Progress | None) -> VisionModel:
    """A torchvision model with the published weights, downloaded once, or with those of a file."""
    from torchvision.models import get_model_builder, get_weight

    published = get_weight(card.extra["weights"])
    path = weights or fetch_published(published.url, card, progress)
    state = checkpoints.read(path)
    head = state.get("heads.head.weight")
    count = len(head) if head is not None and head.ndim == 2 else 1000
    with torch.device("meta"):
        module = get_model_builder(card.extra["builder"])(num_classes=count)
    checkpoints.fill(module, state, path.name)
    labels = tuple(published.meta["categories"])
    classes = labels if count == len(labels) else tuple(f"class {i}" for i in range(count))
    side = module.image_size
    given = published.transforms.keywords
    recipe = Recipe((side, side), given.get("resize_size", 256), IMAGENET_MEAN, IMAGENET_STD, _resample(given))
    return VisionModel(card, module, anatomy(module, recipe, card.name), classes, checkpoints.file_hash(path))


def fetch_published(url: str, card: Card, progress: Progress | None) -> Path:
    """The cached file of the published weights, fetched if it is not there yet; its name ends in the hash it must have."""
    name = url.rsplit("/", 1)[-1]
    expected = name.removesuffix(".pth").rsplit("-", 1)[-1]
    return fetch(url, cache_folder() / name, sha256=expected, size=int(card.megabytes * 1e6), progress=progress)


def _resample(given: dict[str, object]) -> Image.Resampling:
    return Image.Resampling.BICUBIC if "bicubic" in str(given.get("interpolation", "")) else Image.Resampling.BILINEAR


def anatomy(module: nn.Module, recipe: Recipe, name: str) -> Anatomy:
    """Where a torchvision VisionTransformer keeps its parts; shared with every model built from that class."""
    side = module.image_size
    cells = side // module.patch_size

    def ready(picture: Image.Image, size: tuple[int, int] | None) -> Input:
        if size is not None and tuple(size) != (side, side):
            raise ValueError(f"size: {name} takes {side} x {side} pixels only (its position table is fixed), got {size}")
        pixels, geometry = prepare(picture, recipe)
        return Input(torch.from_numpy(pixels)[None], geometry)

    def forward(pixels: Tensor) -> Tensor:
        return module(pixels)

    return Anatomy(
        special=("class",),
        patch=(module.patch_size, module.patch_size),
        blocks=tuple(module.encoder.layers),
        patch_filters=module.conv_proj.weight,
        positions=module.encoder.pos_embedding[0],
        position_grid=(cells, cells),
        prepare=ready,
        forward=forward,
    )
