"""What a vision transformer's pass leaves for the record: how many bytes that is beforehand, and the signals afterwards."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.capture import Seen
from vit_attention.gate import GateError
from vit_attention.models.model import Asked, array
from vit_attention.models.output_projection import output_projection
from vit_attention.models.passes import Pass
from vit_attention.records import FUSED, GRAMS

VECTORS = {"queries": "query", "keys": "key", "values": "value"}
"""Signals that hold vectors of every head, and what `Seen.parts` calls them."""
_STATE = 4
"""Bytes of a number of hidden states, vectors, norms and scores, which are kept in float32 always."""


def fusions(signals: frozenset[str]) -> tuple[str, ...]:
    """Names of the head fusions among signals.

    >>> fusions(frozenset({"head-max", "hidden"}))
    ('max',)
    """
    return tuple(name.removeprefix("head-") for name in FUSED if name in signals)


def estimate(asked: Asked, tokens: int, blocks: int, heads: int, width: int, classes: int) -> int:
    """Bytes of everything that a record keeps of one picture, but for the picture itself.

    Args:
        asked: what is kept.
        tokens: of a block, special tokens included.
        blocks, heads, width: of the network; `width` is that of a token.
        classes: how many scores there are.
    """
    request, number = asked.request, 2 if asked.request.half else 4
    layers = range(blocks) if request.layers is None else request.layers
    some = [request.at(layer).queries for layer in layers]
    rows = sum(tokens if one is None else len(one) for one in some)
    kept_heads = heads if request.heads is None else len(request.heads)
    maps = kept_heads * rows * tokens * number * (2 if request.gradients else 1)
    matrices = len(request.fused) * len(layers) * tokens * tokens * number
    states = (blocks + 1) * tokens * width * ("hidden" in asked.signals)
    vectors = len(layers) * tokens * width * len(VECTORS.keys() & asked.signals)
    grams = len(layers) * tokens * heads * heads * (GRAMS in asked.signals)
    # A run leaves five numbers a token and layer at most, or a number or two in double precision.
    runs = 5 * (blocks + 1) * tokens * len(asked.runs)
    return maps + matrices + _STATE * (states + vectors + grams + runs + blocks * tokens + classes)


def signals(names: frozenset[str], passed: Pass, model: Any) -> dict[str, Any]:
    """The signals asked for that a single pass of a model leaves; matrices of fused heads are moved out of it."""
    found: dict[str, Any] = {"hidden": np.stack([array(one[0]) for one in passed.states])} if "hidden" in names else {}
    for name, part in VECTORS.items():
        if name in names:
            found[name] = tuple(array(_part(one, part)[0].float()) for one in passed.seen)
    if GRAMS in names:
        own = [one for one in passed.seen if one.layer < len(model.anatomy.blocks)]  # no pool behind the blocks
        found[GRAMS] = _stacked([_grams(_part(one, "value")[0], model, one.layer) for one in own])
    return found | {f"head-{name}": _matrices(passed, name) for name in fusions(names)}


def _matrices(passed: Pass, fusion: str) -> NDArray[Any]:
    """(maps, tokens, tokens) of all maps in which tokens ask each other; a pool behind the blocks is left out."""
    given = [one.fused.pop(fusion)[0] for one in passed.seen]
    given = [one for one in given if one.shape[0] == one.shape[1]]
    found = np.empty((len(given), *given[0].shape), array(given[0][:1]).dtype)
    for number in reversed(range(len(given))):
        found[number] = array(given.pop())  # and freed: two copies of all would double the peak
    return found


def _grams(values: Tensor, model: Any, layer: int) -> NDArray[np.float32]:
    """(tokens, heads, heads) inner products of the vectors f(x) = (x W^V + b^V) W^O of all heads of a token.

    Kobayashi et al. 2020, arXiv:2004.10102, equation 2. The bias behind W^O belongs to no head.

    Args:
        values: (heads, tokens, head width).
    """
    heads, _, width = values.shape
    weight = torch.from_numpy(output_projection(model, layer)[0]).to(values.device)
    if weight.shape[1] != heads * width:
        got = f"{heads} heads of {width} numbers before a layer that takes {weight.shape[1]}"
        raise GateError("keep", "heads that are joined side by side", got)
    with torch.autocast(values.device.type, enabled=False):
        handed = values.float() @ weight.unflatten(1, (heads, width)).permute(
            1, 2, 0
        )  # (heads, tokens, width of a token)
    vectors = handed.transpose(0, 1).cpu().double()  # where heads cancel, float32 would leave noise
    return array((vectors @ vectors.mT).float())


def _stacked(grams: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """(layers, tokens, heads, heads) of all layers; 0 for heads that a layer does not have."""
    most = max(one.shape[2] for one in grams)
    return np.stack([np.pad(one, [(0, 0), *[(0, most - one.shape[2])] * 2]) for one in grams])


def _part(one: Seen, part: str) -> Any:
    if part not in one.parts:
        raise GateError("keep", f"attention whose {part} vectors can be seen", f"{one.name}, which hides them")
    return one.parts[part]
