"""Text encoders as the transformers library saves them, from folder or hub: BERT and its relatives."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vit_attention import compat  # noqa: F401  (compat goes before transformers)
from vit_attention.adapters import hf_tokenizer, hf_weights, hub
from vit_attention.gate import GateError
from vit_attention.gate import config as gate
from vit_attention.gate.encoder_config import DualEncoder, TextEncoder
from vit_attention.gate.folder import inside, read_settings
from vit_attention.heavy import Progress, heavy_imports, library
from vit_attention.models.cards import Card
from vit_attention.models.tail import in_tuples, with_tokens
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
    found = opened(card, weights, progress, key, TextEncoder, _names)
    anatomy = _anatomy(found.module, found.config, found.tokenizer)
    model = TextModel(found.card("text"), found.module, anatomy, found.classes, found.digest, found.tokenizer)
    model.notes = found.notes
    return model


@dataclass(frozen=True)
class Opened:
    """What was in a folder.

    Attributes:
        published: the card by which it was asked for.
        folder: where it lies.
        module: the network, filled.
        config: the library's configuration.
        tokenizer: of the folder.
        classes: their names.
        digest: of the weights' file.
        notes: what was assumed.
    """

    published: Card
    folder: Path
    module: Any
    config: Any
    tokenizer: Any
    classes: tuple[str, ...]
    digest: str
    notes: tuple[str, ...]

    def card(self, task: str, knows: str = "What its publisher trained it on.") -> Card:
        """The card, now that family and size are known."""
        if self.published.parameters:
            return self.published
        family, size = f"{type(self.module).__name__} (transformers)", sum(p.numel() for p in self.module.parameters())
        return replace(self.published, family=family, task=task, parameters=size, knows=knows)


def opened(
    card: Card,
    weights: Path | None,
    progress: Progress | None,
    key: str,
    schema: type[TextEncoder] | type[DualEncoder],
    names: Callable[[Any, Any], Sequence[str]],
) -> Opened:
    """The network and the tokenizer of a folder, each looked at by the gate before the library sees it.

    Args:
        card, weights, progress, key: as `load` takes them.
        schema: what its configuration may say.
        names: (library, configuration) to the library's networks that it may be, the fullest first.
    """
    folder = hub.published(card, progress)
    with inside(folder):
        kind = read_settings(folder / gate.CONFIG, gate.Kind)
        notes = gate.check_kind(kind)
        said = read_settings(folder / gate.CONFIG, schema)
        said.check()
    file = weights or weights_in(folder)
    tensors = checkpoints.read(file)
    transformers = library("transformers")
    with heavy_imports:
        with inside(folder):
            tokenizer = hf_tokenizer.load(folder, around=True, family=kind.model_type)
            config = configured(transformers, kind.model_type, said.settings())
            _check_vocabulary(tokenizer, config.get_text_config().vocab_size)
        found = hf_weights.encoder(transformers, config, names(transformers, config), tensors, file.name, key)
    digest, notes = checkpoints.file_hash(file), [*notes, *found.notes]
    return Opened(card, folder, found.module, config, tokenizer, found.classes, digest, tuple(notes))


def _check_vocabulary(tokenizer: Any, rows: int) -> None:
    """Refuse a tokenizer whose numbers go beyond the network's table."""
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if highest >= rows:
        want = f"more than {highest}, the highest number in the tokenizer"
        raise GateError(gate.CONFIG, want, str(rows), field="vocab_size")


def configured(transformers: Any, model_type: str, said: dict[str, Any]) -> Any:
    """The library's own configuration of a family; raises GateError for fields that it refuses."""
    kind = transformers.CONFIG_MAPPING[model_type]
    fields = {one.name for one in dataclasses.fields(kind)}  # a class has other names that a file must not set
    own = {name: one for name, one in said.items() if name in fields or not hasattr(kind, name)}
    try:
        with hf_weights.quiet():
            return kind(**own)
    except Exception as error:  # whatever a wrong value leads to inside the library
        got = f"others ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        raise GateError(gate.CONFIG, f"fields of {model_type}", got) from error


def _names(transformers: Any, config: Any) -> list[str]:
    mappings = (transformers.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, transformers.MODEL_MAPPING)
    return [mapping[type(config)].__name__ for mapping in mappings]


def _anatomy(module: Any, config: Any, tokenizer: Any) -> TextAnatomy:
    base = module.base_model
    pad = config.pad_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    longest = min(int(config.max_position_embeddings), int(tokenizer.model_max_length))
    if config.model_type in _BEHIND_PADDING:
        longest = min(longest, int(config.max_position_embeddings) - int(config.pad_token_id or 0) - 1)

    def forward(ids: Tensor, mask: Tensor) -> Tensor | None:
        return getattr(module(input_ids=ids, attention_mask=mask.long()), "logits", None)

    blocks = _blocks(base, config)

    @cache
    def wrapped() -> bool:
        word = torch.ones(1, 1, dtype=torch.long, device=module.device)
        return in_tuples(module, blocks, lambda view: view(input_ids=word, attention_mask=word))

    def tail(tokens: Tensor) -> Tensor:
        every = torch.ones(tokens.shape[:2], dtype=torch.long, device=tokens.device)
        view = with_tokens(module, blocks, tokens, wrapped())
        scores: Tensor = view(input_ids=every, attention_mask=every).logits
        return scores

    return TextAnatomy(
        blocks=blocks,
        heads=config.num_attention_heads,
        width=config.hidden_size,
        norm=_norm(base),
        forward=forward,
        longest=longest,
        vocabulary=config.vocab_size,
        pad=int(pad or 0),
        tail=tail,
        embedding=base.get_input_embeddings(),
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
