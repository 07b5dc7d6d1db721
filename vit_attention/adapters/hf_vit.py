"""ViT, DeiT, DINOv2 (with and without registers) and BEiT as the transformers library saves them, from folder or hub."""

import inspect
import json
import re
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor, nn

from vit_attention import compat  # noqa: F401  (compat goes before transformers)
from vit_attention.adapters import hub
from vit_attention.gate import GateError
from vit_attention.heavy import Progress, heavy_imports
from vit_attention.inputs.prepared import Input
from vit_attention.inputs.preprocess import Recipe, prepare, three
from vit_attention.models.cards import Card
from vit_attention.models.vision import Anatomy, VisionModel
from vit_attention.weights import checkpoints

FAMILIES = ("vit", "deit", "dinov2", "dinov2_with_registers", "beit")


def load(card: Card, weights: Path | None, progress: Progress | None) -> VisionModel:
    """The model in a folder or of a hub id; only configuration and tensors are read, never code.

    Raises:
        ValueError: not a folder nor a hub id; or a family this adapter does not know.
        CheckpointError: the folder's weights do not fit its configuration.
        DownloadError: the hub cannot be reached, or has no such model.
    """
    folder = hub.folder(card.name.removeprefix("hf:"), progress)
    with heavy_imports:
        import transformers

        config = _config(transformers, folder)
        module = _module(transformers, config, folder, weights)
    recipe = _recipe(folder, config)
    classes = tuple(str(config.id2label[i]) for i in range(config.num_labels)) if _classifies(module) else ()
    path = weights or next(iter(sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")])))
    return VisionModel(card, module, _anatomy(module, config, recipe), classes, checkpoints.file_hash(path))


def _config(transformers: Any, folder: Path) -> Any:
    try:
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{folder.name}: want a model folder of the transformers library, got: {error}") from error
    if config.model_type not in FAMILIES:
        raise ValueError(f"{folder.name}: want one of the families {', '.join(FAMILIES)}, got {config.model_type!r}")
    return config


def _module(transformers: Any, config: Any, folder: Path, weights: Path | None) -> nn.Module:
    """The class the folder names if it is a classifier or the bare model, else the bare model."""
    named = (getattr(config, "architectures", None) or [""])[0]
    allowed = re.fullmatch(r"\w+(Model|ForImageClassification|ForImageClassificationWithTeacher)", named)
    kind = getattr(transformers, named, None) if allowed else None
    try:
        if weights is not None:
            with torch.device("meta"):
                empty = (kind or transformers.AutoModel)._from_config(config)
            return checkpoints.fill(empty, checkpoints.read(weights), weights.name)
        loader = kind or transformers.AutoModel
        module, report = loader.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except checkpoints.CheckpointError:
        raise
    except Exception as error:  # the library raises many kinds for broken or foreign weights
        raise checkpoints.CheckpointError(f"{folder.name}: weights do not load: {error}") from error
    missing = [k for k in report["missing_keys"] if "pooler" not in k and "mask_token" not in k]
    if missing:
        raise checkpoints.CheckpointError(f"{folder.name}: {len(missing)} tensors missing (first: {missing[0]})")
    return cast(nn.Module, module)


def _classifies(module: nn.Module) -> bool:
    return "ForImageClassification" in type(module).__name__


def _recipe(folder: Path, config: Any) -> Recipe:
    """The folder's own preprocessing; without that file, both sides resized to the model's size."""
    path = folder / "preprocessor_config.json"
    given: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    native = _size(config.image_size, 224)
    size = given.get("size", native)
    shortest = size.get("shortest_edge") if isinstance(size, dict) else None
    first: int | tuple[int, int] | None = int(shortest) if shortest else _size(size, 224)
    if given.get("do_center_crop"):
        final = _size(given.get("crop_size", native), 224)
    else:
        # A shorter-side resize without a crop gives no fixed size: take the model's own.
        final, first = native if shortest else _size(size, 224), None
    plain = not given.get("do_normalize", True)
    mean, std = (
        ((0.0,) * 3, (1.0,) * 3) if plain else (three(given.get("image_mean", 0.5)), three(given.get("image_std", 0.5)))
    )
    return Recipe(final, first, mean, std, Image.Resampling(given.get("resample", 2)))


def _size(size: Any, default: int) -> tuple[int, int]:
    if isinstance(size, dict):
        return int(size.get("height", default)), int(size.get("width", default))
    if isinstance(size, (tuple, list)):
        return int(size[0]), int(size[1])
    return int(size), int(size)


def _special(config: Any) -> tuple[str, ...]:
    if config.model_type == "deit":
        return ("class", "distillation")
    registers = getattr(config, "num_register_tokens", 0) if config.model_type == "dinov2_with_registers" else 0
    return ("class", *(f"register {i + 1}" for i in range(registers)))


def _blocks(base: nn.Module, count: int) -> tuple[nn.Module, ...]:
    for child in base.modules():
        if isinstance(child, nn.ModuleList) and len(child) == count:
            return tuple(child)
    raise ValueError(f"{type(base).__name__}: want a list of {count} transformer blocks, found none")


def _anatomy(module: nn.Module, config: Any, recipe: Recipe) -> Anatomy:
    base: Any = module.base_model
    patch = _size(config.patch_size, 16)
    native = _size(config.image_size, 224)
    takes_sizes = "interpolate_pos_encoding" in inspect.signature(module.forward).parameters

    def ready(picture: Image.Image, size: tuple[int, int] | None) -> Input:
        wanted = recipe if size is None else Recipe((size[0], size[1]), None, recipe.mean, recipe.std, recipe.resample)
        if wanted.size[0] < patch[0] or wanted.size[1] < patch[1]:
            raise GateError("size", f"at least one patch of {patch[0]} x {patch[1]} pixels", str(wanted.size))
        if wanted.size != native and config.model_type == "beit":
            raise ValueError(f"size: a BEiT model takes {native[0]} x {native[1]} pixels only, got {wanted.size}")
        return Input.of(*prepare(picture, wanted))

    def forward(pixels: Tensor) -> Tensor | None:
        other = tuple(pixels.shape[-2:]) != native
        extra = {"interpolate_pos_encoding": True} if takes_sizes and other else {}
        return getattr(module(pixel_values=pixels, **extra), "logits", None)

    positions = getattr(base.embeddings, "position_embeddings", None)
    return Anatomy(
        special=_special(config),
        patch=patch,
        blocks=_blocks(base, config.num_hidden_layers),
        heads=config.num_attention_heads,
        patch_filters=base.embeddings.patch_embeddings.projection.weight,
        positions=None if positions is None else positions[0],
        position_grid=(native[0] // patch[0], native[1] // patch[1]),
        prepare=ready,
        forward=forward,
    )
