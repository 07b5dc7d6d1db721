"""One number per head, for every layer: the table of statistics that pages and figures offer."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.distance import attention_distance
from visualizer.measures.entropy import entropy, relative_entropy
from visualizer.measures.sinks import special_share
from visualizer.measures.steps import Layers
from vit_attention.gate import GateError, shown

Grid = tuple[int, int]
PatchSize = float | tuple[float, float]


class Statistic(NamedTuple):
    """A number per head: how to compute it, its unit, and what it says in one sentence."""

    function: Callable[[ArrayLike, Grid, int, PatchSize], NDArray[np.float64]]
    unit: str
    meaning: str


def _peak(weights: ArrayLike) -> NDArray[np.float64]:
    found = undefined.split(weights)
    return np.where(found.counts > 0, found.values.max(axis=-1), np.nan)


def _self_share(weights: ArrayLike) -> NDArray[np.float64]:
    values = undefined.at_least_single(weights)
    if values.ndim < 2 or values.shape[-1] != values.shape[-2]:
        raise GateError("weights", "as many keys as queries", f"shape {values.shape}")
    return np.asarray(np.diagonal(values, axis1=-2, axis2=-1), dtype=np.float64)


STATISTICS: dict[str, Statistic] = {
    "entropy": Statistic(
        lambda weights, grid, prefix, size: undefined.mean(entropy(weights)),
        "bits",
        "How spread out the attention of a query is, averaged over all queries: 0 when one key gets everything.",
    ),
    "relative entropy": Statistic(
        lambda weights, grid, prefix, size: undefined.mean(relative_entropy(weights)),
        "share of the maximum",
        "Entropy as a share of the largest possible, averaged over all queries: 1 when all keys get the same.",
    ),
    "distance": Statistic(
        lambda weights, grid, prefix, size: attention_distance(weights, grid, prefix, size),
        "pixels",
        "Mean distance from a patch to what it reads, weighted by attention; special tokens are left out.",
    ),
    "special share": Statistic(
        lambda weights, grid, prefix, size: undefined.mean(special_share(weights, prefix)),
        "share",
        "Share of the attention that goes to special tokens, such as the class token, averaged over all queries.",
    ),
    "peak": Statistic(
        lambda weights, grid, prefix, size: undefined.mean(_peak(weights)),
        "share",
        "The largest single weight of a query, averaged over all queries.",
    ),
    "self share": Statistic(
        lambda weights, grid, prefix, size: undefined.mean(_self_share(weights)),
        "share",
        "Share of the attention that a token gives to itself, averaged over all tokens.",
    ),
}


def head_statistic(
    layers: Layers,
    name: str,
    grid: Grid = (14, 14),
    prefix: int = 1,
    patch_size: PatchSize = 16,
) -> NDArray[np.float64]:
    """One statistic for every head of every layer.

    Args:
        layers: one (heads, queries, keys) array per layer; the number of heads may differ.
        name: one of `STATISTICS`.
        grid: (rows, columns) of patches.
        prefix: how many special tokens lead.
        patch_size: side of a patch in pixels, or (height, width).

    Returns:
        (layers, most heads) in the unit of the statistic; NaN where a layer has no such head.

    Raises:
        ValueError: an unknown name, no layers, or weights that the statistic refuses.

    >>> head_statistic([np.full((1, 2, 2), 0.5), np.eye(2)[None].repeat(2, axis=0)], "peak")
    array([[0.5, nan],
           [1. , 1. ]])
    """
    if name not in STATISTICS:
        raise GateError("name", f"one of {', '.join(STATISTICS)}", shown(name))
    shapes = [np.shape(layer) for layer in layers]
    if not shapes or any(len(shape) != 3 for shape in shapes):
        raise GateError("layers", "(heads, queries, keys) for at least one layer", f"{shapes}")
    rows = [STATISTICS[name].function(layer, grid, prefix, patch_size) for layer in layers]
    return np.asarray(undefined.padded(rows), dtype=np.float64)
