"""ViT, DeiT, DINOv2 (with and without registers) and BEiT as the transformers library saves them, from folder or hub."""

import inspect
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor, nn

from vit_attention import compat  # noqa: F401  (compat goes before transformers)
from vit_attention.adapters import hub
from vit_attention.gate import GateError, shown
from vit_attention.gate import config as gate
from vit_attention.gate.folder import inside, read_settings, shapes, weights_files
from vit_attention.gate.refusal import one_line
from vit_attention.heavy import Progress, heavy_imports
from vit_attention.inputs.prepared import Input
from vit_attention.inputs.processor import Processor
from vit_attention.models.cards import Card
from vit_attention.models.vision import Anatomy, VisionModel
from vit_attention.weights import checkpoints

FAMILIES = {
    "vit": "ViT",
    "deit": "DeiT",
    "dinov2": "Dinov2",
    "dinov2_with_registers": "Dinov2WithRegisters",
    "beit": "Beit",
}
"""How the names of a family's classes begin in the library, by its model_type."""

_NETWORKS = ("Model", "ForImageClassification", "ForImageClassificationWithTeacher")

_SPARE = 4_000_000
"""Most parameters that the library may add to those of a file: a pooler and a mask token, which nothing here uses."""


def load(card: Card, weights: Path | None, progress: Progress | None) -> VisionModel:
    """The model in a folder or of a hub id; only configuration and tensors are read, never code.

    Raises:
        ValueError: not a folder nor a hub id; or a family this adapter does not know.
        CheckpointError: the folder's weights do not fit its configuration.
        DownloadError: the hub cannot be reached, or has no such model.
    """
    folder = hub.folder(card.name.removeprefix("hf:"), progress)
    with inside(folder):
        said, notes = _checked(folder)
    with heavy_imports:
        import transformers

        config = _config(transformers, said)
        with inside(folder):
            _bound(transformers, config, folder, weights)
            processor = Processor.of(folder, said.model_type, said.image_size, said.num_channels)
        module = _module(transformers, config, folder, weights)
    processor = replace(processor, notes=(*notes, *processor.notes))
    classes = said.labels() if _classifies(module) else ()
    path = weights or next(iter(sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")])))
    return VisionModel(card, module, _anatomy(module, config, processor), classes, checkpoints.file_hash(path))


def _checked(folder: Path) -> tuple[gate.Config, list[str]]:
    """What config.json says, and what of it is left aside; nothing is built before the weights agree with it."""
    path = folder / gate.CONFIG
    kind = read_settings(path, gate.Kind)
    if kind.model_type not in FAMILIES:
        want = f"one of the families {', '.join(FAMILIES)}"
        raise GateError(path.name, want, shown(kind.model_type), field="model_type")
    notes = gate.check_kind(kind)
    said = read_settings(path, gate.Config)
    gate.check(said)
    files = weights_files(folder)
    if files:
        gate.check_weights(said, shapes(files), files[0].name)
    named, network = (said.architectures or ["no network"])[0], _network(said)
    if named != network:
        notes.append(f"config.json names {one_line(named)}; it was opened as {network}, without a head.")
    return said, [*notes, *said.notes()]


def _config(transformers: Any, said: gate.Config) -> Any:
    """The library's own configuration; `architectures` names the one network that will be built."""
    kind = getattr(transformers, f"{FAMILIES[said.model_type]}Config")
    return kind(**said.settings(), architectures=[_network(said)])


def _network(said: gate.Config) -> str:
    """The network that a folder names if it is a classifier or the bare model, else the bare model."""
    family, named = FAMILIES[said.model_type], (said.architectures or [""])[0]
    return named if named in {f"{family}{network}" for network in _NETWORKS} else f"{family}Model"


def _bound(transformers: Any, config: Any, folder: Path, weights: Path | None) -> None:
    """Refuse a configuration that describes a larger network than the weights fill."""
    files = weights_files(folder)
    if weights is not None or not files:
        return  # filled from a state dict on the meta device: nothing is allocated
    with torch.device("meta"):
        empty = getattr(transformers, config.architectures[0])._from_config(config)
    wanted, held = sum(p.numel() for p in empty.parameters()), sum(map(math.prod, shapes(files).values()))
    if wanted > held + _SPARE:
        raise GateError(gate.CONFIG, f"a network of the {held:,} numbers in {files[0].name}", f"one of {wanted:,}")


def _module(transformers: Any, config: Any, folder: Path, weights: Path | None) -> nn.Module:
    """The network that the configuration names, filled from the folder or from a file of one's own."""
    loader = getattr(transformers, config.architectures[0])
    try:
        if weights is not None:
            with torch.device("meta"):
                empty = loader._from_config(config)
            return checkpoints.fill(empty, checkpoints.read(weights), weights.name)
        module, report = loader.from_pretrained(
            folder, config=config, local_files_only=True, use_safetensors=True, output_loading_info=True
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


def _sides(side: Any) -> tuple[int, int]:
    return (int(side[0]), int(side[1])) if isinstance(side, (tuple, list)) else (int(side), int(side))


def _whole_patches(ready: Input, patch: tuple[int, int]) -> Input:
    """Without what the patch embedding does not see: the rows and columns that fill no patch."""
    height, width = (int(side) // p * p for side, p in zip(ready.pixels.shape[-2:], patch, strict=True))
    if not height or not width:
        raise GateError("picture", f"at least {patch[0]} x {patch[1]} pixels", f"{tuple(ready.pixels.shape[-2:])}")
    if (height, width) == tuple(ready.pixels.shape[-2:]):
        return ready
    note = f"Pixels beyond {height} x {width} fill no whole patch and are not seen."
    geometry = ready.geometry.crop(0, 0, width, height)
    return replace(ready, pixels=ready.pixels[..., :height, :width], geometry=geometry, notes=(*ready.notes, note))


def _interpolated(native: tuple[int, int], sides: tuple[int, int]) -> str:
    learned, used = (f"{height} x {width}" for height, width in (native, sides))
    return f"The model's positions were learned for {learned} pixels and are interpolated to {used}."


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


def _anatomy(module: nn.Module, config: Any, processor: Processor) -> Anatomy:
    base: Any = module.base_model
    patch, native = _sides(config.patch_size), _sides(config.image_size)
    takes_sizes = "interpolate_pos_encoding" in inspect.signature(module.forward).parameters

    def ready(picture: Image.Image, size: tuple[int, int] | None) -> Input:
        if size is not None and (size[0] % patch[0] or size[1] % patch[1] or min(size) < 1):
            raise ValueError(f"size: want multiples of the patch size {patch[0]} x {patch[1]} pixels, got {size}")
        found = _whole_patches(processor.prepare(picture, size), patch)
        sides = (int(found.pixels.shape[-2]), int(found.pixels.shape[-1]))
        if sides == native:
            return found
        if config.model_type == "beit":
            raise ValueError(f"size: a BEiT model takes {native[0]} x {native[1]} pixels only, got {sides}")
        return replace(found, notes=(*found.notes, _interpolated(native, sides)))

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
