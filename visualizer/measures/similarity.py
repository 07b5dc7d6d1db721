"""How similar heads, patches and position embeddings are to each other."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import arguments, undefined
from visualizer.measures.arguments import Keys
from visualizer.measures.entropy import entropy
from visualizer.measures.undefined import Array
from vit_attention.gate import GateError, shown

METRICS = ("cosine", "jensen-shannon")


def head_similarity(heads: Array | Sequence[Array], metric: str = "cosine") -> NDArray[np.float64]:
    """How similar the attention maps of every two heads are, 0 to 1.

    Cosine compares whole maps as vectors: strong weights decide, and since weights are never negative, unrelated heads
    may still score well above 0. Jensen-Shannon treats each row as a distribution and takes 1 minus the mean over
    queries of the Jensen-Shannon divergence in bits (Lin 1991): every query counts the same, and heads that never look
    at the same key score 0. Cosine of 144 maps of 197 x 197 is one matrix product; Jensen-Shannon takes a logarithm of
    every weight for every pair.

    Args:
        heads: (heads, queries, keys), or a sequence of such layers, whose heads are compared all together. NaN marks
            absent keys and counts as no attention.
        metric: cosine or jensen-shannon.

    Returns:
        (heads, heads), symmetric, 1 on the diagonal; NaN for a head without any attention. Jensen-Shannon leaves out
        queries for which one of the two heads has none.

    Raises:
        ValueError: an unknown `metric`, maps of different size, or a negative or infinite weight.

    >>> head_similarity(np.array([np.eye(2), np.eye(2)[::-1]]))
    array([[1., 0.],
           [0., 1.]])
    """
    if metric not in METRICS:
        raise GateError("metric", f"one of {', '.join(METRICS)}", shown(metric))
    maps = undefined.split(_all_heads(heads)).values
    if metric == "cosine":
        return cosine_similarity(maps.reshape(len(maps), -1))
    return _jensen_shannon(undefined.ratio(maps, maps.sum(axis=-1, keepdims=True, dtype=np.float64)))


def _all_heads(heads: Array | Sequence[Array]) -> Array:
    layers = [heads] if isinstance(heads, np.ndarray) and heads.ndim == 3 else list(heads)
    shapes = [np.shape(layer) for layer in layers]
    if not shapes or any(len(shape) != 3 or shape[1:] != shapes[0][1:] for shape in shapes):
        raise GateError("heads", "(heads, queries, keys), the same queries and keys in all layers", f"{shapes}")
    return np.concatenate([undefined.at_least_single(layer) for layer in layers])


def _jensen_shannon(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    own = entropy(maps)
    similarity = np.empty((len(maps), len(maps)))
    for head, (rows, bits) in enumerate(zip(maps, own, strict=True)):
        shared = entropy((rows + maps[head:]) / 2)
        divergence = np.maximum(shared - (bits + own[head:]) / 2, 0)  # rounding can go below 0
        similarity[head, head:] = similarity[head:, head] = 1 - undefined.mean(divergence)
    return similarity


def cosine_similarity(vectors: ArrayLike) -> NDArray[np.float64]:
    """Cosine of the angle between every two vectors, for instance patch tokens or position embeddings.

    Args:
        vectors: (n, size).

    Returns:
        (n, n); -1 to 1; NaN for a vector of length 0, which has no direction.

    Raises:
        ValueError: not two axes, or numbers that are not finite.

    >>> cosine_similarity([[2.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    array([[ 1.,  0., -1.],
           [ 0.,  1.,  0.],
           [-1.,  0.,  1.]])
    """
    values = np.asarray(vectors, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise GateError("vectors", "finite (n, size)", f"shape {values.shape}")
    directions = undefined.ratio(values, np.linalg.norm(values, axis=1, keepdims=True))
    return np.clip(directions @ directions.T, -1, 1) + 0.0  # rounding only; + 0.0 turns -0.0 into 0.0


def token_similarity(tokens: ArrayLike, centred: bool = False) -> NDArray[np.float64]:
    """Cosine similarity of every two tokens of a layer; `patch_similarity` compares some with all.

    Args:
        tokens: (tokens, width).
        centred: subtract the mean of all first, so that only what distinguishes them is compared.

    Returns:
        (tokens, tokens); -1 to 1; NaN for a token of length 0.

    >>> token_similarity([[9.0, 1.0], [9.0, -1.0]], centred=True)
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    values = np.asarray(tokens, np.float64)
    return cosine_similarity(values - values.mean(axis=0) if centred else values)


def patch_similarity(tokens: ArrayLike, patches: Keys, centred: bool = False) -> NDArray[np.float64]:
    """Cosine similarity of every token of a layer with the mean of some of them (Raghu et al. 2021, section 5).

    Args:
        tokens: (tokens, width).
        patches: the tokens that are compared with all others, one or more: their numbers, or (tokens,) booleans.
        centred: subtract the mean of all tokens first, so that only what distinguishes them is compared.

    Returns:
        (tokens,); -1 to 1; NaN for a token of length 0, and everywhere if the mean of `patches` has length 0.

    Raises:
        GateError: not two axes, numbers that are not finite, or a number in `patches` that no token has.

    >>> patch_similarity([[2.0, 0.0], [0.0, 2.0], [0.0, -1.0]], [0, 1]).round(3).tolist()
    [0.707, 0.707, -0.707]
    """
    values = undefined.shaped(tokens, "tokens", "(tokens, width)").astype(np.float64)
    chosen = arguments.places("patches", patches, len(values))
    if not len(chosen):
        raise GateError("patches", "at least one", "none")
    if not np.isfinite(values).all():
        raise GateError("tokens", "finite numbers", "infinite or undefined ones")
    values = values - values.mean(axis=0) if centred else values
    asking = values[chosen].mean(axis=0)
    lengths = np.linalg.norm(values, axis=1) * np.linalg.norm(asking)
    return np.clip(undefined.ratio(values @ asking, lengths), -1, 1) + 0.0


def position_similarity(table: ArrayLike, grid: tuple[int, int], prefix: int = 1) -> NDArray[np.float64]:
    """Cosine similarity of every two patches' position embeddings (Dosovitskiy et al. 2021, figure 7, centre).

    Args:
        table: (tokens, size) or (1, tokens, size) position embeddings.
        grid: (rows, columns) of patches.
        prefix: how many special tokens lead; they are left out.

    Returns:
        (rows, columns, rows, columns); [r, c] is the map of the patch in row r and column c.

    Raises:
        ValueError: a table without prefix + rows * columns tokens, or numbers that are not finite.

    >>> position_similarity(np.eye(3), grid=(1, 2))[0, 0]
    array([[1., 0.]])
    """
    values = np.asarray(table)
    if values.ndim == 3 and len(values) == 1:
        values = values[0]
    tokens = prefix + grid[0] * grid[1]
    if values.ndim != 2 or len(values) != tokens or prefix < 0:
        raise GateError("table", f"{prefix} + {grid[0]} * {grid[1]} = {tokens} rows", f"shape {values.shape}")
    return cosine_similarity(values[prefix:]).reshape(*grid, *grid)
