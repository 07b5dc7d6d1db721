"""Donut document readers: the bundled one, the published ones by name, and any folder or hub id of the family."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vit_attention import compat  # noqa: F401  (compat goes before transformers)
from vit_attention.adapters import hf_tokenizer, hub
from vit_attention.gate import config as gate
from vit_attention.gate.folder import inside, read_settings
from vit_attention.gate.page_reader import PageReader
from vit_attention.heavy import Progress, heavy_imports, library
from vit_attention.inputs.processor import Processor
from vit_attention.models.cards import Card
from vit_attention.models.reader import ReadingModel
from vit_attention.weights import checkpoints
from vit_attention.weights.choice import choose
from vit_attention.weights.shards import weights_in

_TABLES = ("encoder.embeddings.patch_embeddings.projection.weight", "decoder.model.decoder.embed_tokens.weight")
_PLACES = "encoder.places"  # the tensor that only the bundled network has
_OWN = ("relative_position_index", "lm_head.weight")
"""What files leave out, as the library works it out or ties it."""


def load(card: Card, weights: Path | None, progress: Progress | None, key: str = "") -> ReadingModel:
    """A reader ready to attend.

    Raises:
        ValueError: not a folder nor a hub id; or no Donut: an encoder that is not DonutSwin, or no tokenizer.
        CheckpointError: weights that do not fit the folder's configuration.
        DownloadError: the hub cannot be reached, or has no such model.
    """
    folder = hub.published(card, progress)
    with inside(folder):
        said, notes = _checked(folder)
    path = weights or weights_in(folder)
    tensors = checkpoints.read(path)
    if weights is None:
        with inside(folder):
            said.check_weights(checkpoints.shapes(tensors), path.name)
    transformers = library("transformers")
    with heavy_imports:
        config = transformers.VisionEncoderDecoderConfig(**said.settings())
        with inside(folder):
            tokenizer = hf_tokenizer.load(folder)
            processor = Processor.of(folder, said.model_type, said.encoder.image_size, said.encoder.num_channels)
        state = _chosen(tensors, path.name, key)
        module: Any = _network(transformers, config, state, path.name, len(tokenizer))
    prompt = card.prompt or _start(tokenizer, module)
    processor = replace(processor, notes=(*notes, *processor.notes))
    return ReadingModel(_named(card, module), module, tokenizer, processor, prompt, checkpoints.file_hash(path))


def _checked(folder: Path) -> tuple[PageReader, list[str]]:
    """What config.json says, and what of it is left aside; nothing is built before the weights agree with it."""
    path = folder / gate.CONFIG
    notes = gate.check_kind(read_settings(path, gate.Kind))
    said = read_settings(path, PageReader)
    said.check()
    return said, notes


def _chosen(tensors: dict[str, torch.Tensor], file: str, key: str) -> dict[str, torch.Tensor]:
    """The reader in a file, whatever leads its names; its two tables tell where it is."""
    chosen = choose(tensors, dict.fromkeys(_TABLES), file, key)
    return {**chosen.rest, **chosen.body}


def _network(transformers: Any, config: Any, state: dict[str, Any], name: str, vocabulary: int) -> nn.Module:
    """The network that the folder's configuration describes, filled; nothing but configuration and tensors is read."""
    if _PLACES in state:
        from vit_attention.networks.receipt_donut import build

        return checkpoints.fill(build(vocabulary), _tied(state), name)
    module = _built(transformers, config, state, name)
    return checkpoints.fill(module, _fitting(module, _tied(state)), name)


def _built(transformers: Any, config: Any, state: dict[str, Any], name: str) -> nn.Module:
    """The network of a configuration, which comes from a stranger: its size is compared with the file's tensors first."""
    try:
        blocks = sum(int(n) for n in config.encoder.depths) + int(config.decoder.decoder_layers)
        if blocks > len(state):
            raise ValueError(f"{blocks} blocks for {len(state)} tensors")
        with torch.device("meta"):  # shapes alone: no memory is taken
            shapes = {k: v.shape for k, v in transformers.VisionEncoderDecoderModel(config=config).state_dict().items()}
        missing = next((k for k in shapes if k not in state and not k.endswith(_OWN)), None)
        if missing:
            raise ValueError(f"{missing} of {tuple(shapes[missing])} where the file has none")
        off = [k for k, shape in shapes.items() if k in state and state[k].shape != shape]
        if off:
            raise ValueError(f"{off[0]} of {tuple(shapes[off[0]])} where the file has {tuple(state[off[0]].shape)}")
        module: nn.Module = transformers.VisionEncoderDecoderModel(config=config)
    except Exception as error:  # whatever a wrong number leads to inside the library
        raise checkpoints.CheckpointError(
            f"{name}: want weights that fit config.json, got others ({type(error).__name__}: {error})"
        ) from error
    return module


def _tied(state: dict[str, Any]) -> dict[str, Any]:
    """Files leave out the output projection where it is the embedding table."""
    table = state.get("decoder.model.decoder.embed_tokens.weight")
    return state if table is None else {"decoder.lm_head.weight": table, **state}


def _fitting(module: nn.Module, state: dict[str, Any]) -> dict[str, Any]:
    """`state` without what older versions of the library saved beside the weights, and with what it did not save."""
    own = module.state_dict()
    index = {k: v for k, v in own.items() if k.endswith("relative_position_index")}
    spare = {
        k
        for k in state
        if k not in own and (k.endswith("relative_position_index") or ".layernorm." in k or "pooler" in k)
    }
    return {**{k: v for k, v in state.items() if k not in spare}, **index}


def _start(tokenizer: Any, module: Any) -> str:
    """The task prompt that training began with, as the configuration has it."""
    number = getattr(module.config, "decoder_start_token_id", None) or module.config.decoder.decoder_start_token_id
    token = (
        tokenizer.convert_ids_to_tokens(int(number)) if number is not None and int(number) < len(tokenizer) else None
    )
    return token or tokenizer.bos_token or "<s>"


def _named(card: Card, module: nn.Module) -> Card:
    """The card of a folder's model, now that its family and size are known."""
    if card.parameters:
        return card
    return replace(
        card,
        family="Donut",
        task="read",
        parameters=sum(p.numel() for p in module.parameters()),
        knows="Documents of the kind its publisher trained it on.",
    )
