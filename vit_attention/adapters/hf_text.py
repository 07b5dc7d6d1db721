"""Text encoders as the transformers library saves them, from folder or hub: BERT and its relatives."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from vit_attention import compat  # noqa: F401  (compat goes before transformers)
from vit_attention.adapters import hf_tokenizer, hf_weights, hub
from vit_attention.gate import GateError, shown
from vit_attention.gate import config as gate
from vit_attention.gate.encoder_config import TextEncoder
from vit_attention.gate.folder import inside, read_settings
from vit_attention.heavy import Progress, heavy_imports, library
from vit_attention.models.cards import Card
from vit_attention.models.text import TextAnatomy, TextModel
from vit_attention.weights import checkpoints
from vit_attention.weights.shards import weights_in

FAMILIES = (
    *(
        "albert",
        "bert",
        "camembert",
        "deberta-v2",
        "distilbert",
        "electra",
        "ernie",
        "megatron-bert",
        "modernbert",
        "mpnet",
    ),
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl"),
)
"""Encoders by their model_type."""
_BEHIND_PADDING = ("camembert", "mpnet", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl")
"""Families whose positions are counted from behind the number of their padding token."""
_NORMS = ("final_norm", "LayerNorm", "ln")
"""What pre-norm families call the norm behind their last block, in the encoder or around it."""


def load(card: Card, weights: Path | None, progress: Progress | None, key: str = "") -> TextModel:
    """The encoder in a folder or of a hub id; only configuration, vocabulary and tensors are read, never code.

    Raises:
        ValueError: not a folder nor a hub id; or a family this adapter does not know; or no tokenizer.
        CheckpointError: the weights do not fit the folder's configuration.
        DownloadError: the hub cannot be reached, or has no such model.
    """
    folder = hub.published(card, progress)
    path = gate.CONFIG
    with inside(folder):
        kind = read_settings(folder / path, gate.Kind)
        if kind.model_type not in FAMILIES:
            raise GateError(
                path, f"one of the families {', '.join(FAMILIES)}", shown(kind.model_type), field="model_type"
            )
        notes = gate.check_kind(kind)
        said = read_settings(folder / path, TextEncoder)
        said.check()
    file = weights or weights_in(folder)
    tensors = checkpoints.read(file)
    transformers = library("transformers")
    with heavy_imports:
        with inside(folder):
            tokenizer = hf_tokenizer.load(folder, around=True, family=kind.model_type)
            config = configured(transformers, kind.model_type, said.settings())
        names = [mapping[type(config)].__name__ for mapping in _mappings(transformers)]
        found = hf_weights.encoder(transformers, config, names, tensors, file.name, key)
    if len(tokenizer) > config.vocab_size:
        raise GateError(
            path, f"at least {len(tokenizer)}, as in the tokenizer", str(config.vocab_size), field="vocab_size"
        )
    anatomy = _anatomy(found.module, config, tokenizer)
    model = TextModel(
        named(card, found.module), found.module, anatomy, found.classes, checkpoints.file_hash(file), tokenizer
    )
    model.notes = (*notes, *found.notes)
    return model


def configured(transformers: Any, model_type: str, said: dict[str, Any]) -> Any:
    """The library's own configuration of a family; raises GateError for fields that it refuses."""
    kind = transformers.CONFIG_MAPPING[model_type]
    own = {name: one for name, one in said.items() if not callable(getattr(kind, name, None))}
    try:
        with hf_weights.quiet():
            return kind(**own)
    except Exception as error:  # whatever a wrong value leads to inside the library
        got = f"others ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        raise GateError(gate.CONFIG, f"fields of {model_type}", got) from error


def named(card: Card, module: nn.Module, task: str = "text", knows: str = "What its publisher trained it on.") -> Card:
    """The card of a folder's model, now that its family and size are known."""
    if card.parameters:
        return card
    family = f"{type(module).__name__} (transformers)"
    return replace(card, family=family, task=task, parameters=sum(p.numel() for p in module.parameters()), knows=knows)


def _mappings(transformers: Any) -> tuple[Any, Any]:
    return transformers.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, transformers.MODEL_MAPPING


def _anatomy(module: Any, config: Any, tokenizer: Any) -> TextAnatomy:
    base = module.base_model
    pad = config.pad_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    longest = min(int(config.max_position_embeddings), int(tokenizer.model_max_length))
    if config.model_type in _BEHIND_PADDING:
        longest = min(longest, int(config.max_position_embeddings) - int(config.pad_token_id or 0) - 1)

    def forward(ids: Tensor, mask: Tensor) -> Tensor | None:
        return getattr(module(input_ids=ids, attention_mask=mask.long()), "logits", None)

    return TextAnatomy(
        blocks=_blocks(base, config),
        heads=config.num_attention_heads,
        width=config.hidden_size,
        norm=_norm(base),
        forward=forward,
        longest=longest,
        pad=int(pad or 0),
    )


def _blocks(base: Any, config: Any) -> tuple[nn.Module, ...]:
    """The blocks in the order in which they are used; ALBERT's groups of blocks are used again and again."""
    count = config.num_hidden_layers
    if config.model_type == "albert":
        groups = base.encoder.albert_layer_groups
        order = (groups[int(n * len(groups) / count)] for n in range(count))
        return tuple(block for group in order for block in group.albert_layers)
    return next(tuple(part) for part in base.modules() if isinstance(part, nn.ModuleList) and len(part) == count)


def _norm(base: Any) -> Any:
    """The norm behind the last block; post-norm families have none."""
    parts = (base, getattr(base, "encoder", None))
    found = (getattr(part, name, None) for part in parts for name in _NORMS)
    return next((one for one in found if isinstance(one, nn.Module)), nn.Identity())
