"""ViT, DeiT, DINOv2 (with and without registers) and BEiT as the transformers library saves them, from folder or hub."""

import inspect
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor, nn

from vit_attention import compat  # noqa: F401  (compat goes before transformers)
from vit_attention.adapters import hf_weights, hub
from vit_attention.gate import config as gate
from vit_attention.gate.folder import inside, read_settings
from vit_attention.gate.refusal import one_line
from vit_attention.heavy import Progress, heavy_imports, library
from vit_attention.inputs.prepared import Input
from vit_attention.inputs.processor import Processor
from vit_attention.models.cards import Card
from vit_attention.models.tail import with_tokens
from vit_attention.models.vision import Anatomy, VisionModel
from vit_attention.weights import checkpoints
from vit_attention.weights.shards import weights_in

FAMILIES = {
    "vit": "ViT",
    "deit": "DeiT",
    "dinov2": "Dinov2",
    "dinov2_with_registers": "Dinov2WithRegisters",
    "beit": "Beit",
}
"""How the names of a family's classes begin in the library, by its model_type."""

_NETWORKS = ("Model", "ForImageClassification", "ForImageClassificationWithTeacher")


def load(card: Card, weights: Path | None, progress: Progress | None, key: str = "") -> VisionModel:
    """The model in a folder or of a hub id; only configuration and tensors are read, never code.

    Raises:
        ValueError: not a folder nor a hub id; or a family this adapter does not know.
        CheckpointError: the weights do not fit the folder's configuration.
        DownloadError: the hub cannot be reached, or has no such model.
    """
    folder = hub.published(card, progress)
    with inside(folder):
        said, notes = _checked(folder)
    path = weights or weights_in(folder)
    tensors = checkpoints.read(path)
    if weights is None:
        with inside(folder):
            gate.check_weights(said, checkpoints.shapes(tensors), path.name)
    transformers = library("transformers")
    with heavy_imports:
        found = hf_weights.network(transformers, _config(transformers, said), tensors, path.name, key)
        config: Any = found.module.config
        with inside(folder):
            processor = Processor.of(folder, said.model_type, _sides(config.image_size), said.num_channels)
    anatomy = _anatomy(found.module, config, processor)
    model = VisionModel(card, found.module, anatomy, found.classes, checkpoints.file_hash(path))
    model.notes = (*notes, *found.notes)
    return model


def _checked(folder: Path) -> tuple[gate.Config, list[str]]:
    """What config.json says, and what of it is left aside; nothing is built before the weights agree with it."""
    path = folder / gate.CONFIG
    notes = gate.check_kind(read_settings(path, gate.Kind))
    said = read_settings(path, gate.Config)
    gate.check(said)
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


def _sides(side: Any) -> tuple[int, int]:
    return (int(side[0]), int(side[1])) if isinstance(side, (tuple, list)) else (int(side), int(side))


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
    blocks = _blocks(base, config.num_hidden_layers)
    takes_sizes = "interpolate_pos_encoding" in inspect.signature(module.forward).parameters

    def ready(picture: Image.Image, size: tuple[int, int] | None) -> Input:
        found = processor.prepare(picture, size)
        sides = (int(found.pixels.shape[-2]), int(found.pixels.shape[-1]))
        if sides != native and config.model_type == "beit":
            raise ValueError(f"size: a BEiT model takes {native[0]} x {native[1]} pixels only, got {sides}")
        return found

    def tail(tokens: Tensor) -> Tensor:
        empty = tokens.new_zeros((1, config.num_channels, *native))  # whose patches go nowhere
        scores: Tensor = with_tokens(module, blocks, tokens)(pixel_values=empty).logits
        return scores

    def forward(pixels: Tensor) -> Tensor | None:
        other = tuple(pixels.shape[-2:]) != native
        extra = {"interpolate_pos_encoding": True} if takes_sizes and other else {}
        return getattr(module(pixel_values=pixels, **extra), "logits", None)

    positions = getattr(base.embeddings, "position_embeddings", None)
    return Anatomy(
        special=_special(config),
        patch=patch,
        blocks=blocks,
        heads=config.num_attention_heads,
        patch_filters=base.embeddings.patch_embeddings.projection.weight,
        positions=None if positions is None else positions[0],
        position_grid=(native[0] // patch[0], native[1] // patch[1]),
        prepare=ready,
        forward=forward,
        norm=base.layernorm,
        tail=tail,
    )
