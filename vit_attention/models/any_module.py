"""A record from any torch module that takes a picture, for networks that are no named model of this library."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from vit_attention.capture import CaptureError, Heard, NothingHeardError, Seen, capture
from vit_attention.capture.graphs import original
from vit_attention.gate import GateError, shown
from vit_attention.inputs.pictures import open_picture
from vit_attention.inputs.prepared import GREY, Input
from vit_attention.inputs.preprocess import Recipe, prepare
from vit_attention.models.arguments import count, pair
from vit_attention.models.model import Attended, Model
from vit_attention.models.token_axes import TokenAxes
from vit_attention.models.tokens import Asked, Experiment
from vit_attention.records import AttentionRecord
from vit_attention.records.geometry import Geometry

SIZE = (224, 224)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's three channels, which most published networks want."""
OF_ONE = f"{GREY} It was normalised with the mean over ImageNet's three channels."
_ADVICE = " It is a model of this library: model.attend(picture) gives its record, model.module is its network."
RANDOM = "The module draws random numbers as it runs (dropout or masking): this is one of many possible runs."


class ModuleError(GateError):
    """A module that cannot be looked into this way; the message has the reason and the next step."""

    def __init__(self, message: str) -> None:
        ValueError.__init__(self, message)


def record_of(
    module: nn.Module,
    given: Any,
    picture: Any = None,
    *,
    size: tuple[int, int] = SIZE,
    grid: tuple[int, int] | None = None,
    prefix: int | None = None,
) -> AttentionRecord:
    """The attention of one forward pass of `module` over one picture.

    A picture is resized to `size`, normalised with ImageNet's mean and standard deviation, and passed to
    ``module(pixels)``, or to ``module.encode(pixels)`` if forward needs more than pixels and there is such a method. For a
    compiled module or one in `DataParallel`, the module inside is run.

    Which token belongs to which patch is found by changing patches and observing which tokens change, in short runs
    that end at the first attention. In the record special tokens come first and patches follow in reading order; the
    notes say if the network's own order differs.

    Args:
        module: any torch module whose attention `vit_attention.capture` recognises; call ``module.eval()`` first.
        given: a picture, as for `open_picture`; or a float tensor of prepared pixels, (channels, height, width) or with a
            leading axis of 1, which goes in unchanged.
        picture: with prepared pixels, the picture that they were made from by a resize without a crop; maps are drawn on it.
        size: (height, width) of the module's input in pixels.
        grid: (rows, columns) of the patches, for networks in which they cannot be determined.
        prefix: number of leading special tokens, likewise.

    Raises:
        ModuleError: no attention was captured; forward needs more inputs; or the tokens cannot be identified, or do not
            match `grid` and `prefix`.
        CaptureError: a graph that cannot be captured, or weights that do not reproduce what PyTorch computed.
        PictureError: the picture cannot be read.
    """
    sides, grid, prefix = pair("size", size, "picture pixels") or SIZE, pair("grid", grid), count("prefix", prefix)
    if not isinstance(module, nn.Module):
        raise ModuleError(f"module: want a torch module, got {shown(module)}.{_ADVICE * isinstance(module, Model)}")
    module = original(module)
    run = _runner(module)
    ready, seen = _first_heard(module, run, _inputs(given, picture, sides))
    experiment = Experiment(module, run, _like(module, ready.pixels))
    if not experiment.repeats(_values_of(seen[0])):
        seen = _again(experiment)
        seen.notes.insert(0, RANDOM)
    axes = TokenAxes(experiment, grid, prefix, ModuleError)
    maps = tuple(axes.map(one, number) for number, one in zip(_depths(seen), seen, strict=True))
    geometry, more = axes.laid(ready.geometry)
    return Attended(
        maps=maps,
        geometry=geometry,
        image=ready.image,
        notes=[*ready.notes, *axes.notes, *more, *seen.notes],
        unheard=seen.unheard,
        libraries=("torch",),
    ).record(type(module).__name__, "", {"size": list(ready.pixels.shape[-2:])})


def _values_of(one: Seen) -> Asked:
    return Asked(one.name, one.layer, "value", int(one.weights.shape[-1]))


def _again(experiment: Experiment) -> Heard:
    """What is heard where random numbers are the same in every run."""
    experiment.seeded = True
    with experiment.same():
        seen = _heard(experiment.module, experiment.run, experiment.pixels)
    if experiment.repeats(_values_of(seen[0])):
        return seen
    raise ModuleError(
        f"{seen[0].name}: the module gives other tokens each time it is run on the same picture, so that no one can tell which "
        "patch a token is: switch its random masking or dropout off (module.eval(), mask_ratio=0)"
    )


def _inputs(given: Any, picture: Any, size: tuple[int, int]) -> list[Input]:
    """What may be given to the module, the likeliest first."""
    if isinstance(given, Tensor):
        return [_prepared(given, picture, size)]
    if picture is not None:
        raise ModuleError("picture: goes with prepared pixels, a float tensor; got two pictures")
    opened = open_picture(given)
    coloured = Input.of(*prepare(opened.image, Recipe(size, None, MEAN, STD)))
    flat = Recipe(size, None, (sum(MEAN) / 3,) * 3, (sum(STD) / 3,) * 3)
    pixels, geometry = prepare(opened.image.convert("L"), flat)
    grey = Input.of(pixels[:1], geometry)
    return [
        replace(coloured, image=opened.image, notes=opened.notes),
        replace(grey, image=opened.image, notes=(*opened.notes, OF_ONE)),
    ]


def _prepared(pixels: Tensor, picture: Any, size: tuple[int, int]) -> Input:
    ready = Input.ready(pixels, None)
    if size not in (SIZE, ready.geometry.seen[::-1]):
        raise ModuleError(
            f"size: prepared pixels go in as they are, and have (height, width) {ready.geometry.seen[::-1]}, got {size}"
        )
    if picture is None:
        return ready
    opened = open_picture(picture)
    geometry = Geometry.of(*opened.image.size).resize(*ready.geometry.seen)
    said = "Given were prepared pixels; the picture is taken to be the whole of what they show."
    return Input(ready.pixels, geometry, opened.image, (*opened.notes, said))


def _first_heard(module: nn.Module, run: Callable[[Tensor], Any], inputs: list[Input]) -> tuple[Input, Heard]:
    """The first input that the module takes, and what was heard; the error of the first where it takes none."""
    failed: ModuleError | None = None
    for ready in inputs:
        try:
            return ready, _heard(module, run, _like(module, ready.pixels))
        except _ForwardError as error:
            failed = failed or error
    assert failed is not None, "there is at least one input"
    raise failed


class _ForwardError(ModuleError):
    """The module's own forward failed."""


def _heard(module: nn.Module, run: Callable[[Tensor], Any], pixels: Tensor) -> Heard:
    try:
        with torch.inference_mode(), capture(module) as seen:
            run(pixels)
    except NothingHeardError as error:
        raise ModuleError(f"No attention maps captured: {error}") from error
    except CaptureError:
        raise
    except Exception as error:
        raise _ForwardError(_failure(module, pixels, error)) from error
    if not seen:
        raise ModuleError(f"No attention maps captured: {type(module).__name__} ran without attending")
    return seen


def _failure(module: nn.Module, pixels: Tensor, error: Exception) -> str:
    channels, height, width = pixels.shape[1:]
    wanted = next((part.in_channels for part in module.modules() if isinstance(part, nn.Conv2d)), channels)
    start = f"forward failed on one {width} x {height} picture of {channels} channels: {' '.join(str(error).split())}. "
    if any(isinstance(part, nn.Conv3d) for part in module.modules()):
        return start + (
            "The module takes videos (its patches reach over several frames), and a record is of one picture: run it yourself "
            "inside `with vit_attention.capture(module) as seen:`"
        )
    if wanted not in (channels, 1, 3):
        return start + (
            f"The module takes {wanted} channels and a picture has 3, or 1 when made grey: prepare the pixels yourself and give "
            f"a tensor of (1, {wanted}, height, width)"
        )
    return start + (
        "Give size=(height, width) as the network was trained with; inputs of other kinds go through vit_attention.capture"
    )


def _like(module: nn.Module, pixels: Tensor) -> Tensor:
    """Pixels where the module is, in its precision."""
    like = next((one for one in module.parameters() if one.is_floating_point()), None)
    return pixels.float() if like is None else pixels.to(like)


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
