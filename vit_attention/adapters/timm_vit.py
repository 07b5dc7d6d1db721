"""Vision transformers of the timm library: ViT, DeiT, DINOv2, DINOv3, EVA, BEiT, SigLIP and what is built like them."""

import difflib
import math
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor, nn

from vit_attention import compat  # noqa: F401  (compat goes before timm, which imports torchvision)
from vit_attention.adapters import hub
from vit_attention.heavy import Progress, heavy_imports
from vit_attention.inputs.prepared import Input
from vit_attention.inputs.preprocess import Recipe, prepare
from vit_attention.models.cards import Card
from vit_attention.models.vision import Anatomy, VisionModel
from vit_attention.weights import checkpoints
from vit_attention.weights.download import cache_folder, fetch


def load(card: Card, weights: Path | None, progress: Progress | None) -> VisionModel:
    """The network that timm knows by this name, with the weights of a file or the published ones.

    Raises:
        ValueError: timm is not installed, knows no such network, or builds it in a way that has no patches in a grid.
        CheckpointError: a file that does not fit.
        DownloadError: the published weights could not be fetched; the message says how to get them by hand.
    """
    timm = _library()
    name = card.name.removeprefix("timm:")
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), 3) or timm.list_models("vit_*")[:3]
        raise ValueError(
            f"timm: want a network that timm {timm.__version__} knows, such as {', '.join(near)}, got {name!r}"
        )
    path = weights or published(card, progress)
    state = checkpoints.read(path)
    with heavy_imports:
        module = timm.create_model(name, pretrained=False, num_classes=_classes(state))
    _check(module, card.name)
    checkpoints.fill(module, state, path.name)
    return VisionModel(
        card, module, _anatomy(timm, module, card.name), _labels(timm, module), checkpoints.file_hash(path)
    )


def _library() -> Any:
    try:
        with heavy_imports:
            import timm
    except ModuleNotFoundError as error:
        raise ValueError(
            "timm: names of the form timm:<name> want the timm library, which is not installed: pip install timm"
        ) from error
    return timm


def published(card: Card, progress: Progress | None, again: bool = False) -> Path:
    """The file of the weights that timm names for a network, fetched if it is not there yet."""
    about = _library().get_pretrained_cfg(card.name.removeprefix("timm:"), allow_unregistered=False)
    if about is not None and about.hf_hub_id:
        folder = hub.folder(about.hf_hub_id, progress, again=again)
        return next(iter(sorted(folder.glob("*.safetensors"))))
    if about is not None and about.url:
        name = about.url.rsplit("/", 1)[-1]
        expected = Path(name).stem.rsplit("-", 1)[-1]
        return fetch(about.url, cache_folder() / name, sha256=expected, progress=progress, again=again)
    raise ValueError(f"{card.name}: timm publishes no weights of this name: give your own with weights=FILE")


def _classes(state: dict[str, Tensor]) -> int:
    """As many as the checkpoint's head has, so that a replaced head is found by its shape; 0 without one."""
    head = state.get("head.weight")
    return 0 if head is None or head.ndim != 2 else len(head)


def _check(module: nn.Module, name: str) -> None:
    """ValueError unless this is a plain vision transformer."""
    parts = [getattr(module, part, None) for part in ("blocks", "patch_embed", "num_prefix_tokens")]
    filters = getattr(getattr(parts[1], "proj", None), "weight", None)
    if any(part is None for part in parts) or filters is None or filters.ndim != 4 or filters.shape[1] != 3:
        raise ValueError(
            f"{name}: want a plain vision transformer (blocks, one linear patch embedding of pictures with 3 channels, one "
            f"grid), got {type(module).__name__}: look into it with vit_attention.capture or record_of"
        )


def _anatomy(timm: Any, module: Any, name: str) -> Anatomy:
    embed, filters = module.patch_embed, module.patch_embed.proj.weight
    grid, special = tuple(int(n) for n in embed.grid_size), _special(module)
    size = (grid[0] * int(embed.patch_size[0]), grid[1] * int(embed.patch_size[1]))
    recipe = _recipe(timm, module, size)
    positions: Any = getattr(module, "pos_embed", None)
    fits = (
        isinstance(positions, Tensor) and positions.ndim == 3 and positions.shape[1] == len(special) + math.prod(grid)
    )

    def ready(picture: Image.Image, wanted: tuple[int, int] | None) -> Input:
        if wanted is not None and tuple(wanted) != size:
            raise ValueError(f"size: {name} takes {size[0]} x {size[1]} pixels only, got {wanted}")
        return Input.of(*prepare(picture, recipe))

    def forward(pixels: Tensor) -> Tensor | None:
        out: Tensor = module(pixels)
        return out if module.num_classes else None

    return Anatomy(
        special=special,
        patch=(int(embed.patch_size[0]), int(embed.patch_size[1])),
        blocks=tuple(module.blocks),
        heads=int(module.blocks[0].attn.num_heads),
        patch_filters=filters,
        positions=positions[0] if fits else None,
        position_grid=(grid[0], grid[1]),
        prepare=ready,
        forward=forward,
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
