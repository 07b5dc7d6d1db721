"""torchvision's VisionTransformer: ViT-B/16 and its sisters (Dosovitskiy et al. 2021, arXiv:2010.11929)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from vit_attention import compat  # noqa: F401  (compat goes before torchvision)
from vit_attention.adapters.vit_anatomy import anatomy
from vit_attention.heavy import Progress, library
from vit_attention.inputs.preprocess import Recipe
from vit_attention.models.cards import Card
from vit_attention.models.vision import VisionModel
from vit_attention.weights import checkpoints
from vit_attention.weights.choice import Chosen, choose
from vit_attention.weights.download import cache_folder, fetch
from vit_attention.weights.heads import classes_of, head_of
from vit_attention.weights.positions import RECORD_OF, built_note, picture_side

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_TABLE, _HEAD = "encoder.pos_embedding", "heads.head"


def load(card: Card, weights: Path | None, progress: Progress | None, key: str = "") -> VisionModel:
    """A torchvision model with the published weights, downloaded once, or with those of a file.

    Raises:
        CheckpointError: a file that does not fit.
        DownloadError: the published weights could not be fetched; the message says how to get them by hand.
    """
    models = library("torchvision.models")
    of_weights = models.get_weight(card.published)
    path = weights or published(card, progress)
    build = models.get_model_builder(card.builder)
    found = _chosen(build, _named_anew(checkpoints.read(path)), path.name, key)
    head, own_head = head_of(found.chosen.rest, (_HEAD,), found.width, path.name)
    labels = tuple(of_weights.meta["categories"])
    classes, notes = classes_of(head, labels, _HEAD, path.name, own=weights is not None)
    with torch.device("meta"):
        module: Any = build(num_classes=len(classes) or 1, image_size=found.side)
        if head is None:
            module.heads = torch.nn.Identity()
    checkpoints.fill(module, {**found.chosen.body, **own_head}, path.name)
    recipe, resizing = _recipe(of_weights.transforms.keywords, found)
    model = VisionModel(card, module, anatomy(module, recipe), classes, checkpoints.file_hash(path))
    model.notes = (*found.chosen.notes, *notes, *resizing)
    return model


@dataclass(frozen=True)
class _Found:
    """The network's tensors, its width, and the side in pixels of the pictures that it was trained on."""

    chosen: Chosen
    width: int
    side: int
    usual: int


def _named_anew(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's first files, the published ones among them, have names of their own for the two layers of an MLP."""
    for old, new in ((".mlp.linear_1.", ".mlp.0."), (".mlp.linear_2.", ".mlp.3.")):
        tensors = {name.replace(old, new): one for name, one in tensors.items()}
    return tensors


def _chosen(build: Any, tensors: dict[str, Tensor], file: str, key: str) -> _Found:
    with torch.device("meta"):
        usual: Any = build()
    body = {name: tuple(one.shape) for name, one in usual.state_dict().items() if not name.startswith("heads.")}
    chosen = choose(tensors, {**body, _TABLE: None}, file, key)
    where = f"{file}: 1 tensors have another shape; first: {_TABLE}"
    side = picture_side(chosen.body[_TABLE], body[_TABLE], 1, usual.patch_size, where, RECORD_OF)
    return _Found(chosen, usual.hidden_dim, side, usual.image_size)


def _recipe(given: dict[str, Any], found: _Found) -> tuple[Recipe, tuple[str, ...]]:
    """torchvision's own preparation; for another size in the same proportion, which is noted."""
    first = round(int(given.get("resize_size", 256)) * found.side / found.usual)
    recipe = Recipe((found.side, found.side), first, IMAGENET_MEAN, IMAGENET_STD, _resample(given))
    if found.side == found.usual:
        return recipe, ()
    return recipe, (
        f"{built_note(found.side)} Pictures are resized to {first} pixels on the shorter side and cropped in the middle, in proportion as at {found.usual}.",
    )


def published(card: Card, progress: Progress | None, again: bool = False) -> Path:
    """The cached file of the published weights, fetched if it is not there yet; its name ends in the hash it must have."""
    url = library("torchvision.models").get_weight(card.published).url
    name = url.rsplit("/", 1)[-1]
    expected = name.removesuffix(".pth").rsplit("-", 1)[-1]
    size = int(card.megabytes * 1e6)
    return fetch(url, cache_folder() / name, sha256=expected, size=size, progress=progress, again=again)


def _resample(given: dict[str, object]) -> Image.Resampling:
    return Image.Resampling.BICUBIC if "bicubic" in str(given.get("interpolation", "")) else Image.Resampling.BILINEAR
