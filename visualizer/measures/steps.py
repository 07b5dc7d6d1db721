"""One layer of attention as a step through depth: heads fused, entries discarded, rows normalised, skip mixed in."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures.arguments import is_number, whole
from visualizer.measures.undefined import Array, at_least_single
from vit_attention.gate import GateError, shown

Layers = Sequence[Array]

HEAD_FUSIONS = ("mean", "max", "min")


class Recipe(NamedTuple):
    """The checked knobs; `drop` is how many keys each row loses."""

    residual: float
    head_fusion: str
    drop: int
    prefix: int


def fuse(layer: Array, head_fusion: str = "mean") -> NDArray[np.float64]:
    """The heads of one layer as a single matrix, in double precision.

    Args:
        layer: (heads, queries, keys).
        head_fusion: mean, max or min over the heads. Only the mean keeps the row sums.

    Returns:
        (queries, keys).

    Raises:
        ValueError: an unknown `head_fusion`, or `layer` without exactly three axes.

    >>> fuse(np.array([[[0.2, 0.8]], [[0.6, 0.4]]]), "max")
    array([[0.6, 0.8]])
    """
    _check_fusion(head_fusion)
    if np.ndim(layer) != 3:
        raise GateError("layer", "(heads, queries, keys)", f"shape {np.shape(layer)}")
    if head_fusion == "mean":
        with np.errstate(invalid="ignore"):  # infinities are the caller's to judge
            return np.asarray(np.mean(layer, axis=0, dtype=np.float64))
    return np.asarray(_EXTREMES[head_fusion](layer, axis=0), dtype=np.float64)


_EXTREMES = {"max": np.max, "min": np.min}


def mix(layer: Array, recipe: Recipe) -> NDArray[np.float64]:
    """One layer as a row-stochastic (tokens, tokens) matrix in double precision, skip connection included."""
    layer = at_least_single(layer)
    fused = fuse(layer, recipe.head_fusion)
    check_finite(fused, "layers")
    if recipe.drop:
        fused *= ~_smallest(fused, layer, recipe)
    sums = fused.sum(axis=-1, keepdims=True)  # without keepdims this would scale columns
    empty = sums[:, 0] <= 0
    fused /= np.where(sums > 0, sums, 1)
    fused *= 1 - recipe.residual
    diagonal = np.einsum("ii->i", fused)  # a view
    diagonal += recipe.residual
    fused[empty] = np.eye(len(fused))[empty]
    return fused


def pull(rows: NDArray[np.float64], layer: Array, recipe: Recipe) -> NDArray[np.float64]:
    """`rows` (..., tokens) times the layer's mixed matrix, which is never formed."""
    layer = at_least_single(layer)  # one layer at a time: of a large picture all of them would take 100 MB
    fused = fuse_fast(layer, recipe.head_fusion)
    if recipe.drop:
        check_finite(fused, "layers")
        fused = fused * ~_smallest(fused, layer, recipe)
    with np.errstate(invalid="ignore"):
        sums = fused @ np.ones(len(fused), dtype=fused.dtype)  # a third of the time of fused.sum(axis=-1)
    check_finite(sums, "layers")
    empty = sums <= 0  # such a row stands for the identity's
    scaled = np.where(empty, 0, rows) / np.where(empty, 1, sums)
    pulled = scaled.astype(fused.dtype) @ fused + np.where(empty, rows, 0)
    return recipe.residual * rows + (1 - recipe.residual) * pulled


def fuse_fast(layer: Array, head_fusion: str) -> Array:
    """`fuse` in the layer's own precision, the mean as one BLAS call; one head alone is returned as a view."""
    if len(layer) == 1:
        return np.asarray(layer[0])
    if head_fusion != "mean":
        return np.asarray(_EXTREMES[head_fusion](layer, axis=0))
    heads = len(layer)
    share = np.full(heads, 1 / heads, dtype=layer.dtype)
    with np.errstate(invalid="ignore"):
        return np.asarray(share @ layer.reshape(heads, -1)).reshape(layer.shape[1:])


def _smallest(fused: Array, layer: Array, recipe: Recipe) -> NDArray[np.bool_]:
    """Which entries the discard removes: exactly `recipe.drop` in each row, none in a special token's column.

    The choice is the one a stable sort in double precision makes. A partition settles nearly every row; rows where
    another entry lies within rounding of the last one dropped are fused again in double precision and sorted.
    """
    keys = fused[:, recipe.prefix :]
    limit = np.partition(keys, recipe.drop - 1, axis=-1)[:, recipe.drop - 1, None]
    # Fusing rounds each mean by at most one step per head; extremes are exact.
    slack = 2 * len(layer) * np.finfo(fused.dtype).eps if recipe.head_fusion == "mean" else 0.0
    lost = np.zeros(fused.shape, dtype=bool)
    lost[:, recipe.prefix :] = keys <= limit + np.abs(limit) * slack
    close = np.flatnonzero(np.count_nonzero(lost, axis=-1) != recipe.drop)
    if close.size:
        exact = fuse(layer[:, close], recipe.head_fusion)[:, recipe.prefix :]
        order = np.argsort(exact, axis=-1, kind="stable")[:, : recipe.drop]
        lost[close] = False
        lost[close[:, None], recipe.prefix + order] = True
    return lost


def prepare(
    layers: Layers, residual: float, head_fusion: str, discard_ratio: float, start_layer: int, prefix: int
) -> tuple[list[Array], Recipe]:
    """The layers from `start_layer` up as checked arrays, and the checked knobs."""
    if not (is_number(residual) and 0 <= residual <= 1):
        raise GateError("residual", "0 to 1", shown(residual))
    if not (is_number(discard_ratio) and 0 <= discard_ratio < 1):
        raise GateError("discard_ratio", "0 to below 1", shown(discard_ratio))
    _check_fusion(head_fusion)
    stack = stack_of(layers, "layers", start_layer)
    tokens = stack[0].shape[-1]
    prefix = whole("prefix", prefix, 0, tokens)
    if head_fusion != "mean":
        for layer in stack:
            # The fused values are checked later; only an infinity at the other end can hide from them.
            check_finite(_EXTREMES["min" if head_fusion == "max" else "max"](at_least_single(layer)), "layers")
    # 0.29 * 100 is 28.999999999999996 in binary, and 29 is meant.
    drop = int(discard_ratio * (tokens - prefix) + 1e-9)
    return stack, Recipe(float(residual), head_fusion, drop, prefix)


def stack_of(layers: Layers, name: str, start_layer: int) -> list[Array]:
    """`layers` from `start_layer` up as arrays of their own precision, all (heads, tokens, tokens) with the same tokens."""
    if not hasattr(layers, "__len__"):
        raise GateError(name, "a sequence of layers", shown(layers))
    if len(layers) == 0:
        raise GateError(name, "at least one layer", "none")
    start_layer = whole("start_layer", start_layer, 0, len(layers) - 1)
    stack = [np.asarray(layer) for layer in layers]
    tokens = stack[0].shape[-1] if stack[0].ndim else 0
    for depth, layer in enumerate(stack):
        if layer.ndim != 3 or layer.shape[1:] != (tokens, tokens) or not layer.size:
            raise GateError(f"{name}[{depth}]", f"shape (heads, {tokens}, {tokens})", f"{layer.shape}")
    return stack[start_layer:]


def start_row(query: int | ArrayLike, tokens: int) -> NDArray[np.float64]:
    """(tokens,) where a row of the product starts: 1 at one token, or the shares of several."""
    if np.ndim(query):
        shares = np.asarray(query, np.float64)
        if shares.shape != (tokens,):
            raise GateError("query", f"a token's number, or shares of {tokens} tokens", f"shape {shares.shape}")
        return shares
    query = whole("query", query, 0, tokens - 1)
    row = np.zeros(tokens)
    row[query] = 1
    return row


def _check_fusion(head_fusion: str) -> None:
    if head_fusion not in HEAD_FUSIONS:
        raise GateError("head_fusion", f"one of {', '.join(HEAD_FUSIONS)}", shown(head_fusion))


def check_finite(values: ArrayLike, name: str) -> None:
    if not np.isfinite(values).all():
        raise GateError(name, "finite numbers", "NaN or infinity")
