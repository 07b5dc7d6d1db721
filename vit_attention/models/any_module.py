"""A record from any torch module that takes a picture, for networks that are no named model of this library."""

import inspect
from collections.abc import Callable
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn

from vit_attention.capture import CaptureError, Heard, NothingHeardError, Request, Seen, capture
from vit_attention.capture.graphs import original
from vit_attention.inputs.pictures import open_picture
from vit_attention.inputs.preprocess import Recipe, prepare
from vit_attention.models.model import Attended, as_map
from vit_attention.records import AttentionMap, AttentionRecord, Axis

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's three channels, which most published networks want."""


class ModuleError(ValueError):
    """A module that cannot be looked into this way; the message has the reason and the next step."""


def record_of(
    module: nn.Module,
    picture: Any,
    *,
    size: tuple[int, int] = (224, 224),
    grid: tuple[int, int] | None = None,
    prefix: int | None = None,
) -> AttentionRecord:
    """The attention of one forward pass of `module` over one picture.

    The picture is resized to `size`, normalised as ImageNet's, and given to ``module(pixels)``; to
    ``module.encode(pixels)`` where forward wants more than pixels and there is such a method. A compiled module or one
    spread over devices runs as the module inside.

    Args:
        module: any torch module with attention that `vit_attention.capture` hears; evaluation mode is the caller's.
        picture: as for `open_picture`.
        size: (height, width) in pixels of what the module takes.
        grid: (rows, columns) of the patches; None takes a square one where `size` is square.
        prefix: how many special tokens lead; None takes 1 if that leaves a square grid, else 0.

    Raises:
        ModuleError: no attention was captured; forward needs more inputs; the tokens fit no grid.
        CaptureError: a graph that can't be heard, or weights that do not reproduce what PyTorch computed.
        PictureError: the picture cannot be read.
    """
    opened = open_picture(picture)
    pixels, geometry = prepare(opened.image, Recipe(size, None, MEAN, STD))
    module = original(module)
    run, like = _runner(module), next(module.parameters(), torch.zeros(0))
    given = torch.from_numpy(pixels)[None].to(like if like.is_floating_point() else torch.float32)
    seen, square = _heard(module, run, given), size[0] == size[1]
    return Attended(
        maps=tuple(_map(one, number, grid, prefix, square) for number, one in zip(_depths(seen), seen, strict=True)),
        geometry=geometry,
        image=opened.image,
        notes=[*opened.notes, *seen.notes],
        unheard=seen.unheard,
        libraries=("torch",),
    ).record(type(module).__name__, "", {"size": list(size)})


def _heard(module: nn.Module, run: Callable[[Tensor], Any], given: Tensor) -> Heard:
    try:
        with torch.inference_mode(), capture(module) as seen:
            run(given)
    except NothingHeardError as error:
        raise ModuleError(f"No attention maps captured: {error}") from error
    except CaptureError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        height, width = given.shape[-2:]
        raise ModuleError(
            f"forward failed on one {width} x {height} picture: {error}. Give size=(height, width) as the network was trained "
            "with; inputs of other kinds go through vit_attention.capture"
        ) from error
    return seen


def _depths(seen: Heard) -> list[int]:
    """The layer of every map: the block's number in the network; where blocks run again, the place in the forward pass."""
    again = len({one.name for one in seen}) < len(seen)
    return list(range(len(seen))) if again else [one.layer for one in seen]


def _runner(module: nn.Module) -> Callable[[Tensor], Any]:
    """What takes pixels alone: forward, else `encode`."""
    missing = _missing(module.forward)
    if not missing:
        return module
    encode: Callable[[Tensor], Any] | None = getattr(module, "encode", None)
    if encode is not None and callable(encode) and not _missing(encode):
        return encode
    raise ModuleError(
        f"forward needs more inputs: {type(module).__name__}.forward wants {', '.join(missing)} beside the first. Load "
        'captioning checkpoints with vit_attention.load("aoanet", weights="model.pth", infos="infos.pkl") and give that model; '
        "for other networks run them yourself inside `with vit_attention.capture(module) as seen:`"
    )


def _missing(function: Callable[..., Any]) -> list[str]:
    """Inputs that a function wants beside its first."""
    wanted = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    return wanted[1:]


def _map(one: Seen, number: int, grid: tuple[int, int] | None, prefix: int | None, square: bool) -> AttentionMap:
    if len(one.weights) != 1:
        raise ModuleError(
            f"{one.name} attends inside {len(one.weights)} groups of tokens (windows, rows) of one picture, and a map of the "
            "whole picture would be made up: take the groups from `with vit_attention.capture(module) as seen:`; encoders of "
            'Donut are read whole by vit_attention.load("hf:FOLDER").windows'
        )
    queries, keys = one.weights.shape[-2:]
    key = _axis(one.name, int(keys), grid, prefix, square)
    query = key if queries == keys else Axis.text([f"row {n}" for n in range(int(queries))])
    return as_map(one, number, one.kind, query, key, Request())


def _axis(name: str, tokens: int, grid: tuple[int, int] | None, prefix: int | None, square: bool) -> Axis:
    leads = range(2) if prefix is None else (prefix,)
    for lead in sorted(leads, reverse=True):
        side = isqrt(max(tokens - lead, 0))
        shape = (side, side) if grid is None else grid
        if shape[0] * shape[1] == tokens - lead > 0 and (square or grid is not None):
            return Axis.patches(*shape, ("class",)[:lead] if lead < 2 else [f"special {n + 1}" for n in range(lead)])
    wanted = (
        "a square grid with or without a class token, of a square picture"
        if grid is None
        else f"{grid[0]} x {grid[1]} patches"
    )
    raise ModuleError(
        f"token count does not fit the grid: {name} attends to {tokens} tokens, which is not {wanted}"
        f"{'' if prefix is None else f' behind {prefix} special tokens'}. Say how they lie with grid=(rows, columns) and "
        "prefix=number of special tokens"
    )
