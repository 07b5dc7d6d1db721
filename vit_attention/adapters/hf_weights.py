"""A vision transformer of the transformers library with the weights of a file, under the names of its version 4 or 5."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vit_attention.weights import checkpoints
from vit_attention.weights.checkpoints import CheckpointError
from vit_attention.weights.choice import Head, choose, find_head
from vit_attention.weights.heads import classes_of
from vit_attention.weights.positions import square_side

_OPTIONAL = re.compile(r"(^|\.)(mask_token$|pooler\.|relative_position_index$|position_ids$)")
"""What older files have too much, or a fine-tuned one too little, and no map needs."""
_TABLE = "embeddings.position_embeddings"


@dataclass(frozen=True)
class Network:
    """A filled network, the names of its classes, and what was assumed."""

    module: nn.Module
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def network(transformers: Any, config: Any, path: Path, key: str) -> Network:
    """The network that a configuration describes, with the weights of a file.

    It is of the class that the configuration names, if that is a classifier or the bare model, else the bare model. A
    head of another size or name is found by its shape; without one the bare model is built.

    Args:
        transformers: the library.
        config: of the folder; another number of classes or another picture size goes into it.
        path: weights file, folder, or index of shards.
        key: which network of the file.

    Raises:
        CheckpointError: the weights do not fit the configuration.
    """
    tensors = checkpoints.read(path)
    kind = _kind(transformers, config)
    wanted = _Wanted.of(kind, config, path.name, len(tensors))
    chosen = choose(tensors, list(wanted.ways()), path.name, key)
    state = {wanted.full(name): one for name, one in chosen.body.items()}
    notes = [*chosen.notes, *_fit_positions(config, state, wanted.table, path.name)]
    rest = {name: one for name, one in chosen.rest.items() if not _OPTIONAL.search(name)}
    if wanted.heads and all(f"{head}.weight" in rest for head in wanted.heads) and len(wanted.heads) > 1:
        config.num_labels = len(rest[f"{wanted.heads[0]}.weight"])  # two heads, of the class and the distillation token
        head: Head | None = Head(rest[f"{wanted.heads[0]}.weight"], None, wanted.heads[0])
        state |= rest
    elif wanted.heads:
        head = find_head(rest, wanted.width, path.name)
        state |= {} if head is None else head.named(wanted.heads[0])
    else:
        head = None
        notes += [f"{path.name} has tensors that the bare model does not: {', '.join(rest)[:200]}."] if rest else []
    classes: tuple[str, ...] = ()
    if head is None:
        kind = transformers.MODEL_MAPPING[type(config)]
        notes += [f"{path.name} holds no head: the model tells no classes apart."] if wanted.heads else []
        state = {name.removeprefix(wanted.lead) if wanted.heads else name: one for name, one in state.items()}
    else:
        labels = tuple(str(config.id2label[number]) for number in range(len(config.id2label)))
        classes, more = classes_of(head, labels, wanted.heads[0], path.name, own=False)
        notes += more
        config.num_labels = len(classes)
    optional = {wanted.full(name): one for name, one in chosen.rest.items() if _OPTIONAL.search(name)}
    return Network(_filled(kind, config, {**optional, **state}, path.name), classes, tuple(notes))


def _kind(transformers: Any, config: Any) -> Any:
    named = str((getattr(config, "architectures", None) or [""])[0])
    allowed = re.fullmatch(r"\w+(Model|ForImageClassification|ForImageClassificationWithTeacher)", named)
    found = getattr(transformers, named, None) if allowed else None
    fits = getattr(found, "config_class", None) is type(config)
    return found if fits else transformers.MODEL_MAPPING[type(config)]


@dataclass(frozen=True)
class _Wanted:
    """What a network's file holds.

    Attributes:
        names: shapes by the names that version 5 has in memory, and by those that both versions write.
        lead: what leads the names of the bare model in a classifier.
        heads: what leads the names of its heads.
        width: numbers that a head gets.
        table: places in the position table; 0 without one.
    """

    names: tuple[dict[str, tuple[int, ...]], ...]
    lead: str
    heads: tuple[str, ...]
    width: int
    table: int

    @classmethod
    def of(cls, kind: Any, config: Any, file: str, many: int) -> "_Wanted":
        """Of an empty network; a configuration of more blocks than the file has tensors is refused before it is built."""
        if config.num_hidden_layers > many:
            raise CheckpointError(
                f"{file}: want weights of the {config.num_hidden_layers} layers that config.json names, got {many} tensors"
            )
        try:
            with torch.device("meta"):
                empty = kind._from_config(config)
            from transformers.core_model_loading import revert_weight_conversion

            inside = empty.state_dict()
            written = revert_weight_conversion(empty, dict(inside))
        except Exception as error:  # whatever a wrong number leads to inside the library
            raise CheckpointError(
                f"{file}: want a config.json that a network can be built of, got one that cannot ({type(error).__name__}: {error})"
            ) from error
        lead = f"{empty.base_model_prefix}."
        heads = dict.fromkeys(name.rpartition(".")[0] for name in inside if not name.startswith(lead))
        bare = not any(name.startswith(lead) for name in inside)
        width = 0 if bare or not heads else inside[f"{next(iter(heads))}.weight"].shape[1]
        shapes = tuple({name: tuple(one.shape) for name, one in names.items()} for names in (inside, written))
        table = next((int(one.shape[1]) for name, one in inside.items() if name.endswith(_TABLE)), 0)
        return cls(shapes, lead, () if bare else tuple(heads), int(width), table)

    def ways(self) -> Iterator[dict[str, tuple[int, ...] | None]]:
        """The body's names in either version, with and without the lead of a classifier."""
        for names in self.names:
            body = {
                name: None if name.endswith(_TABLE) else shape
                for name, shape in names.items()
                if not self.spare(name) and name.rpartition(".")[0] not in self.heads
            }
            yield body
            if self.heads:
                yield {name.removeprefix(self.lead): shape for name, shape in body.items()}

    def spare(self, name: str) -> bool:
        """Whether a name may be missing: a classifier needs the pooler that it has."""
        return bool(_OPTIONAL.search(name)) and not (self.heads and "pooler." in name)

    def full(self, name: str) -> str:
        """A body's name with the lead that a classifier has."""
        known = not self.heads or name.startswith(self.lead) or any(name in names for names in self.names)
        return name if known else self.lead + name


def _fit_positions(config: Any, state: dict[str, Tensor], places: int, file: str) -> list[str]:
    """Set the picture's size in the configuration by the position table; what was done, in a sentence."""
    table = next((one for name, one in state.items() if name.endswith(_TABLE)), None)
    if table is None or (table.ndim == 3 and table.shape[1] == places):
        return []
    size, patch = config.image_size, config.patch_size
    square = isinstance(size, int) and isinstance(patch, int)
    special = places - (size // patch) ** 2 if square else 0
    cells = square_side(table.shape[1], special) if square and table.ndim == 3 else 0
    if not cells:
        raise CheckpointError(
            f"{file}: {_TABLE}: want {places} places, for {size} pixels in patches of {patch}, or those of another square "
            f"picture, got {tuple(table.shape)}: write the picture's size into config.json (image_size)"
        )
    config.image_size = cells * patch
    return [
        f"The file's position table is of {cells * patch} x {cells * patch} pixels, so the network was built for them."
    ]


def _filled(kind: Any, config: Any, state: dict[str, Tensor], file: str) -> nn.Module:
    """The network, filled by the library itself, which knows the names of its older versions."""
    full = {name: checkpoints.plain(one, name, file) for name, one in state.items()}
    try:
        module, report = kind.from_pretrained(
            None, config=config, state_dict=full, dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:  # the library raises many kinds for broken or foreign weights
        raise CheckpointError(f"{file}: weights do not load: {error}") from error
    missing = [
        name for name in report["missing_keys"] if not _OPTIONAL.search(name)
    ]  # what is needed was looked for before
    if missing or report["mismatched_keys"]:
        raise CheckpointError(f"{file}: {len(missing)} tensors missing or of another shape (first: {missing[:1]})")
    done: nn.Module = module
    return done
