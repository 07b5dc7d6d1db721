"""Attention as a network of pipes: how much can flow from an output token to each input token, and where it is narrowest."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures.arguments import whole
from visualizer.measures.rollout import mixed_layers
from visualizer.measures.steps import Layers, start_row
from vit_attention.gate import GateError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MAX_EDGES = 800_000
"""Most pipes of a network, layers * tokens**2: 12 layers of 16 x 16 patches and a class token."""
MANY = 64
"""Tokens from which most flows are found in a network of the widest pipes, which takes about a quarter of the time."""
# One unit of flow; the largest power of two for which a row of capacities, which sums to 1, fits 32-bit integers.
_UNIT = 2**30


class Pipe(NamedTuple):
    """One pipe: of which layer (0 first), from which token after it to which token before it, and its capacity."""

    layer: int
    query: int
    key: int
    capacity: float


class Flow(NamedTuple):
    """The largest flow from one token to one other.

    Attributes:
        value: how much arrives; 0 to 1.
        capacities: (layers, tokens, tokens) of every pipe, first layer first.
        through: (layers, tokens, tokens) what flows through each; other flows may be as large.
        cut: the pipes of a narrowest cut, last layer first: without them nothing arrives, and each of them is full.
    """

    value: float
    capacities: NDArray[np.float64]
    through: NDArray[np.float64]
    cut: tuple[Pipe, ...]


def attention_flow(
    layers: Layers,
    residual: float = 0.5,
    head_fusion: str = "mean",
    query: int | ArrayLike = 0,
    *,
    max_edges: int = MAX_EDGES,
) -> NDArray[np.float64]:
    """The largest flow from last-layer token `query` to each input token, one input token at a time.

    Attention flow (Abnar & Zuidema 2020, arXiv:2005.00928, section 3): token q of a layer is joined to token k of the
    layer below by a pipe of capacity ``residual * I + (1 - residual) * A``, with A fused and row-normalised as in
    `rollout`; the value of an input token is the maximum flow into it. All that leaves `query` is 1, so many input
    tokens may tie at 1: compare values, not ranks. The values are not shares and do not sum to 1.

    Capacities are rounded down to multiples of 2**-30: a value is too small by at most 1e-9 times the number of pipes
    in the cut that `largest_flow` gives, which is below 1e-6 for a thousand pipes.

    Args:
        layers: one (heads, tokens, tokens) array per layer, rows summing to 1.
        residual: share of the skip connection, 0 to 1.
        head_fusion: mean, max or min over heads.
        query: the last-layer token from which everything flows; or (tokens,) shares of 1 together: of one unit as much
            enters at each of several tokens.
        max_edges: refuse larger networks. There are layers * tokens**2 pipes, and every input token is a problem of
            its own: the 465 708 pipes of ViT-B/16 take one to four seconds.

    Returns:
        (tokens,); 0 to 1.

    Raises:
        ValueError: a network above `max_edges`, and everything that `rollout` refuses.

    >>> attention_flow([np.array([[[0.5, 0.5], [0.0, 1.0]]])], residual=0.0)
    array([0.5, 0.5])
    """
    steps = _steps(layers, residual, head_fusion, max_edges)
    entry = _entry(query, len(steps[0]))
    whole = _network(steps, entry)
    if len(entry) < MANY:
        return np.array([_solved(whole, target).flow_value for target in range(len(entry))]) / _UNIT
    thin, most = _network(_thinned(steps), entry), _most(whole, len(steps), len(entry))
    found = np.array([_solved(thin, target).flow_value for target in range(len(entry))])
    for target in np.flatnonzero(found < most).tolist():
        found[target] = _solved(whole, target).flow_value
    return np.asarray(found / _UNIT)


def attention_cut(
    layers: Layers, query: int, target: int, residual: float = 0.5, head_fusion: str = "mean"
) -> tuple[Pipe, ...]:
    """The pipes of a narrowest cut between last-layer token `query` and input token `target`, last layer first.

    The capacities of a cut sum to the largest flow (Ford & Fulkerson 1956, the theorem of maximum flow and minimum cut), so
    that it says why no more arrives. Of several narrowest cuts it is the one nearest to the query: where a value is 1, the
    pipes that leave the query itself.

    Args:
        layers, residual, head_fusion: as for `attention_flow`, which says how capacities are rounded.
        query, target: numbers of the tokens, 0 first.

    Returns:
        `Pipe` of layer, query, key, capacity; none where nothing arrives.

    Raises:
        ValueError: as for `attention_flow`, or a token that is not there.

    >>> attention_cut([np.array([[[0.5, 0.5], [0.0, 1.0]]])], query=0, target=1, residual=0.0)
    (Pipe(layer=0, query=0, key=1, capacity=0.5),)
    """
    return largest_flow(layers, query, target, residual, head_fusion).cut


def largest_flow(layers: Layers, query: int, target: int, residual: float = 0.5, head_fusion: str = "mean") -> Flow:
    """The largest flow between two tokens with all that belongs to it; arguments and errors as in `attention_cut`.

    >>> largest_flow([np.array([[[0.5, 0.5], [0.0, 1.0]]])], query=0, target=1, residual=0.0).through[0]
    array([[0. , 0.5],
           [0. , 0. ]])
    """
    steps = _steps(layers, residual, head_fusion, MAX_EDGES)
    depth, tokens = len(steps), len(steps[0])
    target = whole("target", target, 0, tokens - 1)
    network = _network(steps, _entry(whole("query", query, 0, tokens - 1), tokens))
    found = _solved(network, target)
    flow = found.flow.tocsr()
    through = np.stack(
        [flow[(n + 1) * tokens : (n + 2) * tokens, n * tokens : (n + 1) * tokens].toarray() for n in range(depth)]
    )
    reached = _reached(network - flow).reshape(depth + 1, tokens)
    over = [reached[n + 1][:, None] & ~reached[n] & (steps[n] > 0) for n in range(depth)]
    cut = [
        Pipe(n, int(q), int(k), float(steps[n][q, k])) for n in reversed(range(depth)) for q, k in np.argwhere(over[n])
    ]
    return Flow(found.flow_value / _UNIT, np.stack(steps), np.maximum(through, 0) / _UNIT, tuple(cut))


def _steps(layers: Layers, residual: float, head_fusion: str, max_edges: int) -> list[NDArray[np.float64]]:
    """(tokens, tokens) capacities of every layer."""
    edges = sum(np.shape(layer)[-1] ** 2 for layer in layers if np.ndim(layer))
    if edges > max_edges:
        why = "Every input token is a maximum flow of its own, too slow on a large grid: take fewer layers or tokens."
        raise GateError("layers", f"at most {max_edges} pipes (layers * tokens**2)", f"{edges}", advice=why)
    return mixed_layers(layers, residual, head_fusion)


def _entry(query: int | ArrayLike, tokens: int) -> NDArray[np.int32]:
    """(tokens,) how much may enter at each last-layer token: at a single one more than its pipes can take."""
    most = 1.0 if np.ndim(query) else 1.5
    return np.asarray(np.floor(start_row(query, tokens) * most * _UNIT), np.int32)


def _network(capacities: list[NDArray[np.float64]], entry: NDArray[np.int32]) -> "csr_array":
    """The pipes as a sparse matrix; node ``depth * tokens + token``, depth 0 being the input, and last where flow enters."""
    from scipy.sparse import block_array, csr_array  # takes long to import, and only these functions use it

    depth, tokens = len(capacities), len(capacities[0])
    blocks: list[list[Any]] = [[None] * (depth + 2) for _ in range(depth + 2)]
    blocks[0][0] = csr_array((tokens, tokens), dtype=np.int32)  # fixes the size of the empty rows
    blocks[-1][-1] = csr_array((1, 1), dtype=np.int32)  # and of the empty column
    blocks[-1][depth] = csr_array(entry[None])
    for below, matrix in enumerate(capacities):
        top = below + 1 == depth
        used = np.where(entry[:, None] > 0, matrix, 0) if top else matrix  # of the other tokens nothing can come
        blocks[below + 1][below] = csr_array(np.floor(used * _UNIT).astype(np.int32))
    return csr_array(block_array(blocks, dtype=np.int32))


def _thinned(steps: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """The same with only the widest pipes of every token in all layers but the first two and the last two, where flows spread.

    What flows through them flows in the whole network, too; where it is all that can leave the query or enter the target, it is
    the largest flow there.
    """

    def widest(matrix: NDArray[np.float64], axis: int) -> NDArray[np.bool_]:
        at = matrix.shape[axis] * 15 // 16
        return matrix >= np.take(np.partition(matrix, at, axis=axis), [at], axis=axis)

    inner = [np.where(widest(step, 0) | widest(step, 1), step, 0) for step in steps[2:-2]]
    return [*steps[:2], *inner, *steps[2:][-2:]]


def _most(network: "csr_array", depth: int, tokens: int) -> NDArray[np.int64]:
    """(tokens,) what can leave the query, or enter each input token if that is less."""
    wide = network.astype(np.int64)  # a token may receive more than 32 bits hold
    enters = wide[[-1]].toarray()[0, depth * tokens : -1]
    leaves = np.minimum(enters, wide.sum(axis=1)[depth * tokens : -1]).sum()
    return np.asarray(np.minimum(leaves, wide.sum(axis=0)[:tokens]))


def _solved(network: "csr_array", target: int) -> Any:
    from scipy.sparse.csgraph import maximum_flow

    return maximum_flow(network, network.shape[0] - 1, target)


def _reached(residual: "csr_array") -> NDArray[np.bool_]:
    """(nodes,) which nodes more could flow to, but for the last node, where all enters."""
    from scipy.sparse.csgraph import breadth_first_order

    residual.data = np.maximum(residual.data, 0)
    residual.eliminate_zeros()
    last = residual.shape[0] - 1
    found = np.zeros(last + 1, dtype=bool)
    found[breadth_first_order(residual, last, return_predecessors=False)] = True
    return found[:last]
