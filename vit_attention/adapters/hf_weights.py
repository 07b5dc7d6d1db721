"""A vision transformer of the transformers library with the weights of a file, under the names of its version 4 or 5."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vit_attention.weights import checkpoints
from vit_attention.weights.checkpoints import CheckpointError
from vit_attention.weights.choice import choose
from vit_attention.weights.heads import classes_of, head_of, headless
from vit_attention.weights.positions import built_note, picture_side

_OPTIONAL = re.compile(r"(^|\.)(mask_token$|pooler\.|relative_position_index$|position_ids$)")
"""What older files have too much, or a fine-tuned one too little, and no map needs."""
_TABLE = "embeddings.position_embeddings"


@dataclass(frozen=True)
class Network:
    """A filled network, the names of its classes, and what was assumed."""

    module: nn.Module
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def network(transformers: Any, config: Any, tensors: Mapping[str, Tensor], file: str, key: str) -> Network:
    """The network that a configuration describes, with the weights of a file.

    It is of the class that the configuration names, if that is a classifier or the bare model, else the bare model. A
    head of another size or name is found by its shape; without one the bare model is built.

    Args:
        transformers: the library.
        config: of the folder; another number of classes or another picture size goes into it.
        tensors: everything in the file.
        file: its name, for messages.
        key: which network of the file.

    Raises:
        CheckpointError: the weights do not fit the configuration.
    """
    config.num_labels = config.num_labels or 1  # a classifier without classes may still get the head of another file
    kind = _kind(transformers, config)
    wanted = _Wanted.of(kind, config, file, len(tensors))
    chosen = choose(tensors, list(wanted.ways()), file, key)
    state = {wanted.full(name): one for name, one in chosen.body.items()}
    notes = [*chosen.notes, *_fit_positions(config, state, wanted.table, file)]
    rest = {name: one for name, one in chosen.rest.items() if not _OPTIONAL.search(name)}
    _check_numbers(state, file)
    _check_depth(rest, config.num_hidden_layers, file)
    optional = {wanted.full(name): one for name, one in chosen.rest.items() if name not in rest}
    head, own = head_of(rest, wanted.heads, wanted.width, file) if wanted.heads else (None, {})
    _check_numbers(own, file)
    if head is None:
        bare = {name.removeprefix(wanted.lead): one for name, one in {**optional, **state}.items()}
        kind, notes = transformers.MODEL_MAPPING[type(config)], [*notes, *_headless(wanted, rest, file)]
        return Network(_filled(kind, config, bare, file), (), tuple(notes))
    labels = tuple(str(config.id2label[number]) for number in range(len(config.id2label)))
    classes, more = classes_of(head, labels, wanted.heads[0], file, own=False)
    config.num_labels = len(classes)
    return Network(_filled(kind, config, {**optional, **state, **own}, file), classes, (*notes, *more))


def encoder(
    transformers: Any, config: Any, names: Sequence[str], tensors: Mapping[str, Tensor], file: str, key: str
) -> Network:
    """The first of several networks of one configuration whose tensors the file holds all.

    Args:
        transformers: the library.
        config: of the folder; for a head of another size the number of classes goes into it.
        names: of the library's classes, the fullest first.
        tensors: everything in the file.
        file: its name, for messages.
        key: which network of the file.

    Raises:
        CheckpointError: none fits.
    """
    towers = (config, *(getattr(config, f"{name}_config", None) for name in ("text", "vision")))
    layers = sum(getattr(one, "num_hidden_layers", 0) for one in towers)
    if config.model_type == "albert":  # whose layers share some blocks
        layers = config.num_hidden_groups * config.inner_group_num
    if layers > len(tensors):
        raise CheckpointError(
            f"{file}: want weights of {layers} layers, as config.json names, got {len(tensors)} tensors"
        )
    tensors = {re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", name): one for name, one in tensors.items()}
    tensors = {re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name): one for name, one in tensors.items()}
    problem: CheckpointError | None = None
    for name in names:
        kind = getattr(transformers, name)
        head = name.endswith("ForSequenceClassification")
        fitted = _fit_classes(config, tensors, file) if head else []
        if fitted is None:
            continue
        shapes = _shapes(kind, config, file)
        lead = f"{kind.base_model_prefix}."
        whole = [{name: one for name, one in way.items() if not _spare(name, head)} for way in shapes]
        try:
            chosen = choose(
                tensors, [*whole, *({n.removeprefix(lead): s for n, s in way.items()} for way in whole)], file, key
            )
        except CheckpointError as error:
            problem = problem or error
            continue
        known = {name for way in shapes for name in way}
        beside = {name: one for name, one in chosen.rest.items() if name in known}
        _check_numbers(chosen.body, file)
        _check_depth(chosen.rest, layers, file)
        classes = tuple(config.id2label[n] for n in range(len(config.id2label))) if head else ()
        module = _filled(kind, config, {**beside, **chosen.body}, file)
        return Network(module, classes, (*chosen.notes, *fitted))
    raise problem or CheckpointError(f"{file}: want weights of {' or '.join(names)}, got others")


def _spare(name: str, head: bool) -> bool:
    """Whether a file may lack it: a classifier needs its pooler."""
    return bool(_OPTIONAL.search(name)) and not (head and "pooler." in name)


def _fit_classes(config: Any, tensors: Mapping[str, Tensor], file: str) -> list[str] | None:
    """Set the number of classes by the last layer of a file's classifier; None if it has no classifier."""
    ends = ("classifier.out_proj.weight", "classifier.weight")
    head = next((one for name, one in tensors.items() if name.endswith(ends) and one.ndim == 2), None)
    if head is None:
        return None
    if len(head) == len(config.id2label):
        return []
    config.id2label = {n: f"class {n}" for n in range(len(head))}
    return [
        f"{file} has {len(head)} classes, which config.json does not name: they are called class 0 to class {len(head) - 1}."
    ]


def _shapes(kind: Any, config: Any, file: str) -> tuple[dict[str, tuple[int, ...]], ...]:
    """Shapes of a network by the names that version 5 has in memory, and by those that both versions write."""
    try:
        with torch.device("meta"):
            empty = kind._from_config(config)
        from transformers.core_model_loading import revert_weight_conversion

        inside = empty.state_dict()
        written = revert_weight_conversion(empty, dict(inside))
    except Exception as error:  # whatever a wrong number leads to inside the library
        raise CheckpointError(
            f"{file}: want a config.json that a network can be built of, got one that cannot "
            f"({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        ) from error
    return tuple({name: tuple(one.shape) for name, one in names.items()} for names in (inside, written))


def _check_numbers(tensors: Mapping[str, Tensor], file: str) -> None:
    """Refuse whole numbers, such as 8-bit matrices without their scales, which the library would take for weights."""
    for name, one in tensors.items():
        if not one.is_floating_point() and not _OPTIONAL.search(name):
            raise checkpoints.other_numbers(name, one, torch.float32, file)


def _check_depth(rest: Mapping[str, Tensor], layers: int, file: str) -> None:
    """Refuse a file of more layers than the configuration names: part of a network is another network."""
    deeper = next((name for name in rest if re.search(r"(^|\.)layers?\.\d+\.", name)), None)
    if deeper:
        raise CheckpointError(
            f"{file}: want weights of the {layers} layers that config.json names, got more ({deeper})"
        )


def _headless(wanted: "_Wanted", rest: Mapping[str, Tensor], file: str) -> list[str]:
    if wanted.heads:
        return [headless(file)]
    return [f"{file} has tensors that the bare model does not: {', '.join(rest)[:200]}."] if rest else []


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
        inside, written = _shapes(kind, config, file)
        lead = f"{kind.base_model_prefix}."
        heads = dict.fromkeys(name.rpartition(".")[0] for name in inside if not name.startswith(lead))
        bare = not any(name.startswith(lead) for name in inside)
        width = 0 if bare or not heads else inside[f"{next(iter(heads))}.weight"][1]
        table = next((shape[1] for name, shape in inside.items() if name.endswith(_TABLE)), 0)
        return cls((inside, written), lead, () if bare else tuple(heads), int(width), table)

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
    usual, where = (1, places, config.hidden_size), f"{file}: {_TABLE} for {size} pixels in patches of {patch}"
    advice = "write the picture's size into config.json (image_size)"
    config.image_size = picture_side(table, usual, special, patch if square else 0, where, advice)
    return [built_note(config.image_size)]


@contextmanager
def quiet() -> Iterator[None]:
    """Without the library's bar for a load of milliseconds, and its advice on what was checked here; ours tell of downloads."""
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    if shown:
        logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


def _filled(kind: Any, config: Any, state: dict[str, Tensor], file: str) -> nn.Module:
    """The network, filled by the library itself, which knows the names of its older versions."""
    full = {name: checkpoints.plain(one, name, file) for name, one in state.items()}
    try:
        with quiet():
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
