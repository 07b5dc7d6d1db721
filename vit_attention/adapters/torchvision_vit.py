"""torchvision's VisionTransformer: ViT-B/16 and its sisters (Dosovitskiy et al. 2021, arXiv:2010.11929)."""

from pathlib import Path

import torch
from PIL import Image

from vit_attention import compat  # noqa: F401  (compat goes before torchvision)
from vit_attention.adapters.vit_anatomy import anatomy
from vit_attention.heavy import Progress
from vit_attention.inputs.preprocess import Recipe
from vit_attention.models.cards import Card
from vit_attention.models.vision import VisionModel
from vit_attention.weights import checkpoints
from vit_attention.weights.download import cache_folder, fetch

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load(card: Card, weights: Path | None, progress: Progress | None) -> VisionModel:
    """A torchvision model with the published weights, downloaded once, or with those of a file."""
    from torchvision.models import get_model_builder, get_weight

    weights_of = get_weight(card.published)
    path = weights or published(card, progress)
    state = checkpoints.read(path)
    head = state.get("heads.head.weight")
    count = len(head) if head is not None and head.ndim == 2 else 1000
    with torch.device("meta"):
        module = get_model_builder(card.builder)(num_classes=count)
    checkpoints.fill(module, state, path.name)
    labels = tuple(weights_of.meta["categories"])
    classes = labels if count == len(labels) else tuple(f"class {i}" for i in range(count))
    side = module.image_size
    given = weights_of.transforms.keywords
    recipe = Recipe((side, side), given.get("resize_size", 256), IMAGENET_MEAN, IMAGENET_STD, _resample(given))
    return VisionModel(card, module, anatomy(module, recipe, card.name), classes, checkpoints.file_hash(path))


def published(card: Card, progress: Progress | None, again: bool = False) -> Path:
    """The cached file of the published weights, fetched if it is not there yet; its name ends in the hash it must have."""
    from torchvision.models import get_weight

    url = get_weight(card.published).url
    name = url.rsplit("/", 1)[-1]
    expected = name.removesuffix(".pth").rsplit("-", 1)[-1]
    size = int(card.megabytes * 1e6)
    return fetch(url, cache_folder() / name, sha256=expected, size=size, progress=progress, again=again)


def _resample(given: dict[str, object]) -> Image.Resampling:
    return Image.Resampling.BICUBIC if "bicubic" in str(given.get("interpolation", "")) else Image.Resampling.BILINEAR
