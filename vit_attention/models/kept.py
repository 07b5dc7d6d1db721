"""What a vision transformer's pass leaves for the record: how many bytes that is beforehand, and the signals afterwards."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_attention.capture import Seen
from vit_attention.gate import GateError
from vit_attention.models.model import Asked, array
from vit_attention.models.passes import Pass
from vit_attention.records import FUSED

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
    # A run leaves five numbers a token and layer at most, or a number or two in double precision.
    runs = 5 * (blocks + 1) * tokens * len(asked.runs)
    return maps + matrices + _STATE * (states + vectors + runs + blocks * tokens + classes)


def signals(names: frozenset[str], passed: Pass) -> dict[str, Any]:
    """The signals asked for that a single pass leaves; matrices of fused heads are moved out of it."""
    found: dict[str, Any] = {"hidden": np.stack([array(one[0]) for one in passed.states])} if "hidden" in names else {}
    for name, part in VECTORS.items():
        if name in names:
            found[name] = tuple(array(_part(one, part)[0].float()) for one in passed.seen)
    return found | {f"head-{name}": _matrices(passed, name) for name in fusions(names)}


def _matrices(passed: Pass, fusion: str) -> NDArray[Any]:
    """(maps, tokens, tokens) of all maps in which tokens ask each other; a pool behind the blocks is left out."""
    given = [one.fused.pop(fusion)[0] for one in passed.seen]
    given = [one for one in given if one.shape[0] == one.shape[1]]
    found = np.empty((len(given), *given[0].shape), array(given[0][:1]).dtype)
    for number in reversed(range(len(given))):
        found[number] = array(given.pop())  # and freed: two copies of all would double the peak
    return found


def _part(one: Seen, part: str) -> Any:
    if part not in one.parts:
        raise GateError("keep", f"attention whose {part} vectors can be seen", f"{one.name}, which hides them")
    return one.parts[part]
