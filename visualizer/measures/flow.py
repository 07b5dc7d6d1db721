"""Attention as a network of pipes: how much can flow from an output token to each input token."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visualizer.measures.rollout import mixed_layers
from visualizer.measures.steps import Layers
from vit_attention.gate import GateError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MAX_EDGES = 60_000
# One unit of flow; the largest power of two for which a row of capacities, which sums to 1, fits 32-bit integers.
_UNIT = 2**30


def attention_flow(
    layers: Layers,
    residual: float = 0.5,
    head_fusion: str = "mean",
    query: int = 0,
    *,
    max_edges: int = MAX_EDGES,
) -> NDArray[np.float64]:
    """The largest flow from last-layer token `query` to each input token, one input token at a time.

    Attention flow (Abnar & Zuidema 2020, arXiv:2005.00928, section 3): token q of a layer is joined to token k of the
    layer below by a pipe of capacity ``residual * I + (1 - residual) * A``, with A fused and row-normalised as in
    `rollout`; the value of an input token is the maximum flow into it. All that leaves `query` is 1, so many input
    tokens may tie at 1: compare values, not ranks. The values are not shares and do not sum to 1.

    Capacities are rounded down to multiples of 2**-30: a value is too small by at most 1e-9 times the number of pipes
    in its narrowest cut, below 1e-6 for a thousand pipes.

    Args:
        layers: one (heads, tokens, tokens) array per layer, rows summing to 1.
        residual: share of the skip connection, 0 to 1.
        head_fusion: mean, max or min over heads.
        query: the last-layer token from which everything flows.
        max_edges: refuse larger networks. There are layers * tokens**2 pipes, and every input token is a problem of
            its own: the default allows 12 layers of an 8 x 8 grid (a fraction of a second), while the 14 x 14 grid of
            ViT-B/16 has 465 708 pipes and takes seconds.

    Returns:
        (tokens,); 0 to 1.

    Raises:
        ValueError: a network above `max_edges`, and everything that `rollout` refuses.

    >>> attention_flow([np.array([[[0.5, 0.5], [0.0, 1.0]]])], residual=0.0)
    array([0.5, 0.5])
    """
    edges = sum(np.shape(layer)[-1] ** 2 for layer in layers if np.ndim(layer))
    if edges > max_edges:
        why = (
            "Every input token is a maximum flow of its own, too slow on a large grid: take fewer, or raise max_edges."
        )
        raise GateError("layers", f"at most {max_edges} pipes (layers * tokens**2)", f"{edges}", advice=why)
    steps = mixed_layers(layers, residual, head_fusion)
    tokens = len(steps[0])
    if not 0 <= query < tokens:
        raise GateError("query", f"0 to {tokens - 1}", f"{query}")

    from scipy.sparse.csgraph import maximum_flow  # scipy.sparse takes long to import, and only this function uses it

    network, source = _network(steps), len(steps) * tokens + query
    flows = [maximum_flow(network, source, sink).flow_value for sink in range(tokens)]
    return np.asarray(flows, dtype=np.float64) / _UNIT


def _network(capacities: list[NDArray[np.float64]]) -> "csr_array":
    """The pipes as a sparse matrix; node ``depth * tokens + token``, depth 0 being the input."""
    from scipy.sparse import block_array, csr_array

    depth, tokens = len(capacities), len(capacities[0])
    blocks: list[list[Any]] = [[None] * (depth + 1) for _ in range(depth + 1)]
    blocks[0][depth] = csr_array((tokens, tokens), dtype=np.int32)  # fixes the size of the empty row and column
    for below, matrix in enumerate(capacities):
        blocks[below + 1][below] = csr_array(np.floor(matrix * _UNIT).astype(np.int32))
    return csr_array(block_array(blocks, dtype=np.int32))
