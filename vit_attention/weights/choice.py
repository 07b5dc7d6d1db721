"""Which tensors of a file are the network asked for: wrappers' prefixes, several networks, a replaced head."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor, nn

from vit_attention.weights.checkpoints import fill, read
from vit_attention.weights.refusal import CheckpointError

TOP = "."
"""As a key: names that nothing leads."""

_LIBRARIES = (
    ("patch_embed.proj.weight", "timm: load it with timm:NAME, the network's name there"),
    ("conv_proj.weight", "torchvision: load it with vit-b-16, vit-b-32, vit-l-16 or vit-h-14"),
    (
        "patch_embeddings.projection.weight",
        "the transformers library: load it with hf:FOLDER, where its config.json is",
    ),
)
"""By the patch embedding: which library names it so, and what to do."""

Shapes = Mapping[str, tuple[int, ...] | None]
"""Names that a network wants, with their shapes; None where the adapter looks at the shape itself."""


@dataclass(frozen=True)
class Head:
    """One linear layer behind the body.

    Attributes:
        weight, bias: (classes, width) and (classes,) or None.
        name: what leads their names.
    """

    weight: Tensor
    bias: Tensor | None
    name: str

    def named(self, name: str) -> dict[str, Tensor]:
        """Its tensors by another name; a head without bias has one of zeros."""
        bias = self.weight.new_zeros(len(self.weight)) if self.bias is None else self.bias
        return {f"{name}.weight": self.weight, f"{name}.bias": bias}


@dataclass(frozen=True)
class Chosen:
    """One network of a file.

    Attributes:
        body: the tensors that were wanted, by their names in the network.
        rest: what else goes by the same lead, its head for instance.
        notes: what there is to say about the choice.
    """

    body: dict[str, Tensor]
    rest: dict[str, Tensor]
    notes: tuple[str, ...] = ()


def choose(tensors: Mapping[str, Tensor], wanted: Shapes | Collection[Shapes], file: str, key: str = "") -> Chosen:
    """The one network in `tensors` that has what is wanted, whatever leads its names ("module.", "_orig_mod.", ...).

    Args:
        tensors: everything in the file, by dotted names.
        wanted: names and shapes of the network without its head; or several ways to name it.
        file: its name, for messages.
        key: what leads the names of the one to take, such as "state_dict_ema" or "student.backbone".

    Raises:
        CheckpointError: none fits, and how the nearest differs; or several do, and their names; or no such key.
    """
    ways = [wanted] if isinstance(wanted, Mapping) else list(wanted)
    inside = _under(tensors, key, file)
    fits: dict[frozenset[tuple[int, ...]], tuple[str, Chosen]] = {}
    for way in ways:
        for lead in _leads(inside, way):
            own = {name.removeprefix(lead): tensor for name, tensor in inside.items() if name.startswith(lead)}
            if (key == TOP and lead) or _misfit(own, way):
                continue
            body = {name: own[name] for name in way}
            # A network under two names, or named in two ways, is one.
            same = frozenset((tensor.data_ptr(), *tensor.shape) for tensor in body.values())
            fits.setdefault(same, (lead, Chosen(body, {name: own[name] for name in own if name not in way})))
    if len(fits) > 1:
        raise CheckpointError(_several(file, key, [lead.removesuffix(".") or TOP for lead, _ in fits.values()]))
    if not fits:
        raise CheckpointError(f"{file}: {_nearest(inside, ways, file)}")
    lead, chosen = next(iter(fits.values()))
    outside = {name: one for name, one in inside.items() if not name.startswith(lead) and one.ndim > 0}
    if not chosen.rest and _may_be_a_head(outside):
        return replace(chosen, rest=outside)
    return replace(chosen, notes=_left_out(outside, lead, file))


def _several(file: str, key: str, leads: list[str]) -> str:
    start = f"{key}." if key and key != TOP else ""
    names = [lead if lead == TOP else f"{start}{lead}" for lead in leads]
    return (
        f"{file}: holds {len(names)} networks that fit ({', '.join(map(repr, names))}): say which with key=, for instance "
        f"key={names[-1]!r}"
    )


def _may_be_a_head(outside: Mapping[str, Tensor]) -> bool:
    """Whether a wrapper has, beside its one network, a linear layer alone."""
    stems = {name.removesuffix("weight").removesuffix("bias") for name in outside}
    return len(stems) == 1 and len(outside) <= 2 and any(one.ndim == 2 for one in outside.values())


def fill_whole(module: nn.Module, path: Path, key: str = "") -> nn.Module:
    """Fill a module of which nothing may differ, its head included; raises `CheckpointError` as `choose` does."""
    wanted = {name: tuple(one.shape) for name, one in module.state_dict().items()}
    chosen = choose(read(path), wanted, path.name, key)
    return fill(module, {**chosen.rest, **chosen.body}, path.name)


def find_head(rest: Mapping[str, Tensor], width: int, file: str, spare: str = "") -> Head | None:
    """The one linear layer of (classes, `width`) that is left when the body is taken, by its shape; None if nothing is.

    Args:
        rest: what the file holds beside the body.
        width: numbers that the head gets.
        file: its name, for messages.
        spare: a pattern of names that may lie there and are not looked at; "" for none.

    Raises:
        CheckpointError: several that could be the head, or something else beside it; names them.
    """
    left = {name: one for name, one in rest.items() if one.ndim > 0 and not (spare and re.search(spare, name))}
    if not left:
        return None
    stems = [name.removesuffix("weight") for name, one in left.items() if name.endswith("weight")]
    linear = [stem for stem in stems if _is_linear(left, stem, width)]
    if len(linear) == 1 and not set(left) - {f"{linear[0]}weight", f"{linear[0]}bias"}:
        stem = linear[0]
        return Head(left[f"{stem}weight"], left.get(f"{stem}bias"), stem.removesuffix("."))
    found = ", ".join(f"{name} {tuple(one.shape)}" for name, one in list(left.items())[:4])
    raise CheckpointError(
        f"{file}: not a checkpoint of this model: the body fits, but for the head want one linear layer of (classes, "
        f"{width}), got {len(left)} tensors ({found}): build the network yourself and give it to vit_attention.record_of"
    )


def _is_linear(left: Mapping[str, Tensor], stem: str, width: int) -> bool:
    weight, bias = left[f"{stem}weight"], left.get(f"{stem}bias")
    fits = weight.ndim == 2 and weight.shape[1] == width and len(weight) > 0
    return fits and (bias is None or bias.shape == weight.shape[:1])


def _under(tensors: Mapping[str, Tensor], key: str, file: str) -> dict[str, Tensor]:
    if not key or key == TOP:
        return dict(tensors)
    lead = f"{key}."
    inside = {name.removeprefix(lead): tensor for name, tensor in tensors.items() if name.startswith(lead)}
    if not inside:
        raise CheckpointError(f"{file}: key: want the lead of some names, got {key!r}{_found(tensors, file)}")
    return inside


def _leads(tensors: Mapping[str, Tensor], way: Shapes) -> list[str]:
    """What leads the names that are wanted, the most frequent first."""
    votes: Counter[str] = Counter()
    for name in tensors:
        parts = name.split(".")
        for cut in range(len(parts)):
            if ".".join(parts[cut:]) in way:
                votes["".join(f"{part}." for part in parts[:cut])] += 1
    return [lead for lead, _ in votes.most_common()]


def _misfit(own: Mapping[str, Tensor], way: Shapes) -> list[str]:
    """Names of `way` that are missing or have another shape."""
    return [
        name
        for name, shape in way.items()
        if name not in own or (shape is not None and tuple(own[name].shape) != tuple(shape))
    ]


def _nearest(tensors: Mapping[str, Tensor], ways: list[Shapes], file: str) -> str:
    """How the network that comes nearest differs, in numbers and first names."""
    best: tuple[int, str, Shapes] = (0, "", ways[0])
    for way in ways:
        for lead in _leads(tensors, way)[:8]:
            best = max(best, (sum(f"{lead}{name}" in tensors for name in way), lead, way), key=lambda one: one[0])
    many, lead, way = best
    own = {name.removeprefix(lead): tensor for name, tensor in tensors.items() if name.startswith(lead)}
    missing, extra = [name for name in way if name not in own], [name for name in own if name not in way]
    wrong = [name for name in _misfit(own, way) if name in own]
    if wrong and many == len(way):
        first = wrong[0]
        return (
            f"{len(wrong)} tensors have another shape; first: {first}: want {tuple(way[first] or ())}, got "
            f"{tuple(own[first].shape)}"
        )
    return (
        f"not a checkpoint of this model: {len(missing)} of {len(way)} tensors missing (first: {', '.join(missing[:3])}), "
        f"{len(extra)} unknown (first: {', '.join(extra[:3]) or 'none'})"
        + ("" if 2 * many > len(way) else _library(tensors) or _found(tensors, file))
    )


def _library(tensors: Mapping[str, Tensor]) -> str:
    """Whose names the file has, for a message, where no network of them was asked for."""
    found = next((words for ending, words in _LIBRARIES if any(name.endswith(ending) for name in tensors)), "")
    return f". Its names are those of {found}" if found else ""


def _groups(tensors: Mapping[str, Tensor]) -> Counter[str]:
    return Counter(name.partition(".")[0] for name in tensors if "." in name)


def _found(tensors: Mapping[str, Tensor], file: str) -> str:
    """What a file of several networks holds, for a message."""
    groups = _groups(tensors)
    if not 1 < len(groups) <= 8:
        return ""
    return f". {file} holds {', '.join(f'{name} ({many} tensors)' for name, many in groups.items())}: key= takes one of them"


def _left_out(outside: Mapping[str, Tensor], lead: str, file: str) -> tuple[str, ...]:
    names = list(dict.fromkeys(name.partition(".")[0] for name in outside))
    if not names:
        return ()
    return (
        f"Of {file} the part {lead.removesuffix('.') or TOP!r} was taken, the only one that fits this network; left out: "
        f"{', '.join(names[:6])}{' and others' if len(names) > 6 else ''}.",
    )
