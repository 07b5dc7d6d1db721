"""Heads on trial: what every head puts out on average, and a model's scores with heads turned down, off, up or over."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from vit_attention.capture import Edit, editing
from vit_attention.changes import HeadGains
from vit_attention.gate import GateError
from vit_attention.models.encoder import EncoderModel
from vit_attention.models.targets import Aim
from vit_attention.models.vision import VisionModel
from vit_attention.signals.parts import batches


def head_means(model: EncoderModel, inputs: Iterable[Any]) -> NDArray[np.float32]:
    """(layers, heads, tokens, head width) mean output of every head, token by token, for mean ablation.

    Args:
        model: an encoder.
        inputs: what `attend` takes, such that all have as many tokens; ten or more give a mean that is of no single one.

    Raises:
        GateError: no input, or inputs of different numbers of tokens.

    >>> import vit_attention as va
    >>> head_means(va.load("scene-vit"), ["scene-1", "scene-2"]).shape
    (12, 12, 197, 12)
    """
    total: dict[int, Tensor] = {}
    count = 0
    for given in inputs:
        count += 1
        for layer, output in _outputs(model, given).items():
            if layer in total and total[layer].shape != output.shape:
                raise GateError("inputs", f"{total[layer].shape[1]} tokens each", f"{output.shape[1]}")
            total[layer] = total.get(layer, 0) + output
    if not count:
        raise GateError("inputs", "at least one", "none")
    return torch.stack([total[layer] / count for layer in sorted(total)]).numpy()


def _outputs(model: EncoderModel, given: Any) -> dict[int, Tensor]:
    """(heads, tokens, head width) output of every head, by layer."""
    found: dict[int, Tensor] = {}

    def hear(layer: int, output: Tensor) -> Tensor:
        found[layer] = output[0].detach().float().cpu()
        return output

    edit = Edit(range(len(model.anatomy.blocks)), mixed=hear)
    with torch.inference_mode(), editing(model.tower, edit):
        model._forward(model._together([model.prepare(given)]))
    return found


def head_scores(
    model: EncoderModel, given: Any, gains: ArrayLike, means: NDArray[np.floating] | None = None, target: Any = None
) -> NDArray[np.float32]:
    """(variants, classes) raw scores of one input with heads turned; or (variants, 1) similarities.

    One pass for each variant, several of them together.

    Args:
        model: an encoder with classes, or one for pictures and a similarity as the target.
        given: as for `attend`.
        gains, means: (variants, layers, heads) gains of the heads' outputs, and what they are gains around; see `HeadGains`.
        target: a `Similar` or its text, for models without classes; else not needed.

    Raises:
        GateError: gains of another shape, or a model without classes and no similarity.

    >>> import vit_attention as va
    >>> gains = np.ones((2, 12, 12))
    >>> gains[1, 8, 2] = 0
    >>> head_scores(va.load("scene-vit"), "scene-7", gains).shape
    (2, 12)
    """
    sets = np.asarray(gains, np.float64)
    if sets.ndim != 3 or not len(sets):
        raise GateError("gains", "(variants, layers, heads)", f"shape {sets.shape}")
    ready, aim = model.prepare(given), model.asked(target=target)[0].target
    if isinstance(aim, Aim) and isinstance(model, VisionModel):
        with torch.inference_mode():
            aim = aim.held(model.final_tokens(ready.pixels)[0], model.axis_of(ready))
    found = []
    for some in batches(sets):
        view, batch = model.under(HeadGains(np.stack(some), means)), model._together([ready] * len(some))
        if isinstance(aim, Aim) and isinstance(view, VisionModel):
            found.append(view._similarities(aim, batch))
        else:
            found.append(view._scores(batch))
    return np.concatenate(found)


def each_head_off(layers: int, heads: int, gain: float = 0.0) -> NDArray[np.float64]:
    """(1 + layers x heads, layers, heads) gains: first none changed, then each head by itself, in reading order.

    >>> each_head_off(1, 2).tolist()
    [[[1.0, 1.0]], [[0.0, 1.0]], [[1.0, 0.0]]]
    """
    found = np.ones((1 + layers * heads, layers * heads))
    found[1:][np.eye(layers * heads, dtype=bool)] = gain
    return found.reshape(-1, layers, heads)
