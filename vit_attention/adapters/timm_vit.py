"""Vision transformers of the timm library: ViT, DeiT, DINOv2, DINOv3, EVA, BEiT, SigLIP and what is built like them."""

import difflib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from vit_attention import compat  # noqa: F401  (compat goes before timm, which imports torchvision)
from vit_attention.adapters import hub
from vit_attention.gate import GateError, shown
from vit_attention.heavy import Progress, heavy_imports, library
from vit_attention.inputs.prepared import Input
from vit_attention.inputs.preprocess import Recipe, prepare
from vit_attention.models.cards import Card
from vit_attention.models.vision import Anatomy, VisionModel
from vit_attention.weights import checkpoints
from vit_attention.weights.choice import Head, choose
from vit_attention.weights.download import cache_folder, fetch
from vit_attention.weights.heads import classes_of, head_of
from vit_attention.weights.positions import RECORD_OF, built_note, picture_side
from vit_attention.weights.shards import weights_in

_SPARE = r"(^|\.)(mask_token|relative_position_index)$|^decoder_"
"""What files of masked training, or of older versions, hold beside the network."""


def load(card: Card, weights: Path | None, progress: Progress | None, key: str = "") -> VisionModel:
    """The network that timm knows by this name, with the weights of a file or the published ones.

    Raises:
        LibraryError: timm is not installed.
        ValueError: timm knows no such network, or builds it in a way that has no patches in a grid.
        CheckpointError: a file that does not fit.
        DownloadError: the published weights could not be fetched; the message says how to get them by hand.
    """
    timm = library("timm")
    name = card.name.removeprefix("timm:")
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), 3) or timm.list_models("vit_*")[:3]
        raise GateError("timm", f"a network that timm {timm.__version__} knows, such as {', '.join(near)}", shown(name))
    path = weights or published(card, progress)
    tensors = _named_anew(checkpoints.read(path))
    with heavy_imports, torch.device("meta"):
        empty = timm.create_model(name, pretrained=False, **_channels(tensors))
    _check(empty, card.name)
    found = _fitting(empty, tensors, path.name, key)
    with heavy_imports:
        module = _built(
            timm, name, num_classes=len(found.head.weight) if found.head else 0, **found.size, **_channels(tensors)
        )
    checkpoints.fill(module, found.state, path.name)
    classes, notes = _labels(timm, module), found.notes
    if weights is not None or not found.head:
        known = () if classes[:1] == ("class 0",) else classes
        classes, named = classes_of(found.head, known, found.usual, path.name)
        notes = (*notes, *named)
    model = VisionModel(card, module, _anatomy(timm, module, card.name), classes, checkpoints.file_hash(path))
    model.notes = notes
    return model


@dataclass(frozen=True)
class _Fitting:
    """A network's tensors; its head and what that is usually called; a picture size of its own; notes."""

    state: dict[str, Tensor]
    head: Head | None
    usual: str
    size: dict[str, int]
    notes: tuple[str, ...]


def _fitting(empty: Any, tensors: dict[str, Tensor], file: str, key: str) -> _Fitting:
    own = {name: tuple(one.shape) for name, one in empty.state_dict().items()}
    given = (getattr(empty, "pretrained_cfg", None) or {}).get("classifier") or "head"
    stems = (given,) if isinstance(given, str) else tuple(given)
    body = {name: shape for name, shape in own.items() if name.rpartition(".")[0] not in stems}
    table = "pos_embed" if len(own.get("pos_embed", ())) == 3 else ""
    chosen = choose(tensors, {name: None if name == table else shape for name, shape in body.items()}, file, key)
    size, resizing = _side(empty, chosen.body[table], file) if table else ({}, ())
    head, own_head = head_of(chosen.rest, stems, int(empty.num_features), file, _SPARE)
    decoder = ", ".join(name for name in chosen.rest if name.startswith("decoder_"))[:200]
    aside = (f"{file} has a decoder beside the network, which was left out: {decoder}.",) if decoder else ()
    return _Fitting({**chosen.body, **own_head}, head, stems[0], size, (*chosen.notes, *aside, *resizing))


def _side(empty: Any, table: Tensor, file: str) -> tuple[dict[str, int], tuple[str, ...]]:
    """The picture size that a position table tells, for timm, if it is not the usual one."""
    usual = empty.pos_embed
    if table.shape == usual.shape:
        return {}, ()
    special = int(usual.shape[1]) - int(empty.patch_embed.num_patches)
    high, wide = empty.patch_embed.patch_size
    where = f"{file}: 1 tensors have another shape; first: pos_embed"
    side = picture_side(table, usual.shape, special, int(high) if high == wide else 0, where, RECORD_OF)
    return {"img_size": side}, (built_note(side),)


def _built(timm: Any, name: str, **options: Any) -> Any:
    """The network, for inputs of any size where its family can."""
    try:
        return timm.create_model(name, pretrained=False, dynamic_img_size=True, **options)
    except TypeError:  # families with a position table for every layer
        return timm.create_model(name, pretrained=False, **options)


def published(card: Card, progress: Progress | None, again: bool = False) -> Path:
    """The file of the weights that timm names for a network, fetched if it is not there yet."""
    about = library("timm").get_pretrained_cfg(card.name.removeprefix("timm:"), allow_unregistered=False)
    if about is not None and about.hf_hub_id:
        return weights_in(hub.folder(about.hf_hub_id, progress, again=again))
    if about is not None and about.url:
        name = about.url.rsplit("/", 1)[-1]
        expected = Path(name).stem.rsplit("-", 1)[-1]
        return fetch(about.url, cache_folder() / name, sha256=expected, progress=progress, again=again)
    raise GateError(card.name, "weights that timm publishes", "none", advice="Give your own with weights=FILE.")


def _channels(tensors: dict[str, Tensor]) -> dict[str, int]:
    """How many channels the checkpoint's patch embedding takes, where that is not the usual three."""
    filters = next((one for name, one in tensors.items() if name.endswith("patch_embed.proj.weight")), None)
    given = 3 if filters is None or filters.ndim != 4 else int(filters.shape[1])
    return {} if given == 3 else {"in_chans": given}


def _named_anew(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """DINOv2's own files name registers and gated MLPs otherwise, and have a position for the class token; timm adds it up."""
    found = {
        name.replace(".mlp.w12.", ".mlp.fc1.").replace(".mlp.w3.", ".mlp.fc2."): one for name, one in tensors.items()
    }
    for name in [name for name in found if name.rpartition(".")[2] == "register_tokens"]:
        lead = name.removesuffix("register_tokens")
        token, table = found.get(f"{lead}cls_token"), found.get(f"{lead}pos_embed")
        if token is not None and table is not None and table.ndim == token.ndim == 3:
            found[f"{lead}reg_token"] = found.pop(name)
            found[f"{lead}cls_token"], found[f"{lead}pos_embed"] = token + table[:, :1], table[:, 1:]
    return found


def _check(module: nn.Module, name: str) -> None:
    """ValueError unless this is a plain vision transformer."""
    parts = [getattr(module, part, None) for part in ("blocks", "patch_embed", "num_prefix_tokens")]
    filters = getattr(getattr(parts[1], "proj", None), "weight", None)
    # Class-attention blocks behind the others (CaiT) put the class token in later: its tokens are not the same throughout.
    late = hasattr(module, "blocks_token_only")
    if any(part is None for part in parts) or filters is None or filters.ndim != 4 or late:
        want = (
            "a plain vision transformer (blocks of the same tokens, one linear patch embedding of pictures, one grid)"
        )
        advice = "Look into it with vit_attention.capture or record_of."
        raise GateError(name, want, type(module).__name__, advice=advice)


def _anatomy(timm: Any, module: Any, name: str) -> Anatomy:
    embed, filters = module.patch_embed, module.patch_embed.proj.weight
    grid, special = tuple(int(n) for n in embed.grid_size), _special(module)
    tiled = tuple(side * patch for side, patch in zip(grid, embed.patch_size, strict=True))
    # 384 pixels in patches of 14 leave a border that no patch sees; some networks take nothing else all the same.
    height, width = embed.img_size if getattr(embed, "strict_img_size", False) and embed.img_size else tiled
    size = (int(height), int(width))
    recipe = _recipe(timm, module, size)
    positions: Any = getattr(module, "pos_embed", None)
    fits = (
        isinstance(positions, Tensor) and positions.ndim == 3 and positions.shape[1] == len(special) + math.prod(grid)
    )

    patch = (int(embed.patch_size[0]), int(embed.patch_size[1]))

    def ready(picture: Image.Image, wanted: tuple[int, int] | None) -> Input:
        if wanted not in (None, size) and not getattr(module, "dynamic_img_size", False):
            raise ValueError(f"size: {name} takes {size[0]} x {size[1]} pixels only, got {tuple(wanted)}")
        return Input.of(*prepare(picture, recipe, wanted))

    def forward(pixels: Tensor) -> Tensor | None:
        out: Tensor = module(pixels)
        return out if module.num_classes else None

    return Anatomy(
        special=special,
        patch=patch,
        blocks=tuple(module.blocks),
        heads=int(module.blocks[0].attn.num_heads),
        patch_filters=filters,
        positions=positions[0] if fits else None,
        position_grid=(grid[0], grid[1]),
        prepare=ready,
        forward=forward,
        norm=module.norm,
        tail=lambda tokens: module.forward_head(module.norm(tokens)),
    )


def _special(module: Any) -> tuple[str, ...]:
    """Names of the leading tokens, in the order in which timm puts them."""
    names = [
        word
        for word, part in (("class", "cls_token"), ("distillation", "dist_token"))
        if getattr(module, part, None) is not None
    ]
    registers = getattr(module, "reg_token", None)
    count = int(registers.shape[1]) if isinstance(registers, Tensor) else 0
    names += [f"register {n + 1}" for n in range(count)]
    if len(names) != module.num_prefix_tokens:
        raise ValueError(f"timm: want the leading tokens {names}, got {module.num_prefix_tokens} of them")
    return tuple(names)


def _recipe(timm: Any, module: nn.Module, size: tuple[int, int]) -> Recipe:
    """timm's own preparation for evaluation: the shorter side to size / crop share, then the middle."""
    given = timm.data.resolve_model_data_config(module)
    resample = {
        "bicubic": Image.Resampling.BICUBIC,
        "bilinear": Image.Resampling.BILINEAR,
        "lanczos": Image.Resampling.LANCZOS,
    }
    share = float(given.get("crop_pct") or 1)
    squash = given.get("crop_mode") == "squash" or size[0] != size[1]
    first = tuple(math.floor(side / share) for side in size)
    return Recipe(
        size,
        (first[0], first[1]) if squash else first[0],
        tuple(given["mean"]),
        tuple(given["std"]),
        resample.get(given.get("interpolation", "bicubic"), Image.Resampling.BICUBIC),
    )


def _labels(timm: Any, module: Any) -> tuple[str, ...]:
    """Class names as timm knows them, else numbers."""
    count = int(module.num_classes)
    names = (getattr(module, "pretrained_cfg", None) or {}).get("label_names") or ()
    if not names:
        subset = timm.data.infer_imagenet_subset(module) if hasattr(module, "pretrained_cfg") else None
        info = timm.data.ImageNetInfo(subset) if subset else None
        names = [info.index_to_description(n) for n in range(count)] if info and info.num_classes() == count else ()
    return tuple(str(name) for name in names) if len(names) == count else tuple(f"class {n}" for n in range(count))
